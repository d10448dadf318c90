import type { IncomingMessage, ServerResponse } from 'node:http'
import { decideRoute } from '#domain/routing.ts'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import { Cancellation, ProviderError } from '#providers/provider.ts'
import { isTargetAtFault } from '#providers/upstream-errors.ts'
import { resolveModel } from './access.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { bodyFor, factsOf, readChatRequest } from './chat-request.ts'
import { passOn } from './client-stream.ts'
import { closeLast, type Forwarded, forward } from './forward.ts'
import { recordAssignment, recordCompletion, recordDecision } from './live-evidence.ts'
import { metadataOf } from './metadata.ts'
import { runMirror } from './mirror.ts'
import { type ApiError, errorOfProvider, type Head, sendError } from './openai-error.ts'
import { type ArmResult, costOf, usageOf } from './outcome.ts'
import { readBody } from './request-body.ts'

/** Longest answer that is copied to save a system call. */
const oneWriteBytes = 64 * 1024

/** What a client asked and who it is. */
export interface ChatCaller {
  readonly requestId: string
  readonly snapshot: Snapshot
  readonly caller: Caller
  readonly head: Head
}

/** One chat request from its body to its last byte, and the records of it. */
export async function handleChat(
  state: GatewayState,
  req: IncomingMessage,
  res: ServerResponse,
  from: ChatCaller,
): Promise<void> {
  const { head } = from
  const bytes = await readBody(req, res, head)
  if (bytes === null) return
  const chat = decide(state, req, bytes, from)
  if ('error' in chat) {
    sendError(res, chat.error, head)
    return
  }
  describe(head, chat)
  recordAssignment(state, chat)
  const { refusal } = chat.decision
  if (refusal !== null) {
    refuse(state, { res, head }, chat, {
      ...refusal,
      type: refusal.status === 400 ? 'invalid_request_error' : 'server_error',
      param: null,
    })
    return
  }
  const cancellation = new Cancellation()
  res.once('close', () => {
    if (!res.writableFinished) cancellation.cancel()
  })
  const forwarded = await callTargets(state, chat, cancellation)
  describeTarget(head, forwarded)
  const result = await answer(state, { res, head }, chat, forwarded, cancellation)
  finish(state, chat, result)
}

/** From bytes to a decision; an error where the request cannot be routed at all. */
function decide(
  state: GatewayState,
  req: IncomingMessage,
  bytes: Buffer,
  { requestId, snapshot, caller }: ChatCaller,
): Chat | { readonly error: ApiError } {
  const read = readChatRequest(bytes)
  if ('error' in read) return read
  const resolved = resolveModel(read.request.model, caller, snapshot)
  if ('error' in resolved) return resolved
  const startedAtMs = state.clock.monotonicMs()
  const metadata = metadataOf(read.request, req.headers, caller.metadata)
  const { facts, patterns } = factsOf(read.request, requestId, metadata)
  const random = state.random()
  const decision = decideRoute({
    catalogue: snapshot,
    entry: resolved.entry,
    request: facts,
    random,
    openCircuits: state.user.circuits.open(startedAtMs),
    isLeaseValid: state.table.isLeaseValid(startedAtMs),
  })
  const isMirrored = decision.isMirrored && state.shadow.reserve(bytes.length)
  const atMs = state.clock.nowMs()
  const from = { requestId, atMs, startedAtMs, snapshot, caller, request: read.request, facts, patterns }
  return { ...from, random, decision, isDirect: resolved.isDirect, isMirrored }
}

function callTargets(state: GatewayState, chat: Chat, cancellation: Cancellation): Promise<Forwarded> {
  const { decision, request, snapshot, startedAtMs } = chat
  return forward(state.user, {
    targets: decision.targets,
    providers: snapshot.providers,
    spec: decision.version.spec,
    body: bodyFor(request, decision.version.spec.parameters ?? {}),
    isStream: request.isStream,
    isKept: decision.rollout !== null,
    startedAtMs,
    cancellation,
  })
}

/** A request's result with what only the decision log wants to know. */
interface Answered {
  readonly forwarded: Forwarded
  readonly facts: ArmResult['facts']
  readonly error: ProviderError | null
  readonly status: number
  readonly errorCode: string | null
  readonly ttftMs: number | null
}

/** The client's side of a request. */
interface Reply {
  readonly res: ServerResponse
  readonly head: Head
}

