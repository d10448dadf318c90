import type { ModelRef, Select, SortKey } from './route.ts'
import { type Measure, type RankContext, type Ranking, sortBy } from './strategies-context.ts'
import { costMeasure } from './strategies-cost.ts'
import { explorationOf, type LatencyMeasure, latencyMeasure } from './strategies-latency.ts'
import { qualityMeasure } from './strategies-quality.ts'

/**
 * Several wishes at once (A9): `order` sorts by one after the other, where each keeps those within its tolerance of the best for
 * the next to decide among; `weights` adds them up to one score. Filters of `order` (`min`, `max`) have narrowed the pool
 * before (hybrid-filters.ts).
 */
export function rankByHybrid(select: Select, models: readonly ModelRef[], context: RankContext): Ranking {
  if (select.weights !== undefined) return rankByScore(select.weights, models, context)
  const criteria = (select.order ?? []).filter(isSort).map((key) => criterionOf(key, models, context))
  const said: string[] = []
  const order = arrange({ criteria, context, said }, models, 0)
  return { order, reason: `hybrid: ${said.join(', then ') || `first of ${models.length} eligible`}` }
}

/** An entry with a limit and no tolerance only filters. */
export function isSort(key: SortKey): boolean {
  return key.within !== undefined || (key.min === undefined && key.max === undefined)
}

interface Criterion extends Measure {
  readonly by: SortKey['by']
  readonly isWithin: (value: number, best: number) => boolean
  readonly hasTolerance: boolean
  /** Set for latency. */
  readonly latency: LatencyMeasure | null
}

/** Guards against the last digit of a sum or product. */
const hair = 1e-9

function criterionOf(key: SortKey, models: readonly ModelRef[], context: RankContext): Criterion {
  const { by, within = 0 } = key
  const latency = by === 'latency' ? latencyMeasure(key, context) : null
  const measure = latency ?? (by === 'cost' ? costMeasure(context) : qualityMeasure(key.metric, models, context))
  const known = new Map(models.map((model) => [model, measure.levelOf(model)]))
  const levelOf = (model: ModelRef) => known.get(model) ?? Number.POSITIVE_INFINITY
  // Score points for quality; parts of the best for cost and latency.
  const isWithin =
    by === 'quality'
      ? (value: number, best: number) => value === best || value <= best + within + (within > 0 ? hair : 0)
      : (value: number, best: number) => value === best || value <= best * (1 + within) + (within > 0 ? hair : 0)
  return { by, levelOf, words: measure.words, isWithin, hasTolerance: within > 0, latency }
}

interface Arranging {
  readonly criteria: readonly Criterion[]
  readonly context: RankContext
  /** What decided, step by step, on the way to the first of the order. */
  readonly said: string[] | null
}

/** Orders by the criteria from `at` on. With no tolerance anywhere this is a plain sort by all of them. */
function arrange(run: Arranging, models: readonly ModelRef[], at: number): readonly ModelRef[] {
  const criterion = run.criteria[at]
  if (criterion === undefined || models.length === 0) return models
  if (models.length === 1) {
    if (at === 0) run.said?.push('the only one eligible')
    return models
  }
  const explored = exploring(run, criterion, models)
  if (explored !== null) return [explored, ...arrange({ ...run, said: null }, without(models, explored), at)]
  if (run.said === null && at === run.criteria.length - 1 && !criterion.hasTolerance) {
    return sortBy(models, criterion.levelOf)
  }
  let best = Number.POSITIVE_INFINITY
  for (const model of models) best = Math.min(best, criterion.levelOf(model))
  const kept = models.filter((model) => criterion.isWithin(criterion.levelOf(model), best))
  const first = kept.find((model) => criterion.levelOf(model) === best) ?? models[0]
  if (first !== undefined)
    run.said?.push(`${criterion.by} keeps ${kept.length} of ${models.length} (${wordsOf(criterion, first, best)})`)
  if (kept.length === models.length) return arrange(run, unmeasuredTakeTurns(run, criterion, kept, best), at + 1)
  const others = models.filter((model) => !kept.includes(model))
  return [...arrange(run, kept, at + 1), ...arrange({ ...run, said: null }, others, at)]
}

