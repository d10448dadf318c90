import type { IncomingMessage } from 'node:http'
import { resolveModel } from './access.ts'
import type { ChatCaller } from './chat-decision.ts'
import { factsOf } from './chat-request.ts'
import { readMessages } from './messages-endpoint.ts'
import { sendJson } from './models-list.ts'
import { type ApiError, type ErrorReply, sendError } from './openai-error.ts'
import { readBody } from './request-body.ts'

/**
 * `POST /v1/messages/count_tokens`: the estimate that routing uses (characters over four, a fixed count per image), for the
 * route's models may count differently. No model is called.
 */
export async function countTokens(req: IncomingMessage, reply: ErrorReply, from: ChatCaller): Promise<void> {
  const bytes = await readBody(req, reply)
  if (bytes === null) return
  const counted = count(bytes, from)
  if (typeof counted === 'number') sendJson(reply, { input_tokens: counted })
  else sendError(reply, counted.error)
}

function count(bytes: Buffer, { requestId, snapshot, caller }: ChatCaller): number | { readonly error: ApiError } {
  const read = readMessages(bytes, false)
  if ('error' in read) return read
  const resolved = resolveModel(read.request.model, caller, snapshot)
  if ('error' in resolved) return resolved
  return factsOf(read.request, requestId, {}).facts.inputTokens
}
