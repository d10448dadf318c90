import type { AnswerUsage, Fields } from './answer-facts.ts'
import { eventOf } from './sse.ts'

/** One tool call as an answer carries it. `arguments`: JSON text. */
export interface AnsweredCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  /** Further members of the call, such as `extra_content`. */
  readonly more?: Fields
}

export interface AnsweredChoice {
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly AnsweredCall[]
  readonly finishReason: string
  readonly refusal: string | null
  /** Which of the stop sequences ended it, where the provider says so; clients of vLLM know the member. */
  readonly stopSequence?: string | null
  /** Further members of the message. */
  readonly more?: Fields
}

export interface AnswerHead {
  /** The provider's own id of the answer. */
  readonly id: string
  readonly model: string
  readonly createdMs: number
}

/** A chat completion as OpenAI sends it. */
export function completionOf(head: AnswerHead, choices: readonly AnsweredChoice[], usage: AnswerUsage | null): Fields {
  return {
    id: head.id,
    object: 'chat.completion',
    created: Math.floor(head.createdMs / 1_000),
    model: head.model,
    choices: choices.map((choice, index) => ({
      index,
      message: {
        role: 'assistant',
        content: choice.text === '' && choice.toolCalls.length > 0 ? null : choice.text,
        refusal: choice.refusal,
        ...(choice.reasoning !== '' && { reasoning_content: choice.reasoning }),
        ...(choice.toolCalls.length > 0 && { tool_calls: choice.toolCalls.map(callOf) }),
        ...choice.more,
      },
      logprobs: null,
      finish_reason: choice.finishReason,
      ...stopSequence(choice.stopSequence),
    })),
    ...(usage !== null && { usage: usageFields(usage) }),
  }
}

function callOf(call: AnsweredCall): Fields {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments }, ...call.more }
}

function usageFields(usage: AnswerUsage): Fields {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      ...(usage.cacheCreationTokens !== undefined && { cache_write_tokens: usage.cacheCreationTokens }),
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  }
}

/** Writes the events of a stream as OpenAI sends them. */
export class ChunkWriter {
  readonly #createdMs: number
  readonly #includesUsage: boolean
  #id = ''
  #model = ''

  /** @param includesUsage the client asked for the counts at the end */
  constructor(createdMs: number, includesUsage: boolean) {
    this.#createdMs = createdMs
    this.#includesUsage = includesUsage
  }

  /** What the provider calls the answer; known with its first event. */
  name(id: string, model: string): void {
    this.#id = id
    this.#model = model
  }

  role(index = 0): string {
    return this.delta({ role: 'assistant', content: '' }, index)
  }

  delta(delta: Fields, index = 0): string {
    return this.#chunk([{ index, delta, finish_reason: null }], null)
  }

  /** A tool call begins. @param position among the calls of its choice */
  call(position: number, call: AnsweredCall, index = 0): string {
    return this.delta({ tool_calls: [{ index: position, ...callOf(call) }] }, index)
  }

  callArguments(position: number, text: string, index = 0): string {
    return this.delta({ tool_calls: [{ index: position, function: { arguments: text } }] }, index)
  }

  finish(reason: string, index = 0, stopped: string | null = null): string {
    return this.#chunk([{ index, delta: {}, finish_reason: reason, ...stopSequence(stopped) }], null)
  }

  /** The counts, where they were asked for, and the terminal marker. */
  end(usage: AnswerUsage | null): string {
    const counts = this.#includesUsage && usage !== null ? this.#chunk([], usage) : ''
    return `${counts}data: [DONE]\n\n`
  }

  #chunk(choices: readonly Fields[], usage: AnswerUsage | null): string {
    return eventOf({
      id: this.#id,
      object: 'chat.completion.chunk',
      created: Math.floor(this.#createdMs / 1_000),
      model: this.#model,
      choices,
      ...(this.#includesUsage && { usage: usage === null ? null : usageFields(usage) }),
    })
  }
}

function stopSequence(found: string | null | undefined): Fields {
  return typeof found === 'string' ? { stop_sequence: found } : {}
}

/** `stream_options.include_usage`. */
export function asksForUsage(fields: Fields): boolean {
  const options = fields['stream_options']
  return typeof options === 'object' && options !== null && (options as Fields)['include_usage'] === true
}
