import { isObject, textOf } from '#providers/answer-facts.ts'
import type { Fields } from './dialect-fields.ts'
import type { ApiError } from './openai-error.ts'
import {
  callItem,
  contentParts,
  type ItemStatus,
  idSuffix,
  incompleteReasonOf,
  logprobsIn,
  nothingYet,
  type ResponseEcho,
  type ResponseState,
  reasoningIn,
  reasoningItem,
  responseObject,
  responseUsage,
  thinkingIn,
} from './responses-answer.ts'
import { type CallPiece, callPieces, type EventTranslator, firstChoice, namedEvent } from './stream-translator.ts'

interface Item {
  readonly id: string
  readonly outputIndex: number
}

interface OpenReasoning extends Item {
  text: string
  readonly blocks: Fields[]
}

interface OpenMessage extends Item {
  text: string
  refusal: string
  readonly logprobs: unknown[]
  /** Content parts in the order they were begun. */
  readonly parts: ('text' | 'refusal')[]
}

interface OpenCall extends Item {
  callId: string
  name: string
  arguments: string
}

/**
 * A chat stream as the events of a response, numbered.
 *
 * States: new (leads to begun at the first chunk), begun (one message or reasoning item open at a time, besides any number of
 * calls; leads to over at the end or at a failure), over (final). Calls stay open until the end, because chunks of parallel
 * calls may interleave.
 */
export class ResponsesStream implements EventTranslator {
  readonly #echo: ResponseEcho
  readonly #suffix: string
  /** Finished items by their output index. */
  readonly #output: Fields[] = []
  readonly #calls = new Map<number, OpenCall>()
  #items = 0
  #sequence = 0
  #hasBegun = false
  #message: OpenMessage | null = null
  #reasoning: OpenReasoning | null = null
  #finishReason: unknown = null
  #usage: Fields | null = null

  constructor(echo: ResponseEcho) {
    this.#echo = echo
    this.#suffix = idSuffix(echo.id)
  }

  push(chunk: Fields): string {
    let events = this.#begin()
    this.#usage = responseUsage(chunk['usage']) ?? this.#usage
    const choice = firstChoice(chunk)
    if (choice === null) return events
    const delta = isObject(choice['delta']) ? choice['delta'] : {}
    const reasoning = reasoningIn(delta)
    if (reasoning !== '') events += this.#addReasoning(reasoning)
    const blocks = thinkingIn(delta)
    if (blocks.length > 0) events += this.#addThinking(blocks)
    const text = textOf(delta['content'])
    if (text !== '') events += this.#addText(text, logprobsIn(choice['logprobs']))
    if (typeof delta['refusal'] === 'string' && delta['refusal'] !== '') events += this.#addRefusal(delta['refusal'])
    for (const piece of callPieces(delta)) events += this.#addCall(piece)
    this.#finishReason = choice['finish_reason'] ?? this.#finishReason
    return events
  }

