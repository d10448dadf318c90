import { itemLimits } from './item-schema.ts'

/** A value that JSON allows and a jsonb column or a later reader does not. `path` is a JSON pointer. */
export interface ValueFault {
  readonly path: string
  readonly message: string
}

/**
 * First reason why a parsed value cannot be stored: NUL or a lone surrogate in a string or key (PostgreSQL refuses both in
 * jsonb), a number that overflowed to infinity, too deep, too many values. null: storable.
 */
export function findValueFault(value: unknown): ValueFault | null {
  const budget = { left: itemLimits.values }
  return visit(value, '', 0, budget)
}

/** Why a string cannot be stored as jsonb text; null when it can. */
export function textFault(text: string): string | null {
  if (text.includes('\u0000')) return 'holds a NUL character (\\u0000), which cannot be stored'
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is not a Unicode character'
  return null
}

/** One segment of a JSON pointer (RFC 6901), cut so that a hostile key cannot fill a report. */
export function pointerSegment(key: string): string {
  const short = key.length > 80 ? `${key.slice(0, 80)}…` : key
  return short.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')
}

function visit(value: unknown, path: string, depth: number, budget: { left: number }): ValueFault | null {
  budget.left -= 1
  if (budget.left < 0) return { path: '', message: `more than ${itemLimits.values} values in one item` }
  if (typeof value === 'string') {
    const message = textFault(value)
    return message === null ? null : { path, message }
  }
  if (typeof value === 'number') return Number.isFinite(value) ? null : { path, message: 'number out of range' }
  if (value === null || typeof value !== 'object') return null
  if (depth >= itemLimits.depth) return { path, message: `nested deeper than ${itemLimits.depth} levels` }
  for (const [key, child] of Object.entries(value)) {
    const childPath = `${path}/${pointerSegment(key)}`
    const message = textFault(key)
    if (message !== null) return { path: childPath, message: `a field name ${message}` }
    const fault = visit(child, childPath, depth + 1, budget)
    if (fault !== null) return fault
  }
  return null
}
