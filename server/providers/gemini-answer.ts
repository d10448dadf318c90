import { type AnswerUsage, count, countOr0, type Fields, isObject, parseObject, textOf } from './answer-facts.ts'
import { type AnsweredCall, ChunkWriter, completionOf } from './canonical-answer.ts'
import type { StreamTranslator } from './dialect.ts'
import { emptyArguments, withPartial } from './gemini-partial-arguments.ts'
import { ProviderError } from './provider.ts'
import { errorOfEvent, upstreamErrorIn } from './upstream-errors.ts'

/** Answers of Gemini's generateContent as chat completions. */

/** Reasons that end an answer early because of what it says. Unknown ones are taken for such too. */
const plainReasons: Readonly<Record<string, string>> = { STOP: 'stop', MAX_TOKENS: 'length' }

/** The model tried to call a tool and failed: there is no answer, another try may give one. */
const brokenCalls: readonly string[] = ['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS']

function finishReasonOf(reason: string, hasCalls: boolean): string {
  if (reason === 'STOP' && hasCalls) return 'tool_calls'
  return Object.hasOwn(plainReasons, reason) ? String(plainReasons[reason]) : 'content_filter'
}

/** A prompt that was not let through, or a call the model could not make. */
function failureIn(response: Fields): ProviderError | null {
  const feedback = response['promptFeedback']
  const blocked = isObject(feedback) ? textOf(feedback['blockReason']) : ''
  if (blocked !== '') {
    const message = `the provider blocked the prompt: ${blocked.slice(0, 64)}`
    const upstream = { message, type: 'invalid_request_error', param: 'messages', code: 'content_filter' }
    return new ProviderError('content_filter', 'the provider blocked the prompt', { status: 200, upstream })
  }
  const broken = candidatesOf(response).find((candidate) => brokenCalls.includes(textOf(candidate['finishReason'])))
  return broken === undefined
    ? null
    : new ProviderError('invalid_response', 'the model made a call that cannot be read', { status: 200 })
}

function candidatesOf(response: Fields): Fields[] {
  return Array.isArray(response['candidates']) ? (response['candidates'] as unknown[]).filter(isObject) : []
}

function partsOf(candidate: Fields): Fields[] {
  const content = candidate['content']
  return isObject(content) && Array.isArray(content['parts']) ? (content['parts'] as unknown[]).filter(isObject) : []
}

/** Tokens of tools that ran at the provider are input, thoughts are output: both are billed as such. */
function usageOf(metadata: unknown): AnswerUsage | null {
  if (!isObject(metadata)) return null
  const promptTokens = count(metadata['promptTokenCount'])
  const toolTokens = countOr0(metadata['toolUsePromptTokenCount'])
  const answerTokens = countOr0(metadata['candidatesTokenCount'])
  const reasoningTokens = countOr0(metadata['thoughtsTokenCount'])
  if (promptTokens === null || toolTokens === null || answerTokens === null || reasoningTokens === null) return null
  return {
    inputTokens: promptTokens + toolTokens,
    cachedInputTokens: count(metadata['cachedContentTokenCount']) ?? 0,
    outputTokens: answerTokens + reasoningTokens,
    reasoningTokens,
    isEstimated: false,
  }
}

/** Of a candidate; the first where nothing sensible is said. */
function indexOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
}

/** Gemini may leave calls without ids, clients cannot: they are minted from the id of the answer. */
class CallIds {
  readonly #nowMs: number
  #count = 0

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  of(call: Fields, responseId: string): string {
    this.#count += 1
    const own = textOf(call['id'])
    return own === '' ? `call_${responseId === '' ? this.#nowMs.toString(36) : responseId}_${this.#count}` : own
  }
}

/** What the next request must carry again with the call. */
function signatureOf(part: Fields): Fields {
  const signature = textOf(part['thoughtSignature'])
  return signature === '' ? {} : { more: { extra_content: { google: { thought_signature: signature } } } }
}

/**
 * A whole response. Texts follow one another as one; parts of tools that ran at the provider are its own affair and left out.
 *
 * @param nowMs since the epoch
 */
export function readResponse(parsed: unknown, nowMs: number): Fields | ProviderError {
  if (!isObject(parsed)) return new ProviderError('invalid_response', 'the answer is no object', { status: 200 })
  const failure = failureIn(parsed)
  if (failure !== null) return failure
  const candidates = candidatesOf(parsed)
  if (candidates.length === 0) {
    return new ProviderError('invalid_response', 'the answer holds no candidate', { status: 200 })
  }
  const id = textOf(parsed['responseId'])
  const ids = new CallIds(nowMs)
  const choices = candidates.map((candidate) => {
    const parts = partsOf(candidate)
    const textWhere = (isThought: boolean) =>
      parts.map((part) => ((part['thought'] === true) === isThought ? textOf(part['text']) : '')).join('')
    const toolCalls = parts.flatMap((part) => {
      const call = part['functionCall']
      return isObject(call) ? [{ ...answeredCall(call, ids.of(call, id)), ...signatureOf(part) }] : []
    })
    return {
      text: textWhere(false),
      reasoning: textWhere(true),
      toolCalls,
      finishReason: finishReasonOf(textOf(candidate['finishReason']), toolCalls.length > 0),
      refusal: null,
    }
  })
  const head = { id: id === '' ? `gemini-${nowMs}` : id, model: textOf(parsed['modelVersion']), createdMs: nowMs }
  return completionOf(head, choices, usageOf(parsed['usageMetadata']))
}

