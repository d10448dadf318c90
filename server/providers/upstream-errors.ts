import type { RetryReason } from '#domain/route.ts'
import { type ErrorClass, ProviderError, type UpstreamError } from './provider.ts'

const contextCodes: readonly string[] = ['context_length_exceeded', 'string_above_max_length', 'request_too_large']
const contextWords =
  /context (?:length|window|limit)|token limit|maximum context|too many (?:input )?tokens|prompt is too long|input is too long|exceeds the maximum number of (?:input )?tokens/i
const filterCodes: readonly string[] = ['content_filter', 'content_policy_violation', 'ResponsibleAIPolicyViolation']
/** A rate limit that waiting does not lift. */
const quotaCodes: readonly string[] = ['insufficient_quota', 'billing_hard_limit_reached']

/**
 * What a provider's error answer means.
 *
 * @param body the answer; anything but an OpenAI error object leaves `upstream` null
 */
export function errorOfAnswer(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
  nowMs: number,
): ProviderError {
  const upstream = readUpstreamError(body)
  const errorClass = classify(status, upstream)
  return new ProviderError(errorClass, `the provider answered ${status}`, {
    status,
    upstream,
    retryAfterMs: readRetryAfter(headers, nowMs),
  })
}

/** An error object that arrived inside an answer with status 200, in a stream or as its whole body. */
export function errorOfEvent(upstream: UpstreamError, status: number): ProviderError {
  const numeric = Number(upstream.code)
  const meant = Number.isInteger(numeric) && numeric >= 400 && numeric < 600 ? numeric : null
  const errorClass = meant === null ? classifyByCode(upstream) : classify(meant, upstream)
  return new ProviderError(errorClass, 'the provider reported an error inside its answer', { status, upstream })
}

function classify(status: number, upstream: UpstreamError | null): ErrorClass {
  if (status === 401 || status === 402 || status === 403) return 'auth'
  if (status === 429) return upstream !== null && quotaCodes.includes(upstream.code ?? '') ? 'auth' : 'rate_limit'
  if (status === 408) return 'timeout'
  if (status === 413) return 'context_length'
  if (status === 409 || status >= 500) return 'server_error'
  if (status < 400) return 'invalid_response'
  if (upstream === null) return 'bad_request'
  if (filterCodes.includes(upstream.code ?? '')) return 'content_filter'
  return isContextError(upstream) ? 'context_length' : 'bad_request'
}

function classifyByCode(upstream: UpstreamError): ErrorClass {
  const words = `${upstream.code ?? ''} ${upstream.type ?? ''}`
  if (filterCodes.some((code) => words.includes(code))) return 'content_filter'
  if (isContextError(upstream)) return 'context_length'
  if (/rate_limit|too_many_requests/i.test(words)) return 'rate_limit'
  if (/authentication|permission|billing|insufficient_quota/i.test(words)) return 'auth'
  if (/timeout/i.test(words)) return 'timeout'
  if (/invalid_request/i.test(words)) return 'bad_request'
  return 'server_error'
}

function isContextError(upstream: UpstreamError): boolean {
  return contextCodes.includes(upstream.code ?? '') || contextWords.test(upstream.message)
}

/** Reads `{"error": {...}}`, `{"error": "text"}` and the one-element list that Google's endpoint sends. */
function readUpstreamError(body: string): UpstreamError | null {
  try {
    const parsed: unknown = JSON.parse(body)
    return upstreamErrorIn(Array.isArray(parsed) ? parsed[0] : parsed)
  } catch {
    return null
  }
}

/** The error of a parsed body or event; null when it holds none. */
export function upstreamErrorIn(parsed: unknown): UpstreamError | null {
  if (typeof parsed !== 'object' || parsed === null) return null
  const error = (parsed as Readonly<Record<string, unknown>>)['error']
  if (typeof error === 'string') return { message: error, type: null, param: null, code: null }
  if (typeof error !== 'object' || error === null) return null
  const fields = error as Readonly<Record<string, unknown>>
  return {
    message: textOf(fields['message']) ?? 'the provider gave no message',
    // Google's word for it.
    type: textOf(fields['type']) ?? textOf(fields['status']),
    param: textOf(fields['param']),
    code: textOf(fields['code']),
  }
}

function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' ? value.slice(0, 4_000) : null
}

/**
 * How long the provider asks to be left alone, milliseconds from now, never negative.
 *
 * Read in this order: `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds, fractions allowed, or an HTTP date).
 * @returns null when none is there or none can be read
 */
export function readRetryAfter(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | null {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const ms = numberIn(headers[name])
    if (ms !== null) return Math.round(ms)
  }
  const text = first(headers['retry-after'])
  const seconds = numberIn(text)
  if (seconds !== null) return Math.round(seconds * 1_000)
  if (text === undefined || !/^[A-Z][a-z]{2}/.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}

function numberIn(value: string | string[] | undefined): number | null {
  const text = first(value)?.trim()
  return text !== undefined && /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : null
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** The reason under which a spec's `retry.on` may allow the same target again; null: never the same target. */
export function retryReasonOf(error: ProviderError): RetryReason | null {
  switch (error.errorClass) {
    case 'timeout':
    case 'rate_limit':
    case 'server_error':
    case 'connection':
      return error.errorClass
    case 'invalid_response':
    case 'stream_truncated':
      return 'server_error'
    default:
      return null
  }
}

/** True where the failure says something about the target's health. */
export function isTargetAtFault(error: ProviderError): boolean {
  return retryReasonOf(error) !== null || error.errorClass === 'auth' || error.status === 404
}
