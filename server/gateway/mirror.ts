import { purseOf } from '#domain/fallback.ts'
import { quietLive } from '#domain/live.ts'
import type { RouteVersion } from '#domain/route.ts'
import { decideTargets, type TargetDecision } from '#domain/routing.ts'
import type { ChatStream } from '#providers/provider.ts'
import { Cancellation, ProviderError, type StreamEnd } from '#providers/provider.ts'
import { isTargetAtFault } from '#providers/upstream-errors.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { bodyFor } from './chat-request.ts'
import { classify } from './classify.ts'
import { embeddingClients } from './embedding-clients.ts'
import { estimatedUsage, needsEstimate } from './estimated-usage.ts'
import { type Forwarded, forward } from './forward.ts'
import { checkGuardrails } from './guardrails.ts'
import { recordPair } from './live-evidence.ts'
import { type ArmResult, costOf, usageOf } from './outcome.ts'
import { promptedAs, withoutPrompt } from './prompt.ts'
import { asEvidence, settle } from './settlement.ts'

/**
 * Answers a request once more with the candidate, after its user was answered (D5). The answer goes to nobody; the call is in
 * a ledger of its own and never in the decision log.
 */
export async function runMirror(state: GatewayState, asked: Chat, baseline: ArmResult): Promise<void> {
  const { rollout } = asked.decision
  if (rollout === null) return
  const { candidate: version } = rollout
  const { chat, refusal } = promptedAs(asked, version)
  const startedAtMs = state.clock.monotonicMs()
  const decision = withoutPrompt(await decideFor(state, chat, version, startedAtMs), refusal)
  const forwarded = await callCandidate(state, chat, { version, decision, startedAtMs })
  const end = await endOf(state, forwarded)
  const usage = needsEstimate(end.facts)
    ? await estimatedUsage(state.tokens, chat, end.facts)
    : usageOf(end.facts, chat.facts.inputTokens)
  const { target } = forwarded
  const isStream = forwarded.kind === 'stream'
  const answered: ArmResult = {
    ...end,
    isRescued: target !== null && decision.firstChoice !== null && target.model !== decision.firstChoice,
    isStream: chat.request.isStream,
    usage,
    costMicroUsd: target === null ? null : costOf(chat.snapshot.models.get(target.model), usage),
    totalMs: state.clock.monotonicMs() - startedAtMs,
    ttftMs: isStream ? forwarded.stream.firstTokenAtMs - startedAtMs : null,
  }
  const candidate = asEvidence(answered, settle({ ...chat, decision }, forwarded, answered))
  recordPair(state, chat, baseline, candidate)
  state.sink.push('shadowCalls', {
    requestId: chat.requestId,
    proposalId: rollout.proposal,
    atMs: state.clock.nowMs(),
    model: target?.model ?? null,
    status: forwarded.attempts.at(-1)?.status ?? null,
    errorClass: candidate.error?.errorClass ?? null,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    costMicroUsd: candidate.costMicroUsd,
    latencyMs: candidate.totalMs,
  })
}

interface Candidacy {
  readonly version: RouteVersion
  readonly decision: TargetDecision
  readonly startedAtMs: number
}

/** What its own guardrails or routing would turn away is sent to nobody, and counts as it would for a user: as no answer. */
async function callCandidate(state: GatewayState, chat: Chat, of: Candidacy): Promise<Forwarded> {
  const { version, decision, startedAtMs } = of
  const blocked = checkGuardrails({ ...chat, decision: { version, rollout: null } })
  const refusal = blocked?.error ?? decision.refusal
  if (refusal !== null) {
    return { kind: 'failed', target: null, attempts: [], error: new ProviderError('bad_request', refusal.message) }
  }
  return forward(chat.request.vectors === null ? state.mirror : embeddingClients(state.mirror), {
    targets: decision.targets,
    providers: chat.snapshot.providers,
    models: chat.snapshot.models,
    spec: version.spec,
    body: bodyFor(chat.request, version.spec.parameters ?? {}, chat.prompt),
    isStream: chat.request.isStream,
    isKept: true,
    region: chat.facts.metadata['region'],
    startedAtMs,
    cancellation: new Cancellation(),
    wantsJson: chat.facts.wantsJson,
    purse: purseOf(version.spec, decision.rule, chat.facts),
  })
}

/** Where the candidate would send the request: the mirror's own circuits, what all users' calls have measured. */
async function decideFor(
  state: GatewayState,
  chat: Chat,
  version: RouteVersion,
  nowMs: number,
): Promise<TargetDecision> {
  const task = await classify(state.mirrorTasks, { ...chat, version })
  return decideTargets({
    catalogue: chat.snapshot,
    version,
    request: chat.facts,
    task,
    random: state.random(),
    live: {
      ...quietLive(state.mirror.circuits.open(nowMs)),
      targets: state.user.live.view(task.task, chat.facts.metadata['region']),
    },
  })
}

async function endOf(state: GatewayState, forwarded: Forwarded): Promise<Pick<ArmResult, 'facts' | 'error'>> {
  if (forwarded.kind === 'failed') return { facts: null, error: forwarded.error }
  if (forwarded.kind === 'answer') return { facts: forwarded.answer.facts, error: null }
  const end = await consume(forwarded.stream)
  const { circuits } = state.mirror
  if (end.error === null) circuits.succeeded(forwarded.target.model)
  else if (isTargetAtFault(end.error)) circuits.failed(forwarded.target.model, state.clock.monotonicMs(), null)
  else circuits.released(forwarded.target.model)
  return end
}

/** Reads a stream to its end and throws its bytes away. */
function consume(stream: ChatStream): Promise<StreamEnd> {
  return new Promise((resolve) => stream.flow({ onBytes: () => true, onEnd: resolve }))
}
