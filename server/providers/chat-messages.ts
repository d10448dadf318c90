import { type Fields, isObject, parseObject, textOf } from './answer-facts.ts'
import { ProviderError } from './provider.ts'

/** One part of a message as OpenAI's clients write it. `cacheControl`: a mark some clients set for providers that cache on demand. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly cacheControl: unknown }
  | (Media & { readonly kind: 'image'; readonly detail: string | null; readonly cacheControl: unknown })
  | (Media & { readonly kind: 'audio'; readonly cacheControl: unknown })
  | (Media & { readonly kind: 'file'; readonly name: string | null; readonly cacheControl: unknown })

/** Bytes inline (base64) or somewhere else (url): exactly one is not null. */
export interface Media {
  readonly mediaType: string | null
  readonly base64: string | null
  readonly url: string | null
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** Parsed arguments; null where they are no JSON object, then `text` has them as they are. */
  readonly input: Fields | null
  readonly text: string
  /** Google's clients keep a thought signature here: `{google: {thought_signature}}`. */
  readonly extra: unknown
}

/** A message, its role being one of four: `developer` is `system`. */
export type Turn =
  | { readonly role: 'system'; readonly parts: readonly Part[] }
  | { readonly role: 'user'; readonly parts: readonly Part[] }
  | {
      readonly role: 'assistant'
      readonly parts: readonly Part[]
      readonly toolCalls: readonly ToolCall[]
      /** Anthropic's own thinking blocks, as this gateway gave them out in `thinking_blocks`. */
      readonly thinking: readonly Fields[]
    }
  | {
      readonly role: 'tool'
      readonly callId: string
      readonly parts: readonly Part[]
      /** The tool failed: `is_error`, which OpenAI has not and others do. */
      readonly isError: boolean
    }

/**
 * OpenAI's messages in a form that other providers' can be written from.
 *
 * @throws ProviderError of class `unsupported` for what no other provider has: uploaded files, answers in audio, legacy functions
 */
export function readTurns(fields: Fields): Turn[] {
  const { messages, functions } = fields
  if (Array.isArray(functions) && functions.length > 0) throw unsupported('functions', 'use tools')
  return (Array.isArray(messages) ? messages : []).map((message: unknown, index) => {
    const at = `messages[${index}]`
    if (!isObject(message)) throw unsupported(at, 'is no object')
    return readTurn(message, at)
  })
}

function readTurn(message: Fields, at: string): Turn {
  const parts = withMark(readParts(message['content'], `${at}.content`), message['cache_control'])
  switch (message['role']) {
    case 'system':
    case 'developer':
      return { role: 'system', parts }
    case 'user':
      return { role: 'user', parts }
    case 'tool':
      return { role: 'tool', callId: textOf(message['tool_call_id']), parts, isError: message['is_error'] === true }
    case 'assistant':
      if (isObject(message['function_call'])) throw unsupported(`${at}.function_call`, 'use tool_calls')
      if (isObject(message['audio'])) throw unsupported(`${at}.audio`, 'an earlier answer in audio cannot be sent')
      return { role: 'assistant', parts: withRefusal(parts, message), ...callsOf(message, at) }
    default:
      throw unsupported(`${at}.role`, `the role '${String(message['role']).slice(0, 32)}' has no counterpart`)
  }
}

/** A mark on a whole message is one on its last part. */
function withMark(parts: Part[], cacheControl: unknown): Part[] {
  const last = parts.at(-1)
  if (!isObject(cacheControl) || last === undefined) return parts
  return [...parts.slice(0, -1), { ...last, cacheControl }]
}

/** A refusal was said to the user: to the next model it is text like any other. */
function withRefusal(parts: Part[], message: Fields): Part[] {
  const refusal = textOf(message['refusal'])
  return refusal === '' ? parts : [...parts, { kind: 'text', text: refusal, cacheControl: null }]
}

