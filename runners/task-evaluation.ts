import type { TaskPrompt } from '#datasets/task-prompts.ts'
import type { LexicalDocument } from '#domain/lexical.ts'
import { digestOf, logitsOf, rowsOf, softmax, train } from './task-training.ts'

/** How prompts are kept out of the training that is tested on them. */
export type Holding = 'source' | 'prompt'

/** What a model that had not seen a prompt said of it. */
export interface HeldOut {
  readonly prompt: TaskPrompt
  readonly guess: string
  /** Probability of the guess at the fitted temperature. */
  readonly confidence: number
}

export interface Evaluation {
  readonly temperature: number
  readonly heldOut: readonly HeldOut[]
}

/** A trained model with what it is worth, by how the prompts were held out. */
export interface Trained {
  readonly document: LexicalDocument
  readonly bySource: Evaluation
  readonly byPrompt: Evaluation
}

const folds = 5
const temperatures = Array.from({ length: 60 }, (_, index) => 0.1 + index * 0.05)

/**
 * Cross-validation in five folds: each prompt is judged by a model trained without its fold.
 *
 * @param holding `source`: a template is wholly in one fold, so its wording was never seen; `prompt`: another prompt of the same
 *   template may have been
 */
export function evaluate(prompts: readonly TaskPrompt[], labels: readonly string[], holding: Holding): Evaluation {
  const rows = rowsOf(prompts, labels)
  const foldOf = prompts.map((prompt) => foldOfText(holding === 'source' ? prompt.group : prompt.id))
  const logits = new Array<Float64Array>(prompts.length)
  for (let fold = 0; fold < folds; fold += 1) {
    const coefficients = train(
      rows.filter((_, index) => foldOf[index] !== fold),
      labels.length,
    )
    rows.forEach((row, index) => {
      if (foldOf[index] === fold) logits[index] = logitsOf(row, coefficients)
    })
  }
  const scored = rows.map((row, index) => ({ label: row.label, logits: logits[index] ?? new Float64Array() }))
  const temperature = fitTemperature(scored.filter((_, index) => prompts[index]?.from === 'by hand'))
  const heldOut = prompts.map((prompt, index) => {
    const probabilities = softmax(scored[index]?.logits ?? new Float64Array(), temperature)
    const best = probabilities.indexOf(Math.max(...probabilities))
    return { prompt, guess: labels[best] ?? '', confidence: probabilities[best] ?? 0 }
  })
  return { temperature, heldOut }
}

/** Own prompts differ by the pool they draw texts from only in a letter at their id's end: they are one prompt here. */
function foldOfText(text: string): number {
  return Number.parseInt(digestOf(text.replace(/^(own-\d+)[a-z]$/, '$1')), 16) % folds
}

/** The temperature at which unseen labels are likeliest (Guo et al. 2017, temperature scaling). */
function fitTemperature(scored: readonly { readonly label: number; readonly logits: Float64Array }[]): number {
  const losses = temperatures.map((temperature) =>
    scored.reduce((sum, { label, logits }) => sum - Math.log(softmax(logits, temperature)[label] ?? 1e-12), 0),
  )
  return temperatures[losses.indexOf(Math.min(...losses))] ?? 1
}

/** Share that was guessed right; NaN for nothing. */
export function accuracyOf(heldOut: readonly HeldOut[]): number {
  return heldOut.filter(({ prompt, guess }) => prompt.task === guess).length / heldOut.length
}

/** 95 % interval of a share (Wilson 1927). */
export function wilson(share: number, count: number): readonly [number, number] {
  const z = 1.96
  const centre = (share + (z * z) / (2 * count)) / (1 + (z * z) / count)
  const half = (z / (1 + (z * z) / count)) * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  return [centre - half, centre + half]
}

/** Expected calibration error over ten bins of equal width: how far confidence and frequency lie apart on average. */
export function calibrationErrorOf(heldOut: readonly HeldOut[]): number {
  const bins = Array.from({ length: 10 }, () => ({ count: 0, right: 0, confidence: 0 }))
  for (const { prompt, guess, confidence } of heldOut) {
    const bin = bins[Math.min(9, Math.floor(confidence * 10))]
    if (bin === undefined) continue
    bin.count += 1
    bin.confidence += confidence
    if (prompt.task === guess) bin.right += 1
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0) / heldOut.length
}
