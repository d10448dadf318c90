import { InterlockError } from '#domain/errors.ts'

/** Query parameters of every list. */
export const pageQuery = {
  limit: { type: 'integer', minimum: 1, maximum: 200, default: 50, 'x-expects': 'a whole number from 1 to 200' },
  cursor: { type: 'string', minLength: 1, maxLength: 512 },
} as const

export interface Page<T> {
  readonly items: readonly T[]
  /** Send it as `cursor` to get what follows; null: this was the last page. */
  readonly nextCursor: string | null
}

type Place = readonly (string | number)[]

export function encodeCursor(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/**
 * The place after which a page starts; undefined: from the start.
 *
 * @param kinds type of each part, as `encodeCursor` was given them
 * @throws InterlockError VALIDATION_FAILED for a text that is no cursor of this list
 */
export function decodeCursor<const K extends readonly ('string' | 'number')[]>(
  cursor: string | undefined,
  kinds: K,
): { readonly [I in keyof K]: K[I] extends 'string' ? string : number } | undefined {
  if (cursor === undefined) return undefined
  const place = parse(cursor)
  const fits =
    Array.isArray(place) &&
    place.length === kinds.length &&
    place.every((part, index) => typeof part === kinds[index] && isSafe(part))
  if (!fits) {
    const message = 'is not a cursor of this list; take nextCursor of the page before'
    throw new InterlockError('VALIDATION_FAILED', `cursor ${message}`, [{ path: '?cursor', message }])
  }
  return place as never
}

function isSafe(part: unknown): boolean {
  return typeof part === 'number'
    ? Number.isSafeInteger(part) && Math.abs(part) < 8.64e15
    : !String(part).includes('\u0000')
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

/**
 * A page of rows that were asked for with one more than the limit.
 *
 * @param place what `decodeCursor` gives back for the page after this row
 */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  map: { readonly item: (row: R) => T; readonly place: (row: R) => Place },
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(map.place(last)) : null
  return { items: shown.map(map.item), nextCursor }
}
