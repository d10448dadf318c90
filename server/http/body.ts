import type { IncomingMessage } from 'node:http'
import { InterlockError } from '#domain/errors.ts'
import { findJsonFault, pointerPart } from './json-fault.ts'

export const maxJsonBytes: number = 1024 * 1024
export const maxUploadBytes: number = 32 * 1024 * 1024

/** Past this a client that keeps sending is cut off instead of being told. */
const maxDrainBytes = 128 * 1024 * 1024

/**
 * Reads a request body. One that is too large is read to its end and thrown away, so that the client gets to read the answer.
 *
 * @throws InterlockError BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE (compressed), MALFORMED_REQUEST (ended early)
 */
export async function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new InterlockError('UNSUPPORTED_MEDIA_TYPE', 'compressed bodies are not taken; send it uncompressed')
  }
  let chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of req as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else chunks = []
      if (size > maxDrainBytes) break
    }
  } catch (cause) {
    throw Object.assign(new InterlockError('MALFORMED_REQUEST', 'the body ended before it was complete'), { cause })
  }
  if (size > maxBytes) {
    const message = `the body is larger than ${maxBytes} bytes, which is the limit here`
    throw new InterlockError('BODY_TOO_LARGE', message, [{ path: '', message }])
  }
  return Buffer.concat(chunks)
}

/** Media type of a request without parameters, lower case; '' when it says none. */
function mediaTypeOf(req: IncomingMessage): string {
  return (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** @throws InterlockError UNSUPPORTED_MEDIA_TYPE naming the types that are taken */
export function requireMediaType(req: IncomingMessage, accepted: readonly string[]): string {
  const type = mediaTypeOf(req)
  const isJsonLike = accepted.includes('application/json') && /^application\/[a-z0-9.-]+\+json$/.test(type)
  if (accepted.includes(type) || isJsonLike) return type
  const sent = /^[a-z0-9.+/-]{1,100}$/.test(type) ? `"${type}"` : 'no usable type'
  throw new InterlockError('UNSUPPORTED_MEDIA_TYPE', `content-type must be ${accepted.join(' or ')}, got ${sent}`)
}

/**
 * Parses a JSON body and refuses what later stages could trip over.
 *
 * @throws InterlockError MALFORMED_JSON with line and column; VALIDATION_FAILED with the path of a `__proto__` key, or of a
 *   string that holds NUL or half a surrogate pair (neither can be stored)
 */
export function parseJson(body: Uint8Array): unknown {
  const text = decode(body)
  if (text.trim() === '') throw new InterlockError('MALFORMED_JSON', 'the body is empty; send a JSON object')
  const fault = findJsonFault(text)
  if (fault?.kind === 'forbidden_key') throw refuseValue(fault.path, fault.message)
  if (fault !== null) {
    const place = `line ${fault.line}, column ${fault.column}`
    throw new InterlockError('MALFORMED_JSON', `the body is not valid JSON at ${place}: ${fault.message}`, [
      { path: fault.path, message: `${fault.message} (${place})` },
    ])
  }
  const value: unknown = JSON.parse(text)
  checkText(value, '')
  return value
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new InterlockError('MALFORMED_JSON', 'the body is not UTF-8')
  }
}

function checkText(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (!isStorable(value)) throw refuseValue(path, 'holds a NUL character or half a surrogate pair')
  } else if (Array.isArray(value)) {
    for (const [index, child] of value.entries()) checkText(child, `${path}/${index}`)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      if (!isStorable(key)) throw refuseValue(path, 'has a key with a NUL character or half a surrogate pair')
      checkText(child, `${path}/${pointerPart(key)}`)
    }
  }
}

/** PostgreSQL stores neither NUL nor unpaired surrogates. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function refuseValue(path: string, message: string): InterlockError {
  return new InterlockError('VALIDATION_FAILED', `the body is not valid: ${path} ${message}`, [{ path, message }])
}
