import type { ErrorRequestHandler, Request, Response } from 'express'
import { type ErrorCode, InterlockError, type Problem } from '#domain/errors.ts'
import type { Log } from '#infra/log.ts'
import { requestIdOf } from './request-context.ts'

interface Answer {
  readonly status: number
  readonly title: string
}

/** The status of every code, and its name for people. docs/errors.md says more; a test compares the two. */
export const answers: Readonly<Record<ErrorCode, Answer>> = {
  MALFORMED_REQUEST: { status: 400, title: 'The request could not be read' },
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON' },
  VALIDATION_FAILED: { status: 422, title: 'The request is not valid' },
  UNAUTHENTICATED: { status: 401, title: 'A valid key is needed' },
  FORBIDDEN: { status: 403, title: 'Not allowed' },
  OWN_PROPOSAL: { status: 403, title: 'Your own proposal' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Not this method' },
  ALREADY_EXISTS: { status: 409, title: 'The name is taken' },
  IN_USE: { status: 409, title: 'Still in use' },
  STALE_BASE: { status: 409, title: 'The base is no longer stable' },
  ROLLOUT_IN_PROGRESS: { status: 409, title: 'A rollout is under way' },
  ILLEGAL_TRANSITION: { status: 409, title: 'Not possible in this state' },
  FROZEN: { status: 409, title: 'Nothing advances now' },
  NO_STORED_TEXTS: { status: 409, title: 'No stored texts' },
  REBASE_CONFLICT: { status: 409, title: 'Both sides changed the same' },
  CONCURRENT_CHANGE: { status: 409, title: 'Changed at the same moment' },
  IDEMPOTENCY_IN_FLIGHT: { status: 409, title: 'The first attempt has not ended' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'The idempotency key belongs to another request' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'This content type is not taken' },
  TOO_MANY_ATTEMPTS: { status: 429, title: 'Too many attempts' },

  UNAVAILABLE: { status: 503, title: 'Not available at the moment' },
  INTERNAL: { status: 500, title: 'Something went wrong here' },
}

/** Seconds after which a refused request may succeed unchanged. */
const retryAfterSeconds: Partial<Readonly<Record<ErrorCode, number>>> = {
  UNAVAILABLE: 2,
  IDEMPOTENCY_IN_FLIGHT: 1,
  TOO_MANY_ATTEMPTS: 10,
}

/** What an HTML error page is told. */
export interface ErrorPage {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly requestId: string
  /** True where the same request may succeed later. */
  readonly mayRetry: boolean
}

export interface ErrorHandlerOptions {
  readonly log: Log
  /** Renders the page for people; requests below /api always get problem+json. */
  readonly renderErrorPage: (req: Request, page: ErrorPage) => string
}

/** The one place where errors become answers: application/problem+json (RFC 9457) below /api, HTML elsewhere. No stack, ever. */
export function errorHandler({ log, renderErrorPage }: ErrorHandlerOptions): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const requestId = requestIdOf(req)
    const error = toInterlockError(thrown)
    if (error.code === 'INTERNAL')
      log.error({ requestId, method: req.method, path: req.path, err: thrown }, 'request failed')
    else if (error.code === 'UNAVAILABLE')
      log.warn({ requestId, reason: error.message }, 'request refused: unavailable')
    if (res.headersSent) {
      res.destroy()
      return
    }
    setErrorHeaders(res, error.code)
    const { status, title } = answers[error.code]
    if (req.originalUrl.startsWith('/api')) {
      const body = { ...problemOf(error, requestId), ...extraMembers(error) }
      res.status(status).type('application/problem+json').send(JSON.stringify(body))
      return
    }
    const mayRetry = retryAfterSeconds[error.code] !== undefined || error.code === 'INTERNAL'
    res
      .status(status)
      .type('html')
      .send(renderErrorPage(req, { status, title, detail: error.message, requestId, mayRetry }))
  }
}

function setErrorHeaders(res: Response, code: ErrorCode): void {
  const seconds = retryAfterSeconds[code]
  if (seconds !== undefined && !res.hasHeader('retry-after')) res.setHeader('retry-after', String(seconds))
  if (code === 'UNAUTHENTICATED') res.setHeader('www-authenticate', 'Bearer realm="interlock"')
  res.setHeader('cache-control', 'no-store')
}

/** An error as RFC 9457 problem details. */
export function problemOf(error: InterlockError, requestId: string): ProblemDetails {
  const { status, title } = answers[error.code]
  return {
    type: `/docs/errors#${error.code.toLowerCase()}`,
    title,
    status,
    detail: error.message,
    instance: requestId,
    code: error.code,
    errors: error.problems,
  }
}

export interface ProblemDetails {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** Id of the request, as in the logs. */
  readonly instance: string
  readonly code: ErrorCode
  readonly errors: readonly Problem[]
}

function extraMembers(error: InterlockError): object {
  return error.code === 'FORBIDDEN' ? { why: error.message } : {}
}

// PostgreSQL classes 08 (connection), 53 (resources), 57 (shut down, cancelled); and what the drivers say themselves.
const unavailableCodes = /^(08...|53...|57...|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND)$/
const unavailableWords =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|waited .* database/i

function toInterlockError(thrown: unknown): InterlockError {
  if (thrown instanceof InterlockError) return thrown
  const { code, status, message } = (thrown ?? {}) as { code?: unknown; status?: unknown; message?: unknown }
  const codeText = typeof code === 'string' ? code : ''
  if (status === 400 || thrown instanceof URIError) {
    return new InterlockError('MALFORMED_REQUEST', 'the address holds an escape that cannot be read')
  }
  if (codeText === '23505' || codeText === '40001' || codeText === '40P01') {
    return new InterlockError('CONCURRENT_CHANGE', 'someone else changed the same thing at the same moment; try again')
  }
  if (/^22...$/.test(codeText)) {
    return new InterlockError('VALIDATION_FAILED', 'a value is outside what can be stored; nothing was changed')
  }
  if (unavailableCodes.test(codeText) || (typeof message === 'string' && unavailableWords.test(message))) {
    return new InterlockError('UNAVAILABLE', 'the database does not answer; nothing was changed, try again shortly')
  }
  return new InterlockError('INTERNAL', 'an error that nobody expected; its request id leads to it in the log')
}
