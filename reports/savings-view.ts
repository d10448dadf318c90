import type { ReportLinks, ReportWindowView } from './report-window-view.ts'
import type { MetricUnit } from './view-parts.ts'

/** What routing saved, against what, and what it cost to prove (E3). Money is integer micro-dollars unless said otherwise. */
export interface SavingsReport {
  readonly window: ReportWindowView
  readonly total: SavingsTotal
  /** UTC days of the window, oldest first, without gaps. */
  readonly days: readonly SavingsDay[]
  /** The largest saving first. */
  readonly routes: readonly RouteSavings[]
  /** What the figures take for granted, in sentences. */
  readonly assumptions: readonly string[]
}

export interface SavingsView extends SavingsReport {
  readonly links: ReportLinks
}

/** Actual cost of requests beside what they would have cost. Only requests with both sides are in these sums. */
export interface Comparison {
  readonly requests: number
  readonly actualMicroUsd: number
  readonly otherMicroUsd: number
  /** other - actual; negative: it cost more. */
  readonly savedMicroUsd: number
  /** Of the other cost, may be negative; null: the other cost nothing. */
  readonly savedRatio: number | null
  /** What was saved if the other model wrote a quarter less, or more, than was written. */
  readonly savedRangeMicroUsd: readonly [number, number]
}

export interface ExcludedCounts {
  /** Answered by a model without a price. */
  readonly unpriced: number
  /** Nothing was answered, or the number of tokens is unknown. */
  readonly unanswered: number
  /** Priced, but of a route with no priced model to compare with. */
  readonly withoutComparison: number
}

export interface ProvingCost {
  readonly shadowMicroUsd: number
  readonly evalMicroUsd: number
  /** Calls that were made without a known price: in no sum. */
  readonly unpricedCalls: number
}

export interface SavingsTotal {
  /** Through routes. */
  readonly requests: number
  readonly strongest: Comparison | null
  readonly excluded: ExcludedCounts
  /** Past every route: no comparison is made. */
  readonly direct: { readonly requests: number; readonly costMicroUsd: number | null; readonly unpriced: number }
  readonly proving: ProvingCost
  /** Saved less the cost of proving; null without a comparison. */
  readonly netMicroUsd: number | null
  /** Routes where quality was shown to have fallen. */
  readonly warnings: number
}

export interface SavingsDay {
  /** Start of the UTC day. */
  readonly at: number
  readonly requests: number
  readonly actualMicroUsd: number
  readonly strongestMicroUsd: number
}

export interface RouteSavings {
  readonly route: string
  readonly owner: string | null
  readonly stableVersion: number | null
  readonly requests: number
  readonly excluded: ExcludedCounts
  /** Model the comparison is made with and why it counts as the strongest; null: no model of the pool has a price. */
  readonly strongestModel: { readonly model: string; readonly by: 'quality' | 'price'; readonly reason: string } | null
  readonly strongest: Comparison | null
  readonly previous: PreviousComparison | null
  /** Why there is no comparison with the previous version; null where there is one. */
  readonly previousNote: string | null
  readonly quality: readonly QualityLine[]
  /** Set where quality was shown to have fallen, or cannot be told. */
  readonly warning: { readonly kind: 'fell' | 'unknown'; readonly sentence: string } | null
  readonly proving: ProvingCost
}

/** Cost per request of the stable version and of the one before, on the tasks of the stable version. */
export interface PreviousComparison {
  readonly version: number
  readonly previousVersion: number
  readonly requests: number
  readonly previousRequests: number
  /** Micro-dollars, not whole. */
  readonly currentEachMicroUsd: number
  readonly previousEachMicroUsd: number
  readonly savedEachMicroUsd: number
  /** 95 % interval of `savedEachMicroUsd`. */
  readonly savedEachIntervalMicroUsd: readonly [number, number]
  readonly savedMicroUsd: number
  readonly savedIntervalMicroUsd: readonly [number, number]
  /** Share of the requests whose task the previous version was asked too, 0..1; the rest is left out. */
  readonly coverage: number
}

export interface QualityLine {
  readonly source: 'eval' | 'live' | 'feedback'
  readonly metric: string
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  /** What it is compared with: `v1`, or a model. */
  readonly against: string
  readonly other: number | null
  readonly current: number | null
  readonly difference: number | null
  readonly interval: readonly [number, number] | null
  readonly samples: number
  readonly change: 'fell' | 'rose' | 'not_shown'
}
