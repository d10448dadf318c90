import { type AnswerUsage, count, countOr0, type Fields, isObject, parseObject, textOf } from './answer-facts.ts'
import { ChunkWriter, completionOf } from './canonical-answer.ts'
import type { StreamTranslator } from './dialect.ts'
import { ProviderError } from './provider.ts'
import { errorOfEvent, upstreamErrorIn } from './upstream-errors.ts'

/** Answers of Anthropic's messages API as chat completions. */

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  // A tool of the provider's own takes long: the client may send the answer back to go on.
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
}

function finishReasonOf(stopReason: unknown): string {
  const name = textOf(stopReason)
  return Object.hasOwn(finishReasons, name) ? String(finishReasons[name]) : 'stop'
}

/** Counts that came so far; later events repeat and complete earlier ones. */
function usageOf(usage: Fields): AnswerUsage | null {
  const input = count(usage['input_tokens'])
  const outputTokens = count(usage['output_tokens'])
  const cacheCreationTokens = countOr0(usage['cache_creation_input_tokens'])
  const cachedInputTokens = countOr0(usage['cache_read_input_tokens'])
  if (input === null || outputTokens === null || cacheCreationTokens === null || cachedInputTokens === null) return null
  const details = usage['output_tokens_details']
  return {
    // Anthropic counts what was read from a cache or written to it beside the rest, OpenAI within it.
    inputTokens: input + cacheCreationTokens + cachedInputTokens,
    cachedInputTokens,
    outputTokens,
    reasoningTokens: isObject(details) ? (count(details['thinking_tokens']) ?? 0) : 0,
    isEstimated: false,
    ...(cacheCreationTokens > 0 && { cacheCreationTokens }),
  }
}

/** What the model may say of why it refused. */
function refusalOf(stopDetails: unknown): string | null {
  const explanation = isObject(stopDetails) ? textOf(stopDetails['explanation']) : ''
  return explanation === '' ? null : explanation
}

/**
 * A whole message. Texts follow one another as one; blocks of tools that ran at the provider are its own affair and left out.
 *
 * @param nowMs since the epoch
 */
export function readMessage(parsed: unknown, nowMs: number): Fields | ProviderError {
  if (!isObject(parsed) || parsed['type'] !== 'message' || !Array.isArray(parsed['content'])) {
    return new ProviderError('invalid_response', 'the answer is no message', { status: 200 })
  }
  const blocks = (parsed['content'] as unknown[]).filter(isObject)
  const ofType = (type: string) => blocks.filter((block) => block['type'] === type)
  const thinking = blocks.filter((block) => block['type'] === 'thinking' || block['type'] === 'redacted_thinking')
  const head = { id: textOf(parsed['id']), model: textOf(parsed['model']), createdMs: nowMs }
  const choice = {
    text: ofType('text')
      .map((block) => textOf(block['text']))
      .join(''),
    reasoning: ofType('thinking')
      .map((block) => textOf(block['thinking']))
      .join(''),
    toolCalls: ofType('tool_use').map((block) => ({
      id: textOf(block['id']),
      name: textOf(block['name']),
      arguments: JSON.stringify(block['input'] ?? {}),
    })),
    finishReason: finishReasonOf(parsed['stop_reason']),
    refusal: refusalOf(parsed['stop_details']),
    stopSequence: typeof parsed['stop_sequence'] === 'string' ? parsed['stop_sequence'] : null,
    ...(thinking.length > 0 && { more: { thinking_blocks: thinking } }),
  }
  return completionOf(head, [choice], isObject(parsed['usage']) ? usageOf(parsed['usage']) : null)
}

/** A content block that has begun and not ended. */
type OpenBlock =
  | { readonly kind: 'call'; readonly position: number; readonly input: unknown; hasArguments: boolean }
  | { readonly kind: 'thinking'; text: string; signature: string }
  | { readonly kind: 'other' }

/**
 * A stream of Anthropic's events as chunks.
 *
 * States: new (leads to begun at `message_start`), begun (leads to over at `message_stop`), over (final). The finish is said
 * only at `message_stop`: a stream that ends before it is cut short.
 */
export class AnthropicStream implements StreamTranslator {
  readonly #writer: ChunkWriter
  readonly #blocks = new Map<unknown, OpenBlock>()
  #counts: Fields = {}
  #id: string | null = null
  #hasContent = false
  #calls = 0
  #stop: Fields | null = null
  #usage: AnswerUsage | null = null

  constructor(nowMs: number, includesUsage: boolean) {
    this.#writer = new ChunkWriter(nowMs, includesUsage)
  }

  get usage(): AnswerUsage | null {
    return this.#usage
  }

