import { isObject } from './json-value.ts'

/** What classifiers read of a request, in characters. Whatever its size, no more than this is copied. */
const systemCharacters = 300
const headCharacters = 3_000
const tailCharacters = 1_000

/**
 * The part of a conversation that says what is asked: the beginning of the first system message, and of the last user message
 * its beginning and end. '' when nobody said anything in text.
 */
export function taskText(messages: readonly unknown[]): string {
  const system = messages.find((message) => roleOf(message) === 'system' || roleOf(message) === 'developer')
  const user = messages.findLast((message) => roleOf(message) === 'user')
  const asked = excerptOf(textsOf(user), headCharacters, tailCharacters)
  const told = excerptOf(textsOf(system), systemCharacters, 0)
  return told === '' || asked === '' ? told + asked : `${told}\n${asked}`
}

function roleOf(message: unknown): unknown {
  return isObject(message) ? message['role'] : undefined
}

function textsOf(message: unknown): string[] {
  const content = isObject(message) ? message['content'] : undefined
  if (typeof content === 'string') return [content]
  if (!Array.isArray(content)) return []
  return content.flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
}

/** The first `head` and the last `tail` characters of texts one below the other. */
function excerptOf(texts: readonly string[], head: number, tail: number): string {
  let front = ''
  for (const text of texts) {
    if (front.length >= head + tail) break
    front += (front === '' ? '' : '\n') + text.slice(0, head + tail)
  }
  const total = texts.reduce((sum, text) => sum + text.length + 1, -1)
  if (total <= head + tail) return front
  let back = ''
  for (let index = texts.length - 1; index >= 0 && back.length < tail; index -= 1) {
    const text = (texts[index] ?? '').slice(-tail)
    back = back === '' ? text : `${text}\n${back}`
  }
  // slice(-0) would be the whole text.
  return tail === 0 ? front.slice(0, head) : `${front.slice(0, head)}\n${back.slice(-tail)}`
}