  end(): string {
    const incompleteReason = incompleteReasonOf(this.#finishReason)
    const status = incompleteReason === null ? 'completed' : 'incomplete'
    let events = this.#begin()
    // A response without any item would be none: an empty answer is an empty message.
    if (this.#items === 0) events += this.#openMessage()
    events += this.#closeReasoning() + this.#closeMessage(status) + this.#closeCalls(status)
    return events + this.#lifecycle(`response.${status}`, { status, incompleteReason })
  }

  fail(error: ApiError): string {
    return this.#begin() + this.#lifecycle('response.failed', { status: 'failed', error })
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    return this.#lifecycle('response.created', {}) + this.#lifecycle('response.in_progress', {})
  }

  #lifecycle(type: string, state: Partial<ResponseState>): string {
    const output = this.#output.filter((item) => item !== undefined)
    const response = responseObject(this.#echo, { ...nothingYet, output, usage: this.#usage, ...state })
    return this.#event(type, { response })
  }

  #event(type: string, fields: Fields): string {
    const event = namedEvent(type, { type, sequence_number: this.#sequence, ...fields })
    this.#sequence += 1
    return event
  }

  #newItem(prefix: string): Item {
    const outputIndex = this.#items
    this.#items += 1
    return { id: `${prefix}_${this.#suffix}_${outputIndex}`, outputIndex }
  }

  #added(item: Item, shown: Fields): string {
    return this.#event('response.output_item.added', {
      output_index: item.outputIndex,
      item: { id: item.id, ...shown },
    })
  }

  #done(item: Item, shown: Fields): string {
    this.#output[item.outputIndex] = shown
    return this.#event('response.output_item.done', { output_index: item.outputIndex, item: shown })
  }

  #openReasoning(): { events: string; item: OpenReasoning } {
    if (this.#reasoning !== null) return { events: '', item: this.#reasoning }
    const closed = this.#closeMessage('completed')
    const item: OpenReasoning = { ...this.#newItem('rs'), text: '', blocks: [] }
    this.#reasoning = item
    const shown = { type: 'reasoning', summary: [], content: [], status: 'in_progress' }
    return { events: closed + this.#added(item, shown), item }
  }

  #addReasoning(text: string): string {
    const { events, item } = this.#openReasoning()
    const part = { type: 'reasoning_text', text: '' }
    const begun = item.text === '' ? this.#event('response.content_part.added', { ...at(item, 0), part }) : ''
    item.text += text
    return events + begun + this.#event('response.reasoning_text.delta', { ...at(item, 0), delta: text })
  }

  #addThinking(blocks: readonly Fields[]): string {
    const { events, item } = this.#openReasoning()
    item.blocks.push(...blocks)
    return events
  }

  #closeReasoning(): string {
    const item = this.#reasoning
    if (item === null) return ''
    this.#reasoning = null
    const { text } = item
    const events =
      text === ''
        ? ''
        : this.#event('response.reasoning_text.done', { ...at(item, 0), text }) +
          this.#event('response.content_part.done', { ...at(item, 0), part: { type: 'reasoning_text', text } })
    return events + this.#done(item, reasoningItem(item.id, text, item.blocks))
  }

  #openMessage(): string {
    const item = { ...this.#newItem('msg'), text: '', refusal: '', logprobs: [], parts: [] }
    this.#message = item
    return this.#added(item, { type: 'message', status: 'in_progress', role: 'assistant', content: [] })
  }

  /** Opens a message and the part of it, where they are not open yet. @returns the events and the part's index */
  #openPart(kind: 'text' | 'refusal'): { events: string; message: OpenMessage; index: number } {
    let events = this.#closeReasoning()
    if (this.#message === null) events += this.#openMessage()
    const message = this.#message as OpenMessage | null
    if (message === null) throw new TypeError('a message was opened')
    if (!message.parts.includes(kind)) {
      message.parts.push(kind)
      const part =
        kind === 'text'
          ? { type: 'output_text', text: '', annotations: [], logprobs: [] }
          : { type: 'refusal', refusal: '' }
      events += this.#event('response.content_part.added', { ...at(message, message.parts.length - 1), part })
    }
    return { events, message, index: message.parts.indexOf(kind) }
  }

  #addText(text: string, logprobs: readonly unknown[]): string {
    const { events, message, index } = this.#openPart('text')
    message.text += text
    message.logprobs.push(...logprobs)
    return events + this.#event('response.output_text.delta', { ...at(message, index), delta: text, logprobs })
  }

  #addRefusal(text: string): string {
    const { events, message, index } = this.#openPart('refusal')
    message.refusal += text
    return events + this.#event('response.refusal.delta', { ...at(message, index), delta: text })
  }

  #closeMessage(status: ItemStatus): string {
    if (this.#message === null) return ''
    let events = this.#message.parts.length === 0 ? this.#openPart('text').events : ''
    const message = this.#message
    this.#message = null
    const { text, refusal, logprobs } = message
    const shown = contentParts({ text, refusal, logprobs })
    const content = message.parts.map((kind) =>
      shown.find((part) => part['type'] === (kind === 'text' ? 'output_text' : 'refusal')),
    )
    for (const [index, kind] of message.parts.entries()) {
      events +=
        kind === 'text'
          ? this.#event('response.output_text.done', { ...at(message, index), text, logprobs })
          : this.#event('response.refusal.done', { ...at(message, index), refusal })
      events += this.#event('response.content_part.done', { ...at(message, index), part: content[index] })
    }
    return events + this.#done(message, { id: message.id, type: 'message', status, role: 'assistant', content })
  }

  #addCall({ index, id, name, text }: CallPiece): string {
    let events = ''
    let call = this.#calls.get(index)
    if (call === undefined) {
      events += this.#closeReasoning() + this.#closeMessage('completed')
      const item = this.#newItem('fc')
      call = { ...item, callId: id ?? `call_${this.#suffix}_${item.outputIndex}`, name, arguments: '' }
      this.#calls.set(index, call)
      const shown = { type: 'function_call', status: 'in_progress', call_id: call.callId, name, arguments: '' }
      events += this.#added(call, shown)
    } else call.name += name
    return events + this.#addArguments(call, text)
  }

  #addArguments(call: OpenCall, text: string): string {
    if (text === '') return ''
    call.arguments += text
    const place = { item_id: call.id, output_index: call.outputIndex }
    return this.#event('response.function_call_arguments.delta', { ...place, delta: text })
  }

  #closeCalls(status: ItemStatus): string {
    let events = ''
    for (const call of this.#calls.values()) {
      if (call.arguments === '') events += this.#addArguments(call, '{}')
      const place = { item_id: call.id, output_index: call.outputIndex, name: call.name }
      events += this.#event('response.function_call_arguments.done', { ...place, arguments: call.arguments })
      events += this.#done(call, callItem(call.id, call, call.outputIndex === this.#items - 1 ? status : 'completed'))
    }
    return events
  }
}

function at(item: Item, contentIndex: number): Fields {
  return { item_id: item.id, output_index: item.outputIndex, content_index: contentIndex }
}
