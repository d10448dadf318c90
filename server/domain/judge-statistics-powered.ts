import { type Interval, normalReach } from './judge-statistics.ts'

/** A verdict as a number in [0, 1] beside what a person said, in the same unit. */
export interface LabelledValue {
  readonly judge: number
  readonly human: number
}

export interface PoweredMean {
  readonly mean: number
  readonly interval: Interval
  /** Weight of the judge, 0..1: 0 ignores it, 1 trusts its differences fully. */
  readonly weight: number
  readonly labels: number
  readonly unlabelled: number
  /** The same from the labels alone, to see what the judge adds. */
  readonly labelsOnly: { readonly mean: number; readonly interval: Interval }
}

/** Fewer labels and the normal interval is too narrow. */
const fewestLabels = 20

/**
 * What people would say on average of all answers, when they were asked about some of them and the judge about all.
 *
 * mean = w mean(judge on the rest) + mean(human - w judge on the labelled), w chosen for the least variance and kept in [0, 1]:
 * prediction-powered inference with power tuning, Angelopoulos, Duchi & Zrnic, "PPI++" (2023), arXiv:2311.01453. Unbiased
 * whatever the judge is worth. Assumes that the labelled answers were drawn at random from all.
 *
 * @param rest  the judge's values where nobody was asked
 * @returns null below 20 labels or 20 others
 */
export function poweredMean(labelled: readonly LabelledValue[], rest: readonly number[]): PoweredMean | null {
  const [n, others] = [labelled.length, rest.length]
  if (n < fewestLabels || others < fewestLabels) return null
  const human = labelled.map((label) => label.human)
  const judge = labelled.map((label) => label.judge)
  const weight = weightOf(human, judge, rest)
  const corrections = labelled.map((label) => label.human - weight * label.judge)
  const mean = weight * meanOf(rest) + meanOf(corrections)
  const error = Math.sqrt((weight ** 2 * varianceOf(rest)) / others + varianceOf(corrections) / n)
  const plainError = Math.sqrt(varianceOf(human) / n)
  return {
    mean: clip(mean),
    interval: around(mean, error),
    weight,
    labels: n,
    unlabelled: others,
    labelsOnly: { mean: meanOf(human), interval: around(meanOf(human), plainError) },
  }
}

/** cov(human, judge) / ((1 + n/N) var(judge)): the weight of least variance, within [0, 1]. */
function weightOf(human: readonly number[], judge: readonly number[], rest: readonly number[]): number {
  const n = human.length
  const [humanMean, judgeMean] = [meanOf(human), meanOf(judge)]
  const together = human.reduce((sum, value, i) => sum + (value - humanMean) * ((judge[i] ?? 0) - judgeMean), 0) / n
  const all = [...judge, ...rest]
  const spread = (varianceOf(all) * all.length) / (all.length - 1)
  return spread === 0 ? 0 : clip(together / ((1 + n / rest.length) * spread))
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
}

function around(mean: number, error: number): Interval {
  return [clip(mean - normalReach * error), clip(mean + normalReach * error)]
}

function clip(value: number): number {
  return Math.max(0, Math.min(1, value))
}
