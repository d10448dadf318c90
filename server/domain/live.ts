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
  /** Answers measured lately: behind `totalMs`. */
  readonly samples: number
  /** First tokens measured lately: behind `ttftMs`. */
  readonly ttftSamples: number
  /** Time to the first token of streams; null: too few measured. */
  readonly ttftMs: Quantiles | null
  /** Time to the whole answer; null: too few measured. */
  readonly totalMs: Quantiles | null
  /** By metric, for the task of the request; a metric that is absent was never scored. */
  readonly quality: Readonly<Record<string, QualityScore>>
  /** Share of prompt tokens lately billed at the cached price, 0 to 1; null: not known. */
  readonly cachedShare: number | null
}

/** A model of which nothing is known. */
export const unknownTarget: TargetMeasure = {
  inFlight: 0,
  samples: 0,
  ttftSamples: 0,
  ttftMs: null,
  totalMs: null,
  quality: {},
  cachedShare: null,
}

/** What of a view a decision has read: only that is kept with it. */
export interface Consulted {
  /** The pool and the fallbacks. */
  readonly models: readonly ModelRef[]
  readonly inFlight: boolean
  /** Times and how many of them. */
  readonly latency: boolean
  readonly cachedShare: boolean
  readonly quality: boolean
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

/** A view as the decision log keeps it: what was consulted, no more. */
export interface RecordedLive {
  readonly openCircuits: readonly ModelRef[]
  readonly targets: Readonly<Record<ModelRef, Partial<TargetMeasure>>>
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

export const quietRecord: RecordedLive = {
  openCircuits: [],
  targets: {},
  budgetLeftMicroUsd: null,
  limitedProviders: {},
}

/** A copy of what a decision has read, taken at once: measurements go on. Nearly every request reads nothing, which costs nothing. */
export function recordLive(view: LiveView, consulted: Consulted): RecordedLive {
  const { openCircuits, targets, budgetLeftMicroUsd, limitedProviders } = view
  const { inFlight, latency, cachedShare, quality } = consulted
  const isMeasured = targets.size > 0 && (inFlight || latency || cachedShare || quality)
  if (!isMeasured && openCircuits.size === 0 && limitedProviders.size === 0 && budgetLeftMicroUsd === null) {
    return quietRecord
  }
  return {
    openCircuits: openCircuits.size === 0 ? [] : consulted.models.filter((model) => openCircuits.has(model)),
    targets: isMeasured ? recordTargets(targets, consulted) : {},
    budgetLeftMicroUsd,
    limitedProviders: Object.fromEntries(limitedProviders),
  }
}

function recordTargets(
  targets: LiveView['targets'],
  { models, inFlight, latency, cachedShare, quality }: Consulted,
): Record<ModelRef, Partial<TargetMeasure>> {
  const recorded: Record<ModelRef, Partial<TargetMeasure>> = {}
  for (const model of models) {
    const measure = targets.get(model)
    if (measure === undefined) continue
    const known: { -readonly [K in keyof TargetMeasure]?: TargetMeasure[K] } = {}
    if (inFlight) known.inFlight = measure.inFlight
    if (latency) {
      known.samples = measure.samples
      known.ttftSamples = measure.ttftSamples
      known.ttftMs = measure.ttftMs
      known.totalMs = measure.totalMs
    }
    if (cachedShare) known.cachedShare = measure.cachedShare
    if (quality) known.quality = measure.quality
    recorded[model] = known
  }
  return recorded
}

/** The view that a recorded decision was made with. */
export function liveOfRecord(record: RecordedLive): LiveView {
  return {
    openCircuits: new Set(record.openCircuits),
    targets: new Map(Object.entries(record.targets).map(([model, known]) => [model, { ...unknownTarget, ...known }])),
    budgetLeftMicroUsd: record.budgetLeftMicroUsd,
    limitedProviders: new Map(Object.entries(record.limitedProviders)),
  }
}
