import type { Gate, GateStage } from './bar.ts'
import type { Outcome } from './evidence.ts'

/** Names the method and its constants: stored with every verdict, changed whenever the same input could give another one. */
export const engineVersion: string = 'interlock-engine/2'

export type LiveStage = 'shadow' | 'canary' | 'bake'

/** What one live stage of one rollout is judged by. */
export interface GatePolicy {
  /** Those of this stage. */
  readonly gates: readonly Gate[]
  readonly stage: LiveStage
  /** Number of canary steps. */
  readonly steps: number
  /** Multiplier of the `maxDrop` margins, one per canary step; the last is 1. */
  readonly ladder: readonly number[]
  /** Multiplier of the `maxDrop` margins in shadow. */
  readonly shadowMultiplier: number
  /** Level of false promotion. */
  readonly alpha: number
  /** Level of false rollback. */
  readonly alphaRollback: number
  /** Share of scores that may be missing, 0..1. */
  readonly maxMissing: number
  /** Scored candidate answers a step needs before it may end. */
  readonly minSamples: number
  /** Of the whole stage; past it the stage ends inconclusive. */
  readonly maxDurationMs: number
  /** Of each step. */
  readonly minSoakMs: number
  /** True where one unit (session, user, account) meets one arm only: units, not requests, are then the evidence. */
  readonly isStickyUnit: boolean
  /** Names of the bar's evaluators. */
  readonly evaluatorMetrics: readonly string[]
}

/** Both answers to one item of a suite; null: that arm has none (counts as missing). */
export interface OutcomePair {
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
  /** Pairs that share it are not independent (repeats of an item, questions on one document); absent or null: independent. */
  readonly cluster?: string | null
}

/** What the offline stage judges a fixed suite by. */
export interface OfflinePolicy {
  readonly gates: readonly Gate[]
  /** Level of each one-sided bound. */
  readonly alpha: number
  readonly maxMissing: number
}

export type VerdictAction = 'advance' | 'wait' | 'hold' | 'rollback' | 'inconclusive'

/** Why a verdict is what it is. */
export interface Reason {
  /** Stable name of the rule; docs/statistics.md lists them. */
  readonly rule: string
  readonly metric: string | null
  readonly observed: number | null
  readonly threshold: number | null
  /** Answers of the candidate behind the observation. */
  readonly samples: number
  /** One plain sentence for people. */
  readonly message: string
}

export type GateVerdict = 'pass' | 'fail' | 'inconclusive'

/** One requirement of a gate as it stands: a gate with `max` and `maxIncrease` gives two of these. */
export interface GateResult {
  readonly stage: GateStage
  /** Index of the canary step; -1 in shadow and offline. */
  readonly step: number
  readonly metric: string
  /** Mean, or the quantile the metric names; null without data. Milliseconds, USD, or 0..1. */
  readonly baseline: number | null
  readonly candidate: number | null
  /** candidate - baseline, in the metric's own unit. */
  readonly difference: number | null
  /** Of the difference, at level 1 - alpha; in live stages always-valid. null for quantiles and cost in live stages. */
  readonly interval: [number, number] | null
  /** Scored answers of the candidate. */
  readonly samples: number
  /** Answers of either arm whose score is missing. */
  readonly missing: number
  /** The requirement, such as {maxDrop: 0.03}. */
  readonly threshold: Omit<Gate, 'metric'>
  readonly verdict: GateVerdict
  /** Largest evidence so far for "good enough"; passes at 1 / alpha. Offline: 0, it uses one fixed look instead. */
  readonly eValue: number
  /** Largest evidence so far for "too bad". */
  readonly harmEValue: number
  /** Margin this stage or step judged with: score points, or points of exceedance for latency; 0 for absolute limits. */
  readonly margin: number
  /** Smallest true difference seen with 80 % power at this sample; offline only, else null. */
  readonly mde: number | null
}

/** What a verdict saw, as plain JSON. */
export type VerdictEvidence = LiveEvidence | SuiteEvidence

/** Of the offline stage. */
export interface SuiteEvidence {
  readonly engine: string
  readonly stage: 'offline'
  readonly alpha: number
  readonly maxMissing: number
  /** Items of the suite. */
  readonly pairs: number
  readonly gates: readonly Readonly<Record<string, unknown>>[]
  /** What the version's forced paths showed (eval-paths.ts); absent: none was forced. */
  readonly paths?: readonly PathEvidence[]
}

/** One forced path of a version under the bar. */
export interface PathEvidence {
  readonly label: string
  /** advance: every gate passes. no_harm: none fails, and some are open for want of items. rollback, inconclusive as ever. */
  readonly verdict: 'advance' | 'no_harm' | 'rollback' | 'inconclusive'
  /** Items that take this path. */
  readonly pairs: number
  readonly reasons: readonly Reason[]
  readonly gates: readonly GateResult[]
}

/** Of a live stage. */
export interface LiveEvidence {
  readonly engine: string
  readonly stage: LiveStage
  readonly step: number
  readonly alpha: number
  readonly alphaRollback: number
  readonly observed: number
  readonly baseline: number
  readonly candidate: number
  /** Scored candidate answers since the step began. */
  readonly scoredInStep: number
  /** Observations left out because their place in the order had passed. */
  readonly ignored: number
  /** Requests without a unit where units are split: not randomised, so no evidence. */
  readonly unassigned: number
  readonly lastSeq: number | null
  /** Candidate shares in force when the evidence was assigned, basis points. */
  readonly sharesBp: readonly number[]
  /** Weighted evidence of harm over all gates and the fast-fail guard: now, at its peak, and what rolls back. */
  readonly rollback: {
    readonly now: number
    readonly peak: number
    readonly limit: number
    readonly driver: string | null
  }
  /** Bake only, else null: the detector of late harm at its peak, and the average run length it alarms at. */
  readonly detector: { readonly peak: number; readonly limit: number; readonly driver: string | null } | null
  readonly fastFail: { readonly eValue: number; readonly baseline: number; readonly candidate: number }
  readonly sampleRatio: { readonly assigned: number; readonly scored: number; readonly limit: number }
  readonly gates: readonly Readonly<Record<string, unknown>>[]
}

export interface Verdict {
  readonly action: VerdictAction
  readonly reasons: readonly Reason[]
  readonly gates: readonly GateResult[]
  readonly evidence: VerdictEvidence
}

/** Where a rollout stands when it is judged. */
export interface Situation {
  /** Canary step in force; -1 in shadow. */
  readonly step: number
  readonly elapsedInStageMs: number
  readonly elapsedInStepMs: number
}
