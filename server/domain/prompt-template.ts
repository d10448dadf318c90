import type { Problem } from './errors.ts'

/** Bounds of a template: what one version may weigh, and what one rendering may become. */
export const templateLimits = {
  /** UTF-16 code units of one message. */
  characters: 65_536,
  sectionDepth: 8,
  /** UTF-16 code units of all messages of one rendering, values included. */
  renderedCharacters: 262_144,
} as const

/** A piece of a template once parsed. Values are inserted as they are and never read again for tags. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'section'; readonly name: string; readonly isInverted: boolean; readonly pieces: readonly Piece[] }

/** A parsed text of a template. */
export interface Template {
  readonly pieces: readonly Piece[]
  /** Every name the text mentions, in order of appearance. */
  readonly names: readonly string[]
}

/** undefined: the request gives no such variable. */
export type Lookup = (name: string) => string | undefined

export type Rendered =
  | { readonly text: string }
  | { readonly missing: string }
  /** The rendering would be longer than allowed. */
  | { readonly tooLong: true }

const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

interface Frame {
  readonly name: string
  readonly isInverted: boolean
  readonly pieces: Piece[]
}

/**
 * Reads a template in one pass. Grammar, a subset of mustache without partials, lambdas, other delimiters and HTML escaping:
 *
 *     {{name}}                  the variable's value, as it is
 *     {{#name}} ... {{/name}}   only when the variable is given and not empty
 *     {{^name}} ... {{/name}}   only when it is not given, or empty
 *     {{! ... }}                a comment
 *     \{{                       two braces as text
 *
 * A line that holds nothing but one of `# ^ / !` tags disappears with its line break.
 *
 * @returns the template, or what is wrong with it (path '' = the text)
 */
export function parseTemplate(source: string): { readonly template: Template } | { readonly problems: Problem[] } {
  if (source.length > templateLimits.characters) {
    return { problems: [{ path: '', message: `is longer than ${templateLimits.characters} characters` }] }
  }
  const names: string[] = []
  const frames: Frame[] = [{ name: '', isInverted: false, pieces: [] }]
  let from = 0
  for (;;) {
    const tag = nextTag(source, from)
    if (tag !== null && 'fault' in tag) return faulty(tag.fault)
    const frame = frames.at(-1)
    if (frame === undefined) return faulty('closes more sections than it opens')
    addText(frame.pieces, source.slice(from, tag?.textEnd ?? source.length), tag?.literal ?? '')
    if (tag === null) break
    from = tag.next
    if (tag.literal !== '' || tag.kind === '!') continue
    const fault = apply(tag, frames, names)
    if (fault !== null) return faulty(fault)
  }
  const open = frames.at(-1)
  if (frames.length > 1) return faulty(`never closes the section "${open?.name}"`)
  return { template: { pieces: open?.pieces ?? [], names } }
}

interface Tag {
  readonly kind: '' | '#' | '^' | '/' | '!'
  readonly name: string
  /** Where the text before the tag ends, and where the text behind it begins. */
  readonly textEnd: number
  readonly next: number
  /** Text that stands for an escaped `\{{`; '' for a tag. */
  readonly literal: string
}

function nextTag(source: string, from: number): Tag | { readonly fault: string } | null {
  const start = source.indexOf('{{', from)
  if (start === -1) return null
  if (source[start - 1] === '\\' && start > from) {
    return { kind: '', name: '', textEnd: start - 1, next: start + 2, literal: '{{' }
  }
  const end = source.indexOf('}}', start + 2)
  if (end === -1) return { fault: `opens a tag at character ${start + 1} that is never closed` }
  const inside = source.slice(start + 2, end)
  const mark = inside[0] ?? ''
  if (mark === '!') return { kind: '!', name: '', ...trimmed(source, start, end + 2), literal: '' }
  if (mark === '{' || mark === '&') return { fault: 'uses {{{ or {{&: values are never escaped, write {{name}}' }
  if (mark === '>') return { fault: 'uses a partial ({{>): templates stand alone' }
  if (mark === '=') return { fault: 'changes the delimiters ({{=), which is not supported' }
  const kind = mark === '#' || mark === '^' || mark === '/' ? mark : ''
  const name = inside.slice(kind.length).trim()
  if (!namePattern.test(name)) {
    return { fault: `has a tag {{${inside.slice(0, 64)}}} that names no variable (letters, digits, "_", "." and "-")` }
  }
  const place = kind === '' ? { textEnd: start, next: end + 2 } : trimmed(source, start, end + 2)
  return { kind, name, ...place, literal: '' }
}

