import {
  type Fields,
  listAt,
  type Notes,
  objectAt,
  optionalText,
  present,
  textAt,
  unknownValue,
  unsupported,
} from './dialect-fields.ts'
import { openThinking } from './sealed-thinking.ts'

const roles = ['user', 'assistant', 'system', 'developer'] as const
const itemTypes = ['message', 'function_call', 'function_call_output', 'reasoning'] as const
const partTypes = ['input_text', 'input_image', 'input_file', 'input_audio', 'output_text', 'refusal'] as const

interface Message {
  readonly role: string
  content?: unknown
  tool_calls?: Fields[]
  thinking_blocks?: Fields[]
  readonly tool_call_id?: string
}

/**
 * The items of a Responses request as chat messages: calls that follow one another, or an assistant's text, become one message;
 * each output becomes a tool message.
 *
 * @throws FieldFault
 */
export function messagesOfItems(items: readonly unknown[], into: Notes): Fields[] {
  const messages: Message[] = []
  for (const [index, entry] of items.entries()) {
    const path = `input[${index}]`
    addItem(messages, objectAt(entry, path), path, into)
  }
  // Thinking that nothing followed is no answer.
  const whole = messages.filter(({ content, tool_calls: calls }) => content !== null || calls !== undefined)
  return whole as readonly object[] as Fields[]
}

function addItem(messages: Message[], item: Fields, path: string, into: Notes): void {
  switch (item['type'] ?? 'message') {
    case 'message':
      addMessage(messages, messageOf(item, path))
      return
    case 'function_call':
      callsOf(messages).push({
        id: textAt(item['call_id'], `${path}.call_id`),
        type: 'function',
        function: {
          name: textAt(item['name'], `${path}.name`),
          arguments: textAt(item['arguments'], `${path}.arguments`),
        },
      })
      return
    case 'function_call_output':
      addOutput(messages, item, path, into)
      return
    case 'reasoning':
      addReasoning(messages, item, path, into)
      return
    case 'item_reference':
      throw unsupported(path, `'${path}' refers to a stored item; this gateway stores none. Send the item itself.`)
    default:
      throw unknownValue(`${path}.type`, item['type'], itemTypes)
  }
}

/** What an assistant says after thinking is one message with it. */
function addMessage(messages: Message[], message: Message): void {
  const last = messages.at(-1)
  const isThought = last?.thinking_blocks !== undefined && last.content === null && last.tool_calls === undefined
  if (last !== undefined && isThought && message.role === 'assistant') last.content = message.content
  else messages.push(message)
}

function addReasoning(messages: Message[], item: Fields, path: string, { notes, extensions }: Notes): void {
  const blocks = openThinking(item['encrypted_content'])
  const detail = 'earlier reasoning is not sent: chat completions has no place for it'
  if (blocks === null) {
    notes.push({ field: path, detail })
    return
  }
  extensions.push({ field: path, detail })
  const last = messages.at(-1)
  // Between calls of one turn it must not part them from their outputs.
  if (last?.role === 'assistant' && last.tool_calls !== undefined) {
    last.thinking_blocks = [...(last.thinking_blocks ?? []), ...blocks]
  } else messages.push({ role: 'assistant', content: null, thinking_blocks: blocks })
}

/** The tool calls of the last message, which is made an assistant's where it is not. */
function callsOf(messages: Message[]): Fields[] {
  const last = messages.at(-1)
  if (last !== undefined && last.role === 'assistant') {
    last.tool_calls ??= []
    return last.tool_calls
  }
  const calls: Fields[] = []
  messages.push({ role: 'assistant', content: null, tool_calls: calls })
  return calls
}

function messageOf(item: Fields, path: string): Message {
  const role = textAt(item['role'], `${path}.role`)
  if (!roles.some((known) => known === role)) throw unknownValue(`${path}.role`, role, roles)
  return { role, content: contentOf(item['content'], `${path}.content`) }
}

/** Text alone becomes a string: every provider takes that. */
function contentOf(content: unknown, path: string): unknown {
  if (typeof content === 'string') return content
  const parts = listAt(content, path).map((part, index) => partOf(part, `${path}[${index}]`))
  const isText = parts.every((part) => part['type'] === 'text')
  return isText && parts.length === 1 ? parts[0]?.['text'] : parts
}

function partOf(value: unknown, path: string): Fields {
  const part = objectAt(value, path)
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: textAt(part['text'], `${path}.text`) }
    case 'input_image':
      return imageOf(part, path)
    case 'input_file':
      return fileOf(part, path)
    case 'input_audio':
      return { type: 'input_audio', input_audio: objectAt(part['input_audio'], `${path}.input_audio`) }
    case 'refusal':
      return { type: 'refusal', refusal: textAt(part['refusal'], `${path}.refusal`) }
    default:
      throw unknownValue(`${path}.type`, part['type'], partTypes)
  }
}

function imageOf(part: Fields, path: string): Fields {
  const url = optionalText(part['image_url'], `${path}.image_url`)
  if (url === null) {
    throw unsupported(`${path}.file_id`, `'${path}' names a stored file; send the image in 'image_url' instead.`)
  }
  return { type: 'image_url', image_url: present({ url, detail: part['detail'] }) }
}

function fileOf(part: Fields, path: string): Fields {
  if (part['file_url'] !== undefined && part['file_url'] !== null) {
    throw unsupported(`${path}.file_url`, `'${path}.file_url' is not supported; send the file in 'file_data' instead.`)
  }
  const { file_data, file_id, filename } = part
  return { type: 'file', file: present({ file_data, file_id, filename }) }
}

/** Images in an output stand in a message of the user behind it: tool messages hold text alone. */
function addOutput(messages: Message[], item: Fields, path: string, { notes }: Notes): void {
  const callId = textAt(item['call_id'], `${path}.call_id`)
  const { output } = item
  if (typeof output === 'string') {
    messages.push({ role: 'tool', tool_call_id: callId, content: output })
    return
  }
  const parts = listAt(output, `${path}.output`).map((part, index) => partOf(part, `${path}.output[${index}]`))
  const texts = parts.filter((part) => part['type'] === 'text').map((part) => part['text'])
  const others = parts.filter((part) => part['type'] !== 'text')
  messages.push({ role: 'tool', tool_call_id: callId, content: texts.join('\n') })
  if (others.length === 0) return
  messages.push({ role: 'user', content: others })
  notes.push({
    field: `${path}.output`,
    detail: 'images and files are sent as a message of the user behind the output',
  })
}
