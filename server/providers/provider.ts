import type { Usage, Warning } from '#domain/decision.ts'
import type { Provider } from '#domain/snapshot.ts'

/** Why an attempt failed. Also the `errorClass` of an attempt in the decision log. */
export type ErrorClass =
  | 'timeout'
  | 'connection'
  | 'rate_limit'
  | 'server_error'
  | 'bad_request'
  | 'auth'
  | 'content_filter'
  | 'context_length'
  | 'invalid_response'
  | 'stream_truncated'
  | 'client_closed'
  /** This provider has no way to say what the request asks; nothing was sent. */
  | 'unsupported'

/** The error a provider reported, in OpenAI's fields. May quote the request: passed to its sender, never logged. */
export interface UpstreamError {
  readonly message: string
  readonly type: string | null
  readonly param: string | null
  readonly code: string | null
}

/** An attempt that gave no usable answer. */
export class ProviderError extends Error {
  readonly code = 'PROVIDER_FAILED'
  readonly errorClass: ErrorClass
  /** HTTP status of the provider; null when none arrived. */
  readonly status: number | null
  /** How long the provider asks to be left alone; null when it does not say. */
  readonly retryAfterMs: number | null
  readonly upstream: UpstreamError | null
  /** The request had been written to the provider, or may have been: it may be billed. */
  readonly isSent: boolean
  constructor(
    errorClass: ErrorClass,
    message: string,
    more: {
      readonly status?: number | null
      readonly retryAfterMs?: number | null
      readonly upstream?: UpstreamError | null
      readonly isSent?: boolean
      readonly cause?: unknown
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'ProviderError'
    this.errorClass = errorClass
    this.status = more.status ?? null
    this.retryAfterMs = more.retryAfterMs ?? null
    this.upstream = more.upstream ?? null
    this.isSent = more.isSent ?? this.status !== null
  }
}

/** Deadlines of one attempt, milliseconds from its start. */
export interface AttemptLimits {
  /** Until the request may be written to an open connection. */
  readonly connectMs: number
  /** Streams: until the first content-bearing event. */
  readonly firstTokenMs: number
  /** Streams: longest silence after that. Answers in one piece: longest silence inside the body. */
  readonly idleMs: number
  /** Everything: what is left of the request's own deadline. */
  readonly totalMs: number
}

/** A chat request as an adapter may read it. */
export interface ChatBody {
  /** The request with the provider's own name of the model in it, other fields as the client wrote them. */
  bytesFor(model: string): Buffer
  /**
   * A streamed request that asks for the counts at its end, which the client did not. null: it asks itself; absent: nobody is to
   * ask.
   */
  meteredBytesFor?(model: string): Buffer | null
  /** The same, parsed, for adapters that translate. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** One call of a model, whatever is asked of it. */
export interface ModelCall {
  readonly provider: Provider
  /** The model as the provider names it. */
  readonly model: string
  readonly body: ChatBody
  readonly limits: AttemptLimits
  readonly cancellation: Cancellation
  /** Headers that put the call into a trace, names and values in turn; absent: none. */
  readonly trace?: readonly string[]
}

export interface ChatCall extends ModelCall {
  /** Most tokens the model can answer with, as the catalogue knows it: for providers that must be told a limit. */
  readonly maxOutputTokens?: number | null
  /** What the catalogue says the model can do; absent: nothing is known. */
  readonly capabilities?: readonly string[]
  /** Streams: keep the whole text of the answer (it will be scored); else only what metering needs. */
  readonly isKept: boolean
}

/** What an answer says, for metering and scoring. */
export interface AnswerFacts {
  /** Text of the first choice; of a stream that is not kept: ''. */
  readonly output: string
  /** Characters of answer text, also where the text is not kept. */
  readonly outputCharacters: number
  readonly finishReason: string | null
  /** The provider's own refusal field. */
  readonly refusal: string | null
  readonly toolCalls: readonly unknown[]
  /** null: the provider reported none. */
  readonly usage: Usage | null
  /** True: the answer is vectors, no text; absent: a chat completion. */
  readonly isVectors?: boolean
}

/** A whole answer in OpenAI's shape. */
export interface ChatAnswer {
  readonly status: number
  readonly body: Buffer
  readonly facts: AnswerFacts
  /** Fields of the request that the provider could not honour. */
  readonly warnings: readonly Warning[]
  /** Monotonic time at which the body began, milliseconds. */
  readonly firstByteAtMs: number
}

export interface StreamEnd {
  /** null: the stream ended with its terminal marker. */
  readonly error: ProviderError | null
  readonly facts: AnswerFacts
}

export interface StreamConsumer {
  /** Whole events only. @returns false to pause until `resume` */
  onBytes(bytes: Buffer): boolean
  /** Called once, after the last bytes. */
  onEnd(end: StreamEnd): void
}

/** A stream of OpenAI events that has given its first content: from here on it cannot be replaced by another. */
export interface ChatStream {
  readonly status: number
  /** Monotonic time of the first content-bearing event, milliseconds. */
  readonly firstTokenAtMs: number
  /** Fields of the request that the provider could not honour. */
  readonly warnings: readonly Warning[]
  /** Hands over what was held back until the commit point, then everything that follows. */
  flow(consumer: StreamConsumer): void
  resume(): void
}

/** Embeddings in OpenAI's shape. */
export interface EmbedAnswer {
  readonly status: number
  readonly body: Buffer
  /** null: the provider reported none. */
  readonly usage: Usage | null
  /** Fields of the request that the provider could not honour. */
  readonly warnings: readonly Warning[]
  /** Monotonic time at which the body began, milliseconds. */
  readonly firstByteAtMs: number
}

/** The port: one kind of provider. */
export interface ChatProvider {
  /** @throws ProviderError */
  complete(call: ChatCall): Promise<ChatAnswer>
  /** Resolves at the commit point. @throws ProviderError for anything that goes wrong before it */
  stream(call: ChatCall): Promise<ChatStream>
  /** Absent: the kind has no embeddings. @throws ProviderError */
  embed?(call: ModelCall): Promise<EmbedAnswer>
}

/** Lets the owner of a request end whatever attempt is under way: the client has gone. */
export class Cancellation {
  #isCancelled = false
  #onCancel: (() => void) | null = null

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  cancel(): void {
    if (this.#isCancelled) return
    this.#isCancelled = true
    this.#onCancel?.()
  }

  /** One listener at a time: attempts follow one another. null takes it away. */
  listen(onCancel: (() => void) | null): void {
    this.#onCancel = onCancel
  }
}
