import { createHash } from 'node:crypto'
import type { TaskPrompt } from '#datasets/task-prompts.ts'
import { featureValue, type LexicalDocument } from '#domain/lexical.ts'
import { FeatureReader, featureBuckets } from '#domain/lexical-features.ts'

/** Passes over the prompts, step of AdaGrad, and strength of the pull towards 0: chosen by accuracy on unseen sources. */
const epochs = 16
const stepSize = 0.25
const decay = 5e-4
/** How much a prompt counts in training: templates repeat themselves, people do not. */
const weightFrom: Readonly<Record<TaskPrompt['from'], number>> = {
  'by hand': 1.5,
  own: 1.5,
  template: 0.7,
  benchmark: 0.5,
}

/** A prompt as the trainer sees it: places and values of its features, of length 1 together. */
export interface TrainingRow {
  readonly places: Int32Array
  readonly values: Float64Array
  readonly label: number
  readonly weight: number
}

/** Coefficients before they are rounded. */
export interface Coefficients {
  /** `labels` for each bucket. */
  readonly weights: Float64Array
  readonly biases: Float64Array
}

/** Prompts as training rows. Rare tasks count more, by the root of their rarity, so that no task is drowned. */
export function rowsOf(prompts: readonly TaskPrompt[], labels: readonly string[]): TrainingRow[] {
  const reader = new FeatureReader()
  const totals = labels.map((label) =>
    prompts.reduce((sum, prompt) => sum + (prompt.task === label ? weightFrom[prompt.from] : 0), 0),
  )
  const mean = totals.reduce((sum, total) => sum + total, 0) / labels.length
  return prompts.map((prompt) => {
    const features = reader.read(prompt.prompt)
    const places = features.places.slice(0, features.size)
    const values = Float64Array.from(places, (place) => featureValue(features.counts[place] ?? 0))
    const norm = Math.hypot(...values)
    const label = labels.indexOf(prompt.task)
    const rarity = Math.sqrt(mean / Math.max(1, totals[label] ?? 1))
    return { places, values: values.map((value) => value / norm), label, weight: weightFrom[prompt.from] * rarity }
  })
}

/**
 * Multinomial logistic regression by AdaGrad over the rows in an order drawn from a fixed seed: the same rows give the same
 * coefficients, bit for bit (Duchi et al. 2011).
 */
export function train(rows: readonly TrainingRow[], labelCount: number): Coefficients {
  const weights = new Float64Array(featureBuckets * labelCount)
  const squares = new Float64Array(featureBuckets * labelCount).fill(1e-3)
  const biases = new Float64Array(labelCount)
  const order = rows.map((_, index) => index)
  const random = seeded(20_261_125)
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    shuffle(order, random)
    for (const index of order) {
      const row = rows[index]
      if (row !== undefined) learn(row, { weights, biases }, squares)
    }
  }
  return { weights, biases }
}

function learn(row: TrainingRow, { weights, biases }: Coefficients, squares: Float64Array): void {
  const width = biases.length
  const errors = probabilitiesOf(row, { weights, biases })
  errors[row.label] = (errors[row.label] ?? 0) - 1
  for (let label = 0; label < width; label += 1) {
    errors[label] = (errors[label] ?? 0) * row.weight
    biases[label] = (biases[label] ?? 0) - 0.02 * (errors[label] ?? 0)
  }
  for (let index = 0; index < row.places.length; index += 1) {
    const from = (row.places[index] ?? 0) * width
    const value = row.values[index] ?? 0
    for (let label = 0; label < width; label += 1) {
      const at = from + label
      const old = weights[at] ?? 0
      const gradient = value * (errors[label] ?? 0) + decay * old
      const square = (squares[at] ?? 0) + gradient * gradient
      squares[at] = square
      weights[at] = old - (stepSize * gradient) / Math.sqrt(square)
    }
  }
}

/** Logits of a row, before any temperature. */
export function logitsOf(row: TrainingRow, { weights, biases }: Coefficients): Float64Array {
  const logits = biases.slice()
  const width = biases.length
  for (let index = 0; index < row.places.length; index += 1) {
    const from = (row.places[index] ?? 0) * width
    const value = row.values[index] ?? 0
    for (let label = 0; label < width; label += 1) {
      logits[label] = (logits[label] ?? 0) + value * (weights[from + label] ?? 0)
    }
  }
  return logits
}

function probabilitiesOf(row: TrainingRow, coefficients: Coefficients): Float64Array {
  return softmax(logitsOf(row, coefficients), 1)
}

/** Probabilities of logits divided by the temperature. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const most = Math.max(...logits)
  const raised = logits.map((logit) => Math.exp((logit - most) / temperature))
  const total = raised.reduce((sum, value) => sum + value, 0)
  return raised.map((value) => value / total)
}

/** The coefficients as their file holds them: eight bits a weight. */
export function documentOf(
  { weights, biases }: Coefficients,
  labels: readonly string[],
  more: { readonly temperature: number; readonly trainedOn: string },
): LexicalDocument {
  const scales = labels.map((_, label) => {
    let most = 0
    for (let at = label; at < weights.length; at += labels.length) most = Math.max(most, Math.abs(weights[at] ?? 0))
    return most === 0 ? 1 : most / 127
  })
  const bytes = Int8Array.from(weights, (weight, at) => Math.round(weight / (scales[at % labels.length] ?? 1)))
  return {
    schemaVersion: 1,
    trainedOn: more.trainedOn,
    labels,
    buckets: featureBuckets,
    scales: scales.map(rounded),
    biases: [...biases].map(rounded),
    temperature: rounded(more.temperature),
    weights: Buffer.from(bytes.buffer).toString('base64'),
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(6))
}

/** What names the prompts a model was trained on. */
export function digestOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12)
}

/** Numbers in [0, 1) from a seed (mulberry32): the same seed, the same numbers. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function shuffle(order: number[], random: () => number): void {
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1))
    const held = order[at] ?? 0
    order[at] = order[other] ?? 0
    order[other] = held
  }
}
