import { isObject, textOf } from '#providers/answer-facts.ts'
import type { Fields } from './dialect-fields.ts'
import {
  callId,
  estimatedUsage,
  type MessageEcho,
  type MessageUsage,
  messageObject,
  messagesErrorBody,
  messageUsage,
  stopOf,
} from './messages-answer.ts'
import type { ApiError } from './openai-error.ts'
import { reasoningIn, thinkingIn } from './responses-answer.ts'
import { type CallPiece, callPieces, type EventTranslator, firstChoice, namedEvent } from './stream-translator.ts'

interface Call {
  readonly id: string
  readonly name: string
  text: string
  /** Characters of `text` that were sent. */
  sent: number
}

/**
 * A chat stream as Anthropic's events.
 *
 * States: new (leads to begun at the first chunk), begun (at most one block open), over (final). Anthropic's blocks follow one
 * another, chunks of parallel calls may interleave: a call that begins while another is unfinished waits for the end.
 */
export class MessagesStream implements EventTranslator {
  readonly #echo: MessageEcho
  readonly #calls = new Map<number, Call>()
  #hasBegun = false
  #blocks = 0
  #open: 'text' | 'thinking' | Call | null = null
  #signature = ''
  #characters = 0
  #last: Fields = {}
  #usage: MessageUsage | null = null
  /** What came in the midst of a call's arguments: written once the call is over. */
  readonly #late: (() => string)[] = []

  constructor(echo: MessageEcho) {
    this.#echo = echo
  }

  push(chunk: Fields): string {
    this.#usage = messageUsage(chunk['usage']) ?? this.#usage
    let events = this.#begin()
    const choice = firstChoice(chunk)
    if (choice === null) return events
    const delta = isObject(choice['delta']) ? choice['delta'] : {}
    events += this.#addThinking(delta)
    for (const name of ['content', 'refusal'] as const) {
      const text = textOf(delta[name])
      if (text !== '') events += this.#addText(text)
    }
    for (const piece of callPieces(delta)) events += this.#addCall(piece)
    if (typeof choice['finish_reason'] === 'string') this.#last = choice
    return events
  }

  end(): string {
    let events = this.#begin() + this.#close()
    for (const call of this.#calls.values()) {
      if (call.sent < 0) events += this.#start(call) + this.#sendRest(call) + this.#close()
    }
    for (const write of this.#late) events += write()
    events += this.#close()
    const { stop_reason, stop_sequence } = stopOf(this.#last, this.#echo)
    const usage = this.#usage ?? estimatedUsage(this.#echo, this.#characters)
    const delta = { stop_reason, stop_sequence }
    events += namedEvent('message_delta', { type: 'message_delta', delta, usage })
    return events + namedEvent('message_stop', { type: 'message_stop' })
  }

  fail(error: ApiError): string {
    return this.#begin() + namedEvent('error', messagesErrorBody(error, this.#echo.requestId))
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    const usage = { ...(this.#usage ?? estimatedUsage(this.#echo, 0)), output_tokens: 0 }
    const message = messageObject(this.#echo, [], usage, null)
    return namedEvent('message_start', { type: 'message_start', message }) + namedEvent('ping', { type: 'ping' })
  }

  #startBlock(block: Fields): string {
    const event = { type: 'content_block_start', index: this.#blocks, content_block: block }
    return namedEvent('content_block_start', event)
  }

  #delta(delta: Fields): string {
    return namedEvent('content_block_delta', { type: 'content_block_delta', index: this.#blocks, delta })
  }

  #close(): string {
    const open = this.#open
    if (open === null) return ''
    let events = ''
    if (open === 'thinking') {
      events = this.#delta({ type: 'signature_delta', signature: this.#signature })
      this.#signature = ''
    }
    // A call without arguments is one with none: clients parse what was sent.
    if (typeof open === 'object' && open.text === '')
      events = this.#delta({ type: 'input_json_delta', partial_json: '{}' })
    events += namedEvent('content_block_stop', { type: 'content_block_stop', index: this.#blocks })
    this.#open = null
    this.#blocks += 1
    return events
  }

  #addThinking(delta: Fields): string {
    const blocks = thinkingIn(delta)
    const text = reasoningIn(delta)
    let events = ''
    if ((text !== '' || blocks.length > 0) && this.#isBusy()) {
      this.#late.push(() => this.#addThinking(delta))
      return ''
    }
    if (text !== '') {
      if (this.#open !== 'thinking') {
        events += this.#close() + this.#startBlock({ type: 'thinking', thinking: '', signature: '' })
        this.#open = 'thinking'
      }
      this.#characters += text.length
      events += this.#delta({ type: 'thinking_delta', thinking: text })
    }
    for (const block of blocks) events += this.#addThinkingBlock(block)
    return events
  }

  /** What an adapter keeps of Anthropic's own blocks: the signature, and blocks that cannot be read. */
  #addThinkingBlock(block: Fields): string {
    if (block['type'] === 'redacted_thinking') {
      const events = this.#close() + this.#startBlock(block)
      this.#open = 'text'
      return events + this.#close()
    }
    let events = ''
    if (this.#open !== 'thinking') {
      // Thinking whose text is not shown has a signature all the same.
      events += this.#close() + this.#startBlock({ type: 'thinking', thinking: '', signature: '' })
      this.#open = 'thinking'
    }
    this.#signature = textOf(block['signature'])
    return events + this.#close()
  }

  #addText(text: string): string {
    if (this.#isBusy()) {
      this.#late.push(() => this.#addText(text))
      return ''
    }
    let events = ''
    if (this.#open !== 'text') {
      events += this.#close() + this.#startBlock({ type: 'text', text: '' })
      this.#open = 'text'
    }
    this.#characters += text.length
    return events + this.#delta({ type: 'text_delta', text })
  }

  #addCall({ index, id, name, text }: CallPiece): string {
    this.#characters += text.length
    let call = this.#calls.get(index)
    let events = ''
    if (call === undefined) {
      call = { id: id ?? callId(this.#echo, index), name, text: '', sent: -1 }
      this.#calls.set(index, call)
      if (!this.#isBusy()) events += this.#close() + this.#start(call)
    }
    call.text += text
    return this.#open === call ? events + this.#sendRest(call) : events
  }

  /** A call is open whose arguments are not whole yet. */
  #isBusy(): boolean {
    const open = this.#open
    if (open === null || typeof open === 'string') return false
    try {
      JSON.parse(open.text)
      return false
    } catch {
      return true
    }
  }

  #start(call: Call): string {
    this.#open = call
    call.sent = 0
    return this.#startBlock({ type: 'tool_use', id: call.id, name: call.name, input: {} })
  }

  #sendRest(call: Call): string {
    const rest = call.text.slice(call.sent)
    call.sent = call.text.length
    return rest === '' ? '' : this.#delta({ type: 'input_json_delta', partial_json: rest })
  }
}
