import type { Usage } from '#domain/decision.ts'
import { isObject, readUsage, textOf } from './answer-facts.ts'
import { type AnswerFacts, ProviderError } from './provider.ts'
import { errorOfEvent, upstreamErrorIn } from './upstream-errors.ts'

/**
 * What one event is to the answer.
 * content: carries part of the answer (text, reasoning, refusal, a tool call) or its finish. filler: nothing yet (a role,
 * an empty delta, a comment). done: the terminal marker. hidden: counts that only the gateway asked for. Anything else is an
 * error.
 */
export type EventKind = 'content' | 'filler' | 'done' | 'hidden'

/** Where a chunk needs parsing even if only metering looks at it: a finish, a usage, an error or a refusal that is not null. */
const suspicious = /"(?:finish_reason|usage|refusal)"\s*:\s*(?!null)|"error"/

const contentStart = '"content":"'

/** The same over many events at once, and everything that is not one JSON object an event. */
const suspiciousChunk = /"(?:finish_reason|usage|refusal)"\s*:\s*(?!null)|"error"|\n\n(?!data: \{|$)|[^}]\n\n/

interface ToolCallParts {
  id: string | null
  name: string
  arguments: string
}

/** Reads the events of an OpenAI chat stream and keeps what metering and scoring need. */
export class StreamReader {
  readonly #isKept: boolean
  readonly #status: number
  readonly #isUsageHidden: boolean
  readonly #texts: string[] = []
  readonly #toolCalls = new Map<number, ToolCallParts>()
  #outputCharacters = 0
  #finishReason: string | null = null
  #refusal = ''
  #usage: Usage | null = null

  /** @param isUsageHidden the client did not ask for the event that holds nothing but counts */
  constructor(isKept: boolean, status: number, isUsageHidden = false) {
    this.#isKept = isKept
    this.#status = status
    this.#isUsageHidden = isUsageHidden
  }

  get hasFinished(): boolean {
    return this.#finishReason !== null
  }

  /** Counts that came some other way than in the events: a client that did not ask for them is not sent them. */
  noteUsage(usage: Usage): void {
    this.#usage = usage
  }

  /**
   * @param data of one event; null: a comment
   * @param isCommitted the answer has begun: chunks that only carry text need not be parsed
   */
  read(data: string | null, isCommitted: boolean): EventKind | ProviderError {
    if (data === null || data === '') return 'filler'
    if (data === '[DONE]') return 'done'
    if (isCommitted && !this.#isKept && isPlain(data)) {
      this.#outputCharacters += contentLength(data)
      return 'content'
    }
    const parsed = parse(data)
    if (!isObject(parsed)) return this.#invalid('an event of the stream is not a JSON object')
    const upstream = upstreamErrorIn(parsed)
    if (upstream !== null) return errorOfEvent(upstream, this.#status)
    return this.#readChunk(parsed)
  }

  /**
   * Reads the first events of a committed stream without taking them apart, as far as nothing in them but text can matter.
   *
   * @param text bytes as latin1, from the beginning of an event: only ASCII is looked for
   * @returns how many characters were read; they end with an event
   */
  skim(text: string): number {
    if (this.#isKept || !text.startsWith('data: {')) return 0
    const stop = suspiciousChunk.exec(text)?.index ?? text.length
    const end = text.lastIndexOf('}\n\n', stop - 3) + 3
    if (end < 3) return 0
    for (let at = text.indexOf(contentStart); at !== -1 && at < end; at = text.indexOf(contentStart, at + 1)) {
      this.#outputCharacters += lengthOfString(text, at + contentStart.length)
    }
    return end
  }

  #readChunk(chunk: Readonly<Record<string, unknown>>): EventKind {
    this.#usage = readUsage(chunk['usage']) ?? this.#usage
    const choices = Array.isArray(chunk['choices']) ? chunk['choices'] : []
    if (this.#isUsageHidden && choices.length === 0 && isObject(chunk['usage'])) return 'hidden'
    let kind: EventKind = 'filler'
    for (const choice of choices) {
      if (!isObject(choice)) continue
      const isFirst = (choice['index'] ?? 0) === 0
      if (isObject(choice['delta']) && this.#readDelta(choice['delta'], isFirst)) kind = 'content'
      if (typeof choice['finish_reason'] === 'string') {
        kind = 'content'
        if (isFirst || this.#finishReason === null) this.#finishReason = choice['finish_reason']
      }
    }
    return kind
  }

  /** @returns true when the delta carries content */
  #readDelta(delta: Readonly<Record<string, unknown>>, isFirst: boolean): boolean {
    const text = textOf(delta['content'])
    this.#outputCharacters += text.length
    if (isFirst && this.#isKept && text !== '') this.#texts.push(text)
    let hasContent = text !== ''
    for (const name of ['reasoning_content', 'reasoning'] as const) {
      const reasoning = delta[name]
      if (typeof reasoning !== 'string' || reasoning === '') continue
      this.#outputCharacters += reasoning.length
      hasContent = true
    }
    if (typeof delta['refusal'] === 'string' && delta['refusal'] !== '') {
      this.#refusal += delta['refusal']
      hasContent = true
    }
    if (isObject(delta['audio'])) hasContent = true
    const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'] : []
    for (const call of calls) if (this.#readToolCall(call)) hasContent = true
    return hasContent
  }

  #readToolCall(call: unknown): boolean {
    if (!isObject(call) || !isObject(call['function'])) return false
    const { name, arguments: text } = call['function']
    const parts = this.#toolCalls.get(Number(call['index'] ?? 0)) ?? { id: null, name: '', arguments: '' }
    if (typeof call['id'] === 'string') parts.id = call['id']
    if (typeof name === 'string') parts.name += name
    if (typeof text === 'string') {
      this.#outputCharacters += text.length
      parts.arguments += text
    }
    this.#toolCalls.set(Number(call['index'] ?? 0), parts)
    return typeof text === 'string' && text !== ''
  }

  #invalid(message: string): ProviderError {
    return new ProviderError('invalid_response', message, { status: this.#status })
  }

  facts(): AnswerFacts {
    return {
      output: this.#texts.join(''),
      outputCharacters: this.#outputCharacters,
      finishReason: this.#finishReason,
      refusal: this.#refusal === '' ? null : this.#refusal,
      toolCalls: [...this.#toolCalls.values()].map((parts) => ({
        id: parts.id,
        type: 'function',
        function: { name: parts.name, arguments: parts.arguments },
      })),
      usage: this.#usage,
    }
  }
}

/** Text and nothing else that matters, as far as can be told without parsing. No JSON holds a NUL character. */
function isPlain(data: string): boolean {
  return data.startsWith('{') && data.endsWith('}') && !suspicious.test(data) && !data.includes('\0')
}

/** Length of the first `content` string as written, escapes counted as they stand: an estimate without parsing. */
function contentLength(data: string): number {
  const start = data.indexOf(contentStart)
  return start === -1 ? 0 : lengthOfString(data, start + contentStart.length)
}

function lengthOfString(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (end > from && text[end - 1] === '\\') end = text.indexOf('"', end + 1)
  return end === -1 ? 0 : end - from
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
