import { splitSentences } from './sentences.ts'

const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

/** Runs of letters, marks and digits, with apostrophes, points and hyphens inside ("don't", "3.5", "well-known"): one word. */
const word = /[\p{L}\p{M}\p{N}]+(?:['’.,_-][\p{L}\p{M}\p{N}]+)*/gu

/** Words as a person counts them; scripts without spaces are cut by the platform's dictionary. Linear in the length. */
export function countWords(text: string): number {
  let count = 0
  for (const [piece] of text.matchAll(word)) count += unspaced.test(piece) ? countUnspaced(piece) : 1
  return count
}

/** Longest piece given to the dictionary at once: its time grows faster than the text. */
const dictionaryStep = 2_000

function countUnspaced(piece: string): number {
  let count = 0
  for (let from = 0; from < piece.length; from += dictionaryStep) {
    for (const { isWordLike } of segmenter.segment(piece.slice(from, from + dictionaryStep))) if (isWordLike) count++
  }
  return count
}

/** Characters as people see them, white space included: code points without combining marks and variation selectors. */
export function countCharacters(text: string): number {
  let count = 0
  for (const point of text.normalize('NFC')) if (!isJoined(point)) count++
  return count
}

function isJoined(point: string): boolean {
  return point > '\u02ff' && /^(?:\p{M}|\u200d|\p{Variation_Selector})$/u.test(point)
}

/** Longest text cut into sentences by the full rules, in UTF-16 code units; in longer ones the marks that end them are counted. */
const maxSegmented = 200_000

/** Sentences; list items and headings count as one each. */
export function countSentences(text: string): number {
  if (text.length <= maxSegmented) return splitSentences(text).length
  return text.match(/[.!?…。！？؟।]+(?=[\s"'”’)]|$)|(?<=[。！？।])/gu)?.length ?? 1
}

/** Paragraphs: what blank lines divide. Empty ones are left out. */
export function splitParagraphs(text: string): string[] {
  const paragraphs: string[] = []
  let open: string[] = []
  for (const line of text.split('\n')) {
    if (line.trim() !== '') open.push(line)
    else if (open.length > 0) {
      paragraphs.push(open.join('\n'))
      open = []
    }
  }
  if (open.length > 0) paragraphs.push(open.join('\n'))
  return paragraphs
}

/**
 * About how many tokens a GPT-4-like tokenizer makes of it, for limits only: Latin text takes some four characters a token,
 * other scripts one to two. Never for billing.
 */
export function estimateTokens(text: string): number {
  const latin = text.match(/[\p{ASCII}]/gu)?.length ?? 0
  return Math.ceil(latin / 4 + (text.length - latin) / 1.6)
}
