import type { ApprovalPoint } from './plan.ts'

/** A stage of a rollout in which gates are judged. */
export type GateStage = 'offline' | 'shadow' | 'canary' | 'bake'

export interface EvaluatorRef {
  readonly name: string
  readonly config?: Readonly<Record<string, unknown>>
}

/**
 * One requirement of a quality bar. `min` and `max` are absolute; `maxDrop` is how far the candidate may stay behind the
 * baseline in score points; `maxIncrease` how far it may exceed it, relative (0.25 = a quarter more).
 */
export interface Gate {
  readonly metric: string
  readonly min?: number
  readonly max?: number
  readonly maxDrop?: number
  readonly maxIncrease?: number
  /** Stages that judge this gate; absent: every stage of the plan. */
  readonly stages?: readonly GateStage[]
  /**
   * What evidence of harm does: roll back (default), hold for a person, or nothing (`observe`: shown, and not needed to
   * advance).
   */
  readonly action?: GateAction
}

export type GateAction = 'rollback' | 'hold' | 'observe'

/** The quality bar of a route: a proposal may tighten it, never loosen it. */
export interface Bar {
  readonly evaluators: readonly EvaluatorRef[]
  readonly gates: readonly Gate[]
  /** Level of promotion errors, 0 < alpha <= 0.2; default 0.05. */
  readonly alpha?: number
  /** Share of scores that may be missing, 0..1; default 0.05. */
  readonly maxMissing?: number
  /** Stages no plan may leave out; default offline, shadow, canary. */
  readonly required?: readonly GateStage[]
  /** Approvals that every proposal needs, besides those its plan asks for. */
  readonly approvals?: readonly { readonly before: ApprovalPoint }[]
}

/** Metrics that exist on every route, whatever its evaluators. */
export const builtInMetrics = [
  'error_rate',
  'latency_p50_ms',
  'latency_p95_ms',
  'latency_p99_ms',
  'ttft_p95_ms',
  'cost_usd',
  'refusal_rate',
] as const

/** True where a smaller value is the better one. Evaluator scores are in [0, 1] with 1 best. */
export function isLowerBetter(metric: string): boolean {
  return (builtInMetrics as readonly string[]).includes(metric)
}
