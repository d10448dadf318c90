import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Usage, Warning } from '#domain/decision.ts'
import { purseOf } from '#domain/fallback.ts'
import type { Provider } from '#domain/snapshot.ts'
import { Cancellation, ProviderError } from '#providers/provider.ts'
import type { Reservation, Reserved } from './allowances.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { type ChatCaller, decide } from './chat-decision.ts'
import { type Answered, answer, describe, describeTarget, type Reply } from './chat-reply.ts'
import { bodyFor } from './chat-request.ts'
import { eligibleAgainMs } from './eligible-again.ts'
import { embeddingClients } from './embedding-clients.ts'
import { estimatedUsage, needsEstimate } from './estimated-usage.ts'
import { type Forwarded, forward } from './forward.ts'
import { type Blocked, checkGuardrails } from './guardrails.ts'
import { recordAssignment, recordCompletion, recordDecision } from './live-evidence.ts'
import { runMirror } from './mirror.ts'
import { type ApiError, type Head, sendError } from './openai-error.ts'
import { type ArmResult, costOf, usageOf } from './outcome.ts'
import { keepsPayload, recordPayload } from './payload.ts'
import { readBody } from './request-body.ts'
import { asEvidence, settle } from './settlement.ts'
import { testFailureHeader, testFailureOf } from './test-failure.ts'
import { traceFactsOf } from './trace-facts.ts'

/** One chat request, in whatever dialect, from its body to its last byte, and the records of it. */
export async function handleChat(
  state: GatewayState,
  req: IncomingMessage,
  res: ServerResponse,
  from: ChatCaller,
): Promise<void> {
  const { head, endpoint } = from
  const reply: Reply = { res, head, endpoint, requestId: from.requestId }
  const bytes = await readBody(req, reply)
  if (bytes === null) {
    if (res.headersSent) state.observer?.requestRefused(res.statusCode, 'request_too_large')
    return
  }
  const decided = decide(state, req, bytes, from)
  // Awaited only where a classifier has to be waited for.
  const found = decided instanceof Promise ? await decided : decided
  if ('error' in found) {
    state.observer?.requestRefused(found.error.status, found.error.code)
    sendError(reply, found.error)
    return
  }
  const wanted = equip(state, req, found, head)
  if ('error' in wanted) {
    state.observer?.requestRefused(wanted.error.status, wanted.error.code)
    sendError(reply, wanted.error)
    return
  }
  describe(head, wanted)
  const asked = ask(state, reply, wanted)
  // Awaited only where a budget that seems used up is looked at once more.
  const admitted = admit(state, reply, wanted, asked instanceof Promise ? await asked : asked)
  if (admitted === null) return
  try {
    await serve(state, reply, admitted)
  } catch (error) {
    letGo(state, admitted)
    throw error
  }
}

/** Calls the targets, gives the client what came of it, and writes the records. */
async function serve(state: GatewayState, reply: Reply, { chat, reservation }: Admitted): Promise<void> {
  const { res, head } = reply
  const cancellation = new Cancellation()
  res.once('close', () => {
    if (!res.writableFinished) cancellation.cancel()
  })
  // It may have gone while its task was identified.
  if (res.destroyed) cancellation.cancel()
  const forwarded = await callTargets(state, chat, cancellation)
  describeTarget(head, forwarded)
  const result = await answer(state, reply, chat, forwarded, cancellation)
  if (!needsEstimate(result.facts)) {
    finish(state, chat, reservation, result)
    return
  }
  state.afterwards.add(
    estimatedUsage(state.tokens, chat, result.facts)
      .then((usage) => finish(state, chat, reservation, result, usage))
      .catch((error: unknown) => {
        letGo(state, { chat, reservation })
        state.log.error({ err: error, requestId: chat.requestId }, 'a request was not recorded')
      }),
  )
}

/** A request that may be sent, and what is held for it. */
interface Admitted {
  readonly chat: Chat
  readonly reservation: Reservation
}

