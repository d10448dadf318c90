import { splitSentences } from './sentences.ts'
import { numbersOf, type Word, wordsOf } from './words.ts'

/** A sentence of the context, ready to be compared. */
export interface ContextSentence {
  readonly text: string
  /** Index of the passage it stands in, and UTF-16 offsets into that. */
  readonly passage: number
  readonly start: number
  readonly end: number
  readonly words: readonly Word[]
  readonly stems: ReadonlySet<string>
}

/** A context indexed once for all claims of an answer. */
export interface GroundingContext {
  readonly sentences: readonly ContextSentence[]
  /** Content stem to the sentences that hold it. */
  readonly places: ReadonlyMap<string, readonly number[]>
  readonly stems: ReadonlySet<string>
  /** First five letters of every content stem of six or more: catches forms the stemmer does not join. */
  readonly roots: ReadonlySet<string>
  readonly pairs: ReadonlySet<string>
  readonly triples: ReadonlySet<string>
  readonly numbers: ReadonlySet<number>
  /** Lower-case text with white space collapsed, for quotations. */
  readonly plain: string
}

/** Sentences kept per stem: a word in more of them does not tell places apart. */
const maxPlaces = 2_000

/** An index under construction: passages are added one at a time, so that a long context can be read in steps. */
export class ContextIndex implements GroundingContext {
  readonly sentences: ContextSentence[] = []
  readonly places = new Map<string, number[]>()
  readonly stems = new Set<string>()
  readonly roots = new Set<string>()
  readonly pairs = new Set<string>()
  readonly triples = new Set<string>()
  readonly numbers = new Set<number>()
  plain = ''

  /** @param offset  where the text begins in its passage, when it is a part of one */
  add(passage: string, index: number, offset = 0): void {
    for (const { text, start, end } of splitSentences(passage)) {
      this.#addSentence(toContextSentence(text, { passage: index, start: start + offset, end: end + offset }))
    }
    for (const value of numbersOf(passage).flat()) this.numbers.add(value)
    this.plain += `${plainText(passage)}\n`
  }

  #addSentence(sentence: ContextSentence): void {
    const at = this.sentences.push(sentence) - 1
    const sequence = sentence.words.map(({ stem }) => stem)
    for (const stem of sequence) this.stems.add(stem)
    for (const pair of grams(sequence, 2)) this.pairs.add(pair)
    for (const triple of grams(sequence, 3)) this.triples.add(triple)
    for (const stem of new Set(sentence.words.filter((word) => word.isContent).map((word) => word.stem))) {
      if (stem.length >= 5) this.roots.add(rootOf(stem))
      const list = this.places.get(stem)
      if (list && list.length < maxPlaces) list.push(at)
      else if (!list) this.places.set(stem, [at])
    }
  }
}

export function indexContext(passages: readonly string[]): GroundingContext {
  const index = new ContextIndex()
  for (const [at, passage] of passages.entries()) index.add(passage, at)
  return index
}

function toContextSentence(text: string, place: Pick<ContextSentence, 'passage' | 'start' | 'end'>): ContextSentence {
  const words = wordsOf(text)
  return { text, ...place, words, stems: new Set(words.map(({ stem }) => stem)) }
}

export function rootOf(stem: string): string {
  return stem.slice(0, 5)
}

/** Runs of `size` neighbouring stems, each as one string. */
export function grams(stems: readonly string[], size: number): string[] {
  const found: string[] = []
  for (let at = 0; at + size <= stems.length; at++) found.push(stems.slice(at, at + size).join(' '))
  return found
}

export function plainText(text: string): string {
  return text.normalize('NFKC').replace(/[’‘]/g, "'").replace(/\s+/gu, ' ').toLowerCase()
}
