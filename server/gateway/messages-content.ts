import { isObject } from '#providers/answer-facts.ts'
import { type Fields, listAt, type Notes, objectAt, textAt, unknownValue, unsupported } from './dialect-fields.ts'

const userBlocks = ['text', 'image', 'document', 'search_result', 'tool_result'] as const
const assistantBlocks = ['text', 'thinking', 'redacted_thinking', 'tool_use'] as const

/** A message of Anthropic's as chat messages: the results of tools become messages of their own. @throws FieldFault */
export function messagesOf(value: unknown, path: string, into: Notes): Fields[] {
  const message = objectAt(value, path)
  const { role, content } = message
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw unknownValue(`${path}.role`, role, ['user', 'assistant', 'system'])
  }
  if (typeof content === 'string') return [{ role, content }]
  const blocks = listAt(content, `${path}.content`).map((block, index) => {
    return { block: objectAt(block, `${path}.content[${index}]`), at: `${path}.content[${index}]` }
  })
  if (role === 'assistant') return [assistantMessage(blocks, into)]
  if (role === 'system') return [{ role, content: blocks.map(({ block, at }) => textPart(block, at, into)) }]
  return userMessages(blocks, into)
}

interface Placed {
  readonly block: Fields
  readonly at: string
}

/** System text: a string, or blocks of text. @throws FieldFault */
export function systemMessages(system: unknown, into: Notes): Fields[] {
  if (system === undefined || system === null) return []
  if (typeof system === 'string') return system === '' ? [] : [{ role: 'system', content: system }]
  const parts = listAt(system, 'system').map((block, index) => {
    return textPart(objectAt(block, `system[${index}]`), `system[${index}]`, into)
  })
  return parts.length === 0 ? [] : [{ role: 'system', content: parts }]
}

function textPart(block: Fields, at: string, into: Notes): Fields {
  if (block['type'] !== 'text') throw unknownValue(`${at}.type`, block['type'], ['text'])
  return withCacheControl({ type: 'text', text: textAt(block['text'], `${at}.text`) }, block, at, into)
}

/** Marks where a provider may cache: kept for those that know it. */
export function withCacheControl(part: Fields, block: Fields, at: string, { extensions }: Notes): Fields {
  const mark = block['cache_control']
  if (mark === undefined || mark === null) return part
  extensions.push({ field: `${at}.cache_control`, detail: 'the provider caches by itself or not at all' })
  return { ...part, cache_control: mark }
}

function assistantMessage(blocks: readonly Placed[], into: Notes): Fields {
  const parts: Fields[] = []
  const calls: Fields[] = []
  const thinking: Fields[] = []
  for (const { block, at } of blocks) {
    switch (block['type']) {
      case 'text':
        parts.push(textPart(block, at, into))
        break
      case 'tool_use':
        calls.push(callOf(block, at))
        break
      case 'thinking':
      case 'redacted_thinking':
        addThinking(thinking, block, at, into)
        break
      default:
        throw unknownBlock(block, at, assistantBlocks)
    }
  }
  return {
    role: 'assistant',
    content: contentOf(parts) ?? (calls.length === 0 ? '' : null),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(thinking.length > 0 && { thinking_blocks: thinking }),
  }
}

/** Thinking without a signature is another provider's: Anthropic would refuse it. */
function addThinking(thinking: Fields[], block: Fields, at: string, { notes, extensions }: Notes): void {
  const isOwn = block['type'] === 'redacted_thinking' || (block['signature'] ?? '') !== ''
  if (!isOwn) {
    notes.push({ field: at, detail: 'thinking without a signature is not sent again' })
    return
  }
  thinking.push(block)
  extensions.push({ field: at, detail: 'earlier thinking is not sent: chat completions has no place for it' })
}

function callOf(block: Fields, at: string): Fields {
  const input = block['input'] ?? {}
  return {
    id: textAt(block['id'], `${at}.id`),
    type: 'function',
    function: {
      name: textAt(block['name'], `${at}.name`),
      arguments: JSON.stringify(objectAt(input, `${at}.input`)),
    },
  }
}

/** Results first, what the user says behind them: a model expects each result right after its call. */
function userMessages(blocks: readonly Placed[], into: Notes): Fields[] {
  const results: Fields[] = []
  const parts: Fields[] = []
  for (const { block, at } of blocks) {
    if (block['type'] === 'tool_result') {
      const { message, others } = resultOf(block, at, into)
      results.push(message)
      parts.push(...others)
    } else parts.push(userPart(block, at, into))
  }
  const content = contentOf(parts)
  return content === null ? results : [...results, { role: 'user', content }]
}

