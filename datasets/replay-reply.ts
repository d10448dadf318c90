import type { Message } from './item.ts'
import { type Corpus, isMessage, messageText, type RecordedPrompt, type Take } from './replay-corpus.ts'
import type { ReplayCounters } from './replay-counters.ts'
import { cutAt, type Fault, spoilText } from './replay-faults.ts'
import { hashUnit } from './replay-latency.ts'

/** A chat request as far as the replay reads it; every other field is ignored. */
export interface ReplayRequest {
  readonly model: string
  readonly messages: readonly Message[]
  readonly isStream: boolean
  readonly includeUsage: boolean
  readonly maxTokens: number | null
  readonly wantsSchema: boolean
}

/** What is sent back. `promptId` null: the prompt is not a recorded one. */
export interface Reply {
  readonly source: 'recorded' | 'fallback' | 'judge'
  readonly text: string
  readonly finishReason: 'stop' | 'length'
  readonly promptId: string | null
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Answers a judge's prompt (strict schema, no recording); null: this one neither. */
export type RespondToJudge = (messages: readonly Message[], model: string) => string | null

export interface ReplySource {
  readonly corpus: Corpus
  readonly counters: ReplayCounters
  readonly seed: string
  readonly respondToJudge: RespondToJudge | null
}

/** Said when nothing fits and the model has no recorded answer at all. */
export const fallbackSentence = 'This prompt has no recorded answer.'

/** Reads the request body; the error is worded for the caller and names the parameter. */
export function parseChatRequest(
  body: unknown,
): ReplayRequest | { readonly error: string; readonly param: string | null } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { error: 'the request body must be a JSON object', param: null }
  }
  const fields = body as Record<string, unknown>
  const { model, messages } = fields
  if (typeof model !== 'string' || model === '') return { error: 'you must provide a model parameter', param: 'model' }
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage)) {
    return { error: 'messages must be a non-empty array of messages', param: 'messages' }
  }
  if ((fields['n'] ?? 1) !== 1) return { error: 'a replay has one choice per request', param: 'n' }
  const maxTokens = fields['max_completion_tokens'] ?? fields['max_tokens'] ?? null
  if (maxTokens !== null && !(typeof maxTokens === 'number' && maxTokens >= 1)) {
    return { error: 'max_tokens must be 1 or more', param: 'max_tokens' }
  }
  return {
    model,
    messages,
    isStream: fields['stream'] === true,
    includeUsage: fieldOf(fields['stream_options'], 'include_usage') === true,
    maxTokens,
    wantsSchema: fieldOf(fields['response_format'], 'type') === 'json_schema',
  }
}

/**
 * The recorded answer of the asked model to these messages; for an unknown prompt a judge's words, or another answer of the
 * same model as a marked fallback.
 * @returns null: the prompt is known and the model is not
 */
export function chooseReply(request: ReplayRequest, source: ReplySource): Reply | null {
  const { corpus, seed } = source
  const found = corpus.find(request.messages)
  const ofModel = corpus.byModel.get(request.model)
  if (found === null && request.wantsSchema) {
    const words = source.respondToJudge?.(request.messages, request.model) ?? null
    if (words !== null) return unrecorded('judge', words, request)
  }
  if (found !== null && ofModel === undefined) return null
  const takes = found?.prompt.answers.get(request.model)
  if (found !== null && takes !== undefined) {
    const offset = takes.length > 1 ? Math.floor(hashUnit(seed, request.model, found.prompt.id) * takes.length) : 0
    const answer = takes[(offset + source.counters.nextTake(request.model, found.prompt.id)) % takes.length]
    if (answer !== undefined) return recorded({ prompt: found.prompt, answer }, request, found.exact)
  }
  const other = ofModel === undefined ? null : pickOther(ofModel, seed, lastText(request.messages))
  return unrecorded('fallback', other?.answer.text ?? fallbackSentence, request)
}

/** The reply after a fault of its text and the request's own token limit; faults of the transport leave it as it is. */
export function spoilReply(reply: Reply, fault: Fault | null, request: ReplayRequest, source: ReplySource): Reply {
  let { text, finishReason } = reply
  if (fault?.kind === 'wrong_answer') text = wrongAnswer(reply, request, source)
  else if (fault !== null) text = spoilText(text, fault.kind)
  if (fault?.kind === 'truncate_json') finishReason = 'length'
  const outputTokens = text === reply.text ? reply.outputTokens : estimateTokens(text)
  if (request.maxTokens === null || outputTokens <= request.maxTokens)
    return { ...reply, text, finishReason, outputTokens }
  const cut = cutAt(text, request.maxTokens / outputTokens)
  return { ...reply, text: cut, finishReason: 'length', outputTokens: request.maxTokens }
}

function recorded({ prompt, answer }: Take, request: ReplayRequest, isExact: boolean): Reply {
  return {
    source: 'recorded',
    text: answer.text,
    finishReason: 'stop',
    promptId: prompt.id,
    inputTokens: (isExact ? prompt.inputTokens : null) ?? promptTokens(request.messages),
    outputTokens: answer.outputTokens ?? estimateTokens(answer.text),
  }
}

function unrecorded(source: 'fallback' | 'judge', text: string, request: ReplayRequest): Reply {
  return {
    source,
    text,
    finishReason: 'stop',
    promptId: null,
    inputTokens: promptTokens(request.messages),
    outputTokens: estimateTokens(text),
  }
}

/** The model's answer to another prompt, of another reference when both are known, so that it is wrong and not just other. */
function wrongAnswer(reply: Reply, request: ReplayRequest, source: ReplySource): string {
  const takes = source.corpus.byModel.get(request.model) ?? []
  const own = source.corpus.find(request.messages)?.prompt ?? null
  const isWrong = ({ prompt, answer }: Take) => answer.text !== reply.text && !sharesReference(prompt, own)
  const start = Math.floor(hashUnit(source.seed, 'wrong', lastText(request.messages)) * takes.length)
  const turned = [...takes.slice(start), ...takes.slice(0, start)]
  return turned.find(isWrong)?.answer.text ?? fallbackSentence
}

function sharesReference(prompt: RecordedPrompt, own: RecordedPrompt | null): boolean {
  return own !== null && (prompt === own || (own.reference !== null && prompt.reference === own.reference))
}

function pickOther(takes: readonly Take[], seed: string, text: string): Take | null {
  return takes[Math.floor(hashUnit(seed, 'fallback', text) * takes.length)] ?? null
}

function lastText(messages: readonly Message[]): string {
  const last = messages.at(-1)
  return last === undefined ? '' : messageText(last)
}

function promptTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + estimateTokens(messageText(message)), 0)
}

/** About four characters to a token in English; only where the recording has no count. */
function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4)
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
}
