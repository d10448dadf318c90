import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '#domain/snapshot.ts'
import { type ErrorClass, ProviderError } from '#providers/provider.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'

/** Classes that may be played, with the status a provider would have sent. */
const classes: Readonly<Partial<Record<ErrorClass, number | null>>> = {
  timeout: null,
  connection: null,
  rate_limit: 429,
  server_error: 500,
  auth: 401,
  content_filter: 400,
  context_length: 400,
  invalid_response: 200,
}

const syntax = /^(first|all)(?::([a-z_]+))?$/

/** A failure played instead of calling a provider, so that a route's fallbacks can be seen at work. */
export interface TestFailure {
  readonly error: ProviderError
  /** As it is shown in the decision and the answer's header: `first:server_error`. */
  readonly name: string
  /** @param isFirst the target is the first in the order of trial */
  strikes(isFirst: boolean): boolean
}

export const testFailureHeader = 'x-interlock-test-failure'

/**
 * Reads `x-interlock-test-failure: first` or `all`, with a class behind a colon (`first:rate_limit`; server_error by default).
 * For keys of role admin only: it makes requests fail. Nothing is sent for a struck attempt, and neither circuits nor evidence
 * learn of it.
 *
 * @returns null: the header is not there
 */
export function testFailureOf(
  headers: IncomingHttpHeaders,
  caller: Pick<Caller, 'role'>,
): { readonly failure: TestFailure } | { readonly error: ApiError } | null {
  const value = headers[testFailureHeader]
  if (value === undefined) return null
  if (caller.role !== 'admin') {
    const message = `Only a key of role admin may send ${testFailureHeader}.`
    return { error: { status: 403, message, type: 'permission_error', param: null, code: 'test_failure_not_allowed' } }
  }
  const match = syntax.exec(String(value))
  const errorClass = (match?.[2] ?? 'server_error') as ErrorClass
  const status = Object.hasOwn(classes, errorClass) ? classes[errorClass] : undefined
  if (match === null || status === undefined) {
    const known = Object.keys(classes).join(', ')
    const message = `${testFailureHeader} must be first or all, alone or with one of these behind a colon: ${known}.`
    return { error: invalidRequest(400, 'invalid_test_failure', message, testFailureHeader) }
  }
  const isAll = match[1] === 'all'
  const error = new ProviderError(errorClass, 'a failure was asked for as a test', { status, isSent: false })
  return { failure: { error, name: `${match[1]}:${errorClass}`, strikes: (isFirst) => isAll || isFirst } }
}
