import { kindPatterns, type RedactedKind } from './redaction-kinds.ts'
import { storable } from './storable.ts'

export type { RedactedKind } from './redaction-kinds.ts'

export interface Redacted {
  readonly text: string
  readonly counts: Readonly<Partial<Record<RedactedKind, number>>>
}

/** One find: UTF-16 code units of the text, `end` exclusive. */
export interface Find {
  readonly kind: RedactedKind
  readonly start: number
  readonly end: number
}

/**
 * Makes personal data and secrets unreadable and keeps their form: letters become `x` or `X`, digits become `1`, everything
 * else stays. So text of the same length with the same structure comes out: JSON stays JSON, a number a number, an address an
 * address. The same text always becomes the same. Characters that no database holds are left out.
 *
 * What is found and how much of it is missed: docs/redaction.md.
 */
export function redactText(text: string): Redacted {
  const counts: Partial<Record<RedactedKind, number>> = {}
  const masked = sweep(storable(text), ({ kind }) => {
    counts[kind] = (counts[kind] ?? 0) + 1
  })
  return { text: masked, counts }
}

/** Where redaction would act, by place: for measuring it. */
export function findPersonal(text: string): Find[] {
  const finds: Find[] = []
  sweep(storable(text), (find) => finds.push(find))
  return finds.sort((a, b) => a.start - b.start)
}

const mostDigitsNeeded = Math.max(...kindPatterns.map(({ needs }) => (needs === 'at' ? 0 : needs)))

function sweep(text: string, onFind: (find: Find) => void): string {
  const [digits, hasAt] = [digitsIn(text), text.includes('@')]
  let current = text
  for (const { kind, pattern, holds: isOne, needs, hint } of kindPatterns) {
    if (needs === 'at' ? !hasAt : digits < needs) continue
    if (hint?.test(current) === false) continue
    current = current.replace(pattern, (match: string, ...rest: unknown[]) => {
      // What is masked already is no second find.
      if (!isOne(match) || mask(match) === match) return match
      const at = rest.find((value) => typeof value === 'number') ?? 0
      onFind({ kind, start: at, end: at + match.length })
      const kept = escapedLength(current, at, match)
      return match.slice(0, kept) + mask(match.slice(kept))
    })
  }
  return current
}

/** Digits of a text, counted no further than any kind asks. */
function digitsIn(text: string): number {
  let count = 0
  for (let at = 0; at < text.length && count < mostDigitsNeeded; at += 1) {
    const code = text.charCodeAt(at)
    if (code >= 0x30 && code <= 0x39) count += 1
  }
  return count
}

/** Redacts every text in a JSON value; names of fields stay. */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value).text
  if (Array.isArray(value)) return value.map(redactValue)
  if (typeof value !== 'object' || value === null) return redactNumber(value)
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, redactValue(child)]))
}

/** A number long enough to be a card number is treated as its digits. */
function redactNumber(value: unknown): unknown {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1e11) return value
  return Number(redactText(String(value)).text)
}

/** Escapes of JSON text inside a match stay as they are. */
function mask(text: string): string {
  return text.replace(/\\u[0-9a-fA-F]{4}|\\.|\p{Ll}|\p{Lu}|\p{Lo}|\d/gu, (piece) => {
    if (piece[0] === '\\') return piece
    if (piece >= '0' && piece <= '9') return '1'
    return (piece.toLowerCase() === piece ? 'x' : 'X').repeat(piece.length)
  })
}

/** In JSON text a match may begin inside an escape: the characters that belong to the escape stay as they are. */
function escapedLength(text: string, at: number, match: string): number {
  let slashes = 0
  while (text[at - 1 - slashes] === '\\') slashes += 1
  if (slashes % 2 === 1) return match.startsWith('u') ? 5 : 1
  // Inside the four digits of a \u escape: up to three of them may stand before the match.
  const before = /\\u[0-9a-fA-F]{0,3}$/.exec(text.slice(Math.max(0, at - 5), at))
  return before === null ? 0 : 6 - before[0].length
}
