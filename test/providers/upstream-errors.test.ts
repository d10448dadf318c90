import { describe, expect, it } from 'vitest'
import { fallbackReasonOf } from '#domain/fallback.ts'
import type { ErrorClass } from '#providers/provider.ts'
import { ProviderError } from '#providers/provider.ts'
import {
  errorOfAnswer,
  errorOfEvent,
  isTargetAtFault,
  readRetryAfter,
  retryReasonOf,
} from '#providers/upstream-errors.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const body = (error: Record<string, unknown>) => JSON.stringify({ error })

describe('Retry-After', () => {
  it.each<[Record<string, string>, number | null]>([
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'x-ms-retry-after-ms': '300' }, 300],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after': '1' }, 1_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': '3600' }, 3_600_000],
    [{ 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-5' }, null],
    [{ 'retry-after': '1e9' }, null],
    [{ 'retry-after': '' }, null],
    [{}, null],
  ])('%j is %s ms', (headers, expected) => {
    expect(readRetryAfter(headers, now)).toBe(expected)
  })
})

describe('classes of errors', () => {
  it.each<[number, string, ErrorClass]>([
    [400, body({ message: 'bad', type: 'invalid_request_error' }), 'bad_request'],
    [400, body({ message: 'x', code: 'context_length_exceeded' }), 'context_length'],
    [400, body({ message: 'This model’s maximum context length is 8192 tokens' }), 'context_length'],
    [400, body({ message: 'Token limit reached' }), 'context_length'],
    [400, body({ message: 'The input token count exceeds the maximum number of tokens allowed' }), 'context_length'],
    [400, body({ message: 'x', code: 'content_filter' }), 'content_filter'],
    [401, body({ message: 'bad key' }), 'auth'],
    [402, '', 'auth'],
    [403, '', 'auth'],
    [404, body({ message: 'no such model' }), 'bad_request'],
    [408, '', 'timeout'],
    [409, '', 'server_error'],
    [413, '', 'context_length'],
    [422, body({ message: 'x' }), 'bad_request'],
    [429, body({ message: 'slow down' }), 'rate_limit'],
    [429, body({ message: 'x', code: 'insufficient_quota' }), 'auth'],
    [500, 'oops', 'server_error'],
    [503, '<html>', 'server_error'],
    [529, '', 'server_error'],
    [204, '', 'invalid_response'],
    [302, '', 'invalid_response'],
  ])('%i %s is %s', (status, text, expected) => {
    expect(errorOfAnswer(status, {}, text, now).errorClass).toBe(expected)
  })

  it('reads the words of a provider, however it wraps them', () => {
    expect(errorOfAnswer(400, {}, '{"error":"plain"}', now).upstream?.message).toBe('plain')
    expect(errorOfAnswer(400, {}, '[{"error":{"message":"listed","code":400}}]', now).upstream).toMatchObject({
      message: 'listed',
      code: '400',
    })
    expect(errorOfAnswer(400, {}, 'nothing', now).upstream).toBeNull()
  })

  it.each<[Record<string, string | null>, ErrorClass]>([
    [{ code: '429' }, 'rate_limit'],
    [{ code: 'rate_limit_exceeded' }, 'rate_limit'],
    [{ code: 'content_filter' }, 'content_filter'],
    [{ type: 'invalid_request_error' }, 'bad_request'],
    [{ type: 'overloaded_error' }, 'server_error'],
  ])('an error inside an answer with status 200: %j is %s', (more, expected) => {
    const upstream = { message: 'x', type: null, param: null, code: null, ...more }
    expect(errorOfEvent(upstream, 200).errorClass).toBe(expected)
  })

  it.each<[ErrorClass, number | null, string | null, boolean, boolean]>([
    ['timeout', null, 'timeout', true, true],
    ['connection', null, 'connection', true, true],
    ['rate_limit', 429, 'rate_limit', true, true],
    ['server_error', 500, 'server_error', true, true],
    ['invalid_response', 200, 'server_error', true, true],
    ['stream_truncated', 200, 'server_error', true, true],
    ['bad_request', 400, null, false, false],
    ['bad_request', 404, null, true, true],
    ['auth', 401, null, true, true],
    ['context_length', 400, null, true, false],
    ['content_filter', 400, null, true, false],
    ['client_closed', null, null, false, false],
  ])('%s (%s): again %s, another target %s, at fault %s', (errorClass, status, reason, another, atFault) => {
    const error = new ProviderError(errorClass, 'x', { status })
    expect(retryReasonOf(error)).toBe(reason)
    expect(fallbackReasonOf(error) !== null).toBe(another)
    expect(isTargetAtFault(error)).toBe(atFault)
  })
})
