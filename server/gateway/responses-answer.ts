import { isTooDeep } from '#domain/nesting.ts'
import { isObject, textOf } from '#providers/answer-facts.ts'
import { type Fields, present } from './dialect-fields.ts'
import type { ApiError } from './openai-error.ts'
import { sealThinking } from './sealed-thinking.ts'

/** What every object of one response says about its request. */
export interface ResponseEcho {
  /** `resp_` and what the request id holds behind its prefix: the decision log finds it. */
  readonly id: string
  /** Seconds since the epoch. */
  readonly createdAt: number
  readonly request: Fields
}

/** How far a response has come. */
export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly output: readonly Fields[]
  readonly usage: Fields | null
  readonly incompleteReason: string | null
  readonly error: ApiError | null
}

export const nothingYet: ResponseState = {
  status: 'in_progress',
  output: [],
  usage: null,
  incompleteReason: null,
  error: null,
}

/** The part behind the prefix of an id of ours. */
export function idSuffix(requestId: string): string {
  return requestId.slice(requestId.indexOf('_') + 1)
}

/** A response object. `model` is what the client named: the model that answered is in the headers. */
export function responseObject({ id, createdAt, request }: ResponseEcho, state: ResponseState): Fields {
  const { status, output, usage, incompleteReason, error } = state
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status,
    background: false,
    error: error === null ? null : { code: error.code ?? error.type, message: error.message },
    incomplete_details: incompleteReason === null ? null : { reason: incompleteReason },
    instructions: request['instructions'] ?? null,
    max_output_tokens: request['max_output_tokens'] ?? null,
    metadata: request['metadata'] ?? {},
    model: request['model'],
    output,
    parallel_tool_calls: request['parallel_tool_calls'] ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null, ...(isObject(request['reasoning']) ? request['reasoning'] : {}) },
    service_tier: request['service_tier'] ?? 'auto',
    store: false,
    temperature: request['temperature'] ?? null,
    text: { format: { type: 'text' }, ...(isObject(request['text']) ? request['text'] : {}) },
    tool_choice: request['tool_choice'] ?? 'auto',
    tools: request['tools'] ?? [],
    top_p: request['top_p'] ?? null,
    truncation: request['truncation'] ?? 'disabled',
    usage,
    ...present({ user: request['user'], safety_identifier: request['safety_identifier'] }),
  }
}

/** The usage of a chat completion as Responses counts it; null when there is none. */
export function responseUsage(usage: unknown): Fields | null {
  if (!isObject(usage)) return null
  const input = numberOf(usage['prompt_tokens'])
  const output = numberOf(usage['completion_tokens'])
  if (input === null || output === null) return null
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: detailOf(usage['prompt_tokens_details'], 'cached_tokens') },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: detailOf(usage['completion_tokens_details'], 'reasoning_tokens') },
    total_tokens: numberOf(usage['total_tokens']) ?? input + output,
  }
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function detailOf(details: unknown, name: string): number {
  return isObject(details) ? (numberOf(details[name]) ?? 0) : 0
}

/** Why an answer is not whole; null where it is. */
export function incompleteReasonOf(finishReason: unknown): string | null {
  if (finishReason === 'length') return 'max_output_tokens'
  return finishReason === 'content_filter' ? 'content_filter' : null
}

/** Reasoning that a provider showed, under either of the names in use; '' where there is none. */
export function reasoningIn(message: Fields): string {
  const text = message['reasoning_content'] ?? message['reasoning']
  return typeof text === 'string' ? text : ''
}

/** Blocks of thinking that an adapter kept as they were. */
export function thinkingIn(message: Fields): readonly Fields[] {
  const blocks = message['thinking_blocks']
  return Array.isArray(blocks) ? blocks.filter(isObject).filter((block) => !isTooDeep(block)) : []
}

/** @param blocks Anthropic's own, which a client must hand back with the answer; others have none */
export function reasoningItem(id: string, text: string, blocks: readonly Fields[]): Fields {
  const content = text === '' ? [] : [{ type: 'reasoning_text', text }]
  const sealed = blocks.length === 0 ? {} : { encrypted_content: sealThinking(blocks) }
  return { id, type: 'reasoning', summary: [], content, ...sealed, status: 'completed' }
}

export interface MessageParts {
  readonly text: string
  readonly refusal: string
  readonly logprobs: readonly unknown[]
}

export function contentParts({ text, refusal, logprobs }: MessageParts): Fields[] {
  const parts: Fields[] = []
  if (text !== '' || refusal === '') parts.push({ type: 'output_text', text, annotations: [], logprobs })
  if (refusal !== '') parts.push({ type: 'refusal', refusal })
  return parts
}

/** Where an answer was cut short, its last item is not whole: the others are. */
export type ItemStatus = 'completed' | 'incomplete'

export interface CallParts {
  readonly callId: string
  readonly name: string
  readonly arguments: string
}

export function callItem(id: string, call: CallParts, status: ItemStatus): Fields {
  // A call without arguments is one with none: clients parse the text.
  const text = call.arguments === '' ? '{}' : call.arguments
  return { id, type: 'function_call', status, call_id: call.callId, name: call.name, arguments: text }
}

/** A whole chat completion as a response. */
export function responseOfCompletion(completion: Fields, echo: ResponseEcho): Fields {
  const choices = Array.isArray(completion['choices']) ? (completion['choices'] as unknown[]) : []
  const choice = isObject(choices[0]) ? choices[0] : {}
  const incompleteReason = incompleteReasonOf(choice['finish_reason'])
  const status = incompleteReason === null ? 'completed' : 'incomplete'
  return responseObject(echo, {
    status,
    output: outputOf(choice, idSuffix(echo.id), status),
    usage: responseUsage(completion['usage']),
    incompleteReason,
    error: null,
  })
}

function outputOf(choice: Fields, suffix: string, status: ItemStatus): Fields[] {
  const message = isObject(choice['message']) ? choice['message'] : {}
  const items: Fields[] = []
  const reasoning = reasoningIn(message)
  const blocks = thinkingIn(message)
  if (reasoning !== '' || blocks.length > 0) items.push(reasoningItem(`rs_${suffix}_0`, reasoning, blocks))
  const text = textOf(message['content'])
  const refusal = typeof message['refusal'] === 'string' ? message['refusal'] : ''
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'].filter(isObject) : []
  // A response without any item would be none: an empty answer is an empty message.
  if (text !== '' || refusal !== '' || (items.length === 0 && calls.length === 0)) {
    const logprobs = logprobsIn(choice['logprobs'])
    const content = contentParts({ text, refusal, logprobs })
    const own = calls.length === 0 ? status : 'completed'
    items.push({ id: `msg_${suffix}_${items.length}`, type: 'message', status: own, role: 'assistant', content })
  }
  for (const [index, call] of calls.entries()) {
    const named = isObject(call['function']) ? call['function'] : {}
    const parts = {
      callId: typeof call['id'] === 'string' ? call['id'] : `call_${suffix}_${items.length}`,
      name: typeof named['name'] === 'string' ? named['name'] : '',
      arguments: typeof named['arguments'] === 'string' ? named['arguments'] : '',
    }
    items.push(callItem(`fc_${suffix}_${items.length}`, parts, index === calls.length - 1 ? status : 'completed'))
  }
  return items
}

/** Log probabilities of a choice or of one of its chunks. */
export function logprobsIn(logprobs: unknown): readonly unknown[] {
  const told = isObject(logprobs) && Array.isArray(logprobs['content']) ? (logprobs['content'] as unknown[]) : []
  return isTooDeep(told) ? [] : told
}
