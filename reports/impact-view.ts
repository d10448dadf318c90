/** What a change would do to recorded requests, foreseen when it was submitted. */
export interface ImpactView {
  readonly at: number
  readonly windowDays: number
  readonly requests: number
  readonly changed: number
  readonly verdict: 'pass' | 'fail' | 'waiting'
  readonly sentence: string
  readonly moves: readonly { readonly from: string; readonly to: string; readonly requests: number }[]
  /** By rule, team, task and region; each largest first. */
  readonly groups: readonly ImpactGroupsView[]
  readonly problems: readonly ImpactProblemView[]
  readonly unknowable: number
  readonly cost: ForecastView
  readonly latency: ForecastView
}

export interface ImpactGroupsView {
  readonly name: string
  readonly rows: readonly { readonly name: string; readonly requests: number; readonly changed: number }[]
}

export interface ImpactProblemView {
  /** `lost`: nobody would answer; `broken`: somebody may not. */
  readonly kind: 'lost' | 'broken'
  readonly sentence: string
  readonly requests: number
  readonly examples: readonly string[]
}

/** Means per request; relative change with its 95 % interval. null: cannot be told. */
export interface ForecastView {
  /** Micro-dollars, or milliseconds. */
  readonly before: number | null
  readonly after: number | null
  readonly change: number | null
  readonly interval: readonly [number, number] | null
  /** What it rests on. */
  readonly note: string
}
