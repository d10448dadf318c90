/** Places of the hashed features; a power of two. */
export const featureBuckets = 8_192

/** What is read of a prompt: instructions stand at its start or its end, the text they are about in between. */
const headCharacters = 800
const tailCharacters = 400

const offsetBasis = 0x811c9dc5
const prime = 0x01000193
/** One seed a kind of feature, so that the word "the" and the letters "the" are two features. */
const seeds = { word: 1, pair: 2, lineStart: 3, three: 4, shape: 5 } as const

/** The features of one text: which places are above 0, and how often each was hit. Valid until the next text is read. */
export interface FeatureCounts {
  /** The first `size` entries are places, each once. */
  readonly places: Int32Array
  readonly size: number
  /** By place. */
  readonly counts: Float32Array
}

/**
 * Counts the features of texts: words, pairs of neighbouring words, the first word of each line, runs of three
 * characters, and the text's shape, hashed (FNV-1a) into `featureBuckets` places.
 *
 * Reads at most 1,200 characters, so its time is bounded whatever the text's length. Keeps its memory from text to text: use
 * the counts of one text before reading the next.
 */
export class FeatureReader {
  readonly #counts = new Float32Array(featureBuckets)
  readonly #places = new Int32Array(featureBuckets)
  #size = 0

  read(text: string): FeatureCounts {
    for (let index = 0; index < this.#size; index += 1) this.#counts[this.#places[index] ?? 0] = 0
    this.#size = 0
    const excerpt = excerptOf(text)
    this.#readWords(excerpt)
    this.#readRuns(excerpt)
    this.#add(seeds.shape, Math.min(5, 32 - Math.clz32(text.length >> 6)))
    return { places: this.#places, size: this.#size, counts: this.#counts }
  }

  #readWords(text: string): void {
    let hash = 0
    let before = 0
    let isLineStart = true
    for (let at = 0; at <= text.length; at += 1) {
      // The text's end closes its last word.
      const code = at < text.length ? text.charCodeAt(at) : 10
      if (isWordCharacter(code)) {
        hash = Math.imul((hash === 0 ? offsetBasis : hash) ^ (isDigit(code) ? 48 : code), prime)
        continue
      }
      if (hash !== 0) {
        this.#add(seeds.word, hash)
        if (before !== 0) this.#add(seeds.pair, Math.imul(before, 31) ^ hash)
        if (isLineStart) this.#add(seeds.lineStart, hash)
        before = hash
        hash = 0
        isLineStart = false
      }
      if (code === 10) isLineStart = true
      // Punctuation is a word of its own: code and questions are told by it.
      if (code > 32 && at < text.length) this.#add(seeds.word, code)
    }
  }

  #readRuns(text: string): void {
    let [a, b] = [32, 32]
    for (let at = 0; at < text.length; at += 1) {
      const raw = text.charCodeAt(at)
      const c = raw < 32 ? 32 : isDigit(raw) ? 48 : raw
      if (c === 32 && b === 32) continue
      this.#add(seeds.three, Math.imul(Math.imul(Math.imul(offsetBasis ^ a, prime) ^ b, prime) ^ c, prime))
      a = b
      b = c
    }
  }

  #add(seed: number, hash: number): void {
    // FNV mixes upwards: fold the high bits in.
    const mixed = Math.imul(hash ^ seed, prime)
    const place = (mixed ^ (mixed >>> 15)) & (featureBuckets - 1)
    const count = this.#counts[place] ?? 0
    if (count === 0) {
      this.#places[this.#size] = place
      this.#size += 1
    }
    this.#counts[place] = count + 1
  }
}

/** Composed and decomposed letters, and capitals, are the same to the classifier. */
function excerptOf(text: string): string {
  const isWhole = text.length <= headCharacters + tailCharacters
  const read = isWhole ? text : `${text.slice(0, headCharacters)}\n${text.slice(-tailCharacters)}`
  return read.normalize('NFC').toLowerCase()
}

function isWordCharacter(code: number): boolean {
  return (code >= 97 && code <= 122) || isDigit(code) || code === 39 || (code > 127 && code !== 160 && code !== 0x3000)
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}
