import type { IncomingMessage } from 'node:http'
import type { AnswerFacts } from '#providers/provider.ts'
import { resolveModel } from './access.ts'
import type { GatewayState } from './chat-context.ts'
import type { ChatCaller } from './chat-decision.ts'
import { type ChatRequest, factsOf } from './chat-request.ts'
import { estimatedUsage } from './estimated-usage.ts'
import { readMessages } from './messages-endpoint.ts'
import { sendJson } from './models-list.ts'
import { type ApiError, type ErrorReply, sendError } from './openai-error.ts'
import { readBody } from './request-body.ts'

/** Nothing was answered: what is estimated is the request alone. */
const noAnswer: AnswerFacts = {
  output: '',
  outputCharacters: 0,
  finishReason: null,
  refusal: null,
  toolCalls: [],
  usage: null,
}

/**
 * `POST /v1/messages/count_tokens`: the estimate that is used where a provider does not count, without the route's own prompt.
 * No model is called, and the route's models may count differently.
 */
export async function countTokens(
  state: Pick<GatewayState, 'tokens'>,
  req: IncomingMessage,
  reply: ErrorReply,
  from: ChatCaller,
): Promise<void> {
  const bytes = await readBody(req, reply)
  if (bytes === null) return
  const read = readFor(bytes, from)
  if ('error' in read) {
    sendError(reply, read.error)
    return
  }
  const { request } = read
  const { facts } = factsOf(request, from.requestId, {})
  const usage = await estimatedUsage(state.tokens, { request, facts, prompt: null }, noAnswer)
  if (!reply.res.destroyed) sendJson(reply, { input_tokens: usage?.inputTokens ?? facts.inputTokens })
}

/** A request of a model that the caller may name. */
function readFor(
  bytes: Buffer,
  { snapshot, caller }: ChatCaller,
): { readonly request: ChatRequest } | { readonly error: ApiError } {
  const read = readMessages(bytes, false)
  if ('error' in read) return read
  const resolved = resolveModel(read.request.model, caller, snapshot)
  return 'error' in resolved ? resolved : read
}
