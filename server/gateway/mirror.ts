import { purseOf } from '#domain/fallback.ts'
import { quietLive } from '#domain/live.ts'
import type { RouteVersion } from '#domain/route.ts'
import { decideTargets, type TargetDecision } from '#domain/routing.ts'
import { chargedCost } from '#domain/task.ts'
import type { ChatStream } from '#providers/provider.ts'
import { Cancellation, ProviderError, type StreamEnd } from '#providers/provider.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { bodyFor } from './chat-request.ts'
import { classify } from './classify.ts'
import { embeddingClients } from './embedding-clients.ts'
import { estimatedUsage, needsEstimate } from './estimated-usage.ts'
import { type Forwarded, forward } from './forward.ts'
import { recordPair } from './live-evidence.ts'
import { type ArmResult, costOf, usageOf } from './outcome.ts'
import { promptedAs, withoutPrompt } from './prompt.ts'

/**
 * Answers a request once more with the candidate, after its user was answered (D5). The answer goes to nobody; the call is in
 * a ledger of its own and never in the decision log.
 */
export async function runMirror(state: GatewayState, asked: Chat, baseline: ArmResult): Promise<void> {
  const { rollout } = asked.decision
  if (rollout === null) return
  const { chat, refusal } = promptedAs(asked, rollout.candidate)
  const startedAtMs = state.clock.monotonicMs()
  const decision = withoutPrompt(await decideFor(state, chat, rollout.candidate, startedAtMs), refusal)
  const forwarded: Forwarded =
    decision.refusal === null
      ? await forward(chat.request.vectors === null ? state.mirror : embeddingClients(state.mirror), {
          targets: decision.targets,
          providers: chat.snapshot.providers,
          models: chat.snapshot.models,
          spec: rollout.candidate.spec,
          body: bodyFor(chat.request, rollout.candidate.spec.parameters ?? {}, chat.prompt),
          isStream: chat.request.isStream,
          isKept: true,
          region: chat.facts.metadata['region'],
          startedAtMs,
          cancellation: new Cancellation(),
          wantsJson: chat.facts.wantsJson,
          purse: purseOf(rollout.candidate.spec, decision.rule, chat.facts),
        })
      : {
          kind: 'failed',
          target: null,
          attempts: [],
          error: new ProviderError('bad_request', decision.refusal.message),
        }
  const end = await endOf(state, forwarded)
  const usage = needsEstimate(end.facts)
    ? await estimatedUsage(state.tokens, chat, end.facts)
    : usageOf(end.facts, chat.facts.inputTokens)
  const { target } = forwarded
  const isStream = forwarded.kind === 'stream'
  const candidate: ArmResult = {
    ...end,
    isRescued: target !== null && decision.firstChoice !== null && target.model !== decision.firstChoice,
    isStream: chat.request.isStream,
    usage,
    costMicroUsd: chargedCost(
      target === null ? null : costOf(chat.snapshot.models.get(target.model), usage),
      decision.classification,
    ),
    totalMs: state.clock.monotonicMs() - startedAtMs,
    ttftMs: isStream ? forwarded.stream.firstTokenAtMs - startedAtMs : null,
  }
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
  if (end.error === null) state.mirror.circuits.succeeded(forwarded.target.model)
  else state.mirror.circuits.failed(forwarded.target.model, state.clock.monotonicMs(), null)
  return end
}

/** Reads a stream to its end and throws its bytes away. */
export function consume(stream: ChatStream): Promise<StreamEnd> {
  return new Promise((resolve) => stream.flow({ onBytes: () => true, onEnd: resolve }))
}