function callsOf(message: Fields, at: string): { toolCalls: ToolCall[]; thinking: Fields[] } {
  const calls = Array.isArray(message['tool_calls']) ? (message['tool_calls'] as unknown[]) : []
  const blocks = Array.isArray(message['thinking_blocks']) ? (message['thinking_blocks'] as unknown[]) : []
  const toolCalls = calls.map((call, index): ToolCall => {
    if (!isObject(call) || !isObject(call['function'])) {
      throw unsupported(`${at}.tool_calls[${index}]`, 'only calls of functions have a counterpart')
    }
    const text = textOf(call['function']['arguments'])
    return {
      id: textOf(call['id']),
      name: textOf(call['function']['name']),
      input: objectIn(text),
      text,
      extra: call['extra_content'],
    }
  })
  return { toolCalls, thinking: blocks.filter(isObject) }
}

/** The JSON object in a text; an empty text is an empty object; null: there is none. */
export function objectIn(text: string): Fields | null {
  return text.trim() === '' ? {} : parseObject(text)
}

function readParts(content: unknown, at: string): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content, cacheControl: null }]
  if (!Array.isArray(content)) return []
  return content.flatMap((part: unknown, index) => {
    const read = isObject(part) ? readPart(part, `${at}[${index}]`) : null
    return read === null ? [] : [read]
  })
}

/** @returns null for a text without any character, which other providers refuse */
function readPart(part: Fields, at: string): Part | null {
  const cacheControl = part['cache_control'] ?? null
  switch (part['type']) {
    case 'text':
    case 'refusal': {
      const text = textOf(part[part['type']])
      return text === '' ? null : { kind: 'text', text, cacheControl }
    }
    case 'image_url': {
      const image = isObject(part['image_url']) ? part['image_url'] : { url: part['image_url'] }
      const detail = textOf(image['detail'])
      return {
        kind: 'image',
        ...mediaOf(textOf(image['url']), at),
        detail: detail === '' ? null : detail,
        cacheControl,
      }
    }
    case 'input_audio': {
      const audio = isObject(part['input_audio']) ? part['input_audio'] : {}
      const mediaType = `audio/${textOf(audio['format'])}`
      return { kind: 'audio', mediaType, base64: textOf(audio['data']), url: null, cacheControl }
    }
    case 'file': {
      const file = isObject(part['file']) ? part['file'] : {}
      if (textOf(file['file_data']) === '') throw unsupported(at, 'a file uploaded to OpenAI cannot be read elsewhere')
      const name = textOf(file['filename'])
      return { kind: 'file', ...mediaOf(textOf(file['file_data']), at), name: name === '' ? null : name, cacheControl }
    }
    default:
      throw unsupported(at, `parts of type '${String(part['type']).slice(0, 32)}' have no counterpart`)
  }
}

// data:<media type>[;name=value...];base64,<bytes>
const dataUrl = /^data:([^;,]{1,128})(?:;[^;,]{1,128})*;base64,/i

function mediaOf(url: string, at: string): Media {
  const match = dataUrl.exec(url)
  if (match?.[1] !== undefined) {
    return { mediaType: match[1].toLowerCase(), base64: url.slice(match[0].length), url: null }
  }
  if (!/^(https?|gs):\/\//i.test(url)) throw unsupported(at, 'is neither a base64 data URL nor an address')
  return { mediaType: null, base64: null, url }
}

/** Text of the parts that are text. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
}

/** Names in OpenAI's `allowed_tools`. */
export function allowedNames(set: Fields): string[] {
  const tools = Array.isArray(set['tools']) ? (set['tools'] as unknown[]) : []
  return tools.map((tool) => (isObject(tool) && isObject(tool['function']) ? textOf(tool['function']['name']) : ''))
}

/** Why a target cannot take this request at all: another may. The words name a place, never its content. */
export function unsupported(field: string, why: string): ProviderError {
  const message = `'${field}' cannot be sent to this provider: ${why}`
  return new ProviderError('unsupported', message, {
    isSent: false,
    upstream: { message, type: 'invalid_request_error', param: field, code: 'unsupported_by_provider' },
  })
}
