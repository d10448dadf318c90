import { storable } from './storable.ts'

/** Kinds of personal data and secrets that are made unreadable before anything is stored (B6). */
export type RedactedKind = 'email' | 'secret' | 'iban' | 'card' | 'phone'

/**
 * Where each kind may stand. All quantifiers are bounded, so matching is linear in the text. Grammar:
 * secret  a known prefix and at least 16 characters of base64url; a JSON Web Token; `Bearer` and a token
 * iban    country, two check digits, 11 to 30 letters or digits in groups of four
 * card    12 to 19 digits, single blanks or dashes between them
 * phone   `+` and 7 to 15 digits; or an area code in brackets; or digits in groups as North America and Europe write them;
 *         or any groups of digits behind a word that announces a number
 */
const kinds: readonly {
  readonly kind: RedactedKind
  readonly pattern: RegExp
  readonly holds: (match: string) => boolean
}[] = [
  {
    kind: 'secret',
    pattern:
      /(?<![A-Za-z0-9_-])(?:(?:sk|pk|rk|ghp|gho|ghs|ghu|glpat|xox[abprs]|hf|key|token|ilk)[-_][A-Za-z0-9_-]{16,256}|github_pat_[A-Za-z0-9_]{20,256}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,60}|eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024})/g,
    holds: (match) => /\d/.test(match),
  },
  { kind: 'secret', pattern: /(?<=\bBearer )[A-Za-z0-9._~+/=-]{16,4096}/gi, holds: () => true },
  {
    kind: 'email',
    pattern: /[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}/g,
    holds: () => true,
  },
  {
    kind: 'iban',
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    holds: isIban,
  },
  { kind: 'card', pattern: /(?<![\d.])[1-6]\d(?:[ -]?\d){10,17}(?![\d])/g, holds: isCardNumber },
  {
    kind: 'phone',
    pattern: /(?<![\w.+])(?:\+|00)\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?:x\d{1,5})?(?!\w)/g,
    holds: (match) => hasDigits(match, 8, 20),
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+])\(\d{2,5}\)[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}(?:x\d{1,5})?(?!\w)/g,
    holds: (match) => hasDigits(match, 7, 20),
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+-])(?:1[ .-])?\d{3}([ .-])\d{3}\1\d{4}(?:x\d{1,5}|(?![\w-]))/g,
    holds: () => true,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+-])0\d{1,4}(?:[ /.-]\d{2,8}){1,4}(?![\w-])/g,
    holds: (match) => hasDigits(match, 9, 12),
  },
  {
    kind: 'phone',
    pattern:
      /(?<=\b(?:phone|call|calling|tel|telephone|mobile|cell|fax|whatsapp|text|sms|number)\b[^\d]{0,30})\d{2,4}(?:[ .-]\d{2,7}){1,4}(?![\w-])/gi,
    holds: (match) => hasDigits(match, 7, 12) && !/^\d{4}-\d{2}-\d{2}/.test(match),
  },
]

export interface Redacted {
  readonly text: string
  readonly counts: Readonly<Partial<Record<RedactedKind, number>>>
}

/**
 * Makes personal data and secrets unreadable and keeps their form: letters become `x` or `X`, digits become `1`, everything
 * else stays. So text of the same length with the same structure comes out: JSON stays JSON, a number a number, an address an
 * address. The same text always becomes the same. Characters that no database holds are left out.
 */
export function redactText(text: string): Redacted {
  const counts: Partial<Record<RedactedKind, number>> = {}
  let current = storable(text)
  for (const { kind, pattern, holds } of kinds) {
    current = current.replace(pattern, (match: string, ...rest: unknown[]) => {
      // What is masked already is no second find.
      if (!holds(match) || mask(match) === match) return match
      counts[kind] = (counts[kind] ?? 0) + 1
      const at = rest.find((value) => typeof value === 'number') ?? 0
      const kept = escapedLength(current, at, match)
      return match.slice(0, kept) + mask(match.slice(kept))
    })
  }
  return { text: current, counts }
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
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1e12) return value
  return Number(redactText(String(value)).text)
}

function mask(text: string): string {
  return text.replace(/[a-z]/g, 'x').replace(/[A-Z]/g, 'X').replace(/\d/g, '1')
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

/** ISO 13616: letters count 10 to 35, the first four characters go last, the number modulo 97 is 1. */
function isIban(match: string): boolean {
  const compact = match.replaceAll(' ', '')
  if (compact.length < 15 || compact.length > 34) return false
  let rest = 0
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest === 1
}

/**
 * Lengths as the schemes issue them (12 digits: Maestro; 13: Visa; 14: Diners; 15: American Express, JCB), and Luhn's check: every
 * second digit from the right doubled, digits summed, a multiple of ten. Times in milliseconds (13 digits, 1 first) are none.
 */
function isCardNumber(match: string): boolean {
  const digits = match.replace(/\D/g, '')
  const isIssued = /^(?:(?:5[06-8]|6)\d{10}|4\d{12}|3[068]\d{12}|(?:3[47]\d\d|1800|2131)\d{11}|[2-6]\d{15,18})$/.test(
    digits,
  )
  if (!isIssued || /^(\d)\1+$/.test(digits)) return false
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = index % 2 === 1 ? Number(digit) * 2 : Number(digit)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

function hasDigits(match: string, least: number, most: number): boolean {
  const count = match.replace(/\D/g, '').length
  return count >= least && count <= most
}
