import type { IncomingHttpHeaders } from 'node:http'
import { storable } from '#domain/storable.ts'

/** Request headers that describe a request; others of the name are ignored, so no client can claim an arm or a version. */
const headerNames = [
  'workflow',
  'user',
  'team',
  'project',
  'environment',
  'region',
  'sensitivity',
  'task',
  'account',
  'session',
] as const

const maxValueLength = 512
const headers = headerNames.map((name) => ({ name, header: `x-interlock-${name}` }))

/**
 * What is known about a request: its body's `metadata`, over that the headers, over that what its key forces (A1). The
 * body's `user` counts where nothing else names one.
 */
export function metadataOf(
  body: { readonly metadata: Readonly<Record<string, string>>; readonly user: string | null },
  request: IncomingHttpHeaders,
  key: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries: [string, string][] = body.user === null ? [] : [['user', body.user]]
  for (const entry of Object.entries(body.metadata)) entries.push(entry)
  for (const { name, header } of headers) {
    const value = request[header]
    if (typeof value === 'string' && value !== '') entries.push([name, value])
  }
  for (const entry of Object.entries(key)) entries.push(entry)
  // fromEntries defines own fields, whatever they are called: `__proto__` is a name like any other.
  return Object.fromEntries(entries.map(([name, value]) => [storable(name), storable(value).slice(0, maxValueLength)]))
}
