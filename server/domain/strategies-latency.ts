import type { Quantiles, TargetMeasure } from './live.ts'
import type { RequestFacts } from './request-facts.ts'
import type { LatencyQuantile, ModelRef } from './route.ts'
import { type Measure, measureOf, type RankContext, type Ranking, sortBy } from './strategies-context.ts'

/**
 * Requests that go to the target measured least instead of the fastest, so that a slow sample can recover and a new target is
 * measured at all. Drawn by the decision's own random number.
 */
export const explorationShare = 0.05

/** Which time is meant. Both optional: `ttft` of a streamed request, `total` of any other, at p95. */
export interface LatencyBy {
  readonly metric?: string | undefined
  readonly quantile?: LatencyQuantile | undefined
}

export interface LatencyMeasure extends Measure {
  /** `p95 of the first token`. */
  readonly name: string
  /** Answers behind the quantile. */
  readonly measuredOf: (model: ModelRef) => number
  /** The same with those under way, which will be measured. */
  readonly samplesOf: (model: ModelRef) => number
}

/**
 * Recent time of every model in milliseconds; Infinity where too few answers were measured. Time to the first token is a time,
 * never divided by tokens; a request that is no stream has none, and goes by total time.
 */
export function latencyMeasure(by: LatencyBy, context: Pick<RankContext, 'request' | 'live'>): LatencyMeasure {
  const isFirst = isByFirstToken(by, context.request)
  const quantile = by.quantile ?? 'p95'
  const timesOf = (measure: TargetMeasure | undefined): Quantiles | null =>
    (isFirst ? measure?.ttftMs : measure?.totalMs) ?? null
  const levelOf = (model: ModelRef) => timesOf(measureOf(context, model))?.[quantile] ?? Number.POSITIVE_INFINITY
  const words = (model: ModelRef) => {
    const value = levelOf(model)
    return value === Number.POSITIVE_INFINITY ? `${model} is not measured yet` : `${Math.round(value)} ms`
  }
  const measuredOf = (model: ModelRef) => {
    const measure = measureOf(context, model)
    return (isFirst ? measure?.ttftSamples : measure?.samples) ?? 0
  }
  const samplesOf = (model: ModelRef) => measuredOf(model) + (measureOf(context, model)?.inFlight ?? 0)
  return { levelOf, words, measuredOf, samplesOf, name: `${quantile} of the ${isFirst ? 'first token' : 'total time'}` }
}

function isByFirstToken(by: LatencyBy, request: Pick<RequestFacts, 'stream'>): boolean {
  return request.stream && (by.metric ?? 'ttft') === 'ttft'
}

/**
 * The target to explore with this request: of those whose circuit is closed the one measured least, equals drawn evenly.
 *
 * @returns null for the 95 % of requests that explore nothing, and where there is nothing to choose
 */
export function explorationOf(
  models: readonly ModelRef[],
  samplesOf: (model: ModelRef) => number,
  { random, live }: Pick<RankContext, 'random' | 'live'>,
): ModelRef | null {
  if (random >= explorationShare) return null
  const closed = models.filter((model) => !live.openCircuits.has(model))
  if (closed.length < 2) return null
  const counts = closed.map(samplesOf)
  const fewest = Math.min(...counts)
  const least = closed.filter((_, index) => counts[index] === fewest)
  return least[Math.floor((random / explorationShare) * least.length)] ?? null
}

/** Fastest first. While nothing is measured the targets take turns: whoever has the fewest answers. */
export function rankByLatency(by: LatencyBy, models: readonly ModelRef[], context: RankContext): Ranking {
  const measure = latencyMeasure(by, context)
  const { order, words } = arrangeByLatency(models, measure, context)
  return { order, reason: `latency: ${words}` }
}

/** @returns the order and what decided it, also as one step of a hybrid */
function arrangeByLatency(
  models: readonly ModelRef[],
  measure: LatencyMeasure,
  context: RankContext,
): { readonly order: readonly ModelRef[]; readonly words: string } {
  const { levelOf, words, samplesOf, name } = measure
  const sorted = sortBy(models, levelOf)
  const [fastest] = sorted
  if (fastest === undefined) return { order: [], words: 'nothing to choose from' }
  if (levelOf(fastest) === Number.POSITIVE_INFINITY) {
    const order = sortBy(models, samplesOf)
    return { order, words: `${name} of no target is measured yet, fewest answers first of ${models.length} eligible` }
  }
  const explored = explorationOf(models, samplesOf, context)
  if (explored !== null && explored !== fastest) {
    const order = [explored, ...sorted.filter((model) => model !== explored)]
    return {
      order,
      words: `exploring ${explored}, measured least (${samplesOf(explored)} answers) of ${models.length}`,
    }
  }
  return { order: sorted, words: `lowest ${name} of ${models.length} eligible, ${words(fastest)}` }
}
