import type { EvalCase, Score } from './evaluator.ts'

/** Longest answer that is examined, in UTF-16 code units (16 MiB): beyond it the answer is at fault, not the scorer. */
export const maxAnswerLength = 16 * 1024 * 1024

/**
 * The score of an answer that has no text to examine, null when there is text.
 * A tool call without text is `not_applicable` (the model is not done answering); anything else without text scores 0, and so
 * does an answer too long to read.
 */
export function scoreOfUnreadableAnswer(evalCase: EvalCase): Score | null {
  if (evalCase.output.length > maxAnswerLength) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxAnswerLength} characters` }
  }
  if (evalCase.output.trim() !== '') return null
  if (evalCase.toolCalls && evalCase.toolCalls.length > 0) {
    return { status: 'not_applicable', reason: 'the answer is a tool call without text' }
  }
  return { status: 'scored', value: 0, reason: `the answer is empty${finishNote(evalCase)}` }
}

/** True when the provider cut the answer off at its token limit. */
export function isTruncated(evalCase: EvalCase): boolean {
  return evalCase.finishReason === 'length'
}

/** What the finish reason adds to a reason, '' when it says nothing. */
export function finishNote(evalCase: EvalCase): string {
  if (isTruncated(evalCase)) return ' (cut off at the token limit: finish_reason length)'
  if (evalCase.finishReason === 'content_filter') return ' (stopped by the content filter)'
  return ''
}

/** The reference, null when the case has none: an empty one holds nothing to compare with. */
export function referenceOf(evalCase: EvalCase): string | null {
  const reference = evalCase.reference
  return reference === undefined || reference.trim() === '' ? null : reference
}

export const withoutReference: Score = { status: 'not_applicable', reason: 'the case has no reference' }

/**
 * Text as people compare it: Unicode NFC, white space collapsed to single spaces, trimmed. Case is kept: "us" is not "US".
 */
export function normaliseText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim()
}

/** `text` shortened for a reason; never splits a surrogate pair. */
export function excerpt(text: string, maxLength = 60): string {
  const points = [...text.slice(0, maxLength * 2 + 2)]
  return points.length <= maxLength ? points.join('') : `${points.slice(0, maxLength).join('')}…`
}
