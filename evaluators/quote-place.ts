/** Where a quotation stands: passage from 0, UTF-16 offsets into that passage. */
export interface QuotePlace {
  readonly passage: number
  readonly start: number
  readonly end: number
}

/**
 * The first place of a quotation in passages, by its letters and digits in order: white space, case, quotation marks and dashes
 * aside, as `isQuoteOf` compares. null where it spans passages or leaves something out: it is a quotation all the same, but no
 * one span of text.
 */
export function placeOfQuote(quote: string, passages: readonly string[]): QuotePlace | null {
  const wanted = lettersOf(quote).text
  if (wanted === '') return null
  for (const [passage, text] of passages.entries()) {
    const { text: letters, offsets } = lettersOf(text)
    const at = letters.indexOf(wanted)
    if (at < 0) continue
    const [start, last] = [offsets[at], offsets[at + wanted.length - 1]]
    if (start !== undefined && last !== undefined) return { passage, start, end: last + 1 }
  }
  return null
}

/** Letters and digits in lower case, each with its offset. Code units: what a change of case would lengthen stays as it is. */
function lettersOf(text: string): { readonly text: string; readonly offsets: readonly number[] } {
  const offsets: number[] = []
  let letters = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (!/[\p{L}\p{N}\p{M}]|[\ud800-\udfff]/u.test(char)) continue
    const lower = char.toLowerCase()
    letters += lower.length === 1 ? lower : char
    offsets.push(at)
  }
  return { text: letters, offsets }
}
