import { type Fields, isObject, textOf } from './answer-facts.ts'
import { AnthropicStream, readMessage } from './anthropic-answer.ts'
import { asksForUsage } from './canonical-answer.ts'
import { allowedNames, type Part, readTurns, type ToolCall, type Turn, unsupported } from './chat-messages.ts'
import type { Dialect } from './dialect.ts'
import { FieldWarnings } from './field-warnings.ts'
import type { ChatCall } from './provider.ts'

/** The limit of an answer where neither the request nor the catalogue names one: Anthropic must be told. */
const defaultMaxTokens = 4_096

/** Fields that `requestOf` reads, Anthropic's own among them: clients may send those as they are. */
const mapped = [
  'cache_control',
  'max_completion_tokens',
  'max_tokens',
  'parallel_tool_calls',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'stop',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
  'user',
] as const

/** Anthropic's messages API, version 2023-06-01. https://platform.claude.com/docs/en/api/messages */
export const anthropic: Dialect = {
  kind: 'anthropic',
  path: (base) => `${base.path.replace(/\/v1$/, '')}/v1/messages`,
  headers: ['anthropic-version', '2023-06-01'],
  authorize: (secret) => ['x-api-key', secret],
  translate(call, isStream, nowMs) {
    const { fields } = call.body
    const warnings = new FieldWarnings(call, fields)
    const body = requestOf(call, fields, warnings)
    return {
      body: Buffer.from(JSON.stringify({ ...body, ...(isStream && { stream: true }) })),
      warnings: warnings.of(mapped),
      answer: {
        whole: (parsed) => readMessage(parsed, nowMs),
        events: () => new AnthropicStream(nowMs, asksForUsage(fields)),
      },
    }
  },
}

function requestOf(call: ChatCall, fields: Fields, warnings: FieldWarnings): Fields {
  const turns = readTurns(fields)
  warnings.addMembers(fields['messages'])
  const { system, messages } = conversationOf(turns, warnings)
  const asked = fields['max_completion_tokens'] ?? fields['max_tokens']
  const limit = typeof asked === 'number' ? asked : (call.maxOutputTokens ?? null)
  const canForce = call.capabilities?.includes('json_schema') === true
  const tools = toolsOf(fields, { turns, canForce }, warnings)
  const isForced = ['any', 'tool'].includes(String(tools.tool_choice?.['type']))
  const reasoning = reasoningOf(fields, { model: call.model, limit, isForced, turns }, warnings)
  const maxTokens = limit ?? defaultMaxTokens + (reasoning.budget ?? 0)
  const format = formatOf(fields['response_format'], warnings)
  const effort = reasoning.effort
  const userId = textOf(fields['safety_identifier'] ?? fields['user'])
  const stops = [fields['stop'] ?? []].flat().filter((stop) => typeof stop === 'string' && stop.trim() !== '')
  return {
    model: call.model,
    max_tokens: maxTokens,
    messages,
    ...(system.length > 0 && { system }),
    ...samplingOf(fields, reasoning.thinking !== null, warnings),
    ...(stops.length > 0 && { stop_sequences: stops }),
    ...tools,
    ...(reasoning.thinking !== null && { thinking: reasoning.thinking }),
    ...((format !== null || effort !== null) && {
      output_config: { ...(format !== null && { format }), ...(effort !== null && { effort }) },
    }),
    ...(userId !== '' && { metadata: { user_id: userId } }),
    ...(isObject(fields['cache_control']) && { cache_control: fields['cache_control'] }),
  }
}

interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: Fields[]
}

