/** Deepest nesting of an answer that is examined further. */
export const maxJsonDepth = 128

/** Listed findings of one kind; more are only counted. */
const maxListed = 20

/** What JSON.parse accepts without a word and a consumer trips over. Paths are JSON pointers. */
export interface JsonScan {
  readonly depth: number
  /** Keys that occur twice in one object: JSON.parse keeps the last, other parsers the first. */
  readonly duplicateKeys: readonly string[]
  /** Integers beyond 2^53 that lose digits, and numbers beyond the range of a double. */
  readonly unsafeNumbers: readonly string[]
  /** Strings and keys with half a surrogate pair: not writable as UTF-8. */
  readonly loneSurrogates: readonly string[]
}

interface Frame {
  readonly keys: Set<string> | null
  key: string
  index: number
}

/**
 * One pass over text that JSON.parse has accepted. Iterative: nesting cannot overflow it. Stops looking inside at
 * `maxJsonDepth` but still measures the depth.
 */
export function scanJson(text: string): JsonScan {
  const scanner = new Scanner(text)
  scanner.run()
  return scanner
}

class Scanner implements JsonScan {
  depth = 0
  readonly duplicateKeys: string[] = []
  readonly unsafeNumbers: string[] = []
  readonly loneSurrogates: string[] = []
  readonly #text: string
  readonly #frames: Frame[] = []
  #isKey = false

  constructor(text: string) {
    this.#text = text
  }

  run(): void {
    const text = this.#text
    let at = 0
    while (at < text.length) {
      const char = text[at]
      if (char === '"') at = this.#string(at)
      else if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) at = this.#number(at)
      else {
        this.#punctuation(char)
        at++
      }
    }
  }

  #punctuation(char: string | undefined): void {
    const frame = this.#frames.at(-1)
    if (char === '{' || char === '[') {
      this.#frames.push({ keys: char === '{' ? new Set() : null, key: '', index: 0 })
      this.depth = Math.max(this.depth, this.#frames.length)
      this.#isKey = char === '{'
    } else if (char === '}' || char === ']') {
      this.#frames.pop()
      this.#isKey = false
    } else if (char === ',' && frame) {
      frame.index++
      this.#isKey = frame.keys !== null
    } else if (char === ':') this.#isKey = false
  }

  #string(start: number): number {
    const text = this.#text
    let end = start + 1
    let isPlain = true
    for (; text[end] !== '"'; end++) {
      if (text[end] !== '\\') continue
      isPlain = false
      end++
    }
    if (this.#frames.length <= maxJsonDepth) {
      const value = isPlain ? text.slice(start + 1, end) : (JSON.parse(text.slice(start, end + 1)) as string)
      this.#visitString(value)
    }
    return end + 1
  }

  #visitString(value: string): void {
    const frame = this.#frames.at(-1)
    if (this.#isKey && frame?.keys) {
      frame.key = value
      if (frame.keys.has(value)) this.#note(this.duplicateKeys)
      frame.keys.add(value)
    }
    if (!value.isWellFormed()) this.#note(this.loneSurrogates)
  }

  #number(start: number): number {
    const end = endOfNumber(this.#text, start)
    const token = this.#text.slice(start, end)
    const value = Number(token)
    const isLossy = !Number.isFinite(value) || (/^-?\d+$/.test(token) && !Number.isSafeInteger(value))
    if (isLossy && this.#frames.length <= maxJsonDepth) this.#note(this.unsafeNumbers)
    return end
  }

  #note(list: string[]): void {
    if (list.length >= maxListed) return
    list.push(this.#frames.map((frame) => `/${frame.keys ? escapePointer(frame.key) : frame.index}`).join(''))
  }
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1
  while (end < text.length && '+-.eE0123456789'.includes(text[end] as string)) end++
  return end
}

/** One step of a JSON pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
