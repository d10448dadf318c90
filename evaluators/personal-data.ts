/** A piece of personal or secret data in a text. */
export interface FoundPersonalData {
  readonly type: PersonalDataType
  readonly value: string
  /** UTF-16 offset. */
  readonly start: number
}

export const personalDataTypes = [
  'email',
  'phone',
  'credit_card',
  'iban',
  'us_ssn',
  'ip_address',
  'mac_address',
  'api_key',
  'private_key',
  'crypto_address',
] as const
export type PersonalDataType = (typeof personalDataTypes)[number]

interface Detector {
  readonly type: PersonalDataType
  readonly pattern: RegExp
  /** What a pattern cannot say: checksums, ranges. */
  readonly check?: (value: string, before: string) => boolean
}

/**
 * Every repeat is bounded and starts at a character that the one before it cannot be, so that the time is linear in the text.
 * Checksums: Luhn (ISO/IEC 7812), ISO 7064 mod 97 (IBAN).
 */
const detectors: readonly Detector[] = [
  {
    type: 'private_key',
    pattern: /-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----/g,
  },
  {
    type: 'api_key',
    pattern:
      /(?<![A-Za-z0-9_-])(?:sk-(?:[a-z]{2,6}-)?[A-Za-z0-9_-]{20,200}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[A-Za-z0-9-]{10,250}|glpat-[\w-]{20,50}|hf_[A-Za-z0-9]{30,50}|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000})(?![A-Za-z0-9])/g,
  },
  {
    type: 'email',
    pattern:
      /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}_%+-]{1,64}(?:\.[\p{L}\p{N}_%+-]{1,64}){0,8}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,6}\p{L}{2,24}(?![\p{L}\p{N}])/gu,
    check: (value) => !/@(?:[\w-]+\.)*example\.(?:com|org|net)$|@example$/i.test(value),
  },
  {
    type: 'iban',
    pattern: /(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    check: isIban,
  },
  {
    type: 'credit_card',
    pattern: /(?<![\p{L}\d.,+-]|\d )\d(?:[ -]?\d){11,18}(?![\d]|[.,]\d)/gu,
    check: isCard,
  },
  {
    type: 'us_ssn',
    pattern: /(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g,
  },
  {
    type: 'ip_address',
    pattern:
      /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]\d|\d)|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![\w:])/g,
    check: isRoutable,
  },
  {
    type: 'mac_address',
    pattern: /(?<![\w:-])(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}(?![\w:-])/g,
  },
  {
    type: 'crypto_address',
    pattern:
      /(?<![A-Za-z0-9])(?:bc1[02-9ac-hj-np-z]{25,60}|0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{33})(?![A-Za-z0-9])/g,
    check: (value) => /\d/.test(value) && /[A-Za-z]/.test(value.slice(2)),
  },
  {
    type: 'phone',
    pattern:
      /(?<![\p{L}\p{N}.,/_=-])(?:\+|00|\()?\d{1,4}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,6}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\p{L}\p{N}]|[.,:/-]\d)/gu,
    check: isPhone,
  },
]

/** Longest text searched, in UTF-16 code units; what follows is not read. */
export const maxSearched = 2_000_000

/** All finds of the wanted types, by place; where two overlap the detector named first has it. */
export function findPersonalData(text: string, types: ReadonlySet<PersonalDataType>): FoundPersonalData[] {
  const found: (FoundPersonalData & { end: number })[] = []
  const taken: boolean[] = []
  const read = text.slice(0, maxSearched)
  for (const { type, pattern, check } of detectors) {
    for (const match of read.matchAll(pattern)) {
      const [value] = match
      const start = match.index
      if (taken[start] || taken[start + value.length - 1]) continue
      if (check && !check(value, read.slice(Math.max(0, start - 40), start))) continue
      for (let at = start; at < start + value.length; at++) taken[at] = true
      if (types.has(type)) found.push({ type, value, start, end: start + value.length })
    }
  }
  return found.sort((a, b) => a.start - b.start).map(({ type, value, start }) => ({ type, value, start }))
}

/** A value as it is compared: letters and digits alone, lower case. */
export function foldValue(value: string): string {
  return value.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

function isCard(value: string): boolean {
  const digits = value.replace(/\D/g, '')
  if (digits.length < 12 || digits.length > 19 || /^(\d)\1+$/.test(digits)) return false
  if (!/^(?:3[0-9]|4|5[0-8]|6[0-9]|2[1-7]|1800)/.test(digits)) return false
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = digit * 2
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

function isIban(value: string): boolean {
  const compact = value.replace(/[ -]/g, '')
  if (compact.length < 15 || compact.length > 34) return false
  let remainder = 0
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const code = /\d/.test(char) ? char : String(char.charCodeAt(0) - 55)
    for (const digit of code) remainder = (remainder * 10 + Number(digit)) % 97
  }
  return remainder === 1
}

/** Addresses of documentation, loopback and "any" tell nothing about anybody; version numbers look like addresses. */
function isRoutable(value: string, before: string): boolean {
  if (/^(?:0\.|127\.|255\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.)/.test(value)) return false
  return !/(?:version|v|§|section|release)\.? ?$/i.test(before)
}

/** Seven to fifteen digits (E.164) in groups as phones are written; not dates, not years, not numbers with decimals. */
function isPhone(value: string, before: string): boolean {
  const digits = value.replace(/(?:x|ext).*$/i, '').replace(/\D/g, '')
  if (digits.length < 7 || digits.length > 15 || /^(\d)\1+$/.test(digits)) return false
  const groups = value.match(/\d+/g) ?? []
  const isNamed = /(?:phone|tel|mobile|cell|call|fax|dial|whatsapp|contact|text)[^\d\n]{0,25}$/i.test(before)
  if (/^(?:\+|00)[1-9]/.test(value)) return digits.length >= 8
  if (/^\d{4}[./-]\d{1,2}[./-]\d{1,2}$|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$|^\d{4} ?- ?\d{4}$/.test(value.trim()))
    return false
  if (
    isNamed === false &&
    /(?:licen[cs]e|passport|id|account|order|invoice|ticket|ref(?:erence)?|isbn|serial)\b[^\d\n]{0,20}$/i.test(before)
  )
    return false
  if (/^\(?\d{3}\)?[ .-]{0,2}\d{3}[ .-]\d{4}(?:\s?(?:x|ext).*)?$/i.test(value)) return true
  if (/^1[ .-]\(?\d{3}\)?[ .-]{0,2}\d{3}[ .-]\d{4}/.test(value)) return true
  if (groups.length >= 2 && /^\(?0\d/.test(value) && digits.length >= 9 && digits.length <= 12) return true
  return isNamed && (groups.length > 1 || digits.length >= 9)
}
