import { isObject } from '#providers/answer-facts.ts'
import {
  type FieldNote,
  type Fields,
  listAt,
  type Notes,
  objectAt,
  optionalCount,
  optionalList,
  optionalObject,
  optionalText,
  present,
  type TranslatedRequest,
  textAt,
  typeFault,
  unknownValue,
  unsupported,
} from './dialect-fields.ts'
import { messagesOf, systemMessages, withCacheControl } from './messages-content.ts'

/** Fields whose meaning needs a service behind Anthropic's API. */
const refusals: Readonly<Record<string, string>> = {
  container: 'code runs at one provider and cannot be routed',
  mcp_servers: 'servers that a provider calls cannot be routed: offer their tools as functions',
  context_management: 'the conversation is sent as it is: shorten it before it is sent',
}

/** Fields that `translateMessages` reads by name. */
const mapped = [
  'model',
  'messages',
  'max_tokens',
  'system',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'metadata',
  'thinking',
  'output_config',
  'cache_control',
  'interlock',
] as const

/**
 * A request to Anthropic's messages as a chat completion. What only Anthropic knows (cache marks, thinking, top_k) goes to
 * translating adapters alone.
 *
 * @param isCounted false: the request is only measured, and needs no `max_tokens`
 * @throws FieldFault
 */
export function translateMessages(fields: Fields, isCounted = true): TranslatedRequest {
  const into: Notes = { notes: [], extensions: [] }
  for (const [name, why] of Object.entries(refusals)) {
    if (fields[name] === undefined || fields[name] === null) continue
    throw unsupported(name, `'${name}' is not supported: ${why}.`)
  }
  noteOthers(fields, into.notes)
  const isStream = fields['stream'] === true
  const messages = listAt(fields['messages'], 'messages').flatMap((message, index) =>
    messagesOf(message, `messages[${index}]`, into),
  )
  if (messages.length === 0) throw typeFault('messages', 'an array with messages', fields['messages'])
  const extended = present({
    model: fields['model'],
    messages: [...systemMessages(fields['system'], into), ...messages],
    max_completion_tokens: isCounted ? maxTokensOf(fields) : undefined,
    temperature: fields['temperature'],
    top_p: fields['top_p'],
    top_k: extension(fields, 'top_k', 'chat completions has no such setting', into),
    thinking: extension(fields, 'thinking', 'chat completions has no such setting: use output_config.effort', into),
    cache_control: extension(fields, 'cache_control', 'the provider caches by itself or not at all', into),
    stop: stopOf(fields),
    stream: fields['stream'],
    // Without it no provider reports the usage of a stream.
    stream_options: isStream ? { include_usage: true } : undefined,
    user: optionalText(optionalObject(fields['metadata'], 'metadata')?.['user_id'], 'metadata.user_id'),
    ...toolsOf(fields, into),
    ...outputOf(fields, into.notes),
    interlock: fields['interlock'],
  })
  return { plain: plainOf(extended), extended, ...into }
}

function maxTokensOf(fields: Fields): number {
  const count = optionalCount(fields['max_tokens'], 'max_tokens')
  if (count === null || count === 0) throw typeFault('max_tokens', 'an integer of 1 or more', fields['max_tokens'])
  return count
}

function stopOf(fields: Fields): readonly unknown[] | undefined {
  const stops = optionalList(fields['stop_sequences'], 'stop_sequences')
  for (const [index, stop] of stops.entries()) textAt(stop, `stop_sequences[${index}]`)
  return stops.length === 0 ? undefined : stops
}

function extension(fields: Fields, name: string, detail: string, { extensions }: Notes): unknown {
  const value = fields[name] ?? null
  if (value === null || (isObject(value) && value['type'] === 'disabled')) return undefined
  extensions.push({ field: name, detail })
  return value
}

function noteOthers(fields: Fields, notes: FieldNote[]): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || mapped.some((known) => known === name) || Object.hasOwn(refusals, name)) continue
    notes.push({ field: name.slice(0, 64), detail: 'it has no counterpart in chat completions' })
  }
}

