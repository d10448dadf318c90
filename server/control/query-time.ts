import { InterlockError } from '#domain/errors.ts'

/** Milliseconds of a time in a query. @throws InterlockError VALIDATION_FAILED for a day that does not exist */
export function toMs(name: string, text: string): number {
  const ms = Date.parse(text)
  // 31 February would otherwise be read as 3 March.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  if (!Number.isNaN(ms) && !Number.isNaN(day.getTime()) && day.getUTCDate() === Number(text.slice(8, 10))) return ms
  throw invalidQuery(name, 'is no time that exists')
}

export function invalidQuery(name: string, message: string): InterlockError {
  return new InterlockError('VALIDATION_FAILED', `?${name} ${message}`, [{ path: `?${name}`, message }])
}
