/** Fixed-look statistics for finite suites. Live stages use eprocess.ts: these are not valid when peeked at. */

/** 80 % quantile of the normal distribution. */
export const powerQuantile = 0.8416212335729143

/** Sums of paired differences, each in [-1, 1]. */
export interface PairedSums {
  readonly count: number
  readonly sum: number
  readonly sumSquares: number
}

export interface MeanBounds {
  /** Plain mean of the pairs, not the adjusted one. */
  readonly mean: number
  /** One-sided bounds at level alpha each: together an interval at level 1 - 2 alpha. */
  readonly lower: number
  readonly upper: number
  /** Smallest true difference that the bounds would tell from 0 with 80 % power. */
  readonly mde: number
}

export function sumPairs(differences: readonly number[]): PairedSums {
  let sum = 0
  let sumSquares = 0
  for (const difference of differences) {
    sum += difference
    sumSquares += difference * difference
  }
  return { count: differences.length, sum, sumSquares }
}

/** How much clusters widen a bound. */
export interface Clustering {
  readonly groups: number
  /** Variance of the mean with clusters over that of independent pairs, 1 or more. */
  readonly designEffect: number
}

/**
 * Bounds of a mean paired difference from a fixed sample.
 *
 * Adds two pseudo-pairs (+1 and -1 with weight 1/2 each, 0 with weight 1), so that a suite without a single difference
 * still has a width: Agresti & Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
 * Medicine 24 (2005), doi:10.1002/sim.1781; Student quantile with the plain n - 1 degrees of freedom.
 *
 * @param alpha level of each one-sided bound, 0 < alpha < 0.5
 * @param clustering where pairs hang together: the error grows with the root of the design effect, and clusters less one are
 *   the degrees of freedom
 * @returns null for fewer than 2 pairs or clusters
 */
export function pairedMeanBounds(
  { count, sum, sumSquares }: PairedSums,
  alpha: number,
  clustering: Clustering = { groups: count, designEffect: 1 },
): MeanBounds | null {
  if (count < 2 || clustering.groups < 2) return null
  const adjusted = count + 2
  const centre = sum / adjusted
  const variance = Math.max(0, (sumSquares + 1) / adjusted - centre * centre)
  const error = Math.sqrt((variance * clustering.designEffect) / adjusted)
  const reach = studentQuantile(1 - alpha, clustering.groups - 1)
  return {
    mean: sum / count,
    lower: Math.max(-1, centre - reach * error),
    upper: Math.min(1, centre + reach * error),
    mde: (reach + powerQuantile) * error,
  }
}

/** Smallest value that at least the share `quantile` of the values does not exceed; null when empty. Copies, then sorts. */
export function sampleQuantile(values: readonly number[], quantile: number): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.ceil(quantile * sorted.length - 1e-9)
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? null
}

/** Quantile of Student's t. @param probability in (0, 1) @param freedom degrees of freedom, 1 or more */
export function studentQuantile(probability: number, freedom: number): number {
  return invert((t) => studentProbability(t, freedom), probability)
}

function invert(distribution: (x: number) => number, probability: number): number {
  let low = -1
  let high = 1
  while (distribution(low) > probability && low > -1e6) low *= 2
  while (distribution(high) < probability && high < 1e6) high *= 2
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2
    if (distribution(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Distribution function of Student's t. */
export function studentProbability(t: number, freedom: number): number {
  const tail = 0.5 * incompleteBeta(freedom / (freedom + t * t), freedom / 2)
  return t > 0 ? 1 - tail : tail
}

/** Regularised incomplete beta I_x(a, 1/2), by Lentz's continued fraction (Numerical Recipes 6.4). */
function incompleteBeta(x: number, a: number): number {
  const b = 0.5
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(x, a, b)) / a
  return 1 - (front * betaFraction(1 - x, b, a)) / b
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1), tiny)
  let fraction = d
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d, tiny)
    c = nonZero(1 + even / c, tiny)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d, tiny)
    c = nonZero(1 + odd / c, tiny)
    const step = d * c
    fraction *= step
    if (Math.abs(step - 1) < 1e-14) break
  }
  return fraction
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

/** ln Gamma(x) for x > 0.5: Lanczos, g = 7, n = 9. */
function logGamma(x: number): number {
  const z = x - 1
  const t = z + 7.5
  const series = lanczos.reduce((sum, c, i) => sum + c / (z + i + 1), 0.99999999999980993)
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(series)
}