/** After a fault of ours: nothing stays held. What was set aside counts as spent, because it may have been. */
function letGo(state: GatewayState, { chat, reservation }: Admitted): void {
  state.allowances.settle(reservation, { usage: null, costMicroUsd: reservation.budget?.microUsd ?? null })
  if (chat.isMirrored) state.shadow.release(chat.request.bytes.length)
}

/** Adds what headers ask for: a place in a trace, and failures to be played. */
function equip(state: GatewayState, req: IncomingMessage, chat: Chat, head: Head): Chat | { readonly error: ApiError } {
  const trace = state.tracing?.begin(req.headers) ?? null
  const traced = trace === null ? chat : { ...chat, trace }
  const played = testFailureOf(req.headers, chat.caller)
  if (played === null || 'error' in played) return played ?? traced
  // A request whose attempts fail on purpose is no evidence of anything and is not mirrored.
  const testFailure = played.failure
  head[testFailureHeader] = testFailure.name
  const { decision } = chat
  const reason = `${decision.reason}; failures were asked for: ${testFailure.name}`
  return { ...traced, testFailure, decision: { ...decision, reason, rollout: null, isMirrored: false } }
}

const refusalTypes = { 400: 'invalid_request_error', 403: 'permission_error', 503: 'server_error' } as const

type Asked = Reserved | { readonly blocked: Blocked }

/** Asks guardrails first, then budgets and limits. */
function ask(state: GatewayState, reply: Reply, chat: Chat): Asked | Promise<Asked> {
  const blocked = checkGuardrails(chat)
  return blocked === null ? state.allowances.reserve(chat, reply.head) : { blocked }
}

/** Lets a request pass, or answers it: what was asked first, then what routing says. @returns null: answered */
function admit(state: GatewayState, reply: Reply, chat: Chat, reserved: Asked): Admitted | null {
  if ('blocked' in reserved) {
    turnAway(state, reply, chat, reserved.blocked)
    return null
  }
  if ('error' in reserved) {
    // Turned away before it reached an arm: no evidence about either.
    refuse(state, reply, { ...chat, decision: { ...chat.decision, rollout: null, isMirrored: false } }, reserved.error)
    return null
  }
  const { refusal, isMirrored } = chat.decision
  const hasPlace = isMirrored && state.shadow.reserve(chat.request.bytes.length)
  const admitted = hasPlace ? { ...chat, isMirrored: true } : chat
  recordAssignment(state, admitted)
  if (refusal === null) return { chat: admitted, reservation: reserved.reservation }
  const type = refusalTypes[refusal.status]
  refuse(state, reply, admitted, { ...refusal, type, param: null }, reserved.reservation)
  return null
}

/** A guardrail stops the request: evidence only where it is the doing of one arm's version. */
function turnAway(state: GatewayState, reply: Reply, chat: Chat, { error, isEvidence }: Blocked): void {
  if (isEvidence) recordAssignment(state, chat)
  refuse(state, reply, isEvidence ? chat : { ...chat, decision: { ...chat.decision, rollout: null } }, error)
}

function callTargets(state: GatewayState, chat: Chat, cancellation: Cancellation): Promise<Forwarded> {
  const { decision, endpoint, request, facts, snapshot, startedAtMs } = chat
  return forward(request.vectors === null ? state.user : embeddingClients(state.user), {
    targets: decision.targets,
    providers: snapshot.providers,
    models: snapshot.models,
    spec: decision.version.spec,
    body: bodyFor(request, decision.version.spec.parameters ?? {}, chat.prompt),
    isStream: request.isStream,
    // A dialect's translator trusts that every event was read.
    isKept: decision.rollout !== null || endpoint.name !== 'chat' || keepsPayload(chat),
    region: chat.facts.metadata['region'],
    startedAtMs,
    cancellation,
    wantsJson: facts.wantsJson,
    purse: purseOf(decision.version.spec, decision.rule, facts),
    testFailure: chat.testFailure ?? null,
    trace: chat.trace ?? null,
  })
}

