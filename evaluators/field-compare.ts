import { normaliseText } from './answer.ts'
import { canonicalJson } from './content-hash.ts'
import type { FieldRule } from './field-rules.ts'
import { overlapF1 } from './overlap.ts'

/** True when two values count as the same under the rule. Both are JSON; neither is compared inside another type. */
export function isSameValue(got: unknown, want: unknown, rule: FieldRule): boolean {
  switch (rule.compare) {
    case 'ignore':
      return true
    case 'number':
      return typeof got === 'number' && typeof want === 'number' && isClose(got, want, rule)
    case 'date':
      return typeof got === 'string' && typeof want === 'string' && isSameDate(got, want)
    case 'text':
      return typeof got === 'string' && typeof want === 'string' && similarity(got, want) >= rule.minSimilarity
    default:
      return isEqual(got, want)
  }
}

function isEqual(got: unknown, want: unknown): boolean {
  if (typeof got === 'string' && typeof want === 'string') return normaliseText(got) === normaliseText(want)
  return canonicalJson(got) === canonicalJson(want)
}

function isClose(got: number, want: number, { absTolerance, relTolerance }: FieldRule): boolean {
  const difference = Math.abs(got - want)
  return difference <= absTolerance || difference <= relTolerance * Math.abs(want)
}

/** date = YYYY "-" MM "-" DD, optionally with a time and a zone (RFC 3339, zone optional: then UTC). */
const datePattern = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)([Zz]|[+-]\d{2}:?\d{2})?)?$/

/** The same day where either names no time, else the same moment. Other ways to write dates are compared as text. */
function isSameDate(got: string, want: string): boolean {
  const [left, right] = [datePattern.exec(got.trim()), datePattern.exec(want.trim())]
  if (!left || !right) return normaliseText(got) === normaliseText(want)
  if (left[4] === undefined || right[4] === undefined) return left.slice(1, 4).join() === right.slice(1, 4).join()
  const [a, b] = [momentOf(left), momentOf(right)]
  return Number.isFinite(a) && a === b
}

function momentOf([, year, month, day, time, zone]: RegExpExecArray): number {
  return Date.parse(`${year}-${month}-${day}T${time}${(zone ?? 'Z').toUpperCase()}`)
}

/** Longest text of which single edits are counted, in UTF-16 code units: the table is quadratic. */
const maxEdited = 200

/**
 * Similarity of two texts in [0, 1], case, white space and Unicode forms aside: the larger of token F1 and, for short texts, 1
 * minus the Levenshtein distance over the longer length.
 */
export function similarity(got: string, want: string): number {
  const [left, right] = [fold(got), fold(want)]
  if (left === right) return 1
  const tokens = tokenF1(left, right)
  if (left.length > maxEdited || right.length > maxEdited) return tokens
  return Math.max(tokens, 1 - editDistance(left, right) / Math.max(left.length, right.length))
}

function fold(text: string): string {
  return normaliseText(text.normalize('NFKC')).toLowerCase()
}

function tokenF1(left: string, right: string): number {
  const [a, b] = [left.match(/[\p{L}\p{N}]+/gu) ?? [], right.match(/[\p{L}\p{N}]+/gu) ?? []]
  return overlapF1(a, b)
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const change = (row[j - 1] ?? 0) + Number(left[i - 1] !== right[j - 1])
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
    }
    row = next
  }
  return row[right.length] ?? 0
}
