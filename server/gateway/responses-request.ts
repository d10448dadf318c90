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
import { messagesOfItems } from './responses-items.ts'

/** Fields whose meaning needs a store, or a service behind the API, that a router does not have. */
const refusals: Readonly<Record<string, string>> = {
  previous_response_id: 'no response is stored: send the whole conversation in input',
  conversation: 'no conversation is stored: send the whole conversation in input',
  background: 'answers are not kept for later: leave it out or set it to false',
  prompt: 'templates stored at a provider cannot be routed: use a prompt of the route',
  context_management: 'the conversation is sent as it is: shorten it before it is sent',
}

/** Fields that are passed on under their own name. */
const sameName = [
  'model',
  'temperature',
  'top_p',
  'parallel_tool_calls',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'service_tier',
  'stream',
] as const

/** Fields that `translateResponses` reads by name. */
const mapped = [
  'input',
  'instructions',
  'max_output_tokens',
  'metadata',
  'reasoning',
  'text',
  'tools',
  'tool_choice',
  'top_logprobs',
  'include',
  'interlock',
  ...sameName,
]

/** Fields that change nothing here, and why. */
const withoutEffect: Readonly<Record<string, (value: unknown) => string | null>> = {
  store: (value) =>
    value === true ? 'nothing is stored: the response cannot be fetched or continued by its id' : null,
  truncation: (value) => (value === 'auto' ? 'the input is sent whole: one that is too long is refused' : null),
  max_tool_calls: () => 'it limits built-in tools, of which there are none',
  stream_options: () => 'the stream is written by the gateway',
}

const logprobsInclude = 'message.output_text.logprobs'

/** A Responses request as a chat completion. @throws FieldFault */
export function translateResponses(fields: Fields): TranslatedRequest {
  const into: Notes = { notes: [], extensions: [] }
  const { notes } = into
  for (const [name, why] of Object.entries(refusals)) {
    const value = fields[name]
    if (value === undefined || value === null || value === false) continue
    throw unsupported(name, `'${name}' is not supported: ${why}.`)
  }
  noteOthers(fields, notes)
  const isStream = fields['stream'] === true
  const chat = present({
    ...Object.fromEntries(sameName.map((name) => [name, fields[name]])),
    messages: messagesOf(fields, into),
    max_completion_tokens: optionalCount(fields['max_output_tokens'], 'max_output_tokens'),
    ...toolsOf(fields),
    ...textOptionsOf(fields),
    ...reasoningOf(fields, notes),
    ...logprobsOf(fields, notes),
    // Without it no provider reports the usage of a stream.
    stream_options: isStream ? { include_usage: true } : undefined,
  })
  // A provider refuses metadata unless it stores the answer: it describes the request to the router alone.
  const extended = { ...chat, ...present({ metadata: fields['metadata'], interlock: fields['interlock'] }) }
  const messages = (chat['messages'] as readonly Fields[]).map(({ thinking_blocks: _, ...plain }) => plain)
  return { plain: { ...chat, messages }, extended, ...into }
}

function noteOthers(fields: Fields, notes: FieldNote[]): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || mapped.includes(name) || Object.hasOwn(refusals, name)) continue
    const why = Object.hasOwn(withoutEffect, name)
      ? withoutEffect[name]
      : () => 'it has no counterpart in chat completions'
    const detail = why?.(value) ?? null
    if (detail !== null) notes.push({ field: name.slice(0, 64), detail })
  }
}

function messagesOf(fields: Fields, into: Notes): Fields[] {
  const instructions = optionalText(fields['instructions'], 'instructions')
  const { input } = fields
  const first: Fields[] = instructions === null ? [] : [{ role: 'system', content: instructions }]
  if (typeof input === 'string') return [...first, { role: 'user', content: input }]
  if (input === undefined || input === null) throw typeFault('input', 'a string or an array', input)
  const messages = messagesOfItems(listAt(input, 'input'), into)
  if (messages.length === 0 && first.length === 0) throw typeFault('input', 'an array with items', input)
  return [...first, ...messages]
}

