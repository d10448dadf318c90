import type { Exclude } from './decision.ts'
import type { TargetMeasure } from './live.ts'
import type { Constraints, LatencyQuantile } from './route.ts'

const quantiles: readonly LatencyQuantile[] = ['p50', 'p95', 'p99']

/** Answers a quantile needs before it may exclude anybody: below these it is little more than the slowest answer seen. */
export const samplesNeeded: Readonly<Record<LatencyQuantile, number>> = { p50: 10, p95: 20, p99: 100 }

/**
 * Latency ceiling: recent total time. A target with too few recent answers is let through, or no target could ever be measured;
 * one that is excluded gets no more answers, so after six minutes it has too few and is tried again.
 */
export function excludeByLatency(
  limit: NonNullable<Constraints['maxLatencyMs']>,
  measure: TargetMeasure | undefined,
  exclude: Exclude,
): void {
  for (const quantile of quantiles) {
    const most = limit[quantile]
    if (most === undefined || !isMeasured(measure, quantile)) continue
    const is = measure?.totalMs?.[quantile]
    if (is === undefined || is <= most) continue
    exclude('max_latency', `${quantile} is ${Math.round(is)} ms, limit ${most} ms`)
  }
}

/** True where a limit on this target's time can be judged. */
export function isMeasured(measure: TargetMeasure | undefined, quantile: LatencyQuantile): boolean {
  return (measure?.totalMs ?? null) !== null && (measure?.samples ?? 0) >= samplesNeeded[quantile]
}

/** Quality floor for the request's task. A model without a score is excluded: missing never passes. */
export function excludeByQuality(
  { metric, score: least }: NonNullable<Constraints['minQuality']>,
  measure: TargetMeasure | undefined,
  exclude: Exclude,
): void {
  const known = measure?.quality[metric]
  if (known === undefined || Number.isNaN(known.score)) {
    exclude('min_quality', `has no score of ${metric} for this task, needs ${least}`)
  } else if (!(known.score >= least)) {
    exclude('min_quality', `${metric} is ${known.score.toFixed(3)} (${known.samples} scores), needs ${least}`)
  }
}