/** System prompts stand before the conversation; results of tools are the user's; neighbours of one role are one message. */
function conversationOf(turns: readonly Turn[], warnings: FieldWarnings) {
  const system: Fields[] = []
  const messages: Message[] = []
  const add = (role: Message['role'], blocks: readonly Fields[]) => {
    const last = messages.at(-1)
    if (blocks.length === 0) return
    if (last?.role === role) last.content.push(...blocks)
    else messages.push({ role, content: [...blocks] })
  }
  for (const turn of turns) {
    const blocks = turn.parts.map((part) => blockOf(part, warnings))
    if (turn.role === 'system') {
      if (messages.length > 0) warnings.add('messages', 'a system message inside the conversation was moved before it')
      system.push(...blocks)
    } else if (turn.role === 'user') add('user', blocks)
    else if (turn.role === 'tool') add('user', [resultBlock(turn, blocks)])
    else add('assistant', [...turn.thinking, ...blocks, ...turn.toolCalls.map((call) => callBlock(call, warnings))])
  }
  if (messages[0]?.role !== 'user') openWithUser(system, messages, warnings)
  trimLast(messages.at(-1))
  return { system, messages }
}

/** A conversation must begin with the user. */
function openWithUser(system: Fields[], messages: Message[], warnings: FieldWarnings): void {
  if (messages.length === 0) {
    warnings.add('messages', 'without a user’s message the system prompt was sent as one')
    messages.push({ role: 'user', content: system.splice(0) })
    return
  }
  warnings.add('messages', 'the conversation began with the assistant: a user’s message "..." was put before it')
  messages.unshift({ role: 'user', content: [{ type: 'text', text: '...' }] })
}

/** The beginning of an answer must not end in white space. */
function trimLast(message: Message | undefined): void {
  const block = message?.role === 'assistant' ? message.content.at(-1) : undefined
  if (message === undefined || block?.['type'] !== 'text') return
  const text = textOf(block['text']).trimEnd()
  message.content.splice(-1, 1, ...(text === '' ? [] : [{ ...block, text }]))
}

function blockOf(part: Part, warnings: FieldWarnings): Fields {
  const mark = isObject(part.cacheControl) ? { cache_control: part.cacheControl } : {}
  if (part.kind === 'text') return { type: 'text', text: part.text, ...mark }
  if (part.kind === 'audio') throw unsupported('messages', 'it takes no audio')
  const source =
    part.url === null
      ? { type: 'base64', media_type: part.mediaType, data: part.base64 }
      : { type: 'url', url: part.url }
  if (part.kind === 'image') {
    if (part.detail !== null && part.detail !== 'auto') {
      warnings.add('messages.image_url.detail', 'the provider chooses the resolution')
    }
    return { type: 'image', source, ...mark }
  }
  if (part.base64 !== null && part.mediaType?.startsWith('text/')) {
    const data = Buffer.from(part.base64, 'base64').toString('utf8')
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data }, ...mark }
  }
  return { type: 'document', source, ...(part.name !== null && { title: part.name }), ...mark }
}

/** Ids are letters, digits, `_` and `-` here. */
function idOf(id: string): string {
  return id.replace(/[^\w-]/g, '_')
}

/** A cache mark on the result's last part counts for the whole result. */
function resultBlock(turn: Turn & { role: 'tool' }, blocks: readonly Fields[]): Fields {
  const mark = blocks.at(-1)?.['cache_control']
  return {
    type: 'tool_result',
    tool_use_id: idOf(turn.callId),
    content: blocks.map(({ cache_control: _, ...block }) => block),
    ...(turn.isError && { is_error: true }),
    ...(mark !== undefined && { cache_control: mark }),
  }
}

function callBlock(call: ToolCall, warnings: FieldWarnings): Fields {
  if (call.input === null) {
    warnings.add('messages.tool_calls', 'arguments that are no JSON object were sent as {"arguments": text}')
  }
  return { type: 'tool_use', id: idOf(call.id), name: call.name, input: call.input ?? { arguments: call.text } }
}

