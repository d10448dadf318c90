import type { RolloutPlan } from '#domain/plan.ts'
import { canarySteps, isOpen, type ProposalState } from '#domain/proposal.ts'
import type { StageName } from '#reports/view-parts.ts'
import type { StageView } from '#reports/views.ts'

interface Stop {
  readonly stage: StageName | 'promoted'
  readonly step: number
  readonly percent: number | null
  readonly isPlanned: boolean
}

/** What a stop shows below its name. */
export interface StageFacts {
  readonly items: number | null
  /** Scored candidate answers in the step that runs, and how many it needs. */
  readonly scored: number | null
  readonly needed: number | null
  /** Status the proposal was in before its end; null while open. */
  readonly endedFrom: string | null
  /** The shadow stage has begun at some time. */
  readonly hasShadowed: boolean
}

/** The stage rail: offline, shadow, each canary step, bake, promoted, each as far as it got. */
export function stageRail(state: ProposalState, plan: RolloutPlan, facts: StageFacts): StageView[] {
  const stops = stopsOf(plan)
  const here = positionOf(stops, state, facts)
  return stops.map((stop, index) => ({
    stage: stop.stage,
    stepPercent: stop.percent,
    state: stateOf(stop, index, here, state),
    detail: detailOf(stop, index === here && isOpen(state.status), plan, facts),
  }))
}

function stopsOf(plan: RolloutPlan): Stop[] {
  const steps = canarySteps(plan).map((percent, step): Stop => ({ stage: 'canary', step, percent, isPlanned: true }))
  const stop = (stage: Stop['stage'], isPlanned: boolean): Stop => ({ stage, step: -1, percent: null, isPlanned })
  return [
    stop('offline', plan.offline !== undefined),
    stop('shadow', plan.shadow !== undefined),
    ...(steps.length === 0 ? [stop('canary', false)] : steps),
    stop('bake', plan.bake !== undefined),
    stop('promoted', true),
  ]
}

/** Index of the stop the proposal is at, waits for, or ended at; -1 before the first. */
function positionOf(stops: readonly Stop[], state: ProposalState, facts: StageFacts): number {
  const status = isOpen(state.status) || state.status === 'promoted' ? state.status : (facts.endedFrom ?? 'queued')
  if (status === 'queued') return isOpen(state.status) ? -1 : stops.findIndex((stop) => stop.isPlanned)
  if (status === 'canary') return stops.findIndex((stop) => stop.stage === 'canary' && stop.step === state.step)
  if (status !== 'awaiting_approval') return stops.findIndex((stop) => stop.stage === status)
  const next = (stop: Stop) =>
    stop.isPlanned &&
    (stop.stage === 'canary'
      ? stop.step > state.step
      : stop.stage === 'bake' || stop.stage === 'promoted' || (stop.stage === 'shadow' && !facts.hasShadowed))
  return stops.findIndex(next)
}

function stateOf(stop: Stop, index: number, here: number, state: ProposalState): StageView['state'] {
  if (!stop.isPlanned) return 'skipped'
  if (state.status === 'promoted' || index < here) return 'done'
  if (index > here) return isOpen(state.status) ? 'todo' : 'unreached'
  if (!isOpen(state.status)) return 'failed'
  if (state.isPaused) return 'paused'
  return state.status === 'awaiting_approval' ? 'waiting' : 'current'
}

function detailOf(stop: Stop, isHere: boolean, plan: RolloutPlan, facts: StageFacts): string {
  if (isHere && facts.scored !== null && facts.needed !== null) return `${facts.scored} of ${facts.needed} samples`
  if (stop.stage === 'offline' && facts.items !== null) return `${facts.items} items`
  return stop.stage === 'bake' && plan.bake !== undefined ? plan.bake.duration : ''
}
