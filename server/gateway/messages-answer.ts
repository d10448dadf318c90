import { isTooDeep } from '#domain/nesting.ts'
import { tokensOfCharacters } from '#domain/tokens.ts'
import { isObject, textOf } from '#providers/answer-facts.ts'
import { type Fields, present } from './dialect-fields.ts'
import type { ApiError } from './openai-error.ts'
import { idSuffix, reasoningIn, thinkingIn } from './responses-answer.ts'

/** What an answer in Anthropic's shape repeats of its request. */
export interface MessageEcho {
  readonly requestId: string
  /** What the client named: the model that answered is in the headers. */
  readonly model: unknown
  readonly stopSequences: readonly unknown[]
  /** Estimate, for streams whose provider counts at the end only. */
  readonly inputTokens: number
}

function messageId(echo: MessageEcho): string {
  return `msg_${idSuffix(echo.requestId)}`
}

/** Anthropic's counts: what was read from a cache or written to it is not in `input_tokens`. */
export interface MessageUsage extends Fields {
  readonly input_tokens: number
  readonly output_tokens: number
}

/** @returns null when the provider reported none */
export function messageUsage(usage: unknown): MessageUsage | null {
  if (!isObject(usage)) return null
  const { prompt_tokens: prompt, completion_tokens: output } = usage
  if (typeof prompt !== 'number' || typeof output !== 'number') return null
  const details = isObject(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {}
  const read = numberOf(details['cached_tokens'])
  const created = numberOf(details['cache_creation_tokens'] ?? details['cache_write_tokens'])
  return {
    input_tokens: Math.max(0, prompt - read - created),
    cache_creation_input_tokens: created,
    cache_read_input_tokens: read,
    output_tokens: output,
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

/** Where the provider reported nothing: characters over four. */
export function estimatedUsage(echo: MessageEcho, outputCharacters: number): MessageUsage {
  return {
    input_tokens: echo.inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: tokensOfCharacters(outputCharacters),
  }
}

export interface Stop extends Fields {
  readonly stop_reason: string
  readonly stop_sequence: string | null
}

/** Why an answer ended. @param choice of a chat completion, or the last chunk of one */
export function stopOf(choice: Fields, { stopSequences }: MessageEcho): Stop {
  // vLLM, and adapters after it, say which of the stop sequences it was.
  const found = choice['stop_sequence'] ?? choice['stop_reason']
  if (typeof found === 'string' && stopSequences.includes(found)) {
    return { stop_reason: 'stop_sequence', stop_sequence: found }
  }
  const reasons: Readonly<Record<string, string>> = {
    length: 'max_tokens',
    tool_calls: 'tool_use',
    function_call: 'tool_use',
    content_filter: 'refusal',
  }
  const reason = String(choice['finish_reason'])
  return { stop_reason: Object.hasOwn(reasons, reason) ? String(reasons[reason]) : 'end_turn', stop_sequence: null }
}

export function messageObject(echo: MessageEcho, content: readonly Fields[], usage: MessageUsage, stop: Stop | null) {
  return {
    id: messageId(echo),
    type: 'message',
    role: 'assistant',
    model: echo.model,
    content,
    stop_reason: stop?.stop_reason ?? null,
    stop_sequence: stop?.stop_sequence ?? null,
    usage,
  }
}

/** A whole chat completion as a message. */
export function messageOfCompletion(completion: Fields, echo: MessageEcho): Fields {
  const choices = Array.isArray(completion['choices']) ? (completion['choices'] as unknown[]) : []
  const choice = isObject(choices[0]) ? choices[0] : {}
  const message = isObject(choice['message']) ? choice['message'] : {}
  const content = [...thinkingOf(message), ...textBlocks(message), ...toolBlocks(message, echo)]
  const usage = messageUsage(completion['usage']) ?? estimatedUsage(echo, JSON.stringify(content).length)
  return messageObject(echo, content, usage, stopOf(choice, echo))
}

/** Blocks that an adapter kept as they were, or the text that others showed of their reasoning. */
function thinkingOf(message: Fields): Fields[] {
  const own = thinkingIn(message)
  if (own.length > 0) return [...own]
  const text = reasoningIn(message)
  return text === '' ? [] : [{ type: 'thinking', thinking: text, signature: '' }]
}

/** A refusal is text to Anthropic's clients; the stop reason tells it apart where the provider does. */
function textBlocks(message: Fields): Fields[] {
  return [textOf(message['content']), textOf(message['refusal'])]
    .filter((text) => text !== '')
    .map((text) => ({ type: 'text', text }))
}

function toolBlocks(message: Fields, echo: MessageEcho): Fields[] {
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'].filter(isObject) : []
  return calls.map((call, index) => {
    const named = isObject(call['function']) ? call['function'] : {}
    const id = typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : callId(echo, index)
    return { type: 'tool_use', id, name: textOf(named['name']), input: inputOf(textOf(named['arguments'])) }
  })
}

export function callId(echo: MessageEcho, index: number): string {
  return `toolu_${idSuffix(echo.requestId)}_${index}`
}

/** Arguments that are no JSON object, or one that is nested too deep, are handed on as Anthropic's documentation wraps them, not guessed at. */
function inputOf(text: string): Fields {
  if (text.trim() === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) && !isTooDeep(parsed) ? parsed : { INVALID_JSON: text }
  } catch {
    return { INVALID_JSON: text }
  }
}

const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** An error in Anthropic's shape. `details` has the code that [docs/errors.md] lists. */
export function messagesErrorBody(error: ApiError, requestId: string): Fields {
  const other = error.status >= 500 ? 'api_error' : 'invalid_request_error'
  return {
    type: 'error',
    error: {
      type: errorTypes[error.status] ?? other,
      message: error.message,
      details: present({ error_code: error.code, param: error.param }),
    },
    request_id: requestId,
  }
}
