import { type FeatureCounts, FeatureReader, featureBuckets } from './lexical-features.ts'

/** A trained model as its file holds it; `npm run train:task-classifier` writes it. */
export interface LexicalDocument {
  readonly schemaVersion: 1
  /** First 12 digits of the sha256 of the prompts it was trained on. */
  readonly trainedOn: string
  readonly labels: readonly string[]
  readonly buckets: number
  /** One a label. A weight is `scale` times the stored whole number, -127 to 127. */
  readonly scales: readonly number[]
  readonly biases: readonly number[]
  /** Logits are divided by it, so that a confidence is a frequency; fitted on texts the model had not seen. */
  readonly temperature: number
  /** Base64 of signed bytes, `labels.length` for each bucket. */
  readonly weights: string
}

/** What the model says of a text. */
export interface LexicalGuess {
  readonly task: string
  /** Estimated probability that the task is right, 0..1. */
  readonly confidence: number
}

export interface LexicalModel {
  readonly trainedOn: string
  readonly labels: readonly string[]
  /** The likeliest task. Equal texts give equal guesses; the time is bounded whatever the text's length. */
  guess(text: string): LexicalGuess
}

/** A coefficients file that this version cannot use. */
export class LexicalModelError extends Error {
  readonly code = 'LEXICAL_MODEL_UNUSABLE'
  constructor(fault: string) {
    super(`the coefficients of the lexical task classifier ${fault}; write them anew: npm run train:task-classifier`)
    this.name = 'LexicalModelError'
  }
}

/** @throws LexicalModelError when the document is of another form or does not fit together */
export function readLexicalModel(read: unknown): LexicalModel {
  const document = read as LexicalDocument
  const { labels, scales, biases, temperature, trainedOn } = document
  if (document.schemaVersion !== 1)
    throw new LexicalModelError(`are of schema ${String(document.schemaVersion)}, not 1`)
  if (document.buckets !== featureBuckets) throw new LexicalModelError(`have ${document.buckets} buckets`)
  const weights = decodeBase64(document.weights)
  const isFitting = scales.length === labels.length && biases.length === labels.length && labels.length > 1
  if (!isFitting || weights.length !== featureBuckets * labels.length) {
    throw new LexicalModelError('do not fit their labels')
  }
  if (!(temperature > 0)) throw new LexicalModelError('have no temperature')
  const reader = new FeatureReader()
  const logits = new Float64Array(labels.length)
  return {
    trainedOn,
    labels,
    guess(text) {
      score(reader.read(text), weights, logits)
      for (let label = 0; label < labels.length; label += 1) {
        logits[label] = ((logits[label] ?? 0) * (scales[label] ?? 0) + (biases[label] ?? 0)) / temperature
      }
      return likeliest(logits, labels)
    },
  }
}

/** Value of one feature: its damped count; the whole text's values have length 1 once divided by their norm. */
export function featureValue(count: number): number {
  return count === 1 ? 1 : 1 + Math.log(count)
}

/** Adds up the weights of a text's features, by label. */
function score(features: FeatureCounts, weights: Int8Array, sums: Float64Array): void {
  const { places, size, counts } = features
  const width = sums.length
  sums.fill(0)
  let squares = 0
  for (let index = 0; index < size; index += 1) {
    const place = places[index] ?? 0
    const value = featureValue(counts[place] ?? 0)
    squares += value * value
    const from = place * width
    for (let label = 0; label < width; label += 1) {
      sums[label] = (sums[label] ?? 0) + value * (weights[from + label] ?? 0)
    }
  }
  const norm = squares === 0 ? 1 : Math.sqrt(squares)
  for (let label = 0; label < width; label += 1) sums[label] = (sums[label] ?? 0) / norm
}

function likeliest(logits: Float64Array, labels: readonly string[]): LexicalGuess {
  let best = 0
  for (let label = 1; label < logits.length; label += 1) if ((logits[label] ?? 0) > (logits[best] ?? 0)) best = label
  let total = 0
  for (const logit of logits) total += Math.exp(logit - (logits[best] ?? 0))
  return { task: labels[best] ?? '', confidence: 1 / total }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The domain knows no Buffer. @throws LexicalModelError for other characters */
function decodeBase64(text: string): Int8Array {
  const body = text.replace(/=+$/, '')
  const bytes = new Int8Array(Math.floor((body.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (const character of body) {
    const digit = alphabet.indexOf(character)
    if (digit === -1) throw new LexicalModelError('are not base64')
    bits = (bits << 6) | digit
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at] = bits >> held
    at += 1
    bits &= (1 << held) - 1
  }
  return bytes
}
