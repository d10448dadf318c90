import { isUtf8 } from 'node:buffer'
import type { RenderedPrompt } from '#domain/prompt.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import { promptSize, promptText } from '#domain/tokens.ts'
import { embeddings } from '#domain/vector-space.ts'
import type { ChatBody } from '#providers/provider.ts'
import { checkFields } from './chat-fields.ts'
import type { FieldNote, TranslatedRequest } from './dialect-fields.ts'
import {
  additionOf,
  findFields,
  maxJsonDepth,
  type ObjectSpans,
  type Replacement,
  removalOf,
  replaceAll,
} from './json-edit.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'

type Fields = Readonly<Record<string, unknown>>

const openBracket = 0x5b

/** What scoring needs and providers must not see: the body field `interlock`. */
export interface ScoringExtras {
  readonly context: readonly string[] | null
  readonly reference: string | null
  readonly schema: Readonly<Record<string, unknown>> | null
}

/** A checked chat request. */
export interface ChatRequest {
  readonly model: string
  readonly fields: Fields
  readonly messages: readonly unknown[]
  readonly isStream: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly user: string | null
  readonly extras: ScoringExtras
  /** Values for the route's prompt; null: none. */
  readonly variables: Readonly<Record<string, string>> | null
  /** Fields of the client's dialect that a chat completion has no place for. */
  readonly unmapped: readonly FieldNote[]
  /** Fields that only translating adapters understand: lost where a provider takes chat completions as they are. */
  readonly extensions: readonly FieldNote[]
  /** Embeddings are asked for, of the texts in `messages` and of this many token ids besides; null: a chat completion. */
  readonly vectors: { readonly tokens: number } | null
  /** The body as the client wrote it, in its own dialect; of a chat completion the same as `fields`. */
  readonly source: Fields
  readonly bytes: Buffer
  readonly spans: ObjectSpans
}

/** The limit of an answer, by its old name and its new one. */
const limitNames: readonly string[] = ['max_tokens', 'max_completion_tokens']

const vectorParameters: readonly string[] = ['dimensions', 'encoding_format', 'user']

export type ReadResult = { readonly request: ChatRequest } | { readonly error: ApiError }

export type ObjectRead = { readonly fields: Fields; readonly spans: ObjectSpans } | { readonly error: ApiError }

/** Reads a body that must be one JSON object: nesting, JSON, repeated fields. */
export function readObject(bytes: Buffer): ObjectRead {
  // Replaced in what is read here, such bytes would reach the provider as they are.
  if (!isUtf8(bytes)) return { error: invalidRequest(400, 'invalid_json', 'The body is not UTF-8.') }
  const spans = findFields(bytes)
  if (spans === null) {
    return { error: invalidRequest(400, 'json_too_deep', `The body is nested deeper than ${maxJsonDepth} levels.`) }
  }
  let fields: unknown
  try {
    fields = JSON.parse(bytes.toString('utf8'))
  } catch {
    const message = 'We could not parse the JSON body of your request. It must be one JSON object.'
    return { error: invalidRequest(400, 'invalid_json', message) }
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    return { error: invalidRequest(400, 'invalid_json', 'The body must be a JSON object.') }
  }
  // Two readers of a repeated field may each see another value.
  const repeated = repeatedName(spans)
  if (repeated !== null) {
    const name = repeated.slice(0, 64)
    return { error: invalidRequest(400, 'duplicate_field', `The body holds the field '${name}' twice.`, name) }
  }
  return { fields: fields as Fields, spans }
}

/** The first name that stands twice; null: none. Some readers take names that differ in case alone for one: Go's, for instance. */
function repeatedName({ fields }: ObjectSpans): string | null {
  const seen = new Set<string>()
  for (const { name } of fields) if (seen.size === seen.add(folded(name)).size) return name
  return null
}

/** Upper case first: it makes an S of the long s and a K of the Kelvin sign. */
function folded(name: string): string {
  return plainName.test(name) ? name : name.toUpperCase().toLowerCase()
}

