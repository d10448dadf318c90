import type { Quantiles } from './live.ts'
import { histogramQuantile, type LogHistogram, startHistogram } from './log-histogram.ts'

/**
 * Counts of measured times in buckets of constant relative width (log-histogram.ts, at most 1.6 % wide). Two sketches add up
 * to the sketch of both, whatever their order, so that windows of time and replicas can be put together (A7).
 */
export type QuantileSketch = LogHistogram

/** A sketch as text of numbers: the first bucket, then count, gap to the next filled bucket, count, gap, ... Empty: `[]`. */
export type EncodedSketch = readonly number[]

/**
 * Adds `from` to `into`.
 *
 * @param weight what one count of `from` adds, above 0: older windows count less
 */
export function mergeSketch(into: QuantileSketch, from: Readonly<QuantileSketch>, weight = 1): void {
  if (from.total <= 0) return
  if (into.counts.length === 0) into.first = from.first
  if (from.first < into.first) {
    into.counts = [...new Array<number>(into.first - from.first).fill(0), ...into.counts]
    into.first = from.first
  }
  const shift = from.first - into.first
  while (into.counts.length < shift + from.counts.length) into.counts.push(0)
  for (let i = 0; i < from.counts.length; i++) {
    into.counts[shift + i] = (into.counts[shift + i] as number) + (from.counts[i] as number) * weight
  }
  into.total += from.total * weight
}

/** @returns null when nothing was measured */
export function quantilesOf(sketch: Readonly<QuantileSketch>): Quantiles | null {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((quantile) => histogramQuantile(sketch, quantile))
  if (p50 == null || p95 == null || p99 == null) return null
  return { p50, p95, p99 }
}

export function encodeSketch(sketch: Readonly<QuantileSketch>): EncodedSketch {
  const encoded: number[] = []
  let last = 0
  for (let i = 0; i < sketch.counts.length; i++) {
    const count = sketch.counts[i] as number
    if (count === 0) continue
    encoded.push(encoded.length === 0 ? sketch.first + i : i - last, count)
    last = i
  }
  return encoded
}

/** Widest span of buckets a sketch can have: 1e-9 to 1e9 at 64 buckets per octave. */
const widest = 4_000

/** @returns null when the numbers are no sketch: what another replica wrote is checked, never believed */
export function decodeSketch(encoded: unknown): QuantileSketch | null {
  if (!Array.isArray(encoded) || encoded.length % 2 !== 0) return null
  const sketch = startHistogram()
  for (let i = 0; i < encoded.length; i += 2) {
    const [step, count] = [encoded[i] as unknown, encoded[i + 1] as unknown]
    if (typeof step !== 'number' || typeof count !== 'number') return null
    if (!Number.isInteger(step) || step < 1 || !(count > 0 && count <= Number.MAX_SAFE_INTEGER)) return null
    if (i === 0) sketch.first = step
    else {
      if (sketch.counts.length + step > widest) return null
      for (let gap = 1; gap < step; gap++) sketch.counts.push(0)
    }
    sketch.counts.push(count)
    sketch.total += count
  }
  return sketch
}
