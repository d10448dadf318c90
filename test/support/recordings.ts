import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Json } from '#test/support/json.ts'

/** One recorded answer of a provider, and its request where that was recorded too. */
export interface Recording {
  readonly id: string
  readonly provider: string
  /** Path of the API, or its name. */
  readonly api: string
  readonly status: number
  readonly request: Json
  /** null: a stream. */
  readonly body: Json
  /** Raw text of the event stream; null: one body. */
  readonly stream: string | null
  readonly licence: string
}

const folder = process.env['INTERLOCK_DATA'] ?? ''
const files = ['provider-exchanges/exchanges.jsonl.gz', 'provider-recordings/recordings.jsonl.gz']

/** Why the recordings cannot be used; null: they can. They are not part of the project. */
export const noRecordings: string | null =
  folder === ''
    ? 'set INTERLOCK_DATA to the folder of the data sets'
    : files.every((file) => existsSync(join(folder, file)))
      ? null
      : `INTERLOCK_DATA has no ${files.join(' or ')}`

export function readRecordings(): Recording[] {
  const rows = files.flatMap((file) =>
    gunzipSync(readFileSync(join(folder, file)))
      .toString('utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  return rows.flatMap(recordingsIn)
}

/** A recording of several calls is as many rows here. */
function recordingsIn(row: Json): Recording[] {
  const body = row.streaming ? null : (row.response ?? JSON.parse(row.body))
  const base = {
    id: row.id as string,
    provider: row.provider as string,
    api: (row.path ?? row.api) as string,
    status: (row.status ?? body?.error?.code ?? 200) as number,
    request: row.request ?? null,
    body,
    licence: (row.licence ?? 'Apache-2.0') as string,
  }
  if (!row.streaming) return [{ ...base, stream: null }]
  if (row.events === undefined) return [{ ...base, stream: row.events_raw ?? `${row.raw.trimEnd()}\n\n` }]
  const events: string[] = row.events.map((event: string) => `data: ${event}\n\n`)
  // The marker is no JSON: the recorder left it out.
  if (base.api === 'chat-completions') return [{ ...base, stream: `${events.join('')}data: [DONE]\n\n` }]
  const streams: string[] = ['']
  for (const event of events) {
    streams.push(streams.pop() + event)
    if (event.includes('"type":"message_stop"')) streams.push('')
  }
  return streams.filter(Boolean).map((stream, index) => ({ ...base, id: `${base.id}#${index}`, stream }))
}