function answeredCall(call: Fields, id: string): AnsweredCall {
  return { id, name: textOf(call['name']), arguments: JSON.stringify(call['args'] ?? {}) }
}

/** One candidate of a stream. */
interface Candidate {
  calls: number
  finishReason: string | null
  /** A call whose arguments come in pieces. */
  open: { call: Fields; readonly part: Fields; args: unknown } | null
}

/**
 * A stream of Gemini's responses as chunks. It has no terminal marker of its own: a candidate is whole with its finish reason,
 * the stream when the provider closes in order after every candidate's.
 */
export class GeminiStream implements StreamTranslator {
  readonly #nowMs: number
  readonly #writer: ChunkWriter
  readonly #ids: CallIds
  readonly #candidates = new Map<number, Candidate>()
  #id = ''
  #usage: AnswerUsage | null = null

  constructor(nowMs: number, includesUsage: boolean) {
    this.#nowMs = nowMs
    this.#writer = new ChunkWriter(nowMs, includesUsage)
    this.#ids = new CallIds(nowMs)
  }

  get usage(): AnswerUsage | null {
    return this.#usage
  }

  read(data: string): string | ProviderError {
    const response = parseObject(data)
    if (response === null)
      return new ProviderError('invalid_response', 'an event is not a JSON object', { status: 200 })
    const upstream = upstreamErrorIn(response)
    if (upstream !== null) return errorOfEvent(upstream, 200)
    const failure = failureIn(response)
    if (failure !== null) return failure
    this.#usage = usageOf(response['usageMetadata']) ?? this.#usage
    if (this.#id === '') this.#name(response)
    return candidatesOf(response)
      .map((candidate) => this.#readCandidate(candidate))
      .join('')
  }

  #name(response: Fields): void {
    this.#id = textOf(response['responseId'])
    this.#writer.name(this.#id === '' ? `gemini-${this.#nowMs}` : this.#id, textOf(response['modelVersion']))
  }

  #readCandidate(candidate: Fields): string {
    const index = indexOf(candidate['index'])
    const known = this.#candidates.get(index)
    const state = known ?? { calls: 0, finishReason: null, open: null }
    this.#candidates.set(index, state)
    let text = known === undefined ? this.#writer.role(index) : ''
    for (const part of partsOf(candidate)) text += this.#readPart(part, state, index)
    if (typeof candidate['finishReason'] === 'string') {
      text += this.#closeCall(state, index)
      state.finishReason = candidate['finishReason']
    }
    return text
  }

  #readPart(part: Fields, state: Candidate, index: number): string {
    if (isObject(part['functionCall'])) return this.#readCall(part['functionCall'], part, state, index)
    const text = textOf(part['text'])
    if (text === '') return ''
    return this.#writer.delta(part['thought'] === true ? { reasoning_content: text } : { content: text }, index)
  }

  /** A call is whole at once, or begins with its name and goes on in parts that say `willContinue` until the last. */
  #readCall(call: Fields, part: Fields, state: Candidate, index: number): string {
    const before = call['name'] === undefined ? '' : this.#closeCall(state, index)
    if (call['name'] !== undefined) state.open = { call, part, args: call['args'] ?? emptyArguments() }
    if (state.open === null) return before
    const pieces = Array.isArray(call['partialArgs']) ? (call['partialArgs'] as unknown[]).filter(isObject) : []
    state.open.args = pieces.reduce<unknown>((args, piece) => withPartial(args, piece), state.open.args)
    return before + (call['willContinue'] === true ? '' : this.#closeCall(state, index))
  }

  #closeCall(state: Candidate, index: number): string {
    const { open } = state
    if (open === null) return ''
    state.open = null
    const position = state.calls
    state.calls += 1
    const answered = answeredCall({ ...open.call, args: open.args }, this.#ids.of(open.call, this.#id))
    return this.#writer.call(position, { ...answered, ...signatureOf(open.part) }, index)
  }

  end(): string {
    const candidates = [...this.#candidates]
    if (candidates.length === 0 || candidates.some(([, state]) => state.finishReason === null)) return ''
    const finishes = candidates.map(([index, state]) =>
      this.#writer.finish(finishReasonOf(state.finishReason ?? '', state.calls > 0), index),
    )
    return finishes.join('') + this.#writer.end(this.#usage)
  }
}