function toolsOf(fields: Fields, into: Notes): Fields {
  const tools = optionalList(fields['tools'], 'tools').map((value, index) => toolOf(value, `tools[${index}]`, into))
  if (tools.length === 0) return {}
  const choice = optionalObject(fields['tool_choice'], 'tool_choice')
  if (choice === null) return { tools }
  const parallel = choice['disable_parallel_tool_use'] === true ? false : undefined
  return { tools, tool_choice: choiceOf(choice), parallel_tool_calls: parallel }
}

/** Fields of a tool that tune how Anthropic calls it. */
const toolNotes = ['allowed_callers', 'defer_loading', 'eager_input_streaming', 'input_examples'] as const

function toolOf(value: unknown, at: string, into: Notes): Fields {
  const tool = objectAt(value, at)
  const type = tool['type'] ?? 'custom'
  if (type !== 'custom') {
    const shown = typeof type === 'string' ? type.slice(0, 64) : typeof type
    const message = `'${at}.type' is '${shown}': tools that Anthropic defines cannot be routed. Supported: custom.`
    throw unsupported(`${at}.type`, message)
  }
  for (const name of toolNotes) {
    if (tool[name] === undefined || tool[name] === null || tool[name] === false) continue
    into.notes.push({ field: `${at}.${name}`, detail: 'it has no counterpart in chat completions' })
  }
  const { name, description, input_schema: parameters, strict } = tool
  textAt(name, `${at}.name`)
  objectAt(parameters, `${at}.input_schema`)
  const mapped = { type: 'function', function: present({ name, description, parameters, strict }) }
  return withCacheControl(mapped, tool, at, into)
}

function choiceOf(choice: Fields): unknown {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return choice['type']
    case 'any':
      return 'required'
    case 'tool':
      return { type: 'function', function: { name: textAt(choice['name'], 'tool_choice.name') } }
    default:
      throw unknownValue('tool_choice.type', choice['type'], ['auto', 'any', 'tool', 'none'])
  }
}

function outputOf(fields: Fields, notes: FieldNote[]): Fields {
  const config = optionalObject(fields['output_config'], 'output_config')
  if (config === null) return {}
  for (const name of Object.keys(config)) {
    if (name === 'effort' || name === 'format') continue
    notes.push({ field: `output_config.${name.slice(0, 64)}`, detail: 'it has no counterpart in chat completions' })
  }
  const effort = optionalText(config['effort'], 'output_config.effort')
  const format = optionalObject(config['format'], 'output_config.format')
  if (format === null) return { reasoning_effort: effort }
  if (format['type'] !== 'json_schema') {
    throw unknownValue('output_config.format.type', format['type'], ['json_schema'])
  }
  const schema = objectAt(format['schema'], 'output_config.format.schema')
  const named = { name: 'output', schema, strict: true }
  return { reasoning_effort: effort, response_format: { type: 'json_schema', json_schema: named } }
}

/** The request without what chat completions does not know. */
function plainOf(extended: Fields): Fields {
  const { top_k: _, thinking: __, cache_control: ___, interlock: ____, messages, tools, ...plain } = extended
  return present({
    ...plain,
    messages: (messages as readonly Fields[]).map(plainMessage),
    tools: (tools as readonly Fields[] | undefined)?.map(withoutMark),
  })
}

function plainMessage(message: Fields): Fields {
  const { thinking_blocks: _, is_error: __, content, ...plain } = message
  if (!Array.isArray(content)) return { ...plain, content }
  return { ...plain, content: plainContent((content as readonly Fields[]).map(withoutMark)) }
}

/** Text that was in one part only for its cache mark is a string again. */
function plainContent(parts: readonly Fields[]): unknown {
  const [first] = parts
  return parts.length === 1 && first?.['type'] === 'text' ? first['text'] : parts
}

function withoutMark({ cache_control: _, ...plain }: Fields): Fields {
  return plain
}
