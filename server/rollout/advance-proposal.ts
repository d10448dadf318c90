import { durationMs } from '#domain/plan.ts'
import {
  accumulate,
  type EngineState,
  engineVersion,
  judge,
  policyOf,
  startEngine,
  type Verdict,
} from '#domain/promotion.ts'
import { isOpen, liveStageOf, type ProposalEvent } from '#domain/proposal.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import { readEvidence } from '#store/observations.ts'
import { readStageStart } from '#store/proposal-timeline.ts'
import { changeProposal, lockProposal, type ProposalChange, type StoredProposal } from '#store/proposals.ts'
import { applyEvent } from './apply-event.ts'
import { frozenAt, held } from './freeze.ts'
import { keepChangedVerdict, keepVerdict, mergeGates } from './keep-verdict.ts'
import { judgeOfflineStage } from './offline-stage.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** Most observations one tick takes in, so that a tick stays short; the rest waits for the next. */
const batchLimit = 4_000

/**
 * Does the next due thing of one proposal: load, decide (domain), save, in one transaction (D4 to D7). Level-triggered: it
 * reads the stored state only, so it may run twice, late, or in two processes at once (the row lock lets one through).
 *
 * @returns true when more evidence is waiting than one tick takes
 */
export async function advanceProposal(deps: RolloutDeps, id: string): Promise<boolean> {
  let hasMoved = false
  let isMoreWaiting = false
  await inTransaction(deps.db, async (tx) => {
    const proposal = await lockProposal(tx, id, false)
    if (proposal === null || !isOpen(proposal.state.status)) return
    switch (proposal.state.status) {
      case 'queued':
        if (proposal.state.isPaused) return
        // Evals touch no live request; everything after them waits for the window to end.
        if (proposal.plan.offline === undefined && (await frozenAt(tx, deps, proposal)) !== null) return
        await applyEvent(
          tx,
          deps,
          proposal,
          { kind: 'stage_passed' },
          { by: 'engine', reason: 'the first stage begins' },
        )
        hasMoved = true
        return
      case 'offline':
        hasMoved = await judgeOfflineStage(tx, deps, proposal)
        return
      default: {
        const outcome = await judgeLiveStage(tx, deps, proposal)
        hasMoved = outcome.hasMoved
        isMoreWaiting = outcome.isMoreWaiting
      }
    }
  })
  if (hasMoved) {
    await deps.onChange()
    deps.ring({ name: 'advance-proposal', id })
  }
  return isMoreWaiting
}

async function judgeLiveStage(
  tx: Tx,
  deps: RolloutDeps,
  proposal: StoredProposal,
): Promise<{ hasMoved: boolean; isMoreWaiting: boolean }> {
  const stage = liveStageOf(proposal.state)
  if (stage === null) return { hasMoved: false, isMoreWaiting: false }
  const policy = policyOf(proposal.bar, proposal.plan, stage)
  const { before, after } = evidenceSoFar(deps, proposal)
  const batch = await readEvidence(tx, {
    proposalId: proposal.id,
    after,
    stage,
    evaluators: policy.evaluatorMetrics,
    nowMs: deps.clock.nowMs(),
    gatewayGoneAfterMs: deps.gatewayGoneAfterMs,
    limit: batchLimit,
  })
  // Their place in assignment order numbers the observations: the engine then sees one rising sequence on every replay.
  const first = (before.lastSeq ?? 0) + 1
  const observations = batch.observations.map((observation, index) => ({ ...observation, seq: first + index }))
  const state = accumulate(before, policy, observations)
  const elapsedMs = deps.clock.nowMs() - proposal.stageStartedAt
  const judged = judge(state, policy, {
    step: proposal.state.step,
    elapsedInStageMs: deps.clock.nowMs() - (await readStageStart(tx, proposal.id, proposal.stageStartedAt)),
    elapsedInStepMs: elapsedMs,
  })
  const verdict = held(judged, judged.action === 'advance' ? await frozenAt(tx, deps, proposal) : null)
  const change: ProposalChange = {
    gates: mergeGates(proposal.gates, verdict.gates),
    ...(observations.length > 0 && { engineState: state, folded: batch.folded }),
  }
  const event = eventOf(proposal, verdict, elapsedMs)
  if (event !== null) {
    await keepVerdict(tx, deps, proposal, verdict)
    await applyEvent(tx, deps, proposal, event, {
      by: 'engine',
      reason: sentence(verdict, event),
      details: { verdict: verdict.action, reasons: verdict.reasons },
      change,
    })
  } else {
    await keepChangedVerdict(tx, deps, proposal, verdict)
    if (observations.length > 0) await changeProposal(tx, proposal, change)
  }
  return { hasMoved: event !== null, isMoreWaiting: observations.length === batchLimit }
}

/**
 * What a verdict does to a proposal. A rollback always acts, whatever the state; advancing only where nothing holds it.
 * A bake asks no proof of being good (the canary gave it): it passes when its time is over, answers were scored and no harm
 * was found. Without answers nothing was watched, and it ends inconclusive.
 */
function eventOf(proposal: StoredProposal, verdict: Verdict, elapsedMs: number): ProposalEvent | null {
  const { status, isPaused } = proposal.state
  if (verdict.action === 'rollback') return { kind: 'stage_failed' }
  if (isPaused || status === 'awaiting_approval') return null
  if (status === 'bake') {
    const durationOfBakeMs = durationMs(proposal.plan.bake?.duration ?? '') ?? 0
    if (verdict.action === 'inconclusive') return { kind: 'inconclusive' }
    return elapsedMs >= durationOfBakeMs && verdict.action === 'advance' ? { kind: 'stage_passed' } : null
  }
  if (verdict.action === 'inconclusive') return { kind: 'inconclusive' }
  return verdict.action === 'advance' ? { kind: 'stage_passed' } : null
}

/**
 * The evidence of the stage and the place it reaches to. What an older engine made of it says nothing to this one: the stage's
 * observations are taken in again from the first.
 */
function evidenceSoFar(
  deps: RolloutDeps,
  proposal: StoredProposal,
): { readonly before: EngineState; readonly after: StoredProposal['folded'] } {
  const stored = proposal.engineState as EngineState | null
  if (stored === null) return { before: startEngine(), after: proposal.folded }
  if (stored.version === engineVersion) return { before: stored, after: proposal.folded }
  deps.log.info(
    { proposal: proposal.id, from: stored.version, to: engineVersion },
    'evidence is taken in anew by this engine',
  )
  return { before: startEngine(), after: { tx: '0', seq: '0' } }
}

function sentence(verdict: Verdict, event: ProposalEvent): string {
  if (event.kind === 'stage_passed' && verdict.evidence.stage === 'bake')
    return 'the bake is over and no harm was found'
  return verdict.reasons[0]?.message ?? verdict.action
}
