import type { Catalogue } from './constraints.ts'
import { costMicroUsd, expectedCostMicroUsd, type Wanted } from './cost.ts'
import type { Usage } from './decision.ts'
import type { ModelRef } from './route.ts'

/** Where one request would go before and after, and what it used. */
export interface Charge {
  readonly before: ModelRef | null
  readonly after: ModelRef | null
  /** As billed; null: nothing was answered, so what routing expects is taken. */
  readonly usage: Usage | null
  readonly facts: Wanted
}

/** Relative changes: 0.25 = a quarter more. Intervals cover 95 %. */
export interface CostForecast {
  /** Requests that both versions would serve at a known price. */
  readonly requests: number
  /** Requests left out because a model is unpriced or nothing would serve them. */
  readonly unpriced: number
  readonly beforeMicroUsd: number | null
  readonly afterMicroUsd: number | null
  readonly change: number | null
  readonly low: number | null
  readonly high: number | null
}

export interface LatencyForecast {
  /** Share of requests whose models have been measured, both before and after, [0, 1]. */
  readonly covered: number
  readonly beforeMs: number | null
  readonly afterMs: number | null
  readonly change: number | null
  readonly low: number | null
  readonly high: number | null
}

/** How long one model took, all routes together. */
export interface MeasuredLatency {
  readonly count: number
  readonly meanMs: number
  readonly deviationMs: number
}
export type LatencyOf = (model: ModelRef) => MeasuredLatency | null

const z95 = 1.959964
/** Fewer answers than this are no measurement of a model. */
const minMeasured = 20

/**
 * Mean cost per request before and after, and their ratio with a 95 % interval.
 *
 * Assumes that the other model would use the recorded tokens. The interval is that of a ratio of paired means by its
 * linearisation, s.e. = sd(after - ratio * before) / (sqrt(n) * mean(before)) (Cochran, Sampling Techniques, 1977, 6.4); it
 * covers the choice of requests, not a difference in answer length.
 */
export function costForecast(catalogue: Catalogue, charges: readonly Charge[]): CostForecast {
  const pairs = charges.flatMap((charge) => {
    const before = costOf(catalogue, charge.before, charge)
    const after = costOf(catalogue, charge.after, charge)
    return before === null || after === null ? [] : [{ before, after }]
  })
  const requests = pairs.length
  const unpriced = charges.length - requests
  if (requests === 0) return { requests, unpriced, ...nothing('MicroUsd') }
  const before = mean(pairs.map((pair) => pair.before))
  const after = mean(pairs.map((pair) => pair.after))
  const told = { requests, unpriced, beforeMicroUsd: before, afterMicroUsd: after }
  if (before === 0 || requests < 2) return { ...told, change: null, low: null, high: null }
  const ratio = after / before
  const squares = pairs.reduce((sum, pair) => sum + (pair.after - ratio * pair.before) ** 2, 0)
  const error = Math.sqrt(squares / (requests - 1) / requests) / before
  return { ...told, change: ratio - 1, low: ratio - 1 - z95 * error, high: ratio - 1 + z95 * error }
}

function costOf(catalogue: Catalogue, ref: ModelRef | null, { usage, facts }: Charge): number | null {
  const model = ref === null ? undefined : catalogue.models.get(ref)
  if (model === undefined) return null
  return usage === null ? expectedCostMicroUsd(model, facts) : costMicroUsd(model.price, usage)
}

function nothing<U extends string>(unit: U) {
  return { [`before${unit}`]: null, [`after${unit}`]: null, change: null, low: null, high: null } as {
    readonly [K in `before${U}` | `after${U}` | 'change' | 'low' | 'high']: null
  }
}

/**
 * Mean time to an answer before and after, from what each model took elsewhere, with a 95 % interval of the change.
 *
 * Assumes that a model takes as long here as it did on the requests it was measured on. The interval is normal and covers
 * the error of each model's mean: var = sum over models of (shift of its share)^2 * deviation^2 / count.
 */
export function latencyForecast(
  choices: readonly { readonly before: ModelRef | null; readonly after: ModelRef | null }[],
  latencyOf: LatencyOf,
): LatencyForecast {
  const shares = new Map<ModelRef, { before: number; after: number; measured: MeasuredLatency }>()
  let covered = 0
  for (const { before, after } of choices) {
    const [old, fresh] = [measuredOf(before, latencyOf), measuredOf(after, latencyOf)]
    if (before === null || after === null || old === null || fresh === null) continue
    covered += 1
    entryOf(shares, before, old).before += 1
    entryOf(shares, after, fresh).after += 1
  }
  if (covered === 0) return { covered: 0, ...nothing('Ms') }
  let [beforeMs, afterMs, variance] = [0, 0, 0]
  for (const { before, after, measured } of shares.values()) {
    beforeMs += (before / covered) * measured.meanMs
    afterMs += (after / covered) * measured.meanMs
    variance += ((after - before) / covered) ** 2 * (measured.deviationMs ** 2 / measured.count)
  }
  const share = covered / choices.length
  if (beforeMs === 0) return { covered: share, beforeMs, afterMs, change: null, low: null, high: null }
  const change = afterMs / beforeMs - 1
  const error = (z95 * Math.sqrt(variance)) / beforeMs
  return { covered: share, beforeMs, afterMs, change, low: change - error, high: change + error }
}

function measuredOf(model: ModelRef | null, latencyOf: LatencyOf): MeasuredLatency | null {
  const measured = model === null ? null : latencyOf(model)
  return measured === null || measured.count < minMeasured ? null : measured
}

function entryOf<T>(
  shares: Map<ModelRef, { before: number; after: number; measured: T }>,
  model: ModelRef,
  measured: T,
): { before: number; after: number } {
  const known = shares.get(model) ?? { before: 0, after: 0, measured }
  shares.set(model, known)
  return known
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