/** Plain text becomes a string: every provider takes that. null: there is no content. */
function contentOf(parts: readonly Fields[]): unknown {
  const [first] = parts
  if (first === undefined) return null
  const isPlain = parts.length === 1 && first['type'] === 'text' && first['cache_control'] === undefined
  return isPlain ? first['text'] : parts
}

function userPart(block: Fields, at: string, into: Notes): Fields {
  switch (block['type']) {
    case 'text':
      return textPart(block, at, into)
    case 'image':
      return withCacheControl({ type: 'image_url', image_url: { url: imageUrl(block, at) } }, block, at, into)
    case 'document':
      return withCacheControl(documentPart(block, at, into), block, at, into)
    case 'search_result':
      return withCacheControl(searchPart(block, at, into), block, at, into)
    default:
      throw unknownBlock(block, at, userBlocks)
  }
}

function unknownBlock(block: Fields, at: string, known: readonly string[]): Error {
  const { type } = block
  if (typeof type === 'string' && /server_tool_use|_tool_result$|^mcp_|container_upload|compaction/.test(type)) {
    const shown = type.slice(0, 64)
    return unsupported(
      `${at}.type`,
      `'${at}.type' is '${shown}': it belongs to a tool that runs at one provider and cannot be routed.`,
    )
  }
  return unknownValue(`${at}.type`, type, known)
}

function imageUrl(block: Fields, at: string): string {
  const source = objectAt(block['source'], `${at}.source`)
  if (source['type'] === 'url') return textAt(source['url'], `${at}.source.url`)
  if (source['type'] === 'base64') return dataUrl(source, at)
  if (source['type'] === 'file')
    throw unsupported(`${at}.source`, `'${at}' names a stored file; send its bytes instead.`)
  throw unknownValue(`${at}.source.type`, source['type'], ['base64', 'url'])
}

function dataUrl(source: Fields, at: string): string {
  const mediaType = textAt(source['media_type'], `${at}.source.media_type`)
  return `data:${mediaType};base64,${textAt(source['data'], `${at}.source.data`)}`
}

function documentPart(block: Fields, at: string, { notes }: Notes): Fields {
  const source = objectAt(block['source'], `${at}.source`)
  if (isObject(block['citations']) && block['citations']['enabled'] === true) {
    notes.push({ field: `${at}.citations`, detail: 'answers through the gateway carry no citations' })
  }
  if (source['type'] === 'text') return { type: 'text', text: textAt(source['data'], `${at}.source.data`) }
  if (source['type'] !== 'base64') {
    throw unsupported(`${at}.source`, `'${at}' is not inline; send a document's text or its bytes.`)
  }
  const title = block['title']
  return {
    type: 'file',
    file: { filename: typeof title === 'string' ? title : 'document.pdf', file_data: dataUrl(source, at) },
  }
}

function searchPart(block: Fields, at: string, { notes }: Notes): Fields {
  const texts = listAt(block['content'], `${at}.content`).map((part, index) =>
    textAt(objectAt(part, `${at}.content[${index}]`)['text'], `${at}.content[${index}].text`),
  )
  notes.push({ field: at, detail: 'a search result is sent as text' })
  return { type: 'text', text: [block['title'], block['source'], ...texts].filter(Boolean).join('\n') }
}

/** Images and documents in a result stand in the user's message behind it: tool messages hold text alone. */
function resultOf(block: Fields, at: string, into: Notes): { readonly message: Fields; readonly others: Fields[] } {
  const { content } = block
  const isList = Array.isArray(content)
  const parts = isList
    ? content.map((part: unknown, index) =>
        userPart(objectAt(part, `${at}.content[${index}]`), `${at}.content[${index}]`, into),
      )
    : []
  const texts = parts.filter((part) => part['type'] === 'text')
  const others = parts.filter((part) => part['type'] !== 'text')
  if (others.length > 0) {
    into.notes.push({
      field: `${at}.content`,
      detail: 'images and documents are sent behind the result, as the user’s',
    })
  }
  const isError = block['is_error'] === true
  if (isError) into.extensions.push({ field: `${at}.is_error`, detail: 'the model sees the text of the error alone' })
  const text = isList || content === undefined || content === null ? '' : textAt(content, `${at}.content`)
  const message = {
    role: 'tool',
    tool_call_id: textAt(block['tool_use_id'], `${at}.tool_use_id`),
    content: resultContent(isList ? texts : [{ type: 'text', text }], block, at, into),
    ...(isError && { is_error: true }),
  }
  return { message, others }
}

/** A cache mark of the whole result stands on its last part: a tool message has no place of its own for one. */
function resultContent(parts: readonly Fields[], block: Fields, at: string, into: Notes): unknown {
  const last = parts.at(-1)
  if (last === undefined) return ''
  return contentOf([...parts.slice(0, -1), withCacheControl(last, block, at, into)])
}
