import type { JudgeView } from './judge-view.ts'
import type { CaseView, EvalRunSummary, Fact, GateRow, Headline, ProposalSummary, VerdictName } from './view-parts.ts'

export interface EvalRunView {
  readonly id: string
  readonly status: EvalRunSummary['status']
  readonly error: string | null
  readonly proposal: ProposalSummary | null
  readonly dataset: string
  readonly datasetVersion: number
  readonly createdAt: number
  readonly createdBy: string
  readonly finishedAt: number | null
  readonly headline: Headline
  readonly targets: readonly EvalTargetView[]
  readonly gates: readonly GateRow[]
  readonly comparisons: readonly ComparisonRow[]
  readonly slices: readonly SliceTable[]
  readonly paths: readonly PathRow[]
  readonly regressions: readonly CaseView[]
  readonly regressionCount: number
  readonly improvements: readonly CaseView[]
  readonly improvementCount: number
  readonly health: readonly EvaluatorHealthRow[]
  /** Judges behind the scores; empty: no evaluator asks one. */
  readonly judges: readonly JudgeView[]
  readonly provenance: readonly Fact[]
}

/** One side of a run with its cost and speed. */
export interface EvalTargetView {
  readonly label: string
  readonly kind: 'baseline' | 'candidate' | 'model' | 'path' | 'noise'
  readonly planned: number
  readonly sent: number
  readonly answered: number
  /** Answered, and every score that is due is there. */
  readonly scored: number
  readonly errored: number
  /** Items that do not take the path this target forces. */
  readonly skipped: number
  /** Of the answered, taken from earlier answers: nothing was paid. */
  readonly cached: number
  readonly costMicroUsd: number | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
}

/** Baseline against candidate under one evaluator, on the items that both have scored. */
export interface ComparisonRow {
  readonly evaluator: string
  readonly baseline: number | null
  readonly candidate: number | null
  readonly difference: number | null
  /** 95 % interval of the paired difference, wider where answers hang together. */
  readonly interval: readonly [number, number] | null
  /** Smallest true difference this many pairs would have shown with 80 % power; null below two. */
  readonly detectable: number | null
  readonly pairs: number
  /** Groups of answers that hang together; null: all are independent. */
  readonly clusters: number | null
  /** Half width of the band in which two identical arms would lie 19 times in 20; null: the baseline answered once only. */
  readonly noiseBand: number | null
  /** The difference weighted to the route's traffic by task; null: no traffic, or none of its tasks is in the suite. */
  readonly weighted: {
    readonly mean: number
    readonly interval: readonly [number, number] | null
    /** Share of the traffic whose tasks the suite has, 0..1. */
    readonly covered: number
    /** Tasks of the traffic without an item, with their part of it. */
    readonly uncovered: readonly { readonly name: string; readonly part: number }[]
  } | null
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

export interface SliceTable {
  readonly dimension: string
  readonly rows: readonly SliceRow[]
  /** Slices left out because the table is bounded. */
  readonly hiddenCount: number
}

export interface SliceRow {
  readonly slice: string
  readonly evaluator: string
  readonly pairs: number
  readonly baseline: number | null
  readonly candidate: number | null
  readonly difference: number | null
  readonly interval: readonly [number, number] | null
  /** Two-sided p-value of "no difference", corrected for the number of slices and evaluators looked at (Holm). */
  readonly pAdjusted: number | null
}

/** A path of the candidate that was forced: its primary failing, or one of its models alone. */
export interface PathRow {
  readonly label: string
  readonly verdict: VerdictName
  /** Items that take it. */
  readonly pairs: number
  readonly reason: string
}

export interface EvaluatorHealthRow {
  readonly evaluator: string
  readonly version: string
  readonly target: string
  readonly scored: number
  readonly notApplicable: number
  readonly unscored: number
  readonly errored: number
  readonly mean: number | null
}