function wordsOf(criterion: Criterion, best: ModelRef, value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'nothing is known of any' : `best ${best}: ${criterion.words(best)}`
}

/** Explores only on the way to the first choice, and only among those that every criterion before had kept. */
function exploring(run: Arranging, { latency }: Criterion, models: readonly ModelRef[]): ModelRef | null {
  if (latency === null || run.said === null) return null
  const explored = explorationOf(models, latency.samplesOf, run.context)
  if (explored !== null) {
    run.said.push(`exploring ${explored}, measured least (${latency.samplesOf(explored)} answers) of ${models.length}`)
  }
  return explored
}

/** While no latency is known, whoever has the fewest answers goes first, so that all get measured. */
function unmeasuredTakeTurns(
  run: Arranging,
  { latency }: Criterion,
  models: readonly ModelRef[],
  best: number,
): readonly ModelRef[] {
  const isLast = latency !== null && run.criteria.at(-1)?.latency === latency
  return latency !== null && isLast && best === Number.POSITIVE_INFINITY ? sortBy(models, latency.samplesOf) : models
}

function without(models: readonly ModelRef[], model: ModelRef): readonly ModelRef[] {
  return models.filter((other) => other !== model)
}

/**
 * Highest weighted mean first: quality as the lower end of its interval (unscored: 0), cost and latency as the best of the
 * eligible divided by the target's own (unpriced or unmeasured: 0), so every part is in [0, 1], 1 best.
 *
 * A target is explored only where being the fastest would make it the first.
 */
function rankByScore(
  weights: NonNullable<Select['weights']>,
  models: readonly ModelRef[],
  context: RankContext,
): Ranking {
  const { quality = 0, cost = 0, latency = 0 } = weights
  const sum = quality + cost + latency
  const goods = qualityMeasure(undefined, models, context)
  const prices = costMeasure(context)
  const times = latencyMeasure({}, context)
  const priceShare = quality === sum ? none : shareOf(prices, models)
  const timeShare = latency === 0 ? none : shareOf(times, models)
  const fixedPart = (model: ModelRef) => quality * lowOf(goods, model) + cost * priceShare(model)
  const scores = new Map(models.map((model) => [model, (fixedPart(model) + latency * timeShare(model)) / sum]))
  const order = sortBy(models, (model) => -(scores.get(model) ?? 0))
  const [first] = order
  if (first === undefined) return { order, reason: 'hybrid: nothing to choose from' }
  const best = scores.get(first) ?? 0
  const couldBeFirst = models.filter((model) => (fixedPart(model) + latency) / sum >= best)
  const explored = latency === 0 ? null : explorationOf(couldBeFirst, times.samplesOf, context)
  if (explored !== null && explored !== first) {
    const reason = `hybrid: exploring ${explored}, measured least (${times.samplesOf(explored)} answers) of ${models.length}`
    return { order: [explored, ...without(order, explored)], reason }
  }
  const parts = [
    ...(quality > 0 ? [`quality ${goods.words(first)}`] : []),
    ...(cost > 0 ? [`cost ${prices.words(first)}`] : []),
    ...(latency > 0 ? [`latency ${times.words(first)}`] : []),
  ]
  return {
    order,
    reason: `hybrid: score ${best.toFixed(3)} is the highest of ${models.length} eligible (${parts.join('; ')})`,
  }
}

const none = () => 0

function lowOf(measure: Measure, model: ModelRef): number {
  const value = measure.levelOf(model)
  return value === Number.POSITIVE_INFINITY ? 0 : -value
}

/** The best value divided by a target's own; both 0: 1. */
function shareOf(measure: Measure, models: readonly ModelRef[]): (model: ModelRef) => number {
  const best = Math.min(...models.map(measure.levelOf))
  return (model) => {
    const value = measure.levelOf(model)
    if (value === Number.POSITIVE_INFINITY) return 0
    return value === best ? 1 : best / value
  }
}
