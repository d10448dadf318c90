import type { Fact } from './view-parts.ts'

export interface DecisionsView {
  /** The filters one mostly needs, and the rest. */
  readonly fields: readonly FilterField[]
  readonly moreFields: readonly FilterField[]
  /** Some of the rest is set: they are shown open. */
  readonly isMoreOpen: boolean
  /** What the list is narrowed to, each with an address without it. */
  readonly chips: readonly { readonly label: string; readonly value: string; readonly url: string }[]
  readonly summary: DecisionsSummary
  readonly items: readonly DecisionRow[]
  /** Address of the next page; null: this was the last. */
  readonly nextUrl: string | null
  /** The same list as JSON. */
  readonly jsonUrl: string
}

export interface FilterField {
  readonly name: string
  readonly label: string
  readonly value: string
  /** Set: only these can be chosen. `''` is any. */
  readonly options: readonly { readonly value: string; readonly label: string }[] | null
  /** What to type; null: nothing needs saying. */
  readonly hint: string | null
  readonly isNumber: boolean
}

/** Over the newest decisions that match. */
export interface DecisionsSummary {
  readonly requests: number
  /** More match than were summed up. */
  readonly isCut: boolean
  readonly errors: number
  readonly costMicroUsd: number | null
  readonly unpriced: number
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
}

export interface DecisionRow {
  readonly requestId: string
  readonly at: number
  readonly route: string
  readonly version: number | null
  readonly arm: string
  readonly model: string | null
  readonly rule: string | null
  readonly task: string | null
  readonly status: number
  readonly errorCode: string | null
  readonly attempts: number
  readonly isFallback: boolean
  readonly costMicroUsd: number | null
  /** Answered, and no price was known. */
  readonly isUnpriced: boolean
  readonly totalMs: number
}

export interface DecisionView {
  readonly requestId: string
  readonly at: number
  /** Why this model, one sentence. */
  readonly sentence: string
  readonly status: number
  readonly errorCode: string | null
  /** Rule, task and how it is known, strategy: what led to the choice. */
  readonly why: readonly Fact[]
  readonly facts: readonly Fact[]
  readonly usage: UsageView | null
  /** null: unpriced, or nothing was answered; `costWords` says which. */
  readonly costMicroUsd: number | null
  readonly costWords: string
  /** In order of preference, then the excluded. */
  readonly candidates: readonly CandidateRow[]
  /** Live statistics were consulted: the column is shown. */
  readonly hasLive: boolean
  readonly attempts: readonly AttemptRow[]
  readonly totalMs: number
  readonly warnings: readonly { readonly model: string; readonly field: string; readonly detail: string }[]
  readonly metadata: readonly Fact[]
  readonly scoring: ScoringView
  /** What the candidate did with a copy of the request in shadow; null: there was none. */
  readonly shadow: ShadowCopyView | null
  readonly feedback: readonly {
    readonly at: number
    readonly signal: string
    readonly value: number | null
    readonly by: string
    readonly comment: string | null
  }[]
  readonly route: string
  readonly isDirect: boolean
  readonly proposalId: string | null
}

export interface CandidateRow {
  readonly model: string
  readonly state: 'answered' | 'tried' | 'first' | 'eligible' | 'excluded'
  /** In words; '' where the state says it all. */
  readonly reason: string
  /** What the numbers behind an exclusion were. */
  readonly detail: string | null
  /** Live statistics that were consulted, in words; null: none of this model. */
  readonly live: string | null
}

export interface ScoringView {
  readonly state: 'none' | 'waiting' | 'scored'
  readonly stage: string | null
  readonly scores: readonly {
    readonly arm: string
    readonly evaluator: string
    readonly status: 'scored' | 'missing' | 'failed'
    readonly value: number | null
    readonly reason: string | null
  }[]
}

export interface ShadowCopyView {
  readonly model: string | null
  readonly status: number | null
  readonly errorClass: string | null
  readonly latencyMs: number
  readonly costMicroUsd: number | null
}

/** Tokens of a request. */
export interface UsageView {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  /** The provider sent no counts: these are our estimate. */
  readonly isEstimated: boolean
}

/** One try at one target. Times are milliseconds since the request arrived. */
export interface AttemptRow {
  readonly model: string
  readonly provider: string
  /** Slept before it. */
  readonly waitMs: number
  readonly startMs: number
  readonly endMs: number
  readonly firstTokenMs: number | null
  readonly status: number | null
  readonly errorClass: string | null
  readonly isFallback: boolean
  readonly costMicroUsd: number | null
}
