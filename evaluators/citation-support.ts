import type { CitationMark } from './citation-markers.ts'
import { type Claim, extractClaims } from './claims.ts'
import { type GroundingContext, indexContext } from './grounding-context.ts'
import { compareClaim } from './grounding-features.ts'
import { supportProbability } from './grounding-model.ts'
import { wordsOf } from './words.ts'

/** One statement of an answer with what its citations are worth. */
export interface CitedStatement {
  readonly text: string
  readonly start: number
  /** Estimated probability that the cited passages together support it; 0 without citations. */
  readonly support: number
  readonly isSupported: boolean
  readonly citations: readonly {
    readonly source: string
    readonly passage: number | null
    /** ALCE's precision: it supports the statement alone, or the others do not without it. */
    readonly isNeeded: boolean
  }[]
  /** The passage it does not cite that supports it best, null when there is none. */
  readonly alternative: { readonly passage: number; readonly support: number } | null
}

/** Statements and citations per statement looked at; other passages compared with each statement. */
export const maxStatements = 60
export const maxCitations = 6
const maxAlternatives = 2

/** Checks each statement of an answer against what it cites. Lets other work run between statements. */
export async function checkCitations(
  answer: string,
  { passages, marks, minSupport }: { passages: readonly string[]; marks: readonly CitationMark[]; minSupport: number },
): Promise<CitedStatement[]> {
  const claims = extractClaims(answer).claims.slice(0, maxStatements)
  const support = supportOf(passages)
  const passageStems = passages.map((passage) => stemsOf(passage))
  const checked: CitedStatement[] = []
  const byClaim = marksByClaim(answer, claims, marks)
  for (const [index, claim] of claims.entries()) {
    const own = byClaim[index]?.slice(0, maxCitations) ?? []
    checked.push(checkStatement(claim, { own, support, passageStems, minSupport }))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return checked
}

/**
 * The marks of each statement: those within it, and those behind it before the first letter or digit of what follows ("... in May.
 * [2]"). Where a sentence begins with marks ("[2] The next"), they end the statement before, unless that has marks of its own.
 */
export function marksByClaim(
  answer: string,
  claims: readonly Claim[],
  marks: readonly CitationMark[],
): CitationMark[][] {
  const own = claims.map((): CitationMark[] => [])
  let at = 0
  for (const mark of marks) {
    while (at + 1 < claims.length && (claims[at + 1]?.start ?? 0) <= mark.start) at++
    const claim = claims[at]
    if (!claim || mark.start < claim.start) continue
    const before = at > 0 ? claims[at - 1] : undefined
    const isLeading = isBare(answer.slice(claim.start, mark.start)) && !isBare(answer.slice(mark.end, claim.end))
    if (isLeading && before && own[at - 1]?.length === 0 && isBare(answer.slice(before.end, mark.start))) {
      own[at - 1]?.push(mark)
    } else if (mark.start < claim.end || isBare(answer.slice(claim.end, mark.start))) own[at]?.push(mark)
  }
  return own
}

function isBare(between: string): boolean {
  return !/[\p{L}\p{N}]/u.test(between.replace(/(?:\[\^?|【)[\d,;\s–^-]{1,80}[\]】]/g, ''))
}

type Support = (claim: Claim, passages: readonly number[]) => number

/** Probability that the passages together support a claim; indexes are built once per set of passages. */
function supportOf(passages: readonly string[]): Support {
  const indexes = new Map<string, GroundingContext>()
  return (claim, chosen) => {
    const key = chosen.join()
    const index = indexes.get(key) ?? indexContext(chosen.map((at) => passages[at] ?? ''))
    indexes.set(key, index)
    return supportProbability(compareClaim(claim.text, index).features)
  }
}

function checkStatement(
  claim: Claim,
  {
    own,
    support,
    passageStems,
    minSupport,
  }: {
    own: readonly CitationMark[]
    support: Support
    passageStems: readonly ReadonlySet<string>[]
    minSupport: number
  },
): CitedStatement {
  const cited = [...new Set(own.flatMap(({ passage }) => passage ?? []))].sort((a, b) => a - b)
  const together = cited.length === 0 ? 0 : support(claim, cited)
  const isSupported = together >= minSupport
  const alternatives = nearest(claim, passageStems)
    .filter((passage) => !cited.includes(passage))
    .slice(0, maxAlternatives)
    .map((passage) => ({ passage, support: round(support(claim, [passage])) }))
    .sort((a, b) => b.support - a.support)
  const isNeeded = (passage: number) => {
    if (!isSupported) return false
    if (cited.length === 1 || support(claim, [passage]) >= minSupport) return true
    return (
      support(
        claim,
        cited.filter((other) => other !== passage),
      ) < minSupport
    )
  }
  return {
    text: claim.text.slice(0, 300).toWellFormed(),
    start: claim.start,
    support: round(together),
    isSupported,
    citations: own.map(({ source, passage }) => ({
      source: source.slice(0, 100),
      passage,
      isNeeded: passage !== null && isNeeded(passage),
    })),
    alternative: own.length === 0 ? null : (alternatives[0] ?? null),
  }
}

/** Passages by how many of the claim's content words they hold, most first; none that holds none. */
function nearest(claim: Claim, passageStems: readonly ReadonlySet<string>[]): number[] {
  const stems = [...stemsOf(claim.text)]
  return passageStems
    .map((known, passage) => ({ passage, shared: stems.filter((stem) => known.has(stem)).length }))
    .filter(({ shared }) => shared > 0)
    .sort((a, b) => b.shared - a.shared || a.passage - b.passage)
    .map(({ passage }) => passage)
}

function stemsOf(text: string): ReadonlySet<string> {
  return new Set(wordsOf(text).flatMap(({ stem, isContent }) => (isContent ? [stem] : [])))
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