/** Writes the records of an answered request and lets its mirror run. @param estimated of an answer without counts */
function finish(
  state: GatewayState,
  chat: Chat,
  reservation: Reservation | null,
  answered: Answered,
  estimated: Usage | null = null,
): void {
  const { forwarded, facts, error, ttftMs } = answered
  const { target } = forwarded
  const totalMs = state.clock.monotonicMs() - chat.startedAtMs
  const usage = estimated ?? usageOf(facts, chat.facts.inputTokens)
  const { firstChoice } = chat.decision
  const model = target === null ? undefined : chat.snapshot.models.get(target.model)
  const result: ArmResult = {
    facts,
    error,
    isRescued: target !== null && firstChoice !== null && target.model !== firstChoice,
    isStream: chat.request.isStream,
    usage,
    costMicroUsd: costOf(model, usage),
    totalMs,
    ttftMs,
  }
  const settled = settle(chat, forwarded, result)
  if (reservation !== null) state.allowances.settle(reservation, settled)
  else if (settled.costMicroUsd !== null) state.allowances.charge(chat, settled.costMicroUsd)
  const evidence = asEvidence(result, settled)
  recordCompletion(state, chat, evidence)
  // What was stopped before it was sent is not kept either: it may be what must not be seen.
  if (forwarded.attempts.length > 0) recordPayload(state, chat, evidence)
  const record = recordDecision(state, chat, {
    model: target?.model ?? null,
    provider: target?.provider ?? null,
    attempts: settled.attempts,
    usage: settled.usage,
    costMicroUsd: settled.costMicroUsd,
    priceVersion: settled.priceVersion,
    note: forwarded.note ?? null,
    isFallback: target?.isFallback ?? false,
    status: answered.status,
    errorCode: answered.errorCode,
    warnings: warningsOf(chat, forwarded),
    ttftMs,
    totalMs,
  })
  chat.trace?.end(record, traceFactsOf(chat, facts))
  state.observer?.requestEnded(record, forwarded.overheadMs ?? null)
  mirror(state, chat, evidence)
}

const noWarnings: readonly Warning[] = []

function warningsOf(chat: Chat, forwarded: Forwarded): readonly Warning[] {
  if (forwarded.kind === 'failed') return noWarnings
  const { warnings } = forwarded.kind === 'answer' ? forwarded.answer : forwarded.stream
  const { unmapped, extensions } = chat.request
  if (unmapped.length === 0 && extensions.length === 0) return warnings
  const { model, provider } = forwarded.target
  const isPlain = takesPlainChat(chat.snapshot.providers.get(provider)?.kind)
  const notes = isPlain ? [...unmapped, ...extensions] : unmapped
  return [...notes.map((note) => ({ ...note, model })), ...warnings]
}

/** Kinds that are sent a chat completion's bytes; the others translate and say themselves what is lost. */
function takesPlainChat(kind: Provider['kind'] | undefined): boolean {
  return kind === 'openai' || kind === 'azure-openai'
}

function mirror(state: GatewayState, chat: Chat, result: ArmResult): void {
  if (!chat.isMirrored) return
  state.shadow.submit(chat.request.bytes.length, () =>
    runMirror(state, chat, result).catch((error: unknown) => {
      state.log.error({ err: error, requestId: chat.requestId }, 'a mirrored call ended in a fault of the gateway')
    }),
  )
}

/** No target may take the request: it is a decision all the same, and evidence unless it was turned away. */
function refuse(
  state: GatewayState,
  reply: Reply,
  chat: Chat,
  error: ApiError,
  reservation: Reservation | null = null,
): void {
  const waitMs = eligibleAgainMs(chat.decision.excluded, state.user.circuits, state.clock.monotonicMs())
  reply.head['x-interlock-attempts'] = 0
  const isFinal = waitMs === null && error.retryAfterMs === undefined
  sendError(reply, isFinal ? { ...error, isHopeless: true } : { retryAfterMs: waitMs, ...error })
  const failure = new ProviderError(error.status === 400 ? 'context_length' : 'connection', 'no target was eligible')
  finish(state, chat, reservation, {
    forwarded: { kind: 'failed', target: null, attempts: [], error: failure },
    facts: null,
    error: failure,
    status: error.status,
    errorCode: error.code,
    ttftMs: null,
  })
}
