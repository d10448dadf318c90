/** Kinds of file an upload may be. `items`: our own JSONL or CSV, by content type. */
export const uploadFormats = ['items', 'promptfoo', 'openai-evals', 'langfuse'] as const
export type UploadFormat = (typeof uploadFormats)[number]

export interface RecordProblem {
  /** JSON pointer into the record. */
  readonly path: string
  readonly message: string
}

/** One record as an unchecked item (the item schema judges it next), or null: it is left out, and counted. */
export type Converted =
  | { readonly item: Record<string, unknown> }
  | { readonly leftOut: string }
  | { readonly problems: readonly RecordProblem[] }

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What could not be carried over, counted by a short sentence: an import drops nothing in silence. */
export class ImportNotes {
  readonly #counts = new Map<string, number>()

  add(note: string): void {
    this.#counts.set(note, (this.#counts.get(note) ?? 0) + 1)
  }

  /** Most frequent first, at most 20. */
  lines(): string[] {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a)
    return sorted.slice(0, 20).map(([note, count]) => `${count} × ${note}`)
  }
}

/** Text values short enough for a slice; everything else of a record's metadata is left out and noted. */
export function sliceOf(metadata: unknown, notes: ImportNotes): Record<string, string> {
  const slice: Record<string, string> = {}
  if (!isFields(metadata)) return slice
  for (const [name, value] of Object.entries(metadata)) {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value)
    const text = isPlain ? String(value) : ''
    const fits = isPlain && text.length <= 200 && name.length >= 1 && name.length <= 100
    if (fits && Object.keys(slice).length < 20) Object.defineProperty(slice, name, { value: text, enumerable: true })
    else notes.add(`metadata "${name.slice(0, 40)}" has no place in a slice`)
  }
  return slice
}

/** A value as text: strings as they are, everything else as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Messages of an input: a text, a list of messages, or an object that holds either. null: none of these. */
export function messagesOf(input: unknown): unknown[] | null {
  if (typeof input === 'string') return input === '' ? null : [{ role: 'user', content: input }]
  if (Array.isArray(input)) return input.length > 0 && input.every(isFields) ? [...input] : null
  if (!isFields(input)) return null
  const { messages } = input
  if (Array.isArray(messages)) return messagesOf(messages)
  const named = inputNames.map((name) => input[name]).find((value) => typeof value === 'string' && value !== '')
  return named === undefined ? null : messagesOf(named)
}

/** Names under which collections of tests keep the words of the person. */
export const inputNames = ['prompt', 'question', 'query', 'input', 'message', 'text', 'user'] as const