/** A tag alone on its line takes the line with it. */
function trimmed(source: string, start: number, end: number): { readonly textEnd: number; readonly next: number } {
  let before = start
  while (before > 0 && (source[before - 1] === ' ' || source[before - 1] === '\t')) before -= 1
  let after = end
  while (source[after] === ' ' || source[after] === '\t') after += 1
  const isFirst = before === 0 || source[before - 1] === '\n'
  const lineBreak = source.startsWith('\r\n', after) ? 2 : source[after] === '\n' ? 1 : 0
  const isLast = lineBreak > 0 || after === source.length
  return isFirst && isLast ? { textEnd: before, next: after + lineBreak } : { textEnd: start, next: end }
}

/** @returns what is wrong; null: nothing */
function apply(tag: Tag, frames: Frame[], names: string[]): string | null {
  const frame = frames.at(-1)
  if (frame === undefined) return 'closes more sections than it opens'
  if (tag.kind === '/') {
    if (frames.length === 1 || frame.name !== tag.name) {
      return `closes the section "${tag.name}" where ${frames.length === 1 ? 'none' : `"${frame.name}"`} is open`
    }
    frames.pop()
    const { name, isInverted, pieces } = frame
    frames.at(-1)?.pieces.push({ kind: 'section', name, isInverted, pieces })
    return null
  }
  if (!names.includes(tag.name)) names.push(tag.name)
  if (tag.kind === '') {
    frame.pieces.push({ kind: 'variable', name: tag.name })
    return null
  }
  if (frames.length > templateLimits.sectionDepth) {
    return `nests sections deeper than ${templateLimits.sectionDepth} levels`
  }
  frames.push({ name: tag.name, isInverted: tag.kind === '^', pieces: [] })
  return null
}

function addText(pieces: Piece[], text: string, literal: string): void {
  if (text !== '' || literal !== '') pieces.push({ kind: 'text', text: text + literal })
}

function faulty(message: string): { readonly problems: Problem[] } {
  return { problems: [{ path: '', message }] }
}

/**
 * Fills a template in. A value is text: tags inside it stay as they are.
 *
 * @param room UTF-16 code units the result may have
 */
export function renderTemplate(
  template: Template,
  lookup: Lookup,
  room: number = templateLimits.renderedCharacters,
): Rendered {
  const out: string[] = []
  const state = { left: room, missing: null as string | null }
  renderInto(template.pieces, lookup, out, state)
  if (state.missing !== null) return { missing: state.missing }
  return state.left < 0 ? { tooLong: true } : { text: out.join('') }
}

function renderInto(
  pieces: readonly Piece[],
  lookup: Lookup,
  out: string[],
  state: { left: number; missing: string | null },
): void {
  for (const piece of pieces) {
    if (state.missing !== null || state.left < 0) return
    if (piece.kind === 'section') {
      const isSet = (lookup(piece.name) ?? '') !== ''
      if (isSet !== piece.isInverted) renderInto(piece.pieces, lookup, out, state)
      continue
    }
    const text = piece.kind === 'text' ? piece.text : lookup(piece.name)
    if (text === undefined) {
      state.missing = piece.kind === 'variable' ? piece.name : ''
      return
    }
    state.left -= text.length
    out.push(text)
  }
}