const plainName = /^[a-z_]+$/

/** Reads a chat request: the types of known fields. Unknown fields are left to the provider. */
export function readChatRequest(bytes: Buffer): ReadResult {
  const read = readObject(bytes)
  if ('error' in read) return read
  const error = checkFields(read.fields)
  return error === null ? { request: requestOf(read.fields, bytes, read.spans) } : { error }
}

/** A chat request that the gateway wrote itself, from another dialect. @param source what the client wrote */
export function chatRequestOf({ plain, extended, notes, extensions }: TranslatedRequest, source: Fields): ReadResult {
  const bytes = Buffer.from(JSON.stringify(plain))
  const read = readObject(bytes)
  if ('error' in read) return read
  const error = checkFields(extended)
  if (error !== null) return { error }
  return { request: { ...requestOf(extended, bytes, read.spans), unmapped: notes, extensions, source } }
}

/** A request whose fields were checked. */
export function requestOf(fields: Fields, bytes: Buffer, spans: ObjectSpans): ChatRequest {
  const interlock = (fields['interlock'] ?? {}) as Fields
  return {
    model: fields['model'] as string,
    fields,
    messages: fields['messages'] as readonly unknown[],
    isStream: fields['stream'] === true,
    metadata: (fields['metadata'] ?? {}) as Readonly<Record<string, string>>,
    user: typeof fields['user'] === 'string' && fields['user'] !== '' ? fields['user'] : null,
    extras: {
      context: (interlock['context'] ?? null) as readonly string[] | null,
      reference: (interlock['reference'] ?? null) as string | null,
      schema: (interlock['schema'] ?? schemaOf(fields['response_format'])) as Fields | null,
    },
    variables: (interlock['variables'] ?? null) as Readonly<Record<string, string>> | null,
    unmapped: [],
    extensions: [],
    vectors: null,
    source: fields,
    bytes,
    spans,
  }
}

/** The JSON Schema an answer is asked to satisfy. */
function schemaOf(responseFormat: unknown): unknown {
  const named = (responseFormat as { json_schema?: { schema?: unknown } } | null | undefined)?.json_schema?.schema
  return typeof named === 'object' ? named : null
}

/** The request as routing sees it. @param metadata the key's values having won */
export function factsOf(
  request: ChatRequest,
  requestId: string,
  metadata: Readonly<Record<string, string>>,
): { readonly facts: RequestFacts; readonly patterns: Readonly<Record<string, boolean>> } {
  const { fields } = request
  const tools = listOf(fields['tools']) ?? listOf(fields['functions'])
  const size = promptSize(request.messages, tools)
  const format = (fields['response_format'] as { type?: unknown } | null | undefined)?.type
  const isChat = request.vectors === null
  const capabilities: string[] = []
  if (request.isStream) capabilities.push('streaming')
  if (tools !== null) capabilities.push('tools')
  if (format === 'json_schema') capabilities.push('json_schema')
  if (size.hasImages) capabilities.push('vision')
  if (request.vectors !== null) capabilities.push(embeddings)
  const patterns: Record<string, boolean> = Object.create(null)
  let text: string | null = null
  const facts: RequestFacts = {
    requestId,
    metadata,
    inputTokens: size.tokens + (request.vectors?.tokens ?? 0),
    maxOutputTokens: isChat ? outputLimitOf(fields) : 0,
    ...(isChat && answersOf(fields)),
    hasTools: tools !== null,
    hasImages: size.hasImages,
    wantsJson: format === 'json_schema' || format === 'json_object',
    stream: request.isStream,
    capabilities,
    promptMatches(pattern) {
      text ??= promptText(request.messages)
      patterns[pattern.source] ??= pattern.test(text)
      return patterns[pattern.source] === true
    },
  }
  return { facts, patterns }
}

/** The larger of both names where both are given: providers differ in which one they obey. null: no limit. */
function outputLimitOf(fields: Fields): number | null {
  const limits = limitNames.flatMap((name) => (typeof fields[name] === 'number' ? [fields[name]] : []))
  return limits.length === 0 ? null : Math.max(...limits)
}

