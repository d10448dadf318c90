import { isObject } from './json-value.ts'

/** Tokens that one image is counted as when only an estimate is wanted: OpenAI's figure for a 1,024 px square. */
const tokensPerImage = 765

/** Mean characters per token of English text and code; an estimate, never used for a bill that the provider itemised. */
const charactersPerToken = 4

/** @param characters of text @returns tokens, rounded up */
export function tokensOfCharacters(characters: number): number {
  return Math.ceil(characters / charactersPerToken)
}

export interface PromptSize {
  readonly tokens: number
  readonly hasImages: boolean
}

/**
 * Estimated input tokens of a chat request: characters over four in messages and tools, a fixed count per image (the bytes of
 * an inlined image are not text).
 */
export function promptSize(messages: readonly unknown[], tools: readonly unknown[] | null): PromptSize {
  let characters = 0
  let images = 0
  for (const message of messages) {
    if (!isObject(message)) continue
    const content = message['content']
    if (typeof content === 'string') characters += content.length
    else if (Array.isArray(content)) {
      for (const part of content) {
        if (!isObject(part)) continue
        if (typeof part['text'] === 'string') characters += part['text'].length
        else if (part['type'] === 'image_url' || part['type'] === 'input_image') images += 1
      }
    }
    if (message['tool_calls'] !== undefined) characters += JSON.stringify(message['tool_calls']).length
  }
  if (tools !== null) characters += JSON.stringify(tools).length
  return { tokens: tokensOfCharacters(characters) + images * tokensPerImage, hasImages: images > 0 }
}

/** All text of the messages, in order: what `promptMatches` searches. */
export function promptText(messages: readonly unknown[]): string {
  const texts: string[] = []
  for (const message of messages) {
    if (!isObject(message)) continue
    const content = message['content']
    if (typeof content === 'string') texts.push(content)
    else if (Array.isArray(content)) {
      for (const part of content) if (isObject(part) && typeof part['text'] === 'string') texts.push(part['text'])
    }
  }
  return texts.join('\n')
}
