import type { ChatRequest } from './chat-request.ts'

/** Fields of a part of a message that hold bytes written as text: no words to search. */
const byteFields: ReadonlySet<string> = new Set(['data', 'file_data', 'url'])
/** Where such a field stands. Anywhere else, in a tool's arguments say, a field of that name holds words like any other. */
const byteParents: ReadonlySet<string> = new Set(['input_audio', 'file', 'image_url', 'source'])
/** Fields that are not sent on. */
const ownFields: ReadonlySet<string> = new Set(['model', 'interlock'])
/** Names that every request has: not searched, because nobody chose them. */
const commonNames: ReadonlySet<string> = new Set([
  ...['role', 'content', 'type', 'text', 'name', 'id', 'image_url', 'url', 'detail', 'tool_calls', 'tool_call_id'],
  ...['function', 'arguments', 'description', 'parameters', 'properties', 'required', 'strict', 'items', 'enum'],
])
/** JSON inside JSON text is read no deeper than a request may be. */
const maxDepth = 64
/** Read whatever is around it: JSON that is no JSON, or nested deeper than is looked into. */
const escapedLetter = /\\u([0-9a-f]{4})/gi
/** A file of text, whose bytes a provider reads as words. */
const textFile = /^data:text\/[^,]{0,200};base64,/i

/**
 * Every text of a request that a provider would see: messages with all their parts, tool calls and results, tools, schemas and
 * whatever other field there is, with the names of fields, decoded from JSON, also from JSON inside a text, and from files of
 * text; and the values for its prompt. The words of a prompt itself are the route's own.
 */
export function textsOf(
  request: Pick<ChatRequest, 'fields' | 'variables'>,
  metadata: Readonly<Record<string, string>>,
): string[] {
  const found: Found = { texts: [], names: new Set() }
  for (const [name, value] of Object.entries(request.fields)) {
    if (ownFields.has(name)) continue
    found.names.add(name)
    collect(value, found, { depth: 0, hasBytes: name === 'messages' })
  }
  const { texts } = found
  for (const value of Object.values(request.variables ?? {})) texts.push(value)
  for (const value of Object.values(metadata)) texts.push(value)
  for (const name of commonNames) found.names.delete(name)
  if (found.names.size > 0) texts.push([...found.names].join('\n'))
  return texts
}

interface Found {
  readonly texts: string[]
  readonly names: Set<string>
}

interface Place {
  readonly depth: number
  /** In a message as it was sent, where parts hold the bytes of images, sounds and files. */
  readonly hasBytes: boolean
}

function collect(value: unknown, found: Found, place: Place, parent = ''): void {
  if (typeof value === 'string') {
    collectText(value, found, place.depth)
    return
  }
  if (typeof value !== 'object' || value === null || place.depth > maxDepth) return
  const inside = { ...place, depth: place.depth + 1 }
  if (Array.isArray(value)) {
    for (const child of value) collect(child, found, inside, parent)
    const parts = value.flatMap((part: unknown) => {
      const text = (part as { text?: unknown } | null)?.text
      return typeof text === 'string' ? [text] : []
    })
    // A model reads the parts of a message as one text.
    if (parts.length > 1) found.texts.push(parts.join(''))
    return
  }
  const isFile = place.hasBytes && byteParents.has(parent)
  for (const [name, child] of Object.entries(value)) {
    found.names.add(name)
    if (isFile && byteFields.has(name) && typeof child === 'string') collectFile(child, name, found)
    else collect(child, found, inside, name)
  }
}

/** Of bytes only a file of text is searched. An address is words. */
function collectFile(content: string, name: string, { texts }: Found): void {
  const head = textFile.exec(content)?.[0]
  if (head !== undefined) texts.push(Buffer.from(content.slice(head.length), 'base64').toString('utf8'))
  else if (/^data:text\//i.test(content) || (name === 'url' && !/^data:/i.test(content))) texts.push(content)
}

function collectText(text: string, found: Found, depth: number): void {
  found.texts.push(text)
  // Only an escape can hide anything from a search of the text as it stands.
  if (!text.includes('\\')) return
  if (text.includes('\\u'))
    found.texts.push(text.replaceAll(escapedLetter, (_, code) => String.fromCharCode(Number.parseInt(code, 16))))
  if (!/^\s*[[{"]/.test(text)) return
  try {
    collect(JSON.parse(text), found, { depth: depth + 1, hasBytes: false })
  } catch {
    // It only looked like JSON.
  }
}
