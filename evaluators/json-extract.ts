import { repairJson } from './json-repair.ts'

/**
 * How much has to be peeled off before the JSON appears: 0 nothing (the whole answer parses), 1 a byte-order mark or one code
 * fence around all of it, 2 prose around the first fenced block or balanced object, 3 only mended text parses, 4 there is none.
 * Level 3 is a diagnosis and no value: a mended answer is one the model did not give.
 */
export type ExtractionLevel = 0 | 1 | 2 | 3 | 4

export type Extraction =
  | { readonly level: 0 | 1 | 2; readonly value: unknown; readonly text: string; readonly error: string | null }
  | { readonly level: 3 | 4; readonly error: string }

/** Places in prose tried as the start of JSON; each costs one pass over the rest. */
const maxStarts = 64

/**
 * Finds the JSON of an answer at the lowest level that works. `error`: why the whole answer did not parse (null at level 0).
 * Never throws; linear in the length, times at most `maxStarts`.
 */
export function extractJson(output: string): Extraction {
  const whole = tryParse(output)
  if (whole.ok) return { level: 0, value: whole.value, text: output, error: null }
  const error = whole.error
  const unwrapped = unwrap(output)
  if (unwrapped !== null) {
    const parsed = tryParse(unwrapped)
    if (parsed.ok) return { level: 1, value: parsed.value, text: unwrapped, error }
  }
  for (const text of embedded(output)) {
    const parsed = tryParse(text)
    if (parsed.ok && isFilledContainer(parsed.value)) {
      return { level: 2, value: parsed.value, text, error }
    }
  }
  return { level: isMendable(output) ? 3 : 4, error }
}

/** Longest answer that is mended to see whether that helps, in UTF-16 code units. */
const maxMended = 200_000

function isMendable(output: string): boolean {
  if (output.length > maxMended) return false
  const inner = unwrap(output) ?? output
  const start = nextStart(inner, 0)
  const mended = start < 0 ? null : repairJson(inner.slice(start))
  if (mended === null) return false
  const parsed = tryParse(mended)
  return parsed.ok && isFilledContainer(parsed.value)
}

/** An empty pair of brackets in prose is more likely a piece of code than an answer. */
function isFilledContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string }

function tryParse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    return { ok: false, error: describeSyntaxError(error, text) }
  }
}

/** The engine's message without the excerpt of the answer it quotes, in the words of the usual causes. */
function describeSyntaxError(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error)
  const position = /at position (\d+)/.exec(message)?.[1]
  const where = position === undefined ? '' : ` at character ${position}`
  if (message.startsWith('Bad control character')) return `raw line break or control character inside a string${where}`
  if (message.startsWith('Unexpected end') || message.startsWith('Unterminated')) return 'the JSON ends too early'
  if (message.startsWith('Unexpected non-whitespace')) return `text after the JSON${where}`
  if (message.startsWith('Unexpected token')) {
    const first = text.trimStart()[0] ?? ''
    return first === '{' || first === '[' ? `unexpected character${where}` : 'the answer does not begin with JSON'
  }
  return `${message.replace(/ in JSON.*$| \(line.*$|, ".*$/s, '')}${where}`
}

/** The inside of a single fence around everything, without byte-order mark; null when there is neither. */
function unwrap(output: string): string | null {
  const text = output.replace(/^\uFEFF/, '').trim()
  const fence = text.startsWith('```') ? '```' : text.startsWith('~~~') ? '~~~' : null
  if (fence === null) return text.length === output.length ? null : text
  if (text.length < 2 * fence.length || !text.endsWith(fence)) return null
  return text.slice(fence.length, -fence.length).replace(/^[\w.+-]*/, '')
}

/** Candidate texts inside prose: fenced blocks first, then balanced objects and arrays of objects, in order of appearance. */
function* embedded(output: string): Generator<string> {
  yield* fencedBlocks(output)
  let starts = 0
  let from = 0
  while (starts < maxStarts) {
    const start = nextStart(output, from)
    if (start < 0) return
    starts++
    const end = balancedEnd(output, start)
    // what stands inside a broken or cut-off object is a piece of it, not the answer
    if (end < 0) return
    yield output.slice(start, end)
    from = end
  }
}

function* fencedBlocks(output: string): Generator<string> {
  let open = output.indexOf('```')
  for (let count = 0; open >= 0 && count < maxStarts; count++) {
    const close = output.indexOf('```', open + 3)
    if (close < 0) return
    yield output.slice(open + 3, close).replace(/^[\w.+-]*/, '')
    open = output.indexOf('```', close + 3)
  }
}

/** Next `{`, or `[` that opens an array of objects: "[1]" in prose is a citation, not an answer. */
function nextStart(output: string, from: number): number {
  const brace = output.indexOf('{', from)
  if (brace < 0) return -1
  const before = /\[\s*$/.exec(output.slice(Math.max(from, brace - 64), brace))
  return before ? Math.max(from, brace - 64) + before.index : brace
}

/** End of the balanced value at `start`, brackets inside strings left alone; -1 when it never closes. */
function balancedEnd(output: string, start: number): number {
  let depth = 0
  for (let at = start; at < output.length; at++) {
    const char = output[at]
    if (char === '"') {
      at = endOfString(output, at)
      if (at < 0) return -1
    } else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1
  }
  return -1
}

function endOfString(output: string, start: number): number {
  for (let at = start + 1; at < output.length; at++) {
    if (output[at] === '\\') at++
    else if (output[at] === '"') return at
  }
  return -1
}
