/** A sentence and where it stands: UTF-16 offsets into the text it was taken from. */
export interface Sentence {
  readonly text: string
  readonly start: number
  readonly end: number
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Words whose full stop does not end a sentence; lower case, without it. */
const abbreviations = new Set(
  (
    'mr mrs ms dr prof sr jr st gen col sgt capt lt rev hon pres gov sen rep inc ltd co corp llc plc dept univ assn bros ' +
    'jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun ' +
    'e.g i.e eg ie cf vs viz al etc approx ca est max min no nos vol vols pp p fig figs eq eqs sec ch ed eds art par ' +
    'u.s u.k u.n e.u a.m p.m b.c a.d ph.d m.d b.a m.a d.c'
  ).split(' '),
)

/**
 * Splits text into sentences: Unicode rules (UAX 29), then pieces are joined again where the break followed an abbreviation,
 * an initial, or the number of a list item. Line breaks end a sentence when the next line is a list item or the text is
 * clearly broken into paragraphs; code fences are one piece.
 */
export function splitSentences(text: string): Sentence[] {
  const sentences: Sentence[] = []
  for (const block of blocks(text)) {
    if (block.text.startsWith('```')) {
      push(sentences, block, 0, block.text.length)
      continue
    }
    let start = -1
    for (const { segment, index } of segmenter.segment(block.text)) {
      if (start < 0) start = index
      const end = index + segment.length
      if (endsInAbbreviation(block.text.slice(start, end)) && end < block.text.length) continue
      push(sentences, block, start, end)
      start = -1
    }
    if (start >= 0) push(sentences, block, start, block.text.length)
  }
  return sentences
}

interface Block {
  readonly text: string
  readonly offset: number
}

/** Paragraphs and list items; a single line break inside a paragraph becomes a space of the same length. */
function blocks(text: string): Block[] {
  const found: Block[] = []
  // a fence with everything up to its end, or text up to a blank line, a list item, a heading, a table row or a fence
  const pattern =
    /```[\s\S]*?(?:```|$)|(?:(?!```)[^\n])+(?:\n(?![ \t]*(?:\n|[-*•+][ \t]|\d{1,3}[.)][ \t]|#|\||```))[^\n]+)*/g
  for (const match of text.matchAll(pattern)) {
    found.push({ text: match[0].startsWith('```') ? match[0] : match[0].replace(/\n/g, ' '), offset: match.index })
  }
  return found
}

function push(sentences: Sentence[], block: Block, from: number, to: number): void {
  const raw = block.text.slice(from, to)
  const text = raw.trim()
  if (text === '') return
  const start = block.offset + from + raw.indexOf(text[0] as string)
  sentences.push({ text, start, end: start + text.length })
}

function endsInAbbreviation(piece: string): boolean {
  const last = /(?:^|[\s("'[])((?:\p{L}\.)*\p{L}+|\d{1,3})\.\s*$/u.exec(piece)?.[1]
  if (last === undefined) return false
  // "1." opens a list item only when nothing else stands before it; "J." is an initial, "I." usually not
  if (/^\d+$/.test(last)) return piece.trim().length <= last.length + 1
  return abbreviations.has(last.toLowerCase()) || (/^\p{Lu}$/u.test(last) && last !== 'I')
}
