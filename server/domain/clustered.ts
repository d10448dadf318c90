import { type Clustering, powerQuantile, studentProbability, studentQuantile } from './statistics.ts'

/**
 * Sums of paired differences d by cluster, enough for mean and variance whatever the number of items: with n_g pairs and the sum
 * s_g in cluster g, `groups` = G, `pairs` = sum n_g, `sum` = sum s_g, `squares` = sum s_g^2, `cross` = sum s_g n_g,
 * `sizes` = sum n_g^2. A pair without a cluster is a cluster of its own.
 */
export interface ClusterSums {
  readonly groups: number
  readonly pairs: number
  readonly sum: number
  readonly squares: number
  readonly cross: number
  readonly sizes: number
}

export interface ClusteredMean {
  readonly mean: number
  /** null below two clusters. */
  readonly standardError: number | null
  /** 95 % interval, cut to [-1, 1]; null below two clusters. */
  readonly interval: readonly [number, number] | null
  /** Two-sided, of "no difference"; null below two clusters, 1 where nothing differs at all. */
  readonly pValue: number | null
  /** Smallest true difference that the interval would tell from 0 with 80 % power; null below two clusters. */
  readonly detectable: number | null
}

const level = 0.975
/** The same quantile of the normal distribution. */
const normalReach = 1.959964

export function clusterSums(
  differences: readonly { readonly value: number; readonly cluster: string | null }[],
): ClusterSums {
  const groups = new Map<string, { n: number; s: number }>()
  differences.forEach(({ value, cluster }, index) => {
    const key = cluster === null ? `\u0000${index}` : cluster
    const { n, s } = groups.get(key) ?? { n: 0, s: 0 }
    groups.set(key, { n: n + 1, s: s + value })
  })
  const total = { pairs: 0, sum: 0, squares: 0, cross: 0, sizes: 0 }
  for (const { n, s } of groups.values()) {
    total.pairs += n
    total.sum += s
    total.squares += s * s
    total.cross += s * n
    total.sizes += n * n
  }
  return { groups: groups.size, ...total }
}

/**
 * Mean of differences in [-1, 1] whose errors may hang together within a cluster (repeats of an item, questions on one document):
 * se^2 = G / (G - 1) sum_g (s_g - n_g mean)^2 / n^2, Student's t with G - 1 degrees of freedom (Liang & Zeger 1986,
 * doi:10.1093/biomet/73.1.13, with the usual small-sample factor; Miller, "Adding Error Bars to Evals", arXiv 2411.00640,
 * sec. 2.2). With clusters of one it is the paired t interval. Assumes independent clusters.
 *
 * Clusters that all show the same have no spread to estimate an error from: then the bound is on the share of clusters that would
 * have shown anything else (`allAlike`), so that two equal losses are no proof.
 *
 * @returns null without a pair
 */
export function clusteredMean(sums: ClusterSums): ClusteredMean | null {
  const { groups, pairs, sum } = sums
  if (pairs === 0) return null
  const mean = sum / pairs
  if (groups < 2) return { mean, standardError: null, interval: null, pValue: null, detectable: null }
  const standardError = errorOf(sums)
  if (standardError < dust) return allAlike(mean, groups)
  const reach = studentQuantile(level, groups - 1)
  const half = reach * standardError
  return {
    mean,
    standardError,
    interval: [Math.max(-1, mean - half), Math.min(1, mean + half)],
    pValue: Math.min(1, 2 * (1 - studentProbability(Math.abs(mean) / standardError, groups - 1))),
    detectable: (reach + powerQuantile) * standardError,
  }
}

/** Sums of sums leave dust: below it there is no spread. */
const dust = 1e-7
/** Mean number of clusters hit with which a sign test at 0.05 (six of six) has 80 % power. */
const clustersForPower = 7.906

function errorOf({ groups, pairs, sum, squares, cross, sizes }: ClusterSums): number {
  const mean = sum / pairs
  const spread = Math.max(0, squares - 2 * mean * cross + mean * mean * sizes)
  return Math.sqrt((groups / (groups - 1)) * spread) / pairs
}

/**
 * All of `groups` clusters show `mean`. With 95 % confidence at most a share q = 1 - 0.05^(1/groups) of all clusters shows anything
 * else, at worst -1 or 1 (Clopper-Pearson at 0). "No difference" needs a share |mean| / (1 + |mean|) of such clusters, none of which was
 * seen: p = 2 (1 + |mean|)^-groups, for a mean of 1 that of the sign test.
 */
