import type { ChatRequest } from './chat-request.ts'

/** Names of fields that hold bytes written as text: no words to search. */
const byteFields: ReadonlySet<string> = new Set(['data', 'file_data', 'b64_json'])
/** Fields that are not sent on. */
const ownFields: ReadonlySet<string> = new Set(['model', 'interlock'])
/** JSON inside JSON text is read no deeper than a request may be. */
const maxDepth = 64

/**
 * Every text of a request that a provider would see: messages with all their parts, tool calls and results, tools, schemas and
 * whatever other field there is, decoded from JSON, also from JSON inside a text; and the values for its prompt. The words of a
 * prompt itself are the route's own.
 */
export function textsOf(
  request: Pick<ChatRequest, 'fields' | 'variables'>,
  metadata: Readonly<Record<string, string>>,
): string[] {
  const texts: string[] = []
  for (const [name, value] of Object.entries(request.fields)) if (!ownFields.has(name)) collect(value, texts, 0)
  for (const value of Object.values(request.variables ?? {})) texts.push(value)
  for (const value of Object.values(metadata)) texts.push(value)
  return texts
}

function collect(value: unknown, texts: string[], depth: number): void {
  if (typeof value === 'string') {
    collectText(value, texts, depth)
    return
  }
  if (typeof value !== 'object' || value === null || depth > maxDepth) return
  if (Array.isArray(value)) {
    for (const child of value) collect(child, texts, depth + 1)
    const parts = value.flatMap((part: unknown) => {
      const text = (part as { text?: unknown } | null)?.text
      return typeof text === 'string' ? [text] : []
    })
    // A model reads the parts of a message as one text.
    if (parts.length > 1) texts.push(parts.join(''))
    return
  }
  for (const [name, child] of Object.entries(value)) {
    if (byteFields.has(name) && typeof child === 'string') continue
    if (name === 'url' && typeof child === 'string' && child.startsWith('data:')) continue
    collect(child, texts, depth + 1)
  }
}

function collectText(text: string, texts: string[], depth: number): void {
  texts.push(text)
  // Only an escape can hide anything from a search of the text as it stands.
  if (!text.includes('\\') || !/^\s*[[{"]/.test(text)) return
  try {
    collect(JSON.parse(text), texts, depth + 1)
  } catch {
    // It only looked like JSON.
  }
}