/** Temperatures go to 1 here, not 2; recent models take a temperature or a top_p, not both. */
function samplingOf(fields: Fields, isThinking: boolean, warnings: FieldWarnings): Fields {
  const { temperature, top_p: topP, top_k: topK } = fields
  const sampling: Record<string, unknown> = {}
  if (isThinking) {
    if (typeof temperature === 'number' && temperature !== 1) warnings.add('temperature', 'not with thinking')
    if (typeof topK === 'number') warnings.add('top_k', 'not with thinking')
    if (typeof topP === 'number' && topP < 0.95) warnings.add('top_p', 'below 0.95 not with thinking')
    else if (typeof topP === 'number' && topP !== 1) sampling['top_p'] = topP
    return sampling
  }
  if (typeof temperature === 'number') {
    if (temperature > 1) warnings.add('temperature', `the highest is 1: sent instead of ${temperature}`)
    sampling['temperature'] = Math.min(1, temperature)
    if (typeof topP === 'number' && topP !== 1) warnings.add('top_p', 'not sent beside a temperature')
  } else if (typeof topP === 'number') sampling['top_p'] = topP
  if (typeof topK === 'number') sampling['top_k'] = topK
  return sampling
}

/** Structured output. Models without it lack the capability `json_schema` in the catalogue and are excluded by routing. */
function formatOf(format: unknown, warnings: FieldWarnings): Fields | null {
  if (!isObject(format) || format['type'] === 'text') return null
  if (format['type'] === 'json_schema' && isObject(format['json_schema'])) {
    const { schema } = format['json_schema']
    return { type: 'json_schema', schema: isObject(schema) ? closed(schema) : { type: 'object' } }
  }
  warnings.add('response_format', 'JSON without a schema cannot be asked for: only the prompt does')
  return null
}

/** Members of a schema that hold values, not schemas. */
const valuesOfSchema: readonly string[] = ['const', 'default', 'enum', 'examples']

/** Objects of a schema must say that they hold nothing else: OpenAI's strict mode demands the same. */
function closed(schema: Fields): Fields {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    return isObject(value) ? closed(value) : value
  }
  const walked = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, valuesOfSchema.includes(name) ? value : walk(value)]),
  )
  const isOpen = schema['type'] === 'object' && schema['additionalProperties'] === undefined
  return isOpen ? { ...walked, additionalProperties: false } : walked
}

interface Tools extends Fields {
  readonly tools?: readonly Fields[]
  readonly tool_choice?: Fields
}

/** @param about canForce: the model has structured output, for arguments as for answers */
function toolsOf(
  fields: Fields,
  about: { readonly turns: readonly Turn[]; readonly canForce: boolean },
  warnings: FieldWarnings,
): Tools {
  const listed = Array.isArray(fields['tools']) ? (fields['tools'] as unknown[]) : []
  const tools = listed.map((tool, index) => toolOf(tool, { at: `tools[${index}]`, canForce: about.canForce }, warnings))
  if (tools.length === 0) return toolsOfHistory(about.turns, warnings)
  const { allowed, choice } = choiceOf(fields['tool_choice'])
  const isSerial = fields['parallel_tool_calls'] === false && choice?.['type'] !== 'none'
  const serial = isSerial ? { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true } : choice
  return {
    tools: allowed === null ? tools : tools.filter((tool) => allowed.includes(textOf(tool['name']))),
    ...(serial !== null && { tool_choice: serial }),
  }
}

/** Calls in the conversation need their tools named, even where none may be called any more. */
function toolsOfHistory(turns: readonly Turn[], warnings: FieldWarnings): Tools {
  const names = new Set(turns.flatMap((turn) => (turn.role === 'assistant' ? turn.toolCalls : [])).map((c) => c.name))
  if (names.size === 0) return {}
  warnings.add('tools', 'the tools of earlier calls were named to the provider, not to be called')
  const tools = [...names].map((name) => ({ name, input_schema: { type: 'object' } }))
  return { tools, tool_choice: { type: 'none' } }
}

