import { chatRequestOf, type ReadResult, readObject } from './chat-request.ts'
import { type Fields, translated } from './dialect-fields.ts'
import type { Endpoint } from './endpoint.ts'
import { type MessageEcho, messageOfCompletion, messagesErrorBody } from './messages-answer.ts'
import { translateMessages } from './messages-request.ts'
import { MessagesStream } from './messages-stream.ts'
import { translateStream } from './stream-translator.ts'

/** Reads a request to Anthropic's messages. @param isCounted false: it is only measured, and needs no `max_tokens` */
export function readMessages(bytes: Buffer, isCounted = true): ReadResult {
  const read = readObject(bytes)
  if ('error' in read) return read
  const { fields } = read
  return translated(() => chatRequestOf(translateMessages(fields, isCounted), fields))
}

/** `POST /v1/messages`: Anthropic's dialect. */
export const messagesEndpoint: Endpoint = {
  name: 'messages',
  read: (bytes) => readMessages(bytes),
  translationOf({ requestId, request, facts }) {
    const stops = request.source['stop_sequences']
    const echo: MessageEcho = {
      requestId,
      model: request.model,
      stopSequences: Array.isArray(stops) ? stops : [],
      inputTokens: facts.inputTokens,
    }
    return {
      answer: (body) => Buffer.from(JSON.stringify(messageOfCompletion(JSON.parse(body.toString()) as Fields, echo))),
      startStream: () => translateStream(new MessagesStream(echo)),
    }
  },
  errorBody: messagesErrorBody,
}
