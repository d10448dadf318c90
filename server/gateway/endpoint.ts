import type { EndpointName } from '#domain/decision.ts'
import { type ChatRequest, type ReadResult, readChatRequest } from './chat-request.ts'
import { type ApiError, errorBody } from './openai-error.ts'

/** Turns a stream of chat completion events into another dialect's. */
export interface StreamTranslator {
  /** Whole events in, whole events out. */
  push(events: Buffer): Buffer
  /** The last bytes: the dialect's own end, or its error event. @param error null: the answer is whole */
  end(error: ApiError | null): Buffer
}

/** What an answer in another dialect may repeat of its request. */
export interface Answered {
  readonly requestId: string
  /** Milliseconds since the epoch. */
  readonly atMs: number
  readonly request: ChatRequest
  readonly facts: { readonly inputTokens: number }
}

/** How a dialect's answers are made of chat completions. */
export interface Translation {
  answer(chatCompletion: Buffer): Buffer
  startStream(): StreamTranslator
}

/**
 * A dialect that clients speak. Inside the gateway everything is chat completions: a request is translated when it comes in,
 * an answer when it goes out.
 */
export interface Endpoint {
  readonly name: EndpointName
  /** The request as a chat completion request; refusals name the client's own fields. */
  read(bytes: Buffer): ReadResult
  /** null: answers go out as they are. */
  translationOf(answered: Answered): Translation | null
  /** @param requestId some dialects repeat it in the body */
  errorBody(error: ApiError, requestId: string): unknown
}

/** `POST /v1/chat/completions` */
export const chatEndpoint: Endpoint = {
  name: 'chat',
  read: readChatRequest,
  translationOf: () => null,
  errorBody,
}