function toolOf(
  tool: unknown,
  { at, canForce }: { readonly at: string; readonly canForce: boolean },
  warnings: FieldWarnings,
): Fields {
  if (!isObject(tool)) throw unsupported(at, 'is no object')
  // Anthropic's own tools carry a date in their type and go as they are.
  if (/_\d{8}$/.test(textOf(tool['type']))) return tool
  if (tool['type'] !== 'function' || !isObject(tool['function'])) throw unsupported(at, 'only functions can be offered')
  const { name, description, parameters, strict } = tool['function']
  const isForced = strict === true && canForce
  if (strict === true && !canForce) warnings.add('tools.strict', 'arguments may deviate from the schema')
  const schema = { type: 'object', ...(isObject(parameters) ? parameters : {}) }
  return {
    name,
    ...(typeof description === 'string' && { description }),
    input_schema: isForced ? closed(schema) : schema,
    ...(isForced && { strict: true }),
    ...(isObject(tool['cache_control']) && { cache_control: tool['cache_control'] }),
  }
}

/** `allowed`: names of the tools that may be called; null: all. */
function choiceOf(choice: unknown): { readonly allowed: readonly string[] | null; readonly choice: Fields | null } {
  if (choice === 'none' || choice === 'auto') return { allowed: null, choice: { type: choice } }
  if (choice === 'required') return { allowed: null, choice: { type: 'any' } }
  if (!isObject(choice)) return { allowed: null, choice: null }
  if (isObject(choice['function'])) return { allowed: null, choice: { type: 'tool', name: choice['function']['name'] } }
  const set = choice['allowed_tools']
  if (choice['type'] !== 'allowed_tools' || !isObject(set))
    throw unsupported('tool_choice', 'only functions can be chosen')
  return { allowed: allowedNames(set), choice: { type: set['mode'] === 'required' ? 'any' : 'auto' } }
}

interface Reasoning {
  readonly thinking: Fields | null
  /** Tokens that thinking may take. */
  readonly budget: number | null
  readonly effort: string | null
}

const budgets: Readonly<Record<string, number>> = { minimal: 1_024, low: 1_024, medium: 4_096, high: 16_384 }
const largestBudget = 32_768

/** Models that decide themselves how long to think, and are told an effort: 4.6 and later. */
function isAdaptive(model: string): boolean {
  const match = /claude-[a-z]+-(\d+)(?:-(\d{1,2}))?(?!\d)/.exec(model)
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)]
  return major > 4 || (major === 4 && minor >= 6)
}

/** OpenAI's `reasoning_effort` as an effort or a budget of thinking tokens; Anthropic's own `thinking` goes as it is. */
function reasoningOf(
  fields: Fields,
  about: {
    readonly model: string
    readonly limit: number | null
    readonly isForced: boolean
    readonly turns: readonly Turn[]
  },
  warnings: FieldWarnings,
): Reasoning {
  const none = { thinking: null, budget: null, effort: null }
  const effort = typeof fields['reasoning_effort'] === 'string' ? fields['reasoning_effort'] : 'none'
  const own = fields['thinking']
  if (isObject(own)) {
    const isOn = own['type'] !== 'disabled'
    return {
      ...none,
      thinking: isOn ? own : null,
      effort: isOn && effort !== 'none' && isAdaptive(about.model) ? effort : null,
    }
  }
  if (effort === 'none') return none
  if (isAdaptive(about.model)) {
    return { thinking: { type: 'adaptive' }, budget: null, effort: effort === 'minimal' ? 'low' : effort }
  }
  const calls = about.turns.findLast((turn) => turn.role === 'assistant')
  const why = about.isForced
    ? 'not while a tool call is forced'
    : calls !== undefined && calls.toolCalls.length > 0 && calls.thinking.length === 0
      ? 'not after tool calls whose thinking_blocks were not sent back'
      : about.limit !== null && about.limit <= 1_024
        ? 'the limit of the answer leaves no room to think'
        : null
  if (why !== null) {
    warnings.add('reasoning_effort', why)
    return none
  }
  const wanted = Object.hasOwn(budgets, effort) ? Number(budgets[effort]) : largestBudget
  const budget = about.limit === null ? wanted : Math.max(1_024, Math.min(wanted, Math.floor(about.limit / 2)))
  return { thinking: { type: 'enabled', budget_tokens: budget }, budget, effort: null }
}
