import { InterlockError } from '#domain/errors.ts'
import {
  isCandidateStable,
  isOpen,
  liveStageOf,
  next,
  type ProposalEvent,
  type ProposalState,
} from '#domain/proposal.ts'
import { appendAudit } from '#store/audit.ts'
import type { Tx } from '#store/database.ts'
import { bumpEpoch } from '#store/epoch.ts'
import { appendTimeline } from '#store/proposal-timeline.ts'
import { changeProposal, type ProposalChange, type StoredProposal } from '#store/proposals.ts'
import { moveStable, revertStable } from '#store/stable-pointer.ts'
import type { RolloutDeps } from './rollout-deps.ts'

export interface Act {
  /** `engine` or the key's name. */
  readonly by: string
  readonly reason: string
  /** More for the audit entry: verdict, e-values, approval digest. */
  readonly details?: Readonly<Record<string, unknown>>
  /** Stored in the same statement as the state. */
  readonly change?: ProposalChange
}

/**
 * Applies one event to a proposal: state, timeline, the route's stable version, audit entry and epoch, all in the caller's
 * transaction. The one place where live traffic is moved.
 *
 * @returns the state after the event
 * @throws InterlockError ILLEGAL_TRANSITION when the table refuses it, CONCURRENT_CHANGE when the proposal changed since it was read
 */
export async function applyEvent(
  tx: Tx,
  deps: RolloutDeps,
  proposal: StoredProposal,
  event: ProposalEvent,
  act: Act,
): Promise<ProposalState> {
  const transition = next(proposal.state, event, proposal.plan)
  if (transition.kind === 'refused') {
    const allowed = transition.allowed.length > 0 ? `; possible now: ${transition.allowed.join(', ')}` : ''
    throw new InterlockError(
      'ILLEGAL_TRANSITION',
      `proposal ${proposal.id} cannot ${words(event)}: ${transition.message}${allowed}`,
    )
  }
  const { state } = transition
  const at = deps.clock.nowMs()
  const isSaved = await changeProposal(tx, proposal, {
    ...act.change,
    ...bookkeeping(proposal, event, state, act, at),
    state,
  })
  if (!isSaved) {
    throw new InterlockError(
      'CONCURRENT_CHANGE',
      `proposal ${proposal.id} was changed by someone else at the same moment; read it again and retry`,
    )
  }
  await moveRoute(tx, proposal, state)
  await appendTimeline(tx, proposal.id, {
    at,
    from: proposal.state.status,
    to: state.status,
    by: act.by,
    reason: act.reason,
    shareBp: state.shareBp,
  })
  await appendAudit(tx, {
    at,
    actor: act.by,
    action: `proposal.${event.kind}`,
    subject: `proposal:${proposal.id}`,
    details: {
      route: proposal.route,
      version: proposal.version,
      from: proposal.state.status,
      to: state.status,
      step: state.step,
      shareBp: state.shareBp,
      reason: act.reason,
      ...act.details,
    },
  })
  await bumpEpoch(tx)
  return state
}

function words(event: ProposalEvent): string {
  return event.kind.replaceAll('_', ' ')
}

function bookkeeping(
  proposal: StoredProposal,
  event: ProposalEvent,
  state: ProposalState,
  act: Act,
  at: number,
): ProposalChange {
  const before = proposal.state
  const isNewStage = before.status !== state.status || before.step !== state.step || event.kind === 'resume'
  // Stages ask different questions of different requests: evidence starts anew and is never multiplied across them.
  const isNewEvidence = liveStageOf(before) !== liveStageOf(state) && isOpen(state.status)
  return {
    ...(isNewStage && { stageStartedAt: at }),
    ...(isNewEvidence && { engineState: null }),
    ...(!isOpen(state.status) && {
      endedAt: at,
      endReason: act.reason,
      endedInconclusive: event.kind === 'inconclusive',
    }),
  }
}

/** The route's stable version follows the proposal: forward when the last gate is passed, back when a bake fails. */
async function moveRoute(tx: Tx, proposal: StoredProposal, state: ProposalState): Promise<void> {
  const was = isCandidateStable(proposal.state.status)
  const is = isCandidateStable(state.status)
  if (!was && is) await moveStable(tx, { route: proposal.route, from: proposal.base, to: proposal.version })
  if (was && !is) await revertStable(tx, { route: proposal.route, to: proposal.base })
}
