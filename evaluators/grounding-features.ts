import { type ContextSentence, type GroundingContext, grams, plainText, rootOf } from './grounding-context.ts'
import { opposites } from './opposites.ts'
import { isFrameWord, numbersOf, type Word, wordsOf } from './words.ts'

/**
 * What is compared of a claim and its context, and which way each may count: 1 for support, -1 against it, 0 either (it only
 * corrects others for the make-up of the claim). A weight of the other sign is noise of the training sets and is not learnt.
 * Shares are in [0, 1], flags 0 or 1, counts log(1 + n).
 */
export const featureSigns = {
  anchored: 1,
  window: 1,
  pairs: 1,
  triples: 1,
  sequence: 1,
  run: 1,
  together: 1,
  numberMissing: -1,
  nameMissing: -1,
  nameElsewhere: -1,
  quoteMissing: -1,
  negationAdded: -1,
  negationDropped: -1,
  opposite: -1,
  limitAdded: -1,
  novelVerbs: 0,
  length: 0,
} as const

export type FeatureName = keyof typeof featureSigns
export const featureNames = Object.keys(featureSigns) as readonly FeatureName[]
export type Features = Readonly<Record<FeatureName, number>>

export interface ClaimEvidence {
  readonly features: Features
  /** The context sentence that covers most of the claim; null when none shares a word with it. */
  readonly best: ContextSentence | null
  /** Words, numbers and quotations of the claim that stand nowhere in the context. */
  readonly unsupported: readonly string[]
}

/** Compares one claim with a context. Pure; time linear in the claim times the matching sentences. */
export function compareClaim(text: string, context: GroundingContext): ClaimEvidence {
  const words = wordsOf(text)
  const content = words.filter((word) => word.isContent && !isFrameWord(word))
  const weights = new Map(content.map(({ stem }) => [stem, rarity(stem, context)]))
  const novel = content.filter((word) => !isIn(word, context))
  const window = bestWindow(weights, context)
  const missing = missingDetails(text, novel, context)
  const features: Features = {
    // above half of its words, more of them say little: a faithful paraphrase has fewer than a copy with one word changed
    anchored: Math.min(1, share(content.length - novel.length, content.length) / 0.5),
    window: window.coverage,
    ...overlap(words, content, window, context),
    numberMissing: Number(missing.numbers.length > 0),
    nameMissing: Number(missing.names.length > 0),
    nameElsewhere: Number(content.some((word) => word.isName && isIn(word, context) && !window.stems.has(word.stem))),
    quoteMissing: Number(missing.quotes.length > 0),
    negationAdded: Number(isNegated(words) && !window.sentences.some((sentence) => isNegated(sentence.words))),
    negationDropped: Number(window.coverage >= 0.7 && !isNegated(words) && isNegated(window.best?.words ?? [])),
    opposite: Number(novel.some((word) => hasOpposite(word, context))),
    limitAdded: Number(words.some((word) => isLimit(word) && !window.stems.has(word.stem))),
    novelVerbs: Math.log1p(countStems(novel.filter(looksLikeVerb))),
    length: Math.log1p(content.length),
  }
  const unsupported = new Set([...novel.map((word) => word.text), ...missing.numbers.map(String), ...missing.quotes])
  return { features, best: window.best, unsupported: [...unsupported] }
}

/** Numbers, names and quotations of the claim that the context does not have. */
function missingDetails(text: string, novel: readonly Word[], context: GroundingContext) {
  return {
    numbers: numbersOf(text)
      .filter((readings) => !readings.some((value) => context.numbers.has(value)))
      .map(([value]) => value),
    names: novel.filter((word) => word.isName || (word.isNumber && !/^\d/.test(word.text))),
    quotes: quotations(text).filter((quote) => !context.plain.includes(plainText(quote))),
  }
}

/** How much of the claim's wording, in its order, the context has. */
function overlap(words: readonly Word[], content: readonly Word[], window: Window, context: GroundingContext) {
  const stems = words.map(({ stem }) => stem)
  const windowStems = window.sentences.flatMap((sentence) => sentence.words.map(({ stem }) => stem))
  return {
    pairs: shareIn(grams(stems, 2), context.pairs),
    triples: shareIn(grams(stems, 3), context.triples),
    sequence: share(commonSubsequence(stems, windowStems), stems.length),
    run: share(longestRun(stems, windowStems), stems.length),
    together: togetherness(content, context),
  }
}

function isIn({ stem }: Word, context: GroundingContext): boolean {
  return context.stems.has(stem) || (stem.length >= 6 && context.roots.has(rootOf(stem)))
}

/** Inverse document frequency over the sentences of the context; a stem that is nowhere gets the most. */
function rarity(stem: string, context: GroundingContext): number {
  const count = context.places.get(stem)?.length ?? 0
  return Math.log((context.sentences.length + 1) / (count + 0.5)) + 0.1
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : Math.max(0, Math.min(1, part / whole))
}

function shareIn(items: readonly string[], known: ReadonlySet<string>): number {
  return share(items.filter((item) => known.has(item)).length, items.length)
}

