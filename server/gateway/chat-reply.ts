import type { ServerResponse } from 'node:http'
import type { AnswerFacts, Cancellation, ProviderError } from '#providers/provider.ts'
import { isTargetAtFault } from '#providers/upstream-errors.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { passOn } from './client-stream.ts'
import type { Endpoint } from './endpoint.ts'
import type { Forwarded } from './forward.ts'
import { errorOfProvider, type Head, sendError } from './openai-error.ts'

/** Longest answer that is copied to save a system call. */
const oneWriteBytes = 64 * 1024

/** The client's side of a request. */
export interface Reply {
  readonly res: ServerResponse
  readonly head: Head
  readonly endpoint: Pick<Endpoint, 'errorBody'>
  readonly requestId: string
}

/** A request's result with what only the decision log wants to know. */
export interface Answered {
  readonly forwarded: Forwarded
  readonly facts: AnswerFacts | null
  readonly error: ProviderError | null
  readonly status: number
  readonly errorCode: string | null
  readonly ttftMs: number | null
}

/** Gives the client what came of its request: an answer, a stream to its end, or an error. */
export async function answer(
  state: GatewayState,
  reply: Reply,
  chat: Chat,
  forwarded: Forwarded,
  cancellation: Cancellation,
): Promise<Answered> {
  if (forwarded.kind === 'failed') return fail(state, reply, chat, forwarded)
  const translation = chat.endpoint.translationOf(chat)
  const base = { forwarded, facts: null, error: null, status: 200, errorCode: null, ttftMs: null }
  if (forwarded.kind === 'answer') {
    const { body, facts } = forwarded.answer
    send(reply, translation === null ? body : translation.answer(body))
    return { ...base, facts }
  }
  const { stream, target } = forwarded
  const { res, head } = reply
  head['content-type'] = 'text/event-stream; charset=utf-8'
  head['cache-control'] = 'no-cache'
  res.writeHead(200, head)
  const { error, facts } = await passOn(reply, stream, cancellation, translation?.startStream() ?? null)
  const ttftMs = stream.firstTokenAtMs - chat.startedAtMs
  // Measured from the attempt's own start: what went before it is not this target's.
  const beganAtMs = chat.startedAtMs + (forwarded.attempts.at(-1)?.startMs ?? 0)
  state.user.live.ended(target.model, chat.facts.metadata['region'], {
    ttftMs: stream.firstTokenAtMs - beganAtMs,
    totalMs: state.clock.monotonicMs() - beganAtMs,
    errorClass: error?.errorClass ?? null,
    usage: facts?.usage ?? null,
  })
  if (error === null) state.user.circuits.succeeded(target.model)
  else if (isTargetAtFault(error)) state.user.circuits.failed(target.model, state.clock.monotonicMs(), null)
  else state.user.circuits.released(target.model)
  return {
    ...base,
    facts,
    error,
    ttftMs,
    status: error?.errorClass === 'client_closed' ? 499 : 200,
    errorCode: error === null ? null : errorOfProvider(error).code,
  }
}

function send({ res, head }: Reply, body: Buffer): void {
  head['content-type'] = 'application/json'
  head['content-length'] = body.length
  res.writeHead(200, head)
  // As latin1 text the bytes leave in one write with the head; a buffer would need a second one.
  if (body.length <= oneWriteBytes) res.end(body.toString('latin1'), 'latin1')
  else res.end(body)
}

function fail(
  state: GatewayState,
  reply: Reply,
  chat: Chat,
  forwarded: Forwarded & { readonly kind: 'failed' },
): Answered {
  const { error } = forwarded
  const told = errorOfProvider(error)
  const rest = state.user.circuits.soonestMs(
    chat.decision.targets.map((target) => target.model),
    state.clock.monotonicMs(),
  )
  if (!reply.res.destroyed) {
    sendError(reply, forwarded.attempts.length === 0 ? { ...told, status: 503, retryAfterMs: rest } : told)
  }
  return { forwarded, facts: null, error, status: told.status, errorCode: told.code, ttftMs: null }
}

export function describe(head: Head, { decision, isDirect }: Chat): void {
  head['x-interlock-route'] = headerText(decision.version.route)
  if (!isDirect) head['x-interlock-version'] = decision.version.version
  head['x-interlock-arm'] = decision.arm
  if (decision.rule !== null) head['x-interlock-rule'] = headerText(decision.rule)
}

export function describeTarget(head: Head, { target, attempts }: Forwarded): void {
  head['x-interlock-attempts'] = attempts.length
  if (target === null) return
  head['x-interlock-model'] = headerText(target.model)
  head['x-interlock-provider'] = headerText(target.provider)
}

/** Header values are ASCII: other characters are percent-encoded. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}