async function answer(
  state: GatewayState,
  { res, head }: Reply,
  chat: Chat,
  forwarded: Forwarded,
  cancellation: Cancellation,
): Promise<Answered> {
  const base = { forwarded, facts: null, error: null, status: 200, errorCode: null, ttftMs: null }
  if (forwarded.kind === 'failed') {
    const { error } = forwarded
    const told = errorOfProvider(error)
    const rest = state.user.circuits.soonestMs(
      chat.decision.targets.map((target) => target.model),
      state.clock.monotonicMs(),
    )
    if (!res.destroyed)
      sendError(res, forwarded.attempts.length === 0 ? { ...told, status: 503, retryAfterMs: rest } : told, head)
    return { ...base, error, status: told.status, errorCode: told.code }
  }
  if (forwarded.kind === 'answer') {
    const { body, facts } = forwarded.answer
    head['content-type'] = 'application/json'
    head['content-length'] = body.length
    res.writeHead(200, head)
    // As latin1 text the bytes leave in one write with the head; a buffer would need a second one.
    if (body.length <= oneWriteBytes) res.end(body.toString('latin1'), 'latin1')
    else res.end(body)
    return { ...base, facts }
  }
  const { stream, target } = forwarded
  head['content-type'] = 'text/event-stream; charset=utf-8'
  head['cache-control'] = 'no-cache'
  res.writeHead(200, head)
  const { error, facts } = await passOn(res, stream, cancellation)
  if (error === null) state.user.circuits.succeeded(target.model)
  else if (isTargetAtFault(error)) state.user.circuits.failed(target.model, state.clock.monotonicMs(), null)
  else state.user.circuits.released(target.model)
  const told = error === null ? null : errorOfProvider(error)
  return {
    ...base,
    facts,
    error,
    ttftMs: stream.firstTokenAtMs - chat.startedAtMs,
    status: error?.errorClass === 'client_closed' ? 499 : 200,
    errorCode: told?.code ?? null,
  }
}

/** Writes the records of an answered request and lets its mirror run. */
function finish(state: GatewayState, chat: Chat, answered: Answered): void {
  const { forwarded, facts, error, ttftMs } = answered
  const { target } = forwarded
  const totalMs = state.clock.monotonicMs() - chat.startedAtMs
  const usage = usageOf(facts, chat.facts.inputTokens)
  const { firstChoice } = chat.decision
  const result: ArmResult = {
    facts,
    error,
    isRescued: target !== null && firstChoice !== null && target.model !== firstChoice,
    isStream: chat.request.isStream,
    usage,
    costMicroUsd: target === null ? null : costOf(chat.snapshot.models.get(target.model), usage),
    totalMs,
    ttftMs,
  }
  recordCompletion(state, chat, result)
  recordDecision(state, chat, {
    model: target?.model ?? null,
    provider: target?.provider ?? null,
    attempts:
      forwarded.kind === 'stream'
        ? closeLast(forwarded.attempts, totalMs, error?.errorClass ?? null)
        : forwarded.attempts,
    isFallback: target?.isFallback ?? false,
    status: answered.status,
    errorCode: answered.errorCode,
    usage,
    costMicroUsd: result.costMicroUsd,
    ttftMs,
    totalMs,
  })
  mirror(state, chat, result)
}

function mirror(state: GatewayState, chat: Chat, result: ArmResult): void {
  if (!chat.isMirrored) return
  state.shadow.submit(chat.request.bytes.length, () =>
    runMirror(state, chat, result).catch((error: unknown) => {
      state.log.error({ err: error, requestId: chat.requestId }, 'a mirrored call ended in a fault of the gateway')
    }),
  )
}

/** No target may take the request: it is evidence and a decision all the same. */
function refuse(state: GatewayState, { res, head }: Reply, chat: Chat, error: ApiError): void {
  const waitMs = state.user.circuits.soonestMs(
    chat.decision.excluded.flatMap((exclusion) => (exclusion.by === 'circuit_open' ? [exclusion.model] : [])),
    state.clock.monotonicMs(),
  )
  head['x-interlock-attempts'] = 0
  sendError(res, waitMs === null ? { ...error, isHopeless: true } : { ...error, retryAfterMs: waitMs }, head)
  const failure = new ProviderError(error.status === 400 ? 'context_length' : 'connection', 'no target was eligible')
  finish(state, chat, {
    forwarded: { kind: 'failed', target: null, attempts: [], error: failure },
    facts: null,
    error: failure,
    status: error.status,
    errorCode: error.code,
    ttftMs: null,
  })
}

function describe(head: Head, { decision, isDirect }: Chat): void {
  head['x-interlock-route'] = headerText(decision.version.route)
  if (!isDirect) head['x-interlock-version'] = decision.version.version
  head['x-interlock-arm'] = decision.arm
  if (decision.rule !== null) head['x-interlock-rule'] = headerText(decision.rule)
}

function describeTarget(head: Head, { target, attempts }: Forwarded): void {
  head['x-interlock-attempts'] = attempts.length
  if (target === null) return
  head['x-interlock-model'] = headerText(target.model)
  head['x-interlock-provider'] = headerText(target.provider)
}

/** Header values are ASCII: other characters are percent-encoded. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}
