import { iso } from './common-schemas.ts'

const timeFields: ReadonlySet<string> = new Set(['since', 'until', 'coveredSince', 'at'])

/** A report as the API tells it: fields named `...MicroUsd` become `...Usd`, times ISO 8601; everything else stays. */
export function reportJson(report: object): object {
  return convert('', report) as object
}

function convert(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((part) => convert(name, part))
  if (typeof value === 'number') {
    if (name.endsWith('MicroUsd')) return value / 1e6
    return timeFields.has(name) ? iso(value) : value
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key.replace(/MicroUsd$/, 'Usd'), convert(key, part)]),
  )
}
