import { structureOf } from './markdown-structure.ts'
import { countWords } from './text-units.ts'

/** How an answer is built, as counts in few classes: two answers with the same fingerprint look alike on a page. */
export type Fingerprint = Readonly<Record<string, string>>

/** Longest text read, in UTF-16 code units. */
const maxRead = 200_000

/** Features of the structure, each as a class: `0`, `1`, `2-3`, `4-7`, ... */
export function fingerprintOf(text: string): Fingerprint {
  const read = text.slice(0, maxRead)
  const structure = structureOf(read)
  const depths = [...new Set(structure.headings.map(({ level }) => level))].sort((a, b) => a - b)
  return {
    length: magnitudeOf(countWords(read)),
    paragraphs: magnitudeOf(structure.paragraphs),
    headings: magnitudeOf(structure.headings.length),
    headingLevels: depths.join(',') || 'none',
    bullets: magnitudeOf(structure.bullets),
    numbered: magnitudeOf(structure.numbered),
    tables: magnitudeOf(structure.tables),
    codeBlocks: magnitudeOf(structure.fences.length),
    links: magnitudeOf(structure.links),
    strong: magnitudeOf(structure.strong),
    emoji: magnitudeOf(structure.emoji),
    citations: /\[\^?\d{1,3}\]|【\d/.test(read) ? 'numbered' : /https?:\/\//.test(read) ? 'addresses' : 'none',
    opening: openingOf(read),
    closing: closingOf(read),
  }
}

function magnitudeOf(count: number): string {
  if (count < 2) return String(count)
  const low = 2 ** Math.floor(Math.log2(count))
  return `${low}-${low * 2 - 1}`
}

function openingOf(text: string): string {
  const start = text.trimStart().slice(0, 80)
  if (/^[{[]/.test(start)) return 'json'
  if (start.startsWith('```')) return 'code'
  if (/^#{1,6}\s/.test(start)) return 'heading'
  if (/^(?:[-*•+]|\d{1,3}[.)])\s/.test(start)) return 'list'
  return /^(?:sure|certainly|of course|absolutely|great question|here(?:'s|’s| is| are)|bien sûr|claro|natürlich|もちろん)/i.test(
    start,
  )
    ? 'pleasantry'
    : 'prose'
}

function closingOf(text: string): string {
  const end = text.trimEnd().slice(-160)
  if (/(?:let me know|feel free|hope (?:this|that) helps|anything else|happy to help)[^\n]*$/i.test(end)) return 'offer'
  if (/[?？]$/.test(end)) return 'question'
  return /[}\]]$/.test(end) ? 'json' : /```$/.test(end) ? 'code' : 'prose'
}

/** Share of features that differ, [0, 1]; neighbouring classes of a count differ by half. */
export function fingerprintDistance(a: Fingerprint, b: Fingerprint): number {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const sum = names.reduce((total, name) => total + classDistance(a[name], b[name]), 0)
  return names.length === 0 ? 0 : sum / names.length
}

function classDistance(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  const [low, high] = [stepOf(a), stepOf(b)]
  return low !== null && high !== null && Math.abs(low - high) === 1 ? 0.5 : 1
}

function stepOf(value: string | undefined): number | null {
  const start = /^(\d+)(?:-\d+)?$/.exec(value ?? '')?.[1]
  return start === undefined ? null : Math.floor(Math.log2(Number(start) + 1))
}

/** What changed in the format between two arms. */
export interface FormatDrift {
  /** Mean over the features of the Jensen-Shannon distance (base 2, so [0, 1]) of their distributions. */
  readonly distance: number
  /** Share of random relabellings with at least this distance, (r + 1) / (n + 1). */
  readonly pValue: number
  /** Features, largest difference first. */
  readonly features: readonly { readonly name: string; readonly distance: number }[]
}

/**
 * Permutation test on the distance between two samples of fingerprints: are the arms built alike? Answers are taken as
 * exchangeable under the null hypothesis; where both arms answered the same requests, give them in the same order and the labels are
 * swapped within pairs.
 *
 * @param random  uniform in [0, 1)
 * @returns null when an arm has no answers
 */
export function formatDrift(
  baseline: readonly Fingerprint[],
  candidate: readonly Fingerprint[],
  { random, rounds = 999 }: { readonly random: () => number; readonly rounds?: number },
): FormatDrift | null {
  const [first] = baseline
  if (!first || candidate.length === 0) return null
  const names = Object.keys(first)
  const observed = distancesOf(names, baseline, candidate)
  const distance = mean(observed)
  const isPaired = baseline.length === candidate.length
  let asFar = 0
  for (let round = 0; round < rounds; round++) {
    const [left, right] = isPaired ? swapPairs(baseline, candidate, random) : reshuffle(baseline, candidate, random)
    if (mean(distancesOf(names, left, right)) >= distance - 1e-12) asFar++
  }
  const features = names.map((name, index) => ({ name, distance: observed[index] ?? 0 }))
  return {
    distance,
    pValue: (asFar + 1) / (rounds + 1),
    features: features.sort((a, b) => b.distance - a.distance || (a.name < b.name ? -1 : 1)),
  }
}

function distancesOf(names: readonly string[], a: readonly Fingerprint[], b: readonly Fingerprint[]): number[] {
  return names.map((name) => jensenShannon(shares(a, name), shares(b, name)))
}

function shares(prints: readonly Fingerprint[], name: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const print of prints) counts.set(print[name] ?? '', (counts.get(print[name] ?? '') ?? 0) + 1 / prints.length)
  return counts
}

/** Square root of the Jensen-Shannon divergence in bits (Endres and Schindelin 2003): a metric in [0, 1]. */
function jensenShannon(p: ReadonlyMap<string, number>, q: ReadonlyMap<string, number>): number {
  let divergence = 0
  for (const key of new Set([...p.keys(), ...q.keys()])) {
    const [a, b] = [p.get(key) ?? 0, q.get(key) ?? 0]
    const middle = (a + b) / 2
    if (a > 0) divergence += (a * Math.log2(a / middle)) / 2
    if (b > 0) divergence += (b * Math.log2(b / middle)) / 2
  }
  return Math.sqrt(Math.min(1, Math.max(0, divergence)))
}

type Arms = readonly [Fingerprint[], Fingerprint[]]

function swapPairs(a: readonly Fingerprint[], b: readonly Fingerprint[], random: () => number): Arms {
  const isSwapped = a.map(() => random() < 0.5)
  const pick = (own: readonly Fingerprint[], other: readonly Fingerprint[]) =>
    own.map((print, index) => (isSwapped[index] ? (other[index] ?? print) : print))
  return [pick(a, b), pick(b, a)]
}

function reshuffle(a: readonly Fingerprint[], b: readonly Fingerprint[], random: () => number): Arms {
  const all = [...a, ...b]
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [left, right] = [all[at], all[other]]
    if (left && right) [all[at], all[other]] = [right, left]
  }
  return [all.slice(0, a.length), all.slice(a.length)]
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