function allAlike(mean: number, groups: number): ClusteredMean {
  const other = 1 - 0.05 ** (1 / groups)
  return {
    mean,
    standardError: other / normalReach,
    interval: [Math.max(-1, mean - other * (1 + mean)), Math.min(1, mean + other * (1 - mean))],
    pValue: Math.abs(mean) < dust ? 1 : Math.min(1, 2 * (1 + Math.abs(mean)) ** -groups),
    detectable: Math.min(1, clustersForPower / groups),
  }
}

/**
 * How clusters widen the bounds of a mean: the clustered variance over that of independent pairs, never below 1. Where all
 * pairs are equal there is nothing to compare: then as if the pairs of a cluster were one.
 */
export function clusteringOf(
  differences: readonly { readonly value: number; readonly cluster: string | null }[],
): Clustering {
  const sums = clusterSums(differences)
  const { groups, pairs, sum, sizes } = sums
  if (groups === pairs || groups < 2) return { groups, designEffect: 1 }
  const squares = differences.reduce((total, { value }) => total + value * value, 0)
  const mean = sum / pairs
  const independent = (squares / pairs - mean * mean) / (pairs - 1)
  const error = errorOf(sums)
  const whole = sizes / pairs
  return { groups, designEffect: independent <= 1e-12 ? whole : Math.max(1, (error * error) / independent) }
}

/**
 * Holm's step-down p-values (Holm 1979): whatever is at most alpha among them is wrong in some row with probability alpha at
 * most, however the rows hang together. null stays null and is not counted.
 */
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  const order = pValues
    .flatMap((p, index) => (p === null ? [] : [{ p, index }]))
    .sort((a, b) => a.p - b.p || a.index - b.index)
  const adjusted: (number | null)[] = pValues.map(() => null)
  let largest = 0
  order.forEach(({ p, index }, rank) => {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * p))
    adjusted[index] = largest
  })
  return adjusted
}

/** One stratum: its share of production traffic and what the suite says about it. */
export interface Stratum {
  readonly name: string
  /** Of the traffic, 0..1; need not sum to 1 over the strata. */
  readonly share: number
  /** null: the suite has no pair of it. */
  readonly difference: Pick<ClusteredMean, 'mean' | 'standardError'> | null
}

export interface PostStratified {
  readonly mean: number
  readonly interval: readonly [number, number] | null
  /** Share of the traffic whose strata the suite covers, 0..1. */
  readonly covered: number
  /** Strata of the traffic without a single pair, largest first. */
  readonly uncovered: readonly { readonly name: string; readonly share: number }[]
}

/**
 * The mean difference weighted to production traffic: sum w_h mean_h with the traffic's shares w_h over the strata that the
 * suite covers, se^2 = sum w_h^2 se_h^2, normal quantile. Assumes that items stand for the requests of their stratum, and that no
 * cluster crosses strata.
 *
 * @returns null where no stratum of the traffic is covered
 */
export function postStratify(strata: readonly Stratum[]): PostStratified | null {
  const total = strata.reduce((sum, stratum) => sum + stratum.share, 0)
  const known = strata.filter((stratum) => stratum.difference !== null && stratum.share > 0)
  const weight = known.reduce((sum, stratum) => sum + stratum.share, 0)
  if (!(weight > 0) || !(total > 0)) return null
  let mean = 0
  let variance: number | null = 0
  for (const { share, difference } of known) {
    const w = share / weight
    mean += w * (difference?.mean ?? 0)
    const error = difference?.standardError ?? null
    variance = error === null || variance === null ? null : variance + w * w * error * error
  }
  const half = variance === null ? null : normalReach * Math.sqrt(variance)
  const uncovered = strata
    .filter((stratum) => stratum.difference === null && stratum.share > 0)
    .map(({ name, share }) => ({ name, share: share / total }))
    .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1))
  return {
    mean,
    interval: half === null ? null : [Math.max(-1, mean - half), Math.min(1, mean + half)],
    covered: weight / total,
    uncovered,
  }
}

/**
 * Half width of the band in which the mean difference of two identical arms would lie 19 times in 20, over `pairs` answers: from
 * the baseline answered twice, where every difference is noise (A/A). t s_AA sqrt(1 / pairs), s_AA about 0.
 *
 * @param meanSquare mean of squared A/A differences
 * @returns null below two A/A pairs or without a pair
 */
export function noiseBand(meanSquare: number, noisePairs: number, pairs: number): number | null {
  if (noisePairs < 2 || pairs < 1) return null
  return Math.min(1, studentQuantile(level, noisePairs) * Math.sqrt(meanSquare / pairs))
}
