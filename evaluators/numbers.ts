/** A number found in text. `start` and `end` are UTF-16 offsets of its digits, without sign and unit. */
export interface FoundNumber {
  readonly value: number
  readonly isPercent: boolean
  readonly start: number
  readonly end: number
}

/**
 * Grammar: [currency code] digits [groups of three] [. digits] [e±digits | × 10^±digits] [%].
 * Groups are divided by comma, apostrophe or a no-break or thin space ("1,234" and "1 234" but not "1,23").
 * Not numbers of their own: digits inside a word ("m2", "x86"), an exponent after ^.
 */
const numberPattern = new RegExp(
  [
    /(?:(?<![\p{L}\p{N}_^]|\d\.)|(?<=(?<!\p{L})(?:USD|EUR|GBP|JPY|CNY|INR|CAD|AUD|CHF|Rs)))/u,
    /(?<digits>(?:\d{1,2}(?:,\d{2})+,\d{3}(?!\d)|\d{1,3}(?:[,'’\u00A0\u2009\u202F]\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)/u,
    /(?:[eE](?<exponent>[+-]?\d{1,4})(?![\p{L}\d])|\s?[×x*]\s?10\s?\^\s?\{?(?<power>[-+−]?\d{1,4})\}?)?/u,
    /(?<percent>\s?%| percent\b)?/u,
  ]
    .map((part) => part.source)
    .join(''),
  'gu',
)

/** All numbers of a text, in order. Linear in its length. */
export function findNumbers(text: string): FoundNumber[] {
  const ascii = text.replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
  const found: FoundNumber[] = []
  for (const match of ascii.matchAll(numberPattern)) {
    const { digits = '', exponent, power, percent } = match.groups ?? {}
    const scale = Number((exponent ?? power ?? '0').replace('−', '-'))
    const size = Number(`${digits.replace(/[^\d.]/g, '')}e${scale}`)
    if (!Number.isFinite(size)) continue
    const value = isNegative(ascii, match.index) ? -size : size
    found.push({ value, isPercent: percent !== undefined, start: match.index, end: match.index + match[0].length })
  }
  return found
}

/** A minus before the digits or their currency sign, unless it joins two things: "-5", "-$5", "$−5"; not "3-5", "GPT-4". */
function isNegative(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 8), start)
  return /(?:^|[^\p{L}\p{N})\]}%])[-−]\s?\p{Sc}?$|(?:^|[^\p{L}\p{N}])\p{Sc}[-−]$/u.test(before)
}
