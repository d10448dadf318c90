import { excerpt, finishNote, normaliseText, referenceOf, scoreOfUnreadableAnswer, withoutReference } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import type { EvaluatorKind } from './kind.ts'

/**
 * The answer is the reference: 1 or 0. Both are put into Unicode NFC, their white space is collapsed and trimmed; case and
 * punctuation count.
 */
export const exact: EvaluatorKind = {
  name: 'exact',
  codeVersion: 1,
  needsReference: true,
  configSchema: { type: 'object', additionalProperties: false, properties: {} },
  configure: () => ({ config: {}, score: scoreExact }),
}

function scoreExact(evalCase: EvalCase): Score {
  const reference = referenceOf(evalCase)
  if (reference === null) return withoutReference
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const got = normaliseText(evalCase.output)
  const wanted = normaliseText(reference)
  if (got === wanted) return { status: 'scored', value: 1, reason: 'the answer is the reference' }
  const at = firstDifference(got, wanted)
  const reason =
    `the answer differs from the reference at character ${at + 1}: ` +
    `${quoted(got, at)} instead of ${quoted(wanted, at)}${finishNote(evalCase)}`
  return { status: 'scored', value: 0, reason }
}

function firstDifference(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return at
}

function quoted(text: string, at: number): string {
  return at >= text.length ? 'its end' : JSON.stringify(excerpt(text.slice(at), 40))
}
