import { type Features, featureNames, featureSigns } from './grounding-features.ts'
import type { GroundingModel } from './grounding-model.ts'

/** One claim to learn from. `weight`: its part of the total. */
export interface Example {
  readonly features: Features
  readonly isSupported: boolean
  readonly weight: number
}

const penalty = 0.01
const maxSteps = 3_000

/**
 * Logistic regression with an L2 penalty on standardised features and weights kept to their sign: projected gradient descent
 * on a convex loss, so the result does not depend on where it starts. The step 4/(d + 1) is below 2/L, as the Hessian of the
 * mean logistic loss over d standardised features and a bias is at most (d + 1)/4.
 */
export function fitModel(examples: readonly Example[]): GroundingModel {
  const total = examples.reduce((sum, { weight }) => sum + weight, 0)
  const scales = featureNames.map((name) => {
    const mean = examples.reduce((sum, { features, weight }) => sum + (features[name] * weight) / total, 0)
    const variance = examples.reduce((sum, e) => sum + ((e.features[name] - mean) ** 2 * e.weight) / total, 0)
    return { mean, deviation: Math.sqrt(variance) || 1 }
  })
  const rows = examples.map(({ features }) =>
    featureNames.map((name, at) => (features[name] - (scales[at]?.mean ?? 0)) / (scales[at]?.deviation ?? 1)),
  )
  const weights = featureNames.map(() => 0)
  const step = 4 / (featureNames.length + 1)
  let bias = 0
  for (let count = 0; count < maxSteps; count++) {
    const slope = gradient(examples, rows, { weights, bias, total })
    bias -= step * slope.bias
    let change = 0
    featureNames.forEach((name, at) => {
      const old = weights[at] ?? 0
      const next = project(old - step * ((slope.weights[at] ?? 0) + penalty * old), featureSigns[name])
      change = Math.max(change, Math.abs(next - old))
      weights[at] = next
    })
    if (change < 1e-7) break
  }
  return onRawFeatures(weights, bias, scales)
}

function project(weight: number, sign: number): number {
  if (sign === 0) return weight
  return sign > 0 ? Math.max(0, weight) : Math.min(0, weight)
}

function gradient(
  examples: readonly Example[],
  rows: readonly (readonly number[])[],
  { weights, bias, total }: { weights: readonly number[]; bias: number; total: number },
): { weights: number[]; bias: number } {
  const slope = { weights: weights.map(() => 0), bias: 0 }
  examples.forEach(({ isSupported, weight }, index) => {
    const row = rows[index] ?? []
    const logit = row.reduce((sum, value, at) => sum + value * (weights[at] ?? 0), bias)
    const residual = ((1 / (1 + Math.exp(-logit)) - Number(isSupported)) * weight) / total
    slope.bias += residual
    for (let at = 0; at < row.length; at++) slope.weights[at] = (slope.weights[at] ?? 0) + residual * (row[at] ?? 0)
  })
  return slope
}

function onRawFeatures(
  weights: readonly number[],
  bias: number,
  scales: readonly { mean: number; deviation: number }[],
): GroundingModel {
  const raw = weights.map((weight, at) => weight / (scales[at]?.deviation ?? 1))
  const shift = raw.reduce((sum, weight, at) => sum + weight * (scales[at]?.mean ?? 0), 0)
  const entries = featureNames.map((name, at) => [name, round(raw[at] ?? 0)] as const)
  return { bias: round(bias - shift), weights: Object.fromEntries(entries) as GroundingModel['weights'] }
}

function round(value: number): number {
  return Number(value.toFixed(4)) + 0
}

/** A scored unit of a measurement; units of one group (document, conversation) are drawn together. */
export interface Measured {
  readonly group: string
  readonly score: number
  readonly isSupported: boolean
}

/** Area under the ROC curve: how often a supported unit scores above an unsupported one, ties counting half. */
export function auroc(units: readonly Measured[]): number {
  const sorted = [...units].sort((a, b) => a.score - b.score)
  const positives = units.filter(({ isSupported }) => isSupported).length
  let ranks = 0
  for (let from = 0; from < sorted.length; ) {
    let to = from
    while (to < sorted.length && sorted[to]?.score === sorted[from]?.score) to++
    ranks += sorted.slice(from, to).filter(({ isSupported }) => isSupported).length * ((from + to + 1) / 2)
    from = to
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (units.length - positives))
}

/** Mean of sensitivity and specificity at the threshold 0.5. */
export function balancedAccuracy(units: readonly Measured[]): number {
  const right = (isSupported: boolean) => {
    const side = units.filter((unit) => unit.isSupported === isSupported)
    return side.filter(({ score }) => score >= 0.5 === isSupported).length / side.length
  }
  return (right(true) + right(false)) / 2
}

/**
 * Expected calibration error: mean distance between the probability told and the share supported, over ten parts of [0, 1].
 * Supported and unsupported units weigh the same in all: that is what the model estimates.
 */
export function calibrationError(units: readonly Measured[]): number {
  const supported = units.filter(({ isSupported }) => isSupported).length
  const parts = Array.from({ length: 10 }, () => ({ told: 0, right: 0 }))
  for (const { score, isSupported } of units) {
    const weight = 0.5 / (isSupported ? supported : units.length - supported)
    const part = parts[Math.min(9, Math.floor(score * 10))]
    if (!part) continue
    part.told += weight * score
    part.right += isSupported ? weight : 0
  }
  return parts.reduce((sum, { told, right }) => sum + Math.abs(told - right), 0)
}

/**
 * Percentile bootstrap over groups, 95 %. Seeded: the same units give the same interval. Resamples with one class only are
 * left out.
 */
export function bootstrapInterval(
  units: readonly Measured[],
  measure: (units: readonly Measured[]) => number,
  samples = 1_000,
): [number, number] {
  const groups = [...Map.groupBy(units, ({ group }) => group).values()]
  const random = mulberry32(20_240_607)
  const values: number[] = []
  for (let count = 0; count < samples; count++) {
    const drawn = groups.flatMap(() => groups[Math.floor(random() * groups.length)] ?? [])
    const value = measure(drawn)
    if (Number.isFinite(value)) values.push(value)
  }
  values.sort((a, b) => a - b)
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN
  return [at(0.025), at(0.975)]
}

/** Public-domain generator of Tommy Ettinger: 32 bits of state are plenty for a bootstrap. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
