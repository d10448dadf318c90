import type { Fact } from './view-parts.ts'

export interface DecisionsView {
  /** What the list is narrowed to; '' means not at all. */
  readonly filters: {
    readonly route: string
    readonly arm: string
    readonly model: string
    readonly version: string
  }
  readonly items: readonly DecisionRow[]
  /** Address of the next page; null: this was the last. */
  readonly nextUrl: string | null
  readonly routes: readonly string[]
}

export interface DecisionRow {
  readonly requestId: string
  readonly at: number
  readonly route: string
  readonly version: number | null
  readonly arm: string
  readonly model: string | null
  readonly rule: string | null
  readonly status: number
  readonly attempts: number
  readonly isFallback: boolean
  readonly costMicroUsd: number | null
  readonly totalMs: number
}

export interface DecisionView {
  readonly requestId: string
  readonly at: number
  /** Why this model, one sentence. */
  readonly sentence: string
  readonly status: number
  readonly errorCode: string | null
  readonly facts: readonly Fact[]
  readonly usage: UsageView | null
  /** null: unpriced, or nothing was answered. */
  readonly costMicroUsd: number | null
  readonly eligible: readonly string[]
  readonly chosen: string | null
  readonly excluded: readonly { readonly model: string; readonly by: string; readonly detail: string }[]
  readonly attempts: readonly AttemptRow[]
  readonly totalMs: number
  readonly metadata: readonly Fact[]
  readonly feedback: readonly {
    readonly at: number
    readonly signal: string
    readonly value: number | null
    readonly by: string
    readonly comment: string | null
  }[]
  readonly route: string
  readonly proposalId: string | null
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

export interface AttemptRow {
  readonly model: string
  readonly provider: string
  readonly startMs: number
  readonly endMs: number
  readonly firstTokenMs: number | null
  readonly status: number | null
  readonly errorClass: string | null
  readonly isFallback: boolean
}
