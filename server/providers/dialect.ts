import type { Warning } from '#domain/decision.ts'
import type { Provider } from '#domain/snapshot.ts'
import type { AnswerUsage, Fields } from './answer-facts.ts'
import type { ChatBody, ChatCall, ErrorClass, ProviderError } from './provider.ts'

/** A provider's base URL, taken apart once. */
export interface BaseAddress {
  readonly origin: string
  /** Without a slash at its end. */
  readonly path: string
  readonly query: URLSearchParams
}

/**
 * How one kind of provider speaks: everything but the wire, its deadlines and the commit point, which http-provider.ts shares.
 * A new kind is one file that exports a dialect, and its line in registry.ts.
 */
export interface Dialect {
  readonly kind: Provider['kind']
  /** Path and query of a call, below the origin. @param model as the provider names it */
  path(base: BaseAddress, model: string, isStream: boolean): string
  /** Names that the query of a base URL may hold; absent: none. */
  readonly baseUrlQuery?: readonly string[]
  /** Header names and values of every call, besides content type and the like. */
  readonly headers: readonly string[]
  /** Header name and value that carry the credential. */
  authorize(secret: string): readonly [string, string]
  /**
   * The request in the provider's words.
   *
   * @param nowMs since the epoch: OpenAI's answers carry the time
   * @throws ProviderError of class `unsupported` where a part of the request has no counterpart and leaving it out would change
   *   what is asked
   */
  translate(call: ChatCall, isStream: boolean, nowMs: number): Translation
  /** What an error answer means beyond its status and OpenAI's fields; absent: nothing more. @param body parsed JSON */
  readError?(body: unknown, status: number): ErrorReading
  /** Paths, requests and answers of embeddings; absent: the kind has none here. */
  readonly embeddings?: EmbeddingsDialect
}

export interface Translation {
  readonly body: Buffer
  /** What the provider cannot honour, each with the field at fault. */
  readonly warnings: readonly Warning[]
  /** Streams: the counts were asked for by the gateway; the event that holds nothing else is not the client's. */
  readonly isUsageHidden?: boolean
  /** null: the answer is OpenAI's already and passes as it is. */
  readonly answer: AnswerTranslator | null
}

/** Answers to one request in OpenAI's shape. */
export interface AnswerTranslator {
  /** @param parsed JSON of an answer with status 200 @returns a chat completion */
  whole(parsed: unknown): Fields | ProviderError
  events(): StreamTranslator
}

/** Turns one stream's events into OpenAI's. Holds what the events so far have said. */
export interface StreamTranslator {
  /** @param data of one event @returns whole OpenAI events as text, '' for none */
  read(data: string): string | ProviderError
  /** The provider closed in order. @returns the events that end the answer; '' where it had not finished */
  end(): string
  /** Final counts; null until they are known. */
  readonly usage: AnswerUsage | null
}

export interface ErrorReading {
  readonly errorClass?: ErrorClass
  readonly retryAfterMs?: number
}

export interface EmbeddingsDialect {
  path(base: BaseAddress, model: string): string
  /**
   * @param ref `provider/model`, for warnings
   * @throws ProviderError of class `unsupported`
   */
  translate(body: ChatBody, model: string, ref: string): EmbeddingsTranslation
}

export interface EmbeddingsTranslation {
  readonly body: Buffer
  readonly warnings: readonly Warning[]
  /** null: the answer is OpenAI's already. */
  readonly answer: ((parsed: unknown) => Fields | ProviderError) | null
}
