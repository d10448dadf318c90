import type { ApprovalPoint, RolloutPlan } from './plan.ts'

export const openStatuses = ['queued', 'offline', 'shadow', 'awaiting_approval', 'canary', 'bake'] as const
export const endStatuses = ['promoted', 'rejected', 'failed', 'rolled_back', 'aborted'] as const
export type OpenStatus = (typeof openStatuses)[number]
export type EndStatus = (typeof endStatuses)[number]
export type ProposalStatus = OpenStatus | EndStatus
export type Approval = ApprovalPoint

export function isOpen(status: ProposalStatus): status is OpenStatus {
  return (openStatuses as readonly string[]).includes(status)
}

/**
 * Where a proposal stands.
 *
 * queued: nothing has run. offline: eval runs. shadow: share 0, answers mirrored. awaiting_approval: the share of the stage
 * before is kept (0 before the canary). canary: step >= 0, share = that step's. bake: the candidate is the route's stable
 * version, a small share stays on the version before. promoted, rejected, failed (before live traffic moved), rolled_back,
 * aborted: ends; nothing leads out.
 */
export interface ProposalState {
  readonly status: ProposalStatus
  /** Index into the canary steps; -1 before the canary. */
  readonly step: number
  /** Basis points of live traffic on the candidate. */
  readonly shareBp: number
  /** Holds advancing; evidence keeps coming and a rollback still fires. */
  readonly isPaused: boolean
  /** The approval that status awaiting_approval waits for. */
  readonly waitingFor: Approval | null
}

export type ProposalEvent =
  | { readonly kind: 'stage_passed' }
  | { readonly kind: 'stage_failed' }
  | { readonly kind: 'inconclusive' }
  | { readonly kind: 'approve' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'abort' }
  | { readonly kind: 'roll_back' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }

export type Transition =
  | { readonly kind: 'moved'; readonly state: ProposalState }
  | { readonly kind: 'refused'; readonly allowed: readonly ProposalEvent['kind'][]; readonly message: string }

/** Share of the previous stable version that stays on it through the bake, so that the two are compared concurrently. */
const bakeHoldbackBp = 500

/** Canary steps below 100 %, in percent: the step to 100 % is the promotion itself. */
export function canarySteps(plan: RolloutPlan): readonly number[] {
  return (plan.canary?.steps ?? []).filter((share) => share < 100)
}

export const initialState: ProposalState = { status: 'queued', step: -1, shareBp: 0, isPaused: false, waitingFor: null }

/**
 * The one transition table: what an event makes of a state under a plan.
 *
 * Pure. Only `stage_passed` and `approve` raise the share, each by one step; every other event keeps or lowers it.
 */
export function next(state: ProposalState, event: ProposalEvent, plan: RolloutPlan): Transition {
  if (!isOpen(state.status)) return refuse([], `the proposal is ${state.status}, which is final`)
  switch (event.kind) {
    case 'roll_back':
      return moved(ended(state, 'rolled_back'))
    case 'abort':
      return moved(ended(state, 'aborted'))
    case 'reject':
      return moved(ended(state, 'rejected'))
    case 'stage_failed':
    case 'inconclusive':
      return fail(state, event.kind)
    case 'pause':
      return state.isPaused ? refuse(allowedIn(state), 'it is paused already') : moved({ ...state, isPaused: true })
    case 'resume':
      return state.isPaused ? moved({ ...state, isPaused: false }) : refuse(allowedIn(state), 'it is not paused')
    case 'approve':
      return approve(state, plan)
    case 'stage_passed':
      return pass(state, plan)
  }
}

function moved(state: ProposalState): Transition {
  return { kind: 'moved', state }
}

function refuse(allowed: readonly ProposalEvent['kind'][], message: string): Transition {
  return { kind: 'refused', allowed, message }
}

/** What a person may do from here, for the message of a refusal. */
export function allowedIn(state: ProposalState): ProposalEvent['kind'][] {
  if (!isOpen(state.status)) return []
  const always: ProposalEvent['kind'][] = ['reject', 'abort', 'roll_back', state.isPaused ? 'resume' : 'pause']
  return state.status === 'awaiting_approval' && !state.isPaused ? ['approve', ...always] : always
}

