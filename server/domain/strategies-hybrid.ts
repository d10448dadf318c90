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
  const run: Arranging = { models, criteria, context, said: [] }
  const order = arrange(
    run,
    models.map((_, index) => index),
    0,
  ).map((index) => models[index] ?? '')
  return { order, reason: `hybrid: ${run.said.join(', then ') || `first of ${models.length} eligible`}` }
}

/** An entry with a limit and no tolerance only filters. */
function isSort(key: SortKey): boolean {
  return key.within !== undefined || (key.min === undefined && key.max === undefined)
}

interface Criterion {
  readonly by: SortKey['by']
  /** Of every model by its place, lower is better, Infinity unknown. */
  readonly levels: readonly number[]
  readonly words: (model: ModelRef) => string
  readonly within: number
  /** Set for latency. */
  readonly latency: LatencyMeasure | null
}

/** Guards a tolerance against the last digit of a sum or product. */
const hair = 1e-9

function criterionOf(key: SortKey, models: readonly ModelRef[], context: RankContext): Criterion {
  const { by, within = 0 } = key
  const latency = by === 'latency' ? latencyMeasure(key, context) : null
  const measure = latency ?? (by === 'cost' ? costMeasure(context) : qualityMeasure(key.metric, models, context))
  return { by, levels: models.map(measure.levelOf), words: measure.words, within, latency }
}

/** The worst level that counts as equal to the best: score points for quality, a part of the best for cost and latency. */
function limitOf({ by, within }: Criterion, best: number): number {
  if (within === 0) return best
  return (by === 'quality' ? best + within : best * (1 + within)) + hair
}

/** Models are places in the list from here on. */
interface Arranging {
  readonly models: readonly ModelRef[]
  readonly criteria: readonly Criterion[]
  readonly context: RankContext
  /** What decided, step by step, on the way to the first of the order. */
  readonly said: string[]
}

/**
 * Orders by the criteria from `at` on, saying what decides: the way to the first choice. With no tolerance anywhere this is a
 * plain sort by all of them.
 */
function arrange(run: Arranging, places: readonly number[], at: number): readonly number[] {
  const criterion = run.criteria[at]
  if (criterion === undefined || places.length === 0) return places
  if (places.length === 1) {
    if (at === 0) run.said.push('the only one eligible')
    return places
  }
  const explored = exploring(run, criterion, places)
  if (explored !== null) {
    const others = places.filter((place) => place !== explored)
    return [explored, ...arrangeRest(run.criteria, others, at)]
  }
  const levelOf = (place: number) => criterion.levels[place] ?? Number.POSITIVE_INFINITY
  let best = Number.POSITIVE_INFINITY
  for (const place of places) best = Math.min(best, levelOf(place))
  const limit = limitOf(criterion, best)
  const kept = places.filter((place) => levelOf(place) <= limit)
  say(run, criterion, places, kept, best)
  if (kept.length === places.length) return arrange(run, takingTurns(run, criterion, kept, best), at + 1)
  const others = places.filter((place) => levelOf(place) > limit)
  return [...arrange(run, kept, at + 1), ...arrangeRest(run.criteria, others, at)]
}

/** The order of those behind: the best and its equals, then the best of the rest and its equals, and so on, in rising order of place. */
function arrangeRest(criteria: readonly Criterion[], places: readonly number[], at: number): readonly number[] {
  const criterion = criteria[at]
  if (criterion === undefined || places.length < 2) return places
  const levelOf = (place: number) => criterion.levels[place] ?? Number.POSITIVE_INFINITY
  const sorted = sortPlaces(places, levelOf)
  const arranged: number[] = []
  for (let from = 0; from < sorted.length; ) {
    const limit = limitOf(criterion, levelOf(sorted[from] ?? 0))
    let to = from + 1
    while (to < sorted.length && levelOf(sorted[to] ?? 0) <= limit) to++
    if (to === from + 1) arranged.push(sorted[from] ?? 0)
    else {
      const equals = sorted.slice(from, to).sort((a, b) => a - b)
      arranged.push(...arrangeRest(criteria, equals, at + 1))
    }
    from = to
  }
  return arranged
}

function sortPlaces(places: readonly number[], levelOf: (place: number) => number): number[] {
  return places.toSorted((a, b) => (levelOf(a) === levelOf(b) ? 0 : levelOf(a) - levelOf(b)))
}

// What was there, what is left and the best of it: one sentence.
function say(
  { said, models }: Arranging,
  { by, levels, words }: Criterion,
  places: readonly number[],
  kept: readonly number[],
  best: number,
): void {
  const first = models[kept.find((place) => levels[place] === best) ?? 0] ?? ''
  const known = best === Number.POSITIVE_INFINITY ? 'nothing is known of any' : `best ${first}: ${words(first)}`
  said.push(`${by} keeps ${kept.length} of ${places.length} (${known})`)
}

/** Explores only on the way to the first choice, and only among those that every criterion before had kept. */
function exploring(run: Arranging, { latency }: Criterion, places: readonly number[]): number | null {
  if (latency === null) return null
  const models = places.map((place) => run.models[place] ?? '')
  const explored = explorationOf(models, latency.samplesOf, run.context)
  if (explored === null) return null
  run.said.push(`exploring ${explored}, measured least (${latency.samplesOf(explored)} answers) of ${models.length}`)
  return places[models.indexOf(explored)] ?? null
}

/** While no latency is known, whoever has the fewest answers goes first, so that all get measured. */
function takingTurns(
  run: Arranging,
  { latency }: Criterion,
  places: readonly number[],
  best: number,
): readonly number[] {
  const isLast = latency !== null && run.criteria.at(-1)?.latency === latency
  if (latency === null || !isLast || best < Number.POSITIVE_INFINITY) return places
  return sortPlaces(places, (place) => latency.samplesOf(run.models[place] ?? ''))
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
