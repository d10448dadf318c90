/** Where a text stops being acceptable JSON. Offsets count UTF-16 code units from 0, lines and columns from 1. */
export interface JsonFault {
  readonly kind: 'syntax' | 'depth' | 'duplicate_key' | 'forbidden_key'
  readonly message: string
  readonly offset: number
  readonly line: number
  readonly column: number
  /** JSON pointer of the value being read. */
  readonly path: string
}

export const maxJsonDepth = 64

class Fault extends Error {
  readonly kind: JsonFault['kind']
  readonly offset: number
  readonly path: string
  constructor(kind: JsonFault['kind'], message: string, offset: number, path: string) {
    super(message)
    this.kind = kind
    this.offset = offset
    this.path = path
  }
}

/**
 * The first fault of a JSON text: syntax (RFC 8259), nesting deeper than 64, a key given twice (parsers disagree on which one
 * counts) or the key `__proto__`. Never quotes the text: it may hold a secret.
 *
 * @returns null when `JSON.parse` takes the text and none of these holds
 */
export function findJsonFault(text: string): JsonFault | null {
  try {
    new Scanner(text).scan()
    return null
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const before = text.slice(0, error.offset).split('\n')
    const column = (before.at(-1)?.length ?? 0) + 1
    const { kind, message, offset, path } = error
    return { kind, message, offset, line: before.length, column, path }
  }
}

// Sticky patterns of RFC 8259. number = -? int frac? exp?; string = quote (plain | escape)* quote.
const space = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
// All from the space on but quote and backslash: JSON forbids control characters raw in a string.
const plain = /[ !#-[\]-\uffff]*/y
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  scan(): void {
    this.#value('', 0)
    if (this.#at < this.#text.length) throw this.#fault('nothing may follow the value', '')
  }

  #value(path: string, depth: number): void {
    this.#take(space)
    const first = this.#text[this.#at]
    if (first === undefined) throw this.#fault('the text ends where a value is due', path)
    if ((first === '{' || first === '[') && depth >= maxJsonDepth) {
      throw new Fault('depth', `nested deeper than ${maxJsonDepth} levels`, this.#at, path)
    }
    if (first === '{') this.#object(path, depth)
    else if (first === '[') this.#array(path, depth)
    else if (first === '"') this.#string(path)
    else if (!this.#take(number) && !this.#take(word)) throw this.#fault('a value is due here', path)
    this.#take(space)
  }

  #object(path: string, depth: number): void {
    this.#at += 1
    this.#take(space)
    if (this.#skip('}')) return
    const keys = new Set<string>()
    do {
      this.#take(space)
      const start = this.#at
      if (this.#text[start] !== '"') throw this.#fault('a key in double quotes is due here', path)
      this.#string(path)
      const key = JSON.parse(this.#text.slice(start, this.#at)) as string
      const inner = `${path}/${pointerPart(key)}`
      if (key === '__proto__') throw new Fault('forbidden_key', 'the key "__proto__" is not allowed', start, inner)
      if (keys.has(key)) throw new Fault('duplicate_key', 'a key is given twice in one object', start, inner)
      keys.add(key)
      this.#take(space)
      if (!this.#skip(':')) throw this.#fault('a colon is due after a key', inner)
      this.#value(inner, depth + 1)
    } while (this.#skip(','))
    if (!this.#skip('}')) throw this.#fault('a comma or the closing brace is due here', path)
  }

  #array(path: string, depth: number): void {
    this.#at += 1
    this.#take(space)
    if (this.#skip(']')) return
    let index = 0
    do {
      this.#value(`${path}/${index}`, depth + 1)
      index += 1
    } while (this.#skip(','))
    if (!this.#skip(']')) throw this.#fault('a comma or the closing bracket is due here', path)
  }

  #string(path: string): void {
    this.#at += 1
    for (;;) {
      this.#take(plain)
      if (this.#skip('"')) return
      const next = this.#text[this.#at]
      if (next === undefined) throw this.#fault('the text ends inside a string', path)
      if (next !== '\\') throw this.#fault('a control character must be escaped in a string', path)
      if (!this.#take(escaped)) throw this.#fault('this escape is not JSON', path)
    }
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #fault(message: string, path: string): Fault {
    return new Fault('syntax', message, this.#at, path)
  }
}

/** A key as a part of a JSON pointer (RFC 6901). */
export function pointerPart(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
