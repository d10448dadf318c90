import type { Price } from './snapshot.ts'

/** 97.5 % quantile of the normal distribution: two-sided 95 % intervals of means of many requests. */
const normalReach = 1.959963984540054
/** A quarter less or more output than was written: how far a longer or shorter answer moves the comparison. */
export const outputSlack = 0.25
/** Scored answers a model needs before its quality ranks it. */
export const minScored = 30
/** Requests of a task that each version needs before the task is compared. */
export const minTaskRequests = 5

/** Sums over priced requests whose tokens are known. */
export interface TokenSums {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
}

/**
 * What these tokens would cost at a price, micro-dollars, not rounded. Cached input stays cached: the prompt is the same.
 *
 * @param outputFactor 1: as many output tokens as were written
 */
export function costAtPrice(price: Price, tokens: TokenSums, outputFactor = 1): number {
  const cached = Math.min(tokens.cachedInputTokens, tokens.inputTokens)
  const perMillion =
    (tokens.inputTokens - cached) * price.input +
    cached * (price.cachedInput ?? price.input) +
    tokens.outputTokens * outputFactor * price.output
  return perMillion / 1_000_000
}

/** Mean of a sample as far as an interval needs it. */
export interface Sample {
  readonly count: number
  readonly mean: number
  /** Unbiased; 0 for fewer than two. */
  readonly variance: number
}

export function sampleOf(count: number, sum: number, sumSquares: number): Sample {
  const mean = count === 0 ? 0 : sum / count
  const variance = count < 2 ? 0 : Math.max(0, (sumSquares - count * mean * mean) / (count - 1))
  return { count, mean, variance }
}

/**
 * Difference of two independent means, `current - other`, with its 95 % interval.
 *
 * Welch's standard error with the normal quantile (both samples are large; Student's would be at most 4 % wider at 30).
 */
export function meanDifference(
  current: Sample,
  other: Sample,
): { readonly difference: number; readonly interval: [number, number] } {
  const difference = current.mean - other.mean
  const reach = normalReach * Math.sqrt(current.variance / current.count + other.variance / other.count)
  return { difference, interval: [difference - reach, difference + reach] }
}

export interface ModelStrength {
  readonly model: string
  readonly price: Price | null
  /** Scores per evaluator from eval runs. */
  readonly scores: ReadonlyMap<string, Sample>
}

export interface Strongest {
  readonly model: string
  readonly price: Price
  readonly by: 'quality' | 'price'
  readonly reason: string
}

/**
 * The model "everything on the strongest" means. Where every priced model of the pool was scored by the same evaluators, it is the
 * dearest of those not shown to be worse than the best; else the dearest.
 *
 * @param tokens of the route's requests: which of two models is dearer depends on input against output
 * @returns null when no model has a price
 */
export function strongestModel(pool: readonly ModelStrength[], tokens: TokenSums): Strongest | null {
  const priced = pool.flatMap((each) => (each.price === null ? [] : [{ ...each, price: each.price }]))
  const costOf = (price: Price) => costAtPrice(price, hasTokens(tokens) ? tokens : typicalTokens)
  const dearestFirst = [...priced].sort((a, b) => costOf(b.price) - costOf(a.price) || (a.model < b.model ? -1 : 1))
  const dearest = dearestFirst[0]
  if (dearest === undefined) return null
  if (priced.length === 1) {
    const reason = 'the only priced model its live versions could choose'
    return { model: dearest.model, price: dearest.price, by: 'price', reason }
  }
  const ranked = rankByQuality(dearestFirst)
  if (ranked === null) {
    const reason = `the dearest of the ${priced.length} priced models its live versions could choose; not all of them have ${minScored} scores of one evaluator`
    return { model: dearest.model, price: dearest.price, by: 'price', reason }
  }
  const { best, equals } = ranked
  const chosen = equals[0] ?? best
  const scored = `${(chosen.quality.mean * 100).toFixed(1)} % over ${chosen.quality.count} scored answers`
  const reason =
    chosen.model === best.model
      ? `it has the highest mean score in eval runs: ${scored}`
      : `${scored}, not shown to be below the ${(best.quality.mean * 100).toFixed(1)} % of ${best.model}, and dearer`
  return { model: chosen.model, price: chosen.price, by: 'quality', reason }
}

/** Three input tokens to one output, where a route has not been used. */
const typicalTokens: TokenSums = { inputTokens: 3_000_000, cachedInputTokens: 0, outputTokens: 1_000_000 }

function hasTokens(tokens: TokenSums): boolean {
  return tokens.inputTokens + tokens.outputTokens > 0
}

