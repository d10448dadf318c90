import { type Kysely, sql } from 'kysely'
import type { RolloutPlan } from '#domain/plan.ts'
import type { GateResult, Reason } from '#domain/promotion-types.ts'
import { isOpen, next, type ProposalState } from '#domain/proposal.ts'
import type { FunnelRow, LiveView } from '#reports/views.ts'
import { readTraffic } from './report-views.ts'
import { sentence, shareWords } from './report-words.ts'
import type { Tables } from './tables.ts'

/** What the candidate has been exposed to since the proposal began. */
export interface Exposure {
  readonly candidateRequests: number
  readonly candidateUnits: number | null
  readonly lastCandidateRequestAt: number | null
  readonly funnel: readonly FunnelRow[]
}

/** Observations of a proposal per arm: assigned, answered, scored. Shadow pairs are an arm of their own. */
export async function readExposure(db: Kysely<Tables>, proposalId: string): Promise<Exposure> {
  const { rows } = await sql<{
    arm: string
    planned: number
    answered: number
    scored: number
    units: number
    last: Date
  }>`
    select arm, count(*)::int as planned, count(*) filter (where is_answered)::int as answered,
      count(*) filter (where is_scored)::int as scored, count(distinct unit)::int as units, max(assigned_at) as last
    from observations where proposal_id = ${proposalId} group by arm order by arm`.execute(db)
  const candidate = rows.find((row) => row.arm === 'candidate')
  return {
    candidateRequests: candidate?.planned ?? 0,
    candidateUnits: candidate === undefined || candidate.units === 0 ? null : candidate.units,
    lastCandidateRequestAt: candidate?.last.getTime() ?? null,
    funnel: rows.map((row) => ({
      arm: row.arm === 'pair' ? 'shadow pair' : row.arm,
      planned: row.planned,
      answered: row.answered,
      scored: row.scored,
    })),
  }
}

/** The live part of a proposal's page; null where nothing is or was measured on live requests. */
export async function readLive(
  db: Kysely<Tables>,
  of: {
    readonly id: string
    readonly route: string
    readonly base: number
    readonly state: ProposalState
    readonly plan: RolloutPlan
    readonly stageStartedAt: number
    readonly nowMs: number
    readonly exposure: Exposure
    readonly verdict: {
      readonly action: string
      readonly reasons: readonly Reason[]
      readonly gates: readonly GateResult[]
    } | null
  },
): Promise<LiveView | null> {
  const isLive = isOpen(of.state.status) && !['queued', 'offline'].includes(of.state.status)
  if (!isLive) return null
  const traffic = await readTraffic(db, {
    route: of.route,
    proposal: of,
    stableVersion: of.base,
    shareBp: of.state.shareBp,
    nowMs: of.nowMs,
  })
  return {
    traffic,
    unit: of.plan.canary?.unit ?? 'request',
    candidateRequests: of.exposure.candidateRequests,
    candidateUnits: of.exposure.candidateUnits,
    stageStartedAt: of.stageStartedAt,
    next: nextWords(of.state, of.plan),
    needs: needsOf(of.state, of.verdict),
    funnel: of.exposure.funnel,
  }
}

/** What a passed stage leads to, from the transition table itself. */
function nextWords(state: ProposalState, plan: RolloutPlan): string | null {
  const event = state.status === 'awaiting_approval' ? 'approve' : 'stage_passed'
  const transition = next({ ...state, isPaused: false }, { kind: event }, plan)
  if (transition.kind === 'refused') return null
  const { status, shareBp } = transition.state
  if (status === 'canary') return `Next: ${shareWords(shareBp)} of requests`
  if (status === 'awaiting_approval') return 'Next: a person decides'
  return status === 'bake' ? 'Next: stable, and the bake' : status === 'promoted' ? 'Next: promoted' : `Next: ${status}`
}

function needsOf(
  state: ProposalState,
  verdict: {
    readonly action: string
    readonly reasons: readonly Reason[]
    readonly gates: readonly GateResult[]
  } | null,
): LiveView['needs'] {
  const paused = state.isPaused ? [{ sentence: 'Someone resumes it.', isMet: false }] : []
  if (state.status === 'awaiting_approval')
    return [...paused, { sentence: 'Someone other than the author approves it.', isMet: false }]
  if (verdict === null) return [...paused, { sentence: 'The first observations arrive.', isMet: false }]
  const passed = verdict.gates.filter((gate) => gate.verdict === 'pass').length
  const isAll = verdict.gates.length > 0 && passed === verdict.gates.length
  const gates = { sentence: `Every requirement is proven (${passed} of ${verdict.gates.length} are).`, isMet: isAll }
  const isOpenVerdict = verdict.action === 'wait' || verdict.action === 'hold'
  const lacking = isOpenVerdict
    ? verdict.reasons.map((reason) => ({ sentence: sentence(reason.message), isMet: false }))
    : []
  return [...paused, ...lacking.slice(0, 8), gates]
}
