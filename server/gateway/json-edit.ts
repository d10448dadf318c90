import { endOfString } from '#providers/json-bytes.ts'

/** Where a field of the outermost object stands. */
interface FieldSpan {
  readonly name: string
  readonly start: number
  readonly valueStart: number
  /** Position of the comma or brace behind the value. */
  readonly end: number
}

export interface ObjectSpans {
  readonly fields: readonly FieldSpan[]
  /** Position of the closing brace of the outermost object; -1 when there is none. */
  readonly closeAt: number
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a

/** Deepest nesting a request may have. */
export const maxJsonDepth = 64

/**
 * Finds the fields of a JSON object in its bytes, in one pass and without parsing their values. The text is not validated:
 * only what JSON.parse accepts as an object may be edited by these spans.
 *
 * @returns null when brackets are nested deeper than allowed
 */
export function findFields(bytes: Buffer): ObjectSpans | null {
  const fields: FieldSpan[] = []
  let depth = 0
  let closeAt = -1
  let start = -1
  let name = ''
  let valueStart = -1
  const close = (at: number) => {
    if (valueStart !== -1) fields.push({ name, start, valueStart, end: at })
    valueStart = -1
    start = -1
  }
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === quote) {
      const end = endOfString(bytes, at)
      if (end === -1) break
      if (depth === 1 && start === -1) {
        start = at
        name = nameOf(bytes.toString('utf8', at, end + 1))
      }
      at = end
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      if (depth > maxJsonDepth) return null
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1
      if (depth === 0) {
        close(at)
        closeAt = at
      }
    } else if (byte === comma && depth === 1) close(at)
    else if (byte === colon && depth === 1 && valueStart === -1) valueStart = at + 1
  }
  return { fields, closeAt }
}

/** A name may be written with escapes; JSON.parse and this must agree on it. */
function nameOf(text: string): string {
  if (!text.includes('\\')) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    return text
  }
}

export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Takes a field out, with the comma that joins it to its neighbours. */
export function removalOf(spans: ObjectSpans, name: string): Replacement[] {
  const index = spans.fields.findIndex((field) => field.name === name)
  const field = spans.fields[index]
  if (field === undefined) return []
  const isLast = index === spans.fields.length - 1
  const previous = spans.fields[index - 1]
  if (!isLast) return [{ start: field.start, end: field.end + 1, text: '' }]
  return [{ start: previous === undefined ? field.start : previous.end, end: field.end, text: '' }]
}

/** Adds fields behind the last one. @param isEmpty the object has no field left to stand behind */
export function additionOf(
  spans: ObjectSpans,
  fields: Readonly<Record<string, unknown>>,
  isEmpty: boolean,
): Replacement[] {
  const text = Object.entries(fields)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join(',')
  return text === '' ? [] : [{ start: spans.closeAt, end: spans.closeAt, text: isEmpty ? text : `,${text}` }]
}

/** Applies replacements, which must not overlap. */
export function replaceAll(bytes: Buffer, replacements: readonly Replacement[]): Buffer {
  const inOrder =
    replacements.length === 1 ? replacements : replacements.toSorted((a, b) => a.start - b.start || a.end - b.end)
  let length = bytes.length
  for (const { start, end, text } of inOrder) length += Buffer.byteLength(text) - (end - start)
  const edited = Buffer.allocUnsafe(length)
  let from = 0
  let to = 0
  for (const { start, end, text } of inOrder) {
    to += bytes.copy(edited, to, from, start)
    to += edited.write(text, to)
    from = end
  }
  bytes.copy(edited, to, from)
  return edited
}
