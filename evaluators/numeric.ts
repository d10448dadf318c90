import { excerpt, finishNote, referenceOf, scoreOfUnreadableAnswer, withoutReference } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import type { EvaluatorKind } from './kind.ts'
import { type FoundNumber, findNumbers } from './numbers.ts'

const defaultTolerance = 1e-6

/**
 * The answer's number equals the reference's within an absolute tolerance: 1 or 0.
 *
 * The number is the last one of the field `answer` when the output is a JSON object that has one, even a broken one; else the
 * last one of the output. "25%" equals 25 and 0.25. A reference without a number is `not_applicable`.
 */
export const numeric: EvaluatorKind = {
  name: 'numeric',
  codeVersion: 1,
  needsReference: true,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { tolerance: { type: 'number', minimum: 0 } },
  },
  configure(config) {
    const tolerance = typeof config['tolerance'] === 'number' ? config['tolerance'] : defaultTolerance
    return { config: { tolerance }, score: (evalCase) => scoreNumeric(evalCase, tolerance) }
  },
}

function scoreNumeric(evalCase: EvalCase, tolerance: number): Score {
  const reference = referenceOf(evalCase)
  if (reference === null) return withoutReference
  const wanted = readFinalNumber(reference)
  if (!wanted) return { status: 'not_applicable', reason: 'the reference holds no number' }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const got = readFinalNumber(evalCase.output)
  if (!got) return { status: 'scored', value: 0, reason: `the answer holds no number${finishNote(evalCase)}` }
  const isEqual = isClose(got, wanted, tolerance)
  const details = { got: got.value, wanted: wanted.value, tolerance }
  const reason = isEqual
    ? `the answer's number ${got.value} is the reference's`
    : `the answer's number is ${got.value}, the reference's ${wanted.value}${finishNote(evalCase)}`
  return { status: 'scored', value: isEqual ? 1 : 0, reason: excerpt(reason, 200), details }
}

function isClose(got: FoundNumber, wanted: FoundNumber, tolerance: number): boolean {
  return readings(got, wanted).some(([a, b]) => {
    // 18.1 − 18 is a hair above 0.1 in doubles: the bound itself counts as inside
    const rounding = 4 * Number.EPSILON * Math.max(Math.abs(a), Math.abs(b))
    return Math.abs(a - b) <= tolerance + rounding
  })
}

/** Pairs to compare: when only one side is a percentage, its hundredth too. */
function readings(got: FoundNumber, wanted: FoundNumber): [number, number][] {
  const plain: [number, number] = [got.value, wanted.value]
  if (got.isPercent === wanted.isPercent) return [plain]
  return [plain, got.isPercent ? [got.value / 100, wanted.value] : [got.value, wanted.value / 100]]
}

/** The number a text ends up with, null when it has none. */
function readFinalNumber(text: string): FoundNumber | null {
  return lastNumber(answerField(text) ?? text)
}

function lastNumber(text: string): FoundNumber | null {
  const fraction = /^\s*([-−]?\d{1,15})\s*\/\s*(\d{1,15})\s*$/.exec(text)
  if (fraction && Number(fraction[2]) !== 0) {
    const value = Number(fraction[1]?.replace('−', '-')) / Number(fraction[2])
    return { value, isPercent: false, start: 0, end: text.length }
  }
  // in JSON that did not parse, \n is two characters and its n would glue to the number
  return findNumbers(text.replace(/\\[nrt]/g, '  ')).at(-1) ?? null
}

/** The text of the last `"answer": …` of JSON or of something that was meant to be JSON; null when there is none. */
function answerField(text: string): string | null {
  const at = Math.max(text.lastIndexOf('"answer"'), text.lastIndexOf("'answer'"))
  if (at < 0) return null
  const colon = /^\s*:\s*/.exec(text.slice(at + 8, at + 72))
  if (!colon) return null
  const rest = text.slice(at + 8 + colon[0].length, at + 4_096)
  const quote = rest[0] === '"' || rest[0] === "'" ? rest[0] : null
  if (quote === null) return /^[^}\n]*/.exec(rest)?.[0] ?? null
  for (let end = 1; end < rest.length; end++) {
    if (rest[end] === '\\') end++
    else if (rest[end] === quote) return rest.slice(1, end)
  }
  return rest.slice(1)
}
