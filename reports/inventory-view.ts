import type { MixPart, ReportLinks, ReportWindowView } from './report-window-view.ts'

/** Who asks which model for what, how much of it, and where routing would pay (E2). Money is integer micro-dollars. */
export interface InventoryReport {
  readonly window: ReportWindowView
  readonly total: {
    readonly requests: number
    readonly inputTokens: number
    readonly outputTokens: number
    /** Of the priced requests; null: none is. */
    readonly costMicroUsd: number | null
    readonly unpriced: number
    readonly candidates: number
  }
  /** Candidates for routing first, then by cost. */
  readonly rows: readonly InventoryRow[]
  /** What makes a row a candidate, in sentences. */
  readonly rules: readonly string[]
  /** Workflows and callers are counted over at most this many of the newest requests. */
  readonly mixRequests: number
}

export interface InventoryView extends InventoryReport {
  readonly links: ReportLinks
}

export interface InventoryRow {
  /** `direct`: a model addressed by its name, past every route. */
  readonly kind: 'route' | 'direct'
  /** The route; of direct traffic the model. */
  readonly name: string
  /** Of direct traffic: the key and the team that send it. */
  readonly caller: string | null
  readonly owner: string | null
  readonly purpose: string | null
  readonly risk: string | null
  readonly stableVersion: number | null
  readonly models: readonly MixPart[]
  readonly tasks: readonly MixPart[]
  readonly prompts: readonly MixPart[]
  readonly workflows: readonly MixPart[]
  readonly requests: number
  readonly requestsPerDay: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
  readonly errors: number
  readonly costMicroUsd: number | null
  /** Answered, but the model has no price: in no sum, never 0. */
  readonly unpriced: number
  readonly isCandidate: boolean
  readonly reasons: readonly InventoryReason[]
}

export interface InventoryReason {
  readonly code: 'volume' | 'spend' | 'cheaper_model' | 'simple_on_strong' | 'past_routes'
  readonly sentence: string
}