/** How many answers are asked for, where it is more than one. */
function answersOf({ n }: Fields): { readonly answers?: number } {
  return typeof n === 'number' && n > 1 ? { answers: n } : {}
}

/** What a version's parameters ask for where the request does not: what a budget sets aside depends on it. */
export function withParameters(
  facts: RequestFacts,
  request: ChatRequest,
  parameters: Fields | undefined,
): RequestFacts {
  if (parameters === undefined || request.vectors !== null) return facts
  const asked = Object.fromEntries(
    [...limitNames, 'n']
      .filter((name) => !Object.hasOwn(request.fields, name) && applies(name, request))
      .map((name) => [name, parameters[name]]),
  )
  const limit = outputLimitOf(asked)
  const answers = answersOf(asked)
  if (limit === null && answers.answers === undefined) return facts
  return { ...facts, ...answers, ...(limit !== null && { maxOutputTokens: limit }) }
}

function listOf(value: unknown): readonly unknown[] | null {
  return Array.isArray(value) && value.length > 0 ? value : null
}

/**
 * The request as it goes to a provider: the client's own bytes with another model, without `interlock`, and with those of the
 * version's parameters that the request does not set itself, and the version's prompt before its messages.
 */
export function bodyFor(request: ChatRequest, parameters: Fields, prompt: RenderedPrompt | null = null): ChatBody {
  const added: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(parameters)) {
    if (!Object.hasOwn(request.fields, name) && applies(name, request)) added[name] = parameters[name]
  }
  const edits = [
    ...removalOf(request.spans, 'interlock'),
    ...additionOf(request.spans, added, false),
    ...promptEdit(request, prompt),
  ]
  return {
    // Made only for adapters that translate: most pass the bytes on.
    get fields() {
      const { interlock: _, ...own } = request.fields
      return prompt === null
        ? { ...own, ...added }
        : { ...own, ...added, messages: [...prompt.messages, ...request.messages] }
    },
    bytesFor(name) {
      if (name === request.model && edits.length === 0) return request.bytes
      return replaceAll(request.bytes, [...edits, modelEdit(request, name)])
    },
    meteredBytesFor(name) {
      const counts = countsEdit(request)
      return counts === null ? null : replaceAll(request.bytes, [...edits, ...counts, modelEdit(request, name)])
    },
  }
}

function modelEdit(request: ChatRequest, name: string): Replacement {
  const model = request.spans.fields.find((field) => field.name === 'model')
  if (model === undefined) throw new TypeError('a checked request names its model')
  return { start: model.valueStart, end: model.end, text: JSON.stringify(name) }
}

/** Asks for the counts at the end of a stream, whatever else the client says about it. @returns null where it asks itself */
function countsEdit({ fields, spans }: ChatRequest): Replacement[] | null {
  const options = fields['stream_options'] as Fields | null | undefined
  if (options?.['include_usage'] === true) return null
  const asked = { ...options, include_usage: true }
  const field = spans.fields.find(({ name }) => name === 'stream_options')
  if (field === undefined) return additionOf(spans, { stream_options: asked }, false)
  return [{ start: field.valueStart, end: field.end, text: JSON.stringify(asked) }]
}

/** A version's parameters are for its chats; embeddings take those they have. Providers refuse a limit under both its names. */
function applies(name: string, { vectors, fields }: ChatRequest): boolean {
  if (vectors !== null) return vectorParameters.includes(name)
  return !limitNames.includes(name) || !limitNames.some((other) => Object.hasOwn(fields, other))
}

/** A checked request has a message for the prompt to stand before. */
function promptEdit(request: ChatRequest, prompt: RenderedPrompt | null): Replacement[] {
  const field = request.spans.fields.find(({ name }) => name === 'messages')
  if (prompt === null || field === undefined) return []
  const at = request.bytes.indexOf(openBracket, field.valueStart) + 1
  return [{ start: at, end: at, text: `${prompt.json},` }]
}
