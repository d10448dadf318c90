import { createHash } from 'node:crypto'

/**
 * JSON with one spelling per value (RFC 8785): object keys sorted by UTF-16 code unit, no white space, numbers as ECMAScript
 * writes them, fields that are undefined left out.
 *
 * @throws TypeError for what JSON cannot hold: NaN, infinity, bigint, function, symbol, undefined outside an object field
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no JSON form`)
  const fields: string[] = []
  for (const [key, child] of Object.entries(value).sort(byKey)) {
    if (child !== undefined) fields.push(`${JSON.stringify(key)}:${canonicalJson(child)}`)
  }
  return `{${fields.join(',')}}`
}

/** sha256 of a value's canonical JSON, hex: the digest of route versions and snapshots. */
export function canonicalDigest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

function byKey([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0
}
