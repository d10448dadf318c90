import { chatRequestOf, readObject } from './chat-request.ts'
import { type Fields, translated } from './dialect-fields.ts'
import type { Endpoint } from './endpoint.ts'
import { errorBody } from './openai-error.ts'
import { idSuffix, type ResponseEcho, responseOfCompletion } from './responses-answer.ts'
import { translateResponses } from './responses-request.ts'
import { ResponsesStream } from './responses-stream.ts'
import { translateStream } from './stream-translator.ts'

/** `POST /v1/responses` */
export const responsesEndpoint: Endpoint = {
  name: 'responses',
  read(bytes) {
    const read = readObject(bytes)
    if ('error' in read) return read
    const { fields } = read
    return translated(() => chatRequestOf(translateResponses(fields), fields))
  },
  translationOf({ requestId, atMs, request }) {
    const createdAt = Math.floor(atMs / 1_000)
    const echo: ResponseEcho = { id: `resp_${idSuffix(requestId)}`, createdAt, request: request.source }
    return {
      answer: (body) => Buffer.from(JSON.stringify(responseOfCompletion(JSON.parse(body.toString()) as Fields, echo))),
      startStream: () => translateStream(new ResponsesStream(echo)),
    }
  },
  errorBody,
}
