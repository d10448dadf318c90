import { finishNote, referenceOf, scoreOfUnreadableAnswer, withoutReference } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import type { ConfigProblem, EvaluatorKind } from './kind.ts'
import { countCharacters, countSentences, countWords, estimateTokens } from './text-units.ts'

const units = ['characters', 'words', 'sentences', 'tokens'] as const
type Unit = (typeof units)[number]

interface Bounds {
  readonly unit: Unit
  readonly min: number
  /** null: no upper bound. */
  readonly max: number | null
  /** Bounds are multiples of the reference's length. */
  readonly isRelative: boolean
}

const bound = { type: 'number', minimum: 0, maximum: 1e9 }
const properties = { unit: { enum: units }, min: bound, max: bound, relativeTo: { enum: ['nothing', 'reference'] } }
const schema = { type: 'object', additionalProperties: false, properties } as const

/**
 * The answer is neither shorter than `min` nor longer than `max`: 1 or 0. With `relativeTo: "reference"` both are multiples of the
 * reference's length. An item's own `expect.length` wins. Tokens are estimated.
 */
export const length: EvaluatorKind = {
  name: 'length',
  codeVersion: 1,
  needsReference: false,
  configSchema: schema,
  configure(config) {
    const read = readBounds(config)
    if ('problem' in read) return { problems: [read.problem] }
    return { config: { ...read.bounds }, score: (evalCase) => scoreLength(evalCase, read.bounds) }
  },
}

const expectedBounds = expectationReader('length', { ...schema, minProperties: 1 }, (value) => {
  const read = readBounds(value)
  if ('problem' in read) throw new Error(`${read.problem.path} ${read.problem.message}`)
  return read.bounds
})

function readBounds(config: Readonly<Record<string, unknown>>): { bounds: Bounds } | { problem: ConfigProblem } {
  const min = typeof config['min'] === 'number' ? config['min'] : 0
  const max = typeof config['max'] === 'number' ? config['max'] : null
  if (max !== null && max < min) return { problem: { path: '/max', message: `is below min (${min})` } }
  const unit = (config['unit'] ?? 'words') as Unit
  return { bounds: { unit, min, max, isRelative: config['relativeTo'] === 'reference' } }
}

function scoreLength(evalCase: EvalCase, configured: Bounds): Score {
  const own = expectedBounds(evalCase)
  if (own && 'fault' in own) return own.fault
  const bounds = own?.value ?? configured
  if (bounds.min === 0 && bounds.max === null) {
    return { status: 'not_applicable', reason: 'neither the configuration nor the case sets a length' }
  }
  const reference = bounds.isRelative ? referenceOf(evalCase) : null
  if (bounds.isRelative && reference === null) return withoutReference
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const base = reference === null ? 1 : measure(reference, bounds.unit)
  const min = bounds.min * base
  const max = bounds.max === null ? null : bounds.max * base
  const got = measure(evalCase.output, bounds.unit)
  const details = { unit: bounds.unit, got, min, max }
  const wanted = max === null ? `at least ${min}` : `${min} to ${max}`
  if (got >= min && (max === null || got <= max)) {
    return { status: 'scored', value: 1, reason: `${got} ${bounds.unit}, as wanted (${wanted})`, details }
  }
  return {
    status: 'scored',
    value: 0,
    reason: `${got} ${bounds.unit} instead of ${wanted}${finishNote(evalCase)}`,
    details,
  }
}

function measure(text: string, unit: Unit): number {
  if (unit === 'characters') return countCharacters(text.trim())
  if (unit === 'words') return countWords(text)
  return unit === 'sentences' ? countSentences(text) : estimateTokens(text)
}
