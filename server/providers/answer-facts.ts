import type { Usage } from '#domain/decision.ts'
import { isTooDeep } from '#domain/nesting.ts'
import type { AnswerFacts } from './provider.ts'

/** A JSON object, parsed. */
export type Fields = Readonly<Record<string, unknown>>

/** Counts of an answer. */
export interface AnswerUsage extends Usage {
  /** Of the input tokens: those written to the provider’s cache. */
  readonly cacheCreationTokens?: number
}

/** OpenAI's `usage` object; null when it is absent or holds no counts. */
export function readUsage(value: unknown): Usage | null {
  if (!isObject(value)) return null
  const inputTokens = count(value['prompt_tokens'] ?? value['input_tokens'])
  const outputTokens = count(value['completion_tokens'] ?? value['output_tokens'])
  if (inputTokens === null || outputTokens === null) return null
  const input = value['prompt_tokens_details']
  const output = value['completion_tokens_details']
  return {
    inputTokens,
    outputTokens,
    cachedInputTokens: (isObject(input) ? count(input['cached_tokens']) : null) ?? 0,
    reasoningTokens: (isObject(output) ? count(output['reasoning_tokens']) : null) ?? 0,
    isEstimated: false,
  }
}

/** More tokens than any request has. A provider that counts more, or below zero, is not believed: it would empty a budget, or fill it. */
const mostTokens = 500_000_000

/** A count of tokens; null: it is none. */
export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= mostTokens ? value : null
}

/** A count that a provider may leave out, which is 0 then; null: it is none. */
export function countOr0(value: unknown): number | null {
  return value === undefined || value === null ? 0 : count(value)
}

/** The facts of a whole chat completion; null when it is none: no object, no choices. */
export function factsOfCompletion(parsed: unknown): AnswerFacts | null {
  if (!isObject(parsed) || !Array.isArray(parsed['choices'])) return null
  const choice: unknown = parsed['choices'][0]
  if (!isObject(choice)) return null
  const message = isObject(choice['message']) ? choice['message'] : {}
  const output = textOf(message['content'])
  const toolCalls = Array.isArray(message['tool_calls']) ? (message['tool_calls'] as unknown[]) : []
  return {
    output,
    outputCharacters: output.length + (toolCalls.length === 0 ? 0 : JSON.stringify(toolCalls).length),
    finishReason: typeof choice['finish_reason'] === 'string' ? choice['finish_reason'] : null,
    refusal: typeof message['refusal'] === 'string' ? message['refusal'] : null,
    toolCalls,
    usage: readUsage(parsed['usage']),
  }
}

/** Text of a message's content, whether a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('')
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON object in a text; null: there is none, or one nested so deep that it could not be written again. */
export function parseObject(text: string): Fields | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) && !isTooDeep(parsed) ? parsed : null
  } catch {
    return null
  }
}
