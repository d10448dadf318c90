/** A citation in an answer. */
export interface CitationMark {
  /** What is written: `2`, an address, or a label. */
  readonly source: string
  /** Passage it points to, from 0; null: there is no such passage, the citation is made up. */
  readonly passage: number | null
  /** UTF-16 offsets in the answer. */
  readonly start: number
  readonly end: number
}

/**
 * Marks of one citation or several: "[3]", "[1, 2]", "[1-3]", "[^4]", "【5】", "(Source 2)"; addresses; and "[label]" where a passage
 * begins with that label. Repeats are bounded: linear in the text.
 */
const numbered =
  /(?:\[\^?|【)(\d{1,4}(?:(?:\s?[,;]\s?|\s?[–-]\s?)\^?\d{1,4}){0,20})(?:†[^\]】\n]{0,80})?[\]】]|\((?:[Ss]ources?|[Pp]assages?|[Dd]oc(?:ument)?s?)[ #]{1,2}(\d{1,4}(?:,? (?:and )?\d{1,4}){0,5})\)/g
const address = /https?:\/\/[^\s<>()[\]"'`]{4,2000}/g
const label = /\[([^[\]\n]{2,80})\](?!\()/g

/** Marks more than this are not read. */
const maxMarks = 1_000

/** All citations of an answer, in order. Code blocks hold none. */
export function citationsOf(answer: string, passages: readonly string[]): CitationMark[] {
  const text = answer.replace(/```[^`]*(?:```|$)/g, (block) => ' '.repeat(block.length))
  const marks: CitationMark[] = []
  for (const match of text.matchAll(numbered)) {
    if (isIndexing(text, match.index)) continue
    for (const number of numbersIn(match[1] ?? match[2] ?? '')) {
      const passage = number >= 1 && number <= passages.length ? number - 1 : null
      marks.push({ source: String(number), passage, start: match.index, end: match.index + match[0].length })
    }
    if (marks.length >= maxMarks) break
  }
  for (const match of text.matchAll(address)) {
    const source = match[0].replace(/[.,;:!?]+$/, '')
    const at = passages.findIndex((passage) => passage.includes(source) || passage.includes(source.replace(/\/$/, '')))
    marks.push({ source, passage: at < 0 ? null : at, start: match.index, end: match.index + source.length })
    if (marks.length >= maxMarks * 2) break
  }
  const labels = new Map(passages.map((passage, index) => [labelOf(passage), index]))
  for (const match of text.matchAll(label)) {
    const passage = labels.get((match[1] ?? '').toLowerCase())
    if (passage === undefined || /^\^?\d/.test(match[1] ?? '')) continue
    marks.push({ source: match[1] ?? '', passage, start: match.index, end: match.index + match[0].length })
  }
  return marks.sort((a, b) => a.start - b.start)
}

/** `list[0].name`, `x[1] = y`: an index, no citation. */
function isIndexing(text: string, at: number): boolean {
  if (text[at] !== '[' || !/[\w)\]]/.test(text[at - 1] ?? '')) return false
  return /^\[(?:0|\d+\](?:\.[a-z_(]|\s?[=+*/]\s?\w))/.test(text.slice(at, at + 14))
}

/** Widest range "[1-12]" read as all of its numbers. */
const maxRange = 20

function numbersIn(list: string): number[] {
  const numbers: number[] = []
  for (const [, from = '', to] of list.matchAll(/(\d+)(?:\s?[–-]\s?\^?(\d+))?/g)) {
    const first = Number(from)
    const last = to === undefined ? first : Number(to)
    if (last < first || last - first > maxRange) numbers.push(first, last)
    else for (let number = first; number <= last; number++) numbers.push(number)
  }
  return [...new Set(numbers)]
}

/** The label a passage begins with: "[handbook] ...", "handbook.pdf: ..."; a text no mark has when there is none. */
function labelOf(passage: string): string {
  const start = passage.trimStart().slice(0, 100)
  return (/^\[([^[\]\n]{2,80})\]/.exec(start)?.[1] ?? /^([\w./-]{2,60}): /.exec(start)?.[1] ?? '\n').toLowerCase()
}
