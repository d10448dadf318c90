import type { ModelRef } from './route.ts'

/** Milliseconds below which a share of the measurements lies. */
export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** How good a model's answers are by one metric, [0, 1], 1 best, with a 95 % interval. */
export interface QualityScore {
  readonly score: number
  readonly low: number
  readonly high: number
  readonly samples: number
}

/** What is known about one model now. */
export interface TargetMeasure {
  /** Requests of this process that it has not answered yet. */
  readonly inFlight: number
  /** Answers behind the quantiles. */
  readonly samples: number
  /** Time to the first token of streams; null: too few measured. */
  readonly ttftMs: Quantiles | null
  /** Time to the whole answer; null: too few measured. */
  readonly totalMs: Quantiles | null
  /** By metric, for the task of the request; a metric that is absent was never scored. */
  readonly quality: Readonly<Record<string, QualityScore>>
}

/** All that routing reads besides snapshot, request and random number. With it recorded, a decision can be made again. */
export interface LiveView {
  /** Models whose circuit is open. */
  readonly openCircuits: ReadonlySet<ModelRef>
  /** A model without an entry was never measured. */
  readonly targets: ReadonlyMap<ModelRef, TargetMeasure>
  /** Micro-dollars that the tightest budget of this request has left; null: no budget applies. */
  readonly budgetLeftMicroUsd: number | null
  /** Providers that may not be sent more now, each with why. */
  readonly limitedProviders: ReadonlyMap<string, string>
}

/** A view as the decision log keeps it. */
export interface RecordedLive {
  readonly openCircuits: readonly ModelRef[]
  readonly targets: Readonly<Record<ModelRef, TargetMeasure>>
  readonly budgetLeftMicroUsd: number | null
  readonly limitedProviders: Readonly<Record<string, string>>
}

const nothingOpen: ReadonlySet<ModelRef> = new Set()
const nothingMeasured: ReadonlyMap<ModelRef, TargetMeasure> = new Map()
const nothingLimited: ReadonlyMap<string, string> = new Map()

/** A view in which nothing was measured and nothing is in the way but the circuits named. */
export function quietLive(openCircuits: ReadonlySet<ModelRef> = nothingOpen): LiveView {
  return { openCircuits, targets: nothingMeasured, budgetLeftMicroUsd: null, limitedProviders: nothingLimited }
}

const quietRecord: RecordedLive = { openCircuits: [], targets: {}, budgetLeftMicroUsd: null, limitedProviders: {} }

/** The view as it is kept. Nearly every request sees a quiet one, which costs nothing. */
export function recordLive(view: LiveView): RecordedLive {
  const { openCircuits, targets, budgetLeftMicroUsd, limitedProviders } = view
  const isQuiet = openCircuits.size === 0 && targets.size === 0 && limitedProviders.size === 0
  if (isQuiet && budgetLeftMicroUsd === null) return quietRecord
  return {
    openCircuits: [...openCircuits],
    targets: Object.fromEntries(targets),
    budgetLeftMicroUsd,
    limitedProviders: Object.fromEntries(limitedProviders),
  }
}

/** The view that a recorded decision was made with. */
export function liveOfRecord(record: RecordedLive): LiveView {
  return {
    openCircuits: new Set(record.openCircuits),
    targets: new Map(Object.entries(record.targets)),
    budgetLeftMicroUsd: record.budgetLeftMicroUsd,
    limitedProviders: new Map(Object.entries(record.limitedProviders)),
  }
}
