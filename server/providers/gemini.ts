import { type Fields, isObject, textOf } from './answer-facts.ts'
import { asksForUsage } from './canonical-answer.ts'
import {
  allowedNames,
  objectIn,
  type Part,
  readTurns,
  type ToolCall,
  type Turn,
  textOfParts,
  unsupported,
} from './chat-messages.ts'
import type { BaseAddress, Dialect, ErrorReading } from './dialect.ts'
import { FieldWarnings } from './field-warnings.ts'
import { GeminiStream, readResponse } from './gemini-answer.ts'
import { geminiEmbeddings } from './gemini-embeddings.ts'

/** Fields that `requestOf` reads. */
const mapped = [
  'frequency_penalty',
  'max_completion_tokens',
  'max_tokens',
  'n',
  'presence_penalty',
  'reasoning_effort',
  'response_format',
  'seed',
  'stop',
  'temperature',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
] as const

/** Google's Gemini API, version v1beta. https://ai.google.dev/api/generate-content */
export const gemini: Dialect = {
  kind: 'gemini',
  path: (base, model, isStream) =>
    modelPath(base, model, isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'),
  headers: [],
  authorize: (secret) => ['x-goog-api-key', secret],
  translate(call, _isStream, nowMs) {
    const { fields } = call.body
    const warnings = new FieldWarnings(call, fields)
    const body = requestOf(fields, call.model, warnings)
    return {
      body: Buffer.from(JSON.stringify(body)),
      warnings: warnings.of(mapped),
      answer: {
        whole: (parsed) => readResponse(parsed, nowMs),
        events: () => new GeminiStream(nowMs, asksForUsage(fields)),
      },
    }
  },
  readError,
  embeddings: geminiEmbeddings(modelPath),
}

/** @param model such as `gemini-2.5-flash`, or with its collection: `tunedModels/x` */
function modelPath(base: BaseAddress, model: string, method: string): string {
  const name = (model.includes('/') ? model : `models/${model}`).split('/').map(encodeURIComponent).join('/')
  return `${base.path === '' ? '/v1beta' : base.path}/${name}:${method}`
}

/** Generation 3 and later: another setting for thinking, and calls that must carry a thought signature. */
function isThirdGeneration(model: string): boolean {
  return Number(/gemini-(\d+)/.exec(model)?.[1] ?? 0) >= 3
}

function requestOf(fields: Fields, model: string, warnings: FieldWarnings): Fields {
  const { system, contents } = conversationOf(readTurns(fields), model, warnings)
  warnings.addMembers(fields['messages'])
  const generationConfig = configOf(fields, model, warnings)
  return {
    contents,
    ...(system.length > 0 && { systemInstruction: { parts: system } }),
    ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
    ...toolsOf(fields, warnings),
  }
}

interface Content {
  readonly role: 'user' | 'model'
  readonly parts: Fields[]
}

/** System prompts stand apart; results of tools are the user's; neighbours of one role are one content. */
function conversationOf(turns: readonly Turn[], model: string, warnings: FieldWarnings) {
  const system: Fields[] = []
  const contents: Content[] = []
  const names = new Map<string, string>()
  const add = (role: Content['role'], parts: readonly Fields[]) => {
    const last = contents.at(-1)
    if (parts.length === 0) return
    if (last?.role === role) last.parts.push(...parts)
    else contents.push({ role, parts: [...parts] })
  }
  for (const turn of turns) {
    if (turn.role === 'system') {
      if (contents.length > 0) warnings.add('messages', 'a system message inside the conversation was moved before it')
      system.push(...turn.parts.map((part) => partOf(part, warnings)))
    } else if (turn.role === 'user') {
      const parts = turn.parts.map((part) => partOf(part, warnings))
      add('user', parts)
    } else if (turn.role === 'tool') add('user', resultParts(turn, names, warnings))
    else {
      for (const call of turn.toolCalls) names.set(call.id, call.name)
      if (turn.thinking.length > 0) warnings.add('messages.thinking_blocks', 'another provider’s thinking is not sent')
      const parts = turn.parts.map((part) => partOf(part, warnings))
      add('model', [...parts, ...callParts(turn.toolCalls, model, warnings)])
    }
  }
  if (contents.length === 0) {
    warnings.add('messages', 'without a user’s message the system prompt was sent as one')
    contents.push({ role: 'user', parts: system.splice(0) })
  } else if (contents[0]?.role === 'model') {
    warnings.add('messages', 'the conversation began with the assistant: a user’s message "..." was put before it')
    contents.unshift({ role: 'user', parts: [{ text: '...' }] })
  }
  return { system, contents }
}

/** Media types by the end of an address: Gemini wants to be told. */
const mediaTypes: Readonly<Record<string, string>> = {
  gif: 'image/gif',
  heic: 'image/heic',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  mp3: 'audio/mp3',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  wav: 'audio/wav',
  webp: 'image/webp',
}

function partOf(part: Part, warnings: FieldWarnings): Fields {
  if (isObject(part.cacheControl)) warnings.add('messages.cache_control', 'the provider caches by itself')
  if (part.kind === 'text') return { text: part.text }
  if (part.kind === 'image' && part.detail !== null && part.detail !== 'auto') {
    warnings.add('messages.image_url.detail', 'the provider chooses the resolution')
  }
  if (part.url === null) return { inlineData: { mimeType: part.mediaType, data: part.base64 } }
  const ending = /\.([a-z0-9]{2,4})(?:[?#].*)?$/i.exec(part.url)?.[1]?.toLowerCase() ?? ''
  const mimeType = Object.hasOwn(mediaTypes, ending) ? mediaTypes[ending] : undefined
  return { fileData: { fileUri: part.url, ...(mimeType !== undefined && { mimeType }) } }
}

/** A result is an object here; media in it follow as parts of their own. @param names of the calls by their ids */
function resultParts(
  turn: Turn & { role: 'tool' },
  names: ReadonlyMap<string, string>,
  warnings: FieldWarnings,
): Fields[] {
  const text = textOfParts(turn.parts)
  const name = names.get(turn.callId)
  if (name === undefined) throw unsupported('messages.tool_call_id', 'it names no call of this conversation')
  const parsed = text.trim() === '' ? null : objectIn(text)
  const response = turn.isError ? { error: text } : (parsed ?? { output: text })
  const media = turn.parts.filter((part) => part.kind !== 'text').map((part) => partOf(part, warnings))
  return [{ functionResponse: { id: turn.callId, name, response } }, ...media]
}

/** Google's word for calls that no Gemini model made: https://ai.google.dev/gemini-api/docs/thought-signatures */
const foreignSignature = 'skip_thought_signature_validator'

function callParts(calls: readonly ToolCall[], model: string, warnings: FieldWarnings): Fields[] {
  return calls.map((call, index) => {
    if (call.input === null) {
      warnings.add('messages.tool_calls', 'arguments that are no JSON object were sent as {"arguments": text}')
    }
    const google = isObject(call.extra) && isObject(call.extra['google']) ? call.extra['google'] : {}
    const own = textOf(google['thought_signature'])
    // Only the first of parallel calls has one.
    const signature = own === '' && index === 0 && isThirdGeneration(model) ? foreignSignature : own
    return {
      functionCall: { id: call.id, name: call.name, args: call.input ?? { arguments: call.text } },
      ...(signature !== '' && { thoughtSignature: signature }),
    }
  })
}

function configOf(fields: Fields, model: string, warnings: FieldWarnings): Fields {
  const stops = [fields['stop'] ?? []].flat().filter((stop) => typeof stop === 'string' && stop !== '')
  const numbers: readonly (readonly [string, unknown])[] = [
    ['temperature', fields['temperature']],
    ['topP', fields['top_p']],
    ['topK', fields['top_k']],
    ['maxOutputTokens', fields['max_completion_tokens'] ?? fields['max_tokens']],
    ['seed', fields['seed']],
    ['frequencyPenalty', fields['frequency_penalty']],
    ['presencePenalty', fields['presence_penalty']],
    ['candidateCount', fields['n'] === 1 ? null : fields['n']],
  ]
  const thinkingConfig = thinkingOf(fields['reasoning_effort'], model, warnings)
  return {
    ...Object.fromEntries(numbers.filter(([, value]) => typeof value === 'number')),
    ...(stops.length > 0 && { stopSequences: stops }),
    ...formatOf(fields['response_format'], warnings),
    ...(thinkingConfig !== null && { thinkingConfig }),
  }
}

function formatOf(format: unknown, warnings: FieldWarnings): Fields {
  if (!isObject(format) || format['type'] === 'text') return {}
  const named = isObject(format['json_schema']) ? format['json_schema'] : {}
  const schema = named['schema']
  if (format['type'] === 'json_schema' && isObject(schema)) {
    return { responseMimeType: 'application/json', responseJsonSchema: schema }
  }
  if (format['type'] !== 'json_object')
    warnings.add('response_format', 'the format is not known here: JSON was asked for')
  return { responseMimeType: 'application/json' }
}

const budgets: Readonly<Record<string, number>> = { none: 0, minimal: 1_024, low: 1_024, medium: 8_192, high: 24_576 }

/** Fewest thinking tokens of models that always think. */
const smallestBudget = 128

/** OpenAI's `reasoning_effort` by the table of Google's own OpenAI-compatible endpoint. */
function thinkingOf(effort: unknown, model: string, warnings: FieldWarnings): Fields | null {
  if (typeof effort !== 'string') return null
  const isNone = effort === 'none'
  const isThird = isThirdGeneration(model)
  const alwaysThinks = isThird || model.includes('-pro')
  if (isNone && alwaysThinks)
    warnings.add('reasoning_effort', 'the model always thinks: as little as it can was asked for')
  if (isThird) {
    const thinkingLevel = ['none', 'minimal', 'low'].includes(effort) ? 'low' : 'high'
    return { thinkingLevel, includeThoughts: !isNone }
  }
  const budget = Object.hasOwn(budgets, effort) ? Number(budgets[effort]) : Number(budgets['high'])
  return { thinkingBudget: isNone && alwaysThinks ? smallestBudget : budget, includeThoughts: !isNone }
}

function toolsOf(fields: Fields, warnings: FieldWarnings): Fields {
  const listed = Array.isArray(fields['tools']) ? (fields['tools'] as unknown[]) : []
  if (listed.length === 0) return {}
  const functionDeclarations = listed.map((tool, index) => {
    if (!isObject(tool) || tool['type'] !== 'function' || !isObject(tool['function'])) {
      throw unsupported(`tools[${index}]`, 'only functions can be offered')
    }
    const { name, description, parameters, strict } = tool['function']
    if (strict === true) warnings.add('tools.strict', 'arguments may deviate from the schema')
    if (isObject(tool['cache_control'])) warnings.add('tools.cache_control', 'the provider caches by itself')
    return {
      name,
      ...(typeof description === 'string' && { description }),
      ...(isObject(parameters) && { parametersJsonSchema: parameters }),
    }
  })
  const functionCallingConfig = choiceOf(fields['tool_choice'])
  return {
    tools: [{ functionDeclarations }],
    ...(functionCallingConfig !== null && { toolConfig: { functionCallingConfig } }),
  }
}

function choiceOf(choice: unknown): Fields | null {
  if (choice === 'none' || choice === 'auto') return { mode: choice.toUpperCase() }
  if (choice === 'required') return { mode: 'ANY' }
  if (!isObject(choice)) return null
  if (isObject(choice['function'])) return { mode: 'ANY', allowedFunctionNames: [choice['function']['name']] }
  const set = choice['allowed_tools']
  if (choice['type'] !== 'allowed_tools' || !isObject(set))
    throw unsupported('tool_choice', 'only functions can be chosen')
  // Names may be given with ANY and VALIDATED alone: the latter leaves the model free to answer in text.
  return { mode: set['mode'] === 'required' ? 'ANY' : 'VALIDATED', allowedFunctionNames: allowedNames(set) }
}

/** `{"error": {"status", "details": [{"@type": ".../google.rpc.RetryInfo", "retryDelay": "34.4s"}, {"reason": ...}]}}` */
function readError(body: unknown, status: number): ErrorReading {
  const parsed: unknown = Array.isArray(body) ? body[0] : body
  const error = isObject(parsed) && isObject(parsed['error']) ? parsed['error'] : {}
  const details = Array.isArray(error['details']) ? (error['details'] as unknown[]).filter(isObject) : []
  const isKeyRefused = details.some((detail) => /^API_KEY_/.test(textOf(detail['reason'])))
  // A project without billing or in a country that is not served: nothing the client can mend.
  if (status === 400 && (isKeyRefused || error['status'] === 'FAILED_PRECONDITION')) return { errorClass: 'auth' }
  if (status === 504) return { errorClass: 'timeout' }
  const delays = details.flatMap((detail) => /^(\d{1,6}(?:\.\d{1,9})?)s$/.exec(textOf(detail['retryDelay']))?.[1] ?? [])
  return delays[0] === undefined ? {} : { retryAfterMs: Math.round(Number(delays[0]) * 1_000) }
}
