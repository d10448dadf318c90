import { maxAnswerLength, normaliseText } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { contentText } from './judge-fence.ts'
import type { EvaluatorKind } from './kind.ts'
import { repetitionOf } from './repetition.ts'

const share = { type: 'number', exclusiveMinimum: 0, maximum: 1 }

/** Longest answer searched, in UTF-16 code units: a loop shows in its end. */
const searchedLength = 400_000

/**
 * The answer does not go round in circles: 1 or 0. A circle is one unit said over and over, mostly lines or word 4-grams said before,
 * or an answer that repeats an earlier one of the conversation word for word.
 */
export const looping: EvaluatorKind = {
  name: 'looping',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { maxRepeatedLines: share, maxRepeated4grams: share, earlierAnswers: { type: 'boolean' } },
  },
  configure(config) {
    const limits = {
      maxRepeatedLines: Number(config['maxRepeatedLines'] ?? 0.5),
      maxRepeated4grams: Number(config['maxRepeated4grams'] ?? 0.5),
      earlierAnswers: config['earlierAnswers'] !== false,
    }
    return { config: limits, score: (evalCase) => scoreLooping(evalCase, limits) }
  },
}

interface Limits {
  readonly maxRepeatedLines: number
  readonly maxRepeated4grams: number
  readonly earlierAnswers: boolean
}

function scoreLooping(evalCase: EvalCase, limits: Limits): Score {
  if (evalCase.output.trim() === '') return { status: 'not_applicable', reason: 'the answer has no text' }
  if (evalCase.output.length > maxAnswerLength) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxAnswerLength} characters` }
  }
  const text = evalCase.output.slice(-searchedLength)
  const { run, repeatedLineShare, repeated4grams } = repetitionOf(text)
  const isEarlier = limits.earlierAnswers && repeatsEarlierAnswer(evalCase)
  // two thirds of a short answer may be one refrain the request asked for; a run of 200 characters is a circle anywhere
  const isRun = run !== null && (run.characters >= 200 || run.characters * 3 >= text.length)
  const faults = [
    ...(isRun ? [`${JSON.stringify(run.unit)} is said ${run.times} times in a row`] : []),
    ...(repeatedLineShare > limits.maxRepeatedLines
      ? [`${percent(repeatedLineShare)} of its lines were said before`]
      : []),
    ...(repeated4grams > limits.maxRepeated4grams
      ? [`${percent(repeated4grams)} of its word 4-grams were said before`]
      : []),
    ...(isEarlier ? ['it repeats an earlier answer of the conversation'] : []),
  ]
  const details = { run, repeatedLineShare: round(repeatedLineShare), repeated4grams: round(repeated4grams), isEarlier }
  if (faults.length === 0) return { status: 'scored', value: 1, reason: 'no repetition beyond the limits', details }
  return { status: 'scored', value: 0, reason: faults.join('; '), details }
}

/** Shorter answers ("Yes.", "You're welcome!") recur in any conversation. */
const minRepeatedAnswer = 40

function repeatsEarlierAnswer({ output, messages = [] }: EvalCase): boolean {
  const answer = normaliseText(output)
  if (answer.length < minRepeatedAnswer) return false
  return messages.some(({ role, content }) => role === 'assistant' && normaliseText(contentText(content)) === answer)
}

function percent(value: number): string {
  return `${Math.round(value * 100)}%`
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
