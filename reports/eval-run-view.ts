import type { JudgeView } from './judge-view.ts'
import type { CaseView, EvalRunSummary, Fact, GateRow, Headline, ProposalSummary } from './view-parts.ts'

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
  readonly answered: number
  readonly errored: number
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
  /** 95 % interval of the paired difference. */
  readonly interval: readonly [number, number] | null
  readonly pairs: number
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
