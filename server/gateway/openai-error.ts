import type { ServerResponse } from 'node:http'
import type { ProviderError } from '#providers/provider.ts'

/** A refusal or failure as OpenAI's clients expect it. */
export interface ApiError {
  readonly status: number
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
  /** Sent as Retry-After, rounded up to seconds. */
  readonly retryAfterMs?: number | null
  /** True: repeating the same request cannot help; told to clients that retry by themselves. */
  readonly isHopeless?: boolean
  /** What programs may want to know besides, as `error.metadata`. */
  readonly metadata?: Readonly<Record<string, string | number>>
}

/** A fault of the request. @param param the field at fault, null when it is no single one */
export function invalidRequest(
  status: number,
  code: string | null,
  message: string,
  param: string | null = null,
): ApiError {
  return { status, message, type: 'invalid_request_error', param, code }
}

export function errorBody(error: ApiError): { error: Record<string, unknown> } {
  const { message, type, param, code, metadata } = error
  return { error: { message, type, param, code, ...(metadata !== undefined && { metadata }) } }
}

/** Headers of an answer while it is being made: sent in one piece, because setting them one by one costs more than routing. */
export type Head = Record<string, string | number>

/** Where an error goes, and in which dialect. */
export interface ErrorReply {
  readonly res: ServerResponse
  readonly head: Head
  readonly requestId: string
  readonly endpoint: { errorBody(error: ApiError, requestId: string): unknown }
}

/** Answers with an error, besides what the head holds already. */
export function sendError(reply: ErrorReply, error: ApiError): void {
  reply.res.end(beginError(reply, error))
}

/** Sends the head of an error answer. @returns its body, still to be written */
export function beginError({ res, head, endpoint, requestId }: ErrorReply, error: ApiError): Buffer {
  const body = Buffer.from(JSON.stringify(endpoint.errorBody(error, requestId)))
  head['content-type'] = 'application/json; charset=utf-8'
  head['content-length'] = body.length
  if (typeof error.retryAfterMs === 'number') head['retry-after'] = Math.max(1, Math.ceil(error.retryAfterMs / 1_000))
  if (error.isHopeless === true) head['x-should-retry'] = 'false'
  res.writeHead(error.status, head)
  return body
}

/**
 * What the client is told when no target gave an answer. The provider's own words are passed on where the client can act on
 * them; never those about our credentials.
 */
export function errorOfProvider(error: ProviderError): ApiError {
  const { upstream } = error
  const words = upstream?.message ?? error.message
  switch (error.errorClass) {
    case 'bad_request':
      if (error.status === 404) return serverError(502, 'upstream_error', 'The provider does not know the model.')
      return {
        status: error.status ?? 400,
        message: words,
        type: upstream?.type ?? 'invalid_request_error',
        param: upstream?.param ?? null,
        code: upstream?.code ?? null,
      }
    case 'context_length':
      return invalidRequest(400, 'context_length_exceeded', words, upstream?.param ?? 'messages')
    case 'content_filter':
      return invalidRequest(400, 'content_filter', words, upstream?.param ?? null)
    case 'rate_limit':
      return {
        ...serverError(429, 'rate_limit_exceeded', words),
        type: 'rate_limit_error',
        retryAfterMs: error.retryAfterMs,
      }
    case 'auth':
      return { ...serverError(502, 'upstream_auth_failed', 'The provider refused the gateway.'), isHopeless: true }
    case 'timeout':
      return serverError(504, 'upstream_timeout', `The provider took too long: ${error.message}.`)
    case 'connection':
      return serverError(502, 'upstream_unreachable', `The provider cannot be reached: ${error.message}.`)
    case 'invalid_response':
      return serverError(502, 'upstream_invalid_response', `The provider's answer is unusable: ${error.message}.`)
    case 'stream_truncated':
      return serverError(502, 'stream_truncated', `The provider's answer was cut short: ${error.message}.`)
    case 'unsupported':
      return invalidRequest(400, 'unsupported_by_provider', words, upstream?.param ?? null)
    case 'client_closed':
      return serverError(499, 'client_closed', 'The client has gone.')
    case 'server_error':
      return { ...serverError(502, 'upstream_error', words), retryAfterMs: error.retryAfterMs }
  }
}

function serverError(status: number, code: string, message: string): ApiError {
  return { status, message, type: 'server_error', param: null, code }
}