function toolsOf(fields: Fields): Fields {
  const tools = optionalList(fields['tools'], 'tools').map((value, index) => toolOf(value, `tools[${index}]`))
  const choice = fields['tool_choice']
  return {
    tools: tools.length === 0 ? undefined : tools,
    // Without tools there is nothing to choose, and providers refuse a choice.
    tool_choice: choice === undefined || choice === null || tools.length === 0 ? undefined : choiceOf(choice),
    parallel_tool_calls: tools.length === 0 ? undefined : fields['parallel_tool_calls'],
  }
}

function toolOf(value: unknown, path: string): Fields {
  const tool = objectAt(value, path)
  if (tool['type'] !== 'function') {
    const type = typeof tool['type'] === 'string' ? tool['type'].slice(0, 64) : typeof tool['type']
    const message = `'${path}.type' is '${type}': built-in tools run at one provider and cannot be routed. Supported: function.`
    throw unsupported(`${path}.type`, message)
  }
  const { name, description, parameters, strict } = tool
  textAt(name, `${path}.name`)
  return { type: 'function', function: present({ name, description, parameters, strict }) }
}

function choiceOf(choice: unknown): unknown {
  if (typeof choice === 'string') {
    if (['none', 'auto', 'required'].includes(choice)) return choice
    throw unknownValue('tool_choice', choice, ['none', 'auto', 'required'])
  }
  const fields = objectAt(choice, 'tool_choice')
  if (fields['type'] === 'function') return named(fields, 'tool_choice')
  if (fields['type'] === 'allowed_tools') {
    const tools = listAt(fields['tools'], 'tool_choice.tools').map((tool, index) =>
      named(objectAt(tool, `tool_choice.tools[${index}]`), `tool_choice.tools[${index}]`),
    )
    return { type: 'allowed_tools', allowed_tools: { mode: fields['mode'] ?? 'auto', tools } }
  }
  throw unknownValue('tool_choice.type', fields['type'], ['function', 'allowed_tools'])
}

function named(tool: Fields, path: string): Fields {
  if (tool['type'] !== 'function') throw unknownValue(`${path}.type`, tool['type'], ['function'])
  return { type: 'function', function: { name: textAt(tool['name'], `${path}.name`) } }
}

function textOptionsOf(fields: Fields): Fields {
  const text = optionalObject(fields['text'], 'text')
  const format = text === null ? null : optionalObject(text['format'], 'text.format')
  return { verbosity: text?.['verbosity'], response_format: format === null ? undefined : formatOf(format) }
}

function formatOf(format: Fields): Fields | undefined {
  const { type, name, description, schema, strict } = format
  if (type === 'text') return undefined
  if (type === 'json_object') return { type }
  if (type !== 'json_schema') throw unknownValue('text.format.type', type, ['text', 'json_object', 'json_schema'])
  textAt(name, 'text.format.name')
  objectAt(schema, 'text.format.schema')
  return { type, json_schema: present({ name, description, schema, strict }) }
}

function reasoningOf(fields: Fields, notes: FieldNote[]): Fields {
  const reasoning = optionalObject(fields['reasoning'], 'reasoning')
  if (reasoning === null) return {}
  for (const name of Object.keys(reasoning)) {
    if (name === 'effort' || reasoning[name] === null) continue
    const detail = 'chat completions cannot ask for it; reasoning that a provider shows is passed on as it is'
    notes.push({ field: `reasoning.${name.slice(0, 64)}`, detail })
  }
  return { reasoning_effort: optionalText(reasoning['effort'], 'reasoning.effort') }
}

function logprobsOf(fields: Fields, notes: FieldNote[]): Fields {
  const include = optionalList(fields['include'], 'include')
  const count = optionalCount(fields['top_logprobs'], 'top_logprobs')
  for (const [index, value] of include.entries()) {
    if (textAt(value, `include[${index}]`) === logprobsInclude) continue
    notes.push({ field: `include[${index}]`, detail: 'providers of chat completions do not give it' })
  }
  if (count === null && !include.includes(logprobsInclude)) return {}
  return { logprobs: true, top_logprobs: count }
}
