import { dataOf, EventSplitter } from '#providers/sse.ts'
import type { Fields } from './dialect-fields.ts'
import type { StreamTranslator } from './endpoint.ts'
import type { ApiError } from './openai-error.ts'

/** Writes a chat stream in another dialect. Each method returns server-sent events, '' when there is nothing to say yet. */
export interface EventTranslator {
  /** One chunk of a chat completion. */
  push(chunk: Fields): string
  /** The stream ended in order. */
  end(): string
  /** The stream broke after it had begun: told in the dialect's own way, and no end behind it (P11). */
  fail(error: ApiError): string
}

/** A named event. */
export function namedEvent(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`
}

/** A piece of a tool call in a chunk. */
export interface CallPiece {
  readonly index: number
  readonly id: string | null
  readonly name: string
  readonly text: string
}

/** The pieces of tool calls in a delta; what is none is left out. */
export function callPieces(delta: Fields): CallPiece[] {
  const calls = Array.isArray(delta['tool_calls']) ? (delta['tool_calls'] as unknown[]) : []
  return calls.flatMap((value, position) => {
    if (typeof value !== 'object' || value === null) return []
    const call = value as Fields
    const named = (call['function'] ?? {}) as Fields
    return [
      {
        index: typeof call['index'] === 'number' ? call['index'] : position,
        id: typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : null,
        name: typeof named['name'] === 'string' ? named['name'] : '',
        text: typeof named['arguments'] === 'string' ? named['arguments'] : '',
      },
    ]
  })
}

/** The first choice of a chunk; null when it has none. */
export function firstChoice(chunk: Fields): Fields | null {
  const choices = Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : []
  const found = choices.find(
    (choice): choice is Fields =>
      typeof choice === 'object' && choice !== null && ((choice as Fields)['index'] ?? 0) === 0,
  )
  return found ?? null
}

/** Feeds a chat stream, whole events at a time, to a translator of its chunks. */
export function translateStream(translator: EventTranslator): StreamTranslator {
  const splitter = new EventSplitter(Number.POSITIVE_INFINITY)
  return {
    push(bytes) {
      let text = ''
      for (const event of splitter.push(bytes) ?? []) {
        const data = dataOf(event.toString('utf8'))
        if (data === null || data === '' || data === '[DONE]') continue
        // The commit point has parsed it before: a stream with anything else in it never comes this far.
        text += translator.push(JSON.parse(data) as Fields)
      }
      return Buffer.from(text)
    },
    end: (error) => Buffer.from(error === null ? translator.end() : translator.fail(error)),
  }
}