  read(data: string): string | ProviderError {
    const event = parseObject(data)
    if (event === null) return new ProviderError('invalid_response', 'an event is not a JSON object', { status: 200 })
    switch (event['type']) {
      case 'message_start':
        return this.#start(isObject(event['message']) ? event['message'] : {})
      case 'content_block_start':
        return this.#startBlock(event['index'], isObject(event['content_block']) ? event['content_block'] : {})
      case 'content_block_delta':
        return this.#delta(event['index'], isObject(event['delta']) ? event['delta'] : {})
      case 'content_block_stop':
        return this.#stopBlock(event['index'])
      case 'message_delta':
        if (isObject(event['delta'])) this.#stop = { ...this.#stop, ...event['delta'] }
        this.#count(event['usage'])
        this.#usage = usageOf(this.#counts)
        return ''
      case 'message_stop':
        return this.#finish()
      case 'error':
        return errorOfEvent(upstreamErrorIn(event) ?? noWords, 200)
      default:
        // `ping`, and whatever is added to the protocol: clients are told to pass over it.
        return ''
    }
  }

  /** An orderly close ends nothing: only `message_stop` does. */
  end(): string {
    return ''
  }

  #count(usage: unknown): void {
    if (!isObject(usage)) return
    const told = Object.entries(usage).filter(([, value]) => value !== null)
    this.#counts = { ...this.#counts, ...Object.fromEntries(told) }
  }

  #start(message: Fields): string | ProviderError {
    // Two answers in one stream cannot be told apart any more once a part of the first was passed on.
    if (this.#id !== null && this.#hasContent) {
      return new ProviderError('invalid_response', 'the provider began a second answer', { status: 200 })
    }
    const isFirst = this.#id === null
    this.#id = textOf(message['id'])
    this.#writer.name(this.#id, textOf(message['model']))
    this.#count(message['usage'])
    const { content, stop_reason: stopReason } = message
    if (typeof stopReason === 'string') this.#stop = message
    // A call made by code that runs at the provider comes whole with the first event.
    const blocks = Array.isArray(content) ? (content as unknown[]).filter(isObject) : []
    const whole = blocks.map((block, index) => this.#startBlock(index, block) + this.#stopBlock(index))
    return (isFirst ? this.#writer.role() : '') + whole.join('')
  }

  #startBlock(index: unknown, block: Fields): string {
    switch (block['type']) {
      case 'text':
        this.#blocks.set(index, { kind: 'other' })
        return this.#text({ content: textOf(block['text']) })
      case 'tool_use': {
        const position = this.#calls
        this.#calls += 1
        this.#hasContent = true
        this.#blocks.set(index, { kind: 'call', position, input: block['input'], hasArguments: false })
        return this.#writer.call(position, { id: textOf(block['id']), name: textOf(block['name']), arguments: '' })
      }
      case 'thinking':
        this.#blocks.set(index, { kind: 'thinking', text: textOf(block['thinking']), signature: '' })
        return this.#text({ reasoning_content: textOf(block['thinking']) })
      case 'redacted_thinking':
        this.#hasContent = true
        this.#blocks.set(index, { kind: 'other' })
        return this.#writer.delta({ thinking_blocks: [block] })
      default:
        this.#blocks.set(index, { kind: 'other' })
        return ''
    }
  }

  #delta(index: unknown, delta: Fields): string {
    const block = this.#blocks.get(index)
    switch (delta['type']) {
      case 'text_delta':
        return this.#text({ content: textOf(delta['text']) })
      case 'thinking_delta':
        if (block?.kind === 'thinking') block.text += textOf(delta['thinking'])
        return this.#text({ reasoning_content: textOf(delta['thinking']) })
      case 'signature_delta':
        if (block?.kind === 'thinking') block.signature += textOf(delta['signature'])
        return ''
      case 'input_json_delta': {
        const text = textOf(delta['partial_json'])
        if (block?.kind !== 'call' || text === '') return ''
        block.hasArguments = true
        return this.#writer.callArguments(block.position, text)
      }
      default:
        return ''
    }
  }

  #text(delta: Readonly<Record<string, string>>): string {
    if (Object.values(delta).every((text) => text === '')) return ''
    this.#hasContent = true
    return this.#writer.delta(delta)
  }

  #stopBlock(index: unknown): string {
    const block = this.#blocks.get(index)
    this.#blocks.delete(index)
    if (block?.kind === 'call' && !block.hasArguments) {
      return this.#writer.callArguments(block.position, JSON.stringify(block.input ?? {}))
    }
    if (block?.kind !== 'thinking') return ''
    const { text: thinking, signature } = block
    return this.#writer.delta({ thinking_blocks: [{ type: 'thinking', thinking, signature }] })
  }

  #finish(): string {
    const stop = this.#stop ?? {}
    this.#usage ??= usageOf(this.#counts)
    const refusal = refusalOf(stop['stop_details'])
    const told = refusal === null ? '' : this.#writer.delta({ refusal })
    const found = typeof stop['stop_sequence'] === 'string' ? stop['stop_sequence'] : null
    // Without a stop reason there is no finish: the commit point calls the stream cut short.
    const finish = this.#stop === null ? '' : this.#writer.finish(finishReasonOf(stop['stop_reason']), 0, found)
    return `${told}${finish}${this.#writer.end(this.#usage)}`
  }
}

const noWords = { message: 'the provider gave no message', type: null, param: null, code: null }