interface Ranked extends ModelStrength {
  readonly price: Price
  readonly quality: Sample
}

/** @param models dearest first @returns the best, and those not shown to be worse, dearest first; null: not comparable */
function rankByQuality(
  models: readonly (ModelStrength & { readonly price: Price })[],
): { readonly best: Ranked; readonly equals: readonly Ranked[] } | null {
  const shared = sharedEvaluators(models)
  if (shared.length === 0) return null
  const ranked = models.map((model): Ranked => ({ ...model, quality: overallQuality(model, shared) }))
  const best = ranked.reduce((a, b) => (b.quality.mean > a.quality.mean ? b : a))
  const equals = ranked.filter((each) => meanDifference(each.quality, best.quality).interval[1] >= 0)
  return { best, equals }
}

/** Evaluators that scored every model often enough, sorted. */
export function sharedEvaluators(models: readonly Pick<ModelStrength, 'scores'>[]): string[] {
  const [first, ...others] = models
  if (first === undefined) return []
  const isOftenScored = (model: Pick<ModelStrength, 'scores'>, name: string) =>
    (model.scores.get(name)?.count ?? 0) >= minScored
  return [...first.scores.keys()]
    .filter((name) => isOftenScored(first, name) && others.every((other) => isOftenScored(other, name)))
    .sort()
}

/**
 * The plain mean of the evaluators' means as one sample. Evaluators are taken as independent; `count` is the smallest of
 * theirs, and the variance is such that variance / count is the squared standard error.
 */
export function overallQuality(model: Pick<ModelStrength, 'scores'>, evaluators: readonly string[]): Sample {
  const samples = evaluators.flatMap((name) => model.scores.get(name) ?? [])
  const parts = Math.max(1, samples.length)
  const count = Math.min(...samples.map((sample) => sample.count))
  const mean = samples.reduce((sum, sample) => sum + sample.mean, 0) / parts
  const squaredError = samples.reduce((sum, sample) => sum + sample.variance / sample.count, 0) / (parts * parts)
  return { count, mean, variance: squaredError * count }
}

export interface MixComparison {
  readonly currentEach: number
  readonly otherEach: number
  readonly savedEach: number
  readonly interval: [number, number]
  /** Share of the current requests whose task both versions have, 0..1. */
  readonly coverage: number
  readonly requests: number
  readonly otherRequests: number
}

/**
 * Cost per request of two versions on one task mix: the other version's mean of each task is weighted by how often the current one
 * is asked that task (post-stratification), so that an easier mix is not told as a saving.
 *
 * 95 % interval: normal, variances of the task means weighted by the squared shares (Cochran, "Sampling Techniques", 3rd ed.,
 * 5A.8 with strata weights taken as known). Tasks with fewer than `minTaskRequests` on either side are left out of both sides.
 *
 * @returns null when no task can be compared
 */
export function compareOnMix(
  current: ReadonlyMap<string | null, Sample>,
  other: ReadonlyMap<string | null, Sample>,
): MixComparison | null {
  const pairs = [...current].flatMap(([task, now]) => {
    const then = other.get(task)
    return then !== undefined && then.count >= minTaskRequests && now.count >= minTaskRequests ? [{ now, then }] : []
  })
  const requests = pairs.reduce((sum, { now }) => sum + now.count, 0)
  if (requests === 0) return null
  const all = [...current.values()].reduce((sum, sample) => sum + sample.count, 0)
  let currentEach = 0
  let otherEach = 0
  let squaredError = 0
  for (const { now, then } of pairs) {
    const share = now.count / requests
    currentEach += share * now.mean
    otherEach += share * then.mean
    squaredError += share * share * (now.variance / now.count + then.variance / then.count)
  }
  const savedEach = otherEach - currentEach
  const reach = normalReach * Math.sqrt(squaredError)
  return {
    currentEach,
    otherEach,
    savedEach,
    interval: [savedEach - reach, savedEach + reach],
    coverage: requests / all,
    requests,
    otherRequests: pairs.reduce((sum, { then }) => sum + then.count, 0),
  }
}

/** What an interval of `current - other` says of quality: only an interval that leaves zero out says anything. */
export function qualityChange(
  interval: readonly [number, number] | null,
  isLowerBetter: boolean,
): 'fell' | 'rose' | 'not_shown' {
  if (interval === null) return 'not_shown'
  const [low, high] = isLowerBetter ? [-interval[1], -interval[0]] : interval
  if (high < 0) return 'fell'
  return low > 0 ? 'rose' : 'not_shown'
}
