/** Bins of a sketch, and how they are cut into bands: two texts are compared where one band is equal. */
const bins = 64
const rowsPerBand = 4
/** Words of a run. */
const runLength = 3
const empty = 0xffffffff

/** What is kept of a text to tell near duplicates: the least hash per bin (one-permutation MinHash, Li et al. 2012). */
export type Sketch = Uint32Array

/**
 * Finds texts that say nearly the same: their runs of three words overlap by about `threshold` (Jaccard) or more. Case,
 * punctuation, white space and the values of numbers do not count: "order 17" and "order 23" are one question. Deterministic;
 * takes time in proportion to the length of what is added.
 *
 * The overlap is estimated from 64 bins: its standard error is at most 0.0625.
 */
export class NearDuplicates {
  readonly #threshold: number
  readonly #sketches: Sketch[] = []
  readonly #byBand = new Map<string, number[]>()
  readonly #texts = new Map<string, number>()

  constructor(threshold = 0.85) {
    this.#threshold = threshold
  }

  /** @returns whether the text was new; it is then remembered */
  add(text: string): boolean {
    const words = wordsOf(text)
    const plain = words.join(' ')
    if (this.#texts.has(plain)) return false
    const sketch = sketchOf(words)
    const keys = bandsOf(sketch)
    const near = new Set(keys.flatMap((key) => this.#byBand.get(key) ?? []))
    for (const index of near) {
      if (overlap(this.#sketches[index] ?? sketch, sketch) >= this.#threshold) return false
    }
    const index = this.#sketches.push(sketch) - 1
    this.#texts.set(plain, index)
    for (const key of keys) this.#byBand.set(key, [...(this.#byBand.get(key) ?? []), index])
    return true
  }
}

function wordsOf(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\d+(?:[.,:]\d+)*/g, '0')
  return plain.match(/[\p{L}\p{M}]+|\p{N}+/gu) ?? []
}

function sketchOf(words: readonly string[]): Sketch {
  const sketch = new Uint32Array(bins).fill(empty)
  const last = Math.max(0, words.length - runLength)
  for (let at = 0; at <= last; at++) {
    const hash = hashOf(words.slice(at, at + runLength).join(' '))
    const bin = hash % bins
    sketch[bin] = Math.min(sketch[bin] ?? empty, Math.floor(hash / bins))
  }
  return sketch
}

/** FNV-1a over UTF-16 code units, mixed at the end: neighbouring runs must not fall into neighbouring bins. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** One key per band that holds anything: short texts leave most bins empty, and emptiness is no likeness. */
function bandsOf(sketch: Sketch): string[] {
  const keys: string[] = []
  for (let from = 0; from < bins; from += rowsPerBand) {
    const rows = sketch.subarray(from, from + rowsPerBand)
    if (rows.some((value) => value !== empty)) keys.push(`${from}:${rows.join(',')}`)
  }
  return keys
}

function overlap(left: Sketch, right: Sketch): number {
  let used = 0
  let same = 0
  for (let bin = 0; bin < bins; bin++) {
    if (left[bin] === empty && right[bin] === empty) continue
    used++
    if (left[bin] === right[bin]) same++
  }
  return used === 0 ? 1 : same / used
}
