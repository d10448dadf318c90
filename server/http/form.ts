import type { IncomingMessage } from 'node:http'
import { InterlockError } from '#domain/errors.ts'
import { isStorable, readBody, requireMediaType } from './body.ts'

/** Forms hold a reason, a key, a token. */
const maxFormBytes = 64 * 1024

/**
 * Reads the fields of a submitted form.
 *
 * @throws InterlockError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, VALIDATION_FAILED for a field given twice or not storable
 */
export async function readForm(req: IncomingMessage): Promise<ReadonlyMap<string, string>> {
  requireMediaType(req, ['application/x-www-form-urlencoded'])
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams((await readBody(req, maxFormBytes)).toString('utf8'))) {
    if (fields.has(name)) throw refused(name, 'is given twice')
    if (!isStorable(value)) throw refused(name, 'holds a NUL character or half a surrogate pair')
    fields.set(name, value)
  }
  return fields
}

function refused(name: string, message: string): InterlockError {
  const path = `/${name.slice(0, 60)}`
  return new InterlockError('VALIDATION_FAILED', `the field ${path} ${message}`, [{ path, message }])
}