interface Window {
  /** Up to three neighbouring sentences of one passage. */
  readonly sentences: readonly ContextSentence[]
  readonly best: ContextSentence | null
  readonly stems: ReadonlySet<string>
  /** Share of the claim's weight that the window holds. */
  readonly coverage: number
}

/** The one to three neighbouring sentences that hold most of the claim's weight. */
function bestWindow(weights: ReadonlyMap<string, number>, context: GroundingContext): Window {
  const scores = new Map<number, number>()
  for (const [stem, weight] of weights) {
    for (const index of context.places.get(stem) ?? []) scores.set(index, (scores.get(index) ?? 0) + weight)
  }
  let best = -1
  for (const [index, score] of scores) {
    if (best < 0 || score > (scores.get(best) ?? 0) || (score === scores.get(best) && index < best)) best = index
  }
  const middle = context.sentences[best]
  if (!middle) return { sentences: [], best: null, stems: new Set(), coverage: weights.size === 0 ? 1 : 0 }
  const near = [best - 1, best, best + 1]
    .map((index) => context.sentences[index])
    .filter((sentence): sentence is ContextSentence => sentence?.passage === middle.passage)
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  const stems = new Set(near.flatMap((sentence) => [...sentence.stems]))
  const held = [...weights].reduce((sum, [stem, weight]) => sum + (stems.has(stem) ? weight : 0), 0)
  return { sentences: near, best: middle, stems, coverage: share(held, total) }
}

/** Share of neighbouring content words of the claim that also stand in one sentence of the context. */
function togetherness(content: readonly Word[], context: GroundingContext): number {
  let joined = 0
  for (let at = 0; at + 1 < content.length; at++) {
    const [a, b] = [context.places.get(content[at]?.stem ?? ''), context.places.get(content[at + 1]?.stem ?? '')]
    if (!a || !b) continue
    const [few, many] = a.length < b.length ? [a, new Set(b)] : [b, new Set(a)]
    if (few.some((index) => many.has(index))) joined++
  }
  return share(joined, content.length - 1)
}

/** Words of a claim or a window compared in full; longer ones are cut: the table is quadratic. */
const maxSequence = 400

/** Length of the longest common subsequence. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const [left, right] = [a.slice(0, maxSequence), b.slice(0, maxSequence)]
  let row = new Array<number>(right.length + 1).fill(0)
  for (const stem of left) {
    const next = [0]
    for (let at = 1; at <= right.length; at++) {
      next[at] = stem === right[at - 1] ? (row[at - 1] ?? 0) + 1 : Math.max(row[at] ?? 0, next[at - 1] ?? 0)
    }
    row = next
  }
  return row[right.length] ?? 0
}

/** Length of the longest run of words that both have. */
function longestRun(a: readonly string[], b: readonly string[]): number {
  const [left, right] = [a.slice(0, maxSequence), b.slice(0, maxSequence)]
  let longest = 0
  let row = new Array<number>(right.length + 1).fill(0)
  for (const stem of left) {
    const next = [0]
    for (let at = 1; at <= right.length; at++) {
      next[at] = stem === right[at - 1] ? (row[at - 1] ?? 0) + 1 : 0
      longest = Math.max(longest, next[at] ?? 0)
    }
    row = next
  }
  return longest
}

const negations = new Set(
  'not no never none neither nor without cannot nobody nothing nowhere hardly barely lack lacks lacking fail fails failed unable'.split(
    ' ',
  ),
)

function isNegated(words: readonly Word[]): boolean {
  return words.some(({ text }) => negations.has(text.toLowerCase()) || /n['’]t$/i.test(text))
}

/** Words that widen or narrow a statement: one more or one less changes what it says. */
const limits = new Set(
  'all always any every never no none not only without unable solely exclusively entirely completely'.split(' '),
)

function isLimit({ text }: Word): boolean {
  return limits.has(text.toLowerCase()) || /n['’]t$/i.test(text)
}

const negativePrefix = /^(?:un|non|in|im|il|ir|dis|de|mis|anti|counter)(?=..)/

/** The claim has the opposite of a word of the context, by a list of pairs or by a prefix ("labeled", "unlabeled"). */
function hasOpposite({ stem }: Word, context: GroundingContext): boolean {
  const against = opposites.get(stem)
  if (against && [...against].some((other) => context.places.has(other))) return true
  const base = stem.replace(negativePrefix, '')
  if (base !== stem && base.length >= 3 && context.places.has(base)) return true
  return ['un', 'non', 'in', 'im', 'dis'].some((prefix) => context.places.has(prefix + stem))
}

function looksLikeVerb({ text }: Word): boolean {
  return /[a-z](?:ed|ing|ly|izes?|ises?|fies|ates?)$/.test(text)
}

function countStems(words: readonly Word[]): number {
  return new Set(words.map(({ stem }) => stem)).size
}

/** Quoted spans of three words or more. */
function quotations(text: string): string[] {
  const found = [...text.matchAll(/["“«]([^"”»]{10,500})["”»]/g)].map((match) =>
    (match[1] ?? '').replace(/[.,;:!?]+$/, ''),
  )
  return found.filter((quote) => quote.trim().split(/\s+/).length >= 3)
}