function ended(state: ProposalState, status: EndStatus): ProposalState {
  return { ...state, status, shareBp: 0, isPaused: false, waitingFor: null }
}

function fail(state: ProposalState, kind: 'stage_failed' | 'inconclusive'): Transition {
  if (state.status === 'queued') return refuse(allowedIn(state), `nothing has run yet, so nothing can be ${kind}`)
  return moved(ended(state, state.shareBp > 0 ? 'rolled_back' : 'failed'))
}

function approve(state: ProposalState, plan: RolloutPlan): Transition {
  if (state.status !== 'awaiting_approval') {
    return refuse(allowedIn(state), `it is in ${state.status} and waits for no approval`)
  }
  if (state.isPaused) return refuse(allowedIn(state), 'it is paused; resume it first')
  if (state.waitingFor === 'promotion') return moved(promote(state, plan))
  return moved(
    state.waitingFor === 'shadow' ? { ...state, status: 'shadow', waitingFor: null } : enterStep(state, plan, 0),
  )
}

function pass(state: ProposalState, plan: RolloutPlan): Transition {
  if (state.isPaused) return refuse(allowedIn(state), 'it is paused')
  switch (state.status) {
    case 'queued':
      return moved(enterFirst(state, plan, ['offline', 'shadow']))
    case 'offline':
      return moved(enterFirst(state, plan, ['shadow']))
    case 'shadow':
      return moved(enterFirst(state, plan, []))
    case 'canary':
      return moved(afterStep(state, plan))
    case 'bake':
      return moved({ ...ended(state, 'promoted'), shareBp: 10_000 })
    default:
      return refuse(allowedIn(state), 'it waits for an approval, which no evidence replaces')
  }
}

/** The first stage of `wanted` that the plan has, else the canary, else promotion. */
function enterFirst(state: ProposalState, plan: RolloutPlan, wanted: readonly ('offline' | 'shadow')[]): ProposalState {
  const stage = wanted.find((name) => plan[name] !== undefined)
  if (stage === 'shadow' && needs(plan, 'shadow')) return wait(state, 'shadow')
  if (stage !== undefined) return { ...state, status: stage }
  if (canarySteps(plan).length === 0) return afterStep(state, plan)
  return needs(plan, 'canary') ? wait(state, 'canary') : enterStep(state, plan, 0)
}

function afterStep(state: ProposalState, plan: RolloutPlan): ProposalState {
  if (state.step + 1 < canarySteps(plan).length) return enterStep(state, plan, state.step + 1)
  return needs(plan, 'promotion') ? wait(state, 'promotion') : promote(state, plan)
}

function enterStep(state: ProposalState, plan: RolloutPlan, step: number): ProposalState {
  const shareBp = Math.round((canarySteps(plan)[step] ?? 0) * 100)
  return { ...state, status: 'canary', step, shareBp, waitingFor: null }
}

function promote(state: ProposalState, plan: RolloutPlan): ProposalState {
  if (plan.bake === undefined) return { ...ended(state, 'promoted'), shareBp: 10_000 }
  return { ...state, status: 'bake', shareBp: 10_000 - bakeHoldbackBp, waitingFor: null }
}

function wait(state: ProposalState, waitingFor: Approval): ProposalState {
  return { ...state, status: 'awaiting_approval', waitingFor }
}

function needs(plan: RolloutPlan, before: Approval): boolean {
  return (plan.approvals ?? []).some((approval) => approval.before === before)
}

/** True where the candidate is (or becomes) the route's stable version. */
export function isCandidateStable(status: ProposalStatus): boolean {
  return status === 'bake' || status === 'promoted'
}

/** The stage whose gates judge a proposal's live evidence; null where there is none (before shadow, and at the ends). */
export function liveStageOf(state: ProposalState): 'shadow' | 'canary' | 'bake' | null {
  if (state.status === 'shadow' || state.status === 'bake') return state.status
  return isOpen(state.status) && state.step >= 0 ? 'canary' : null
}
