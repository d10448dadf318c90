import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite, type Results } from '@electric-sql/pglite'

/** What the pool asks of this thread. `id` pairs an answer with its question. */
export interface WorkerRequest {
  readonly id: number
  readonly op: 'query' | 'listen' | 'unlisten' | 'close'
  readonly sql?: string
  readonly params?: readonly unknown[]
  readonly channel?: string
}

const port = parentPort
if (port === null) throw new Error('embedded-worker.ts runs in a worker thread only')
const { directory } = workerData as { directory: string | null }

// A first start that was killed leaves files without PG_VERSION: nothing was stored yet, so it starts over.
if (directory !== null && existsSync(directory) && !existsSync(join(directory, 'PG_VERSION'))) {
  for (const entry of readdirSync(directory)) rmSync(join(directory, entry), { recursive: true, force: true })
}

const asText = (value: string): string => value
// int8, interval and numeric stay text, exactly as node-postgres returns them.
const parsers = { 20: asText, 1186: asText, 1700: asText }
const database = await PGlite.create(directory === null ? { parsers } : { dataDir: directory, parsers })
port.postMessage({ ready: true })

port.on('message', async (request: WorkerRequest) => {
  try {
    port.postMessage({ id: request.id, result: await run(request) })
  } catch (error) {
    port.postMessage({ id: request.id, error: describe(error) })
  }
})

async function run(request: WorkerRequest): Promise<unknown> {
  const channel = request.channel ?? ''
  switch (request.op) {
    case 'query':
      return query(request.sql ?? '', request.params)
    case 'listen':
      await database.listen(channel, (payload) => port?.postMessage({ channel, payload }))
      return null
    case 'unlisten':
      await database.unlisten(channel)
      return null
    case 'close':
      await database.close()
      return null
  }
}

async function query(sql: string, params: readonly unknown[] | undefined): Promise<unknown> {
  const results: Results<unknown> | undefined =
    params !== undefined && params.length > 0
      ? await database.query(sql, [...params])
      : ((await database.exec(sql)).at(-1) as Results<unknown> | undefined)
  const rows = results?.rows ?? []
  return {
    rows,
    rowCount: results?.affectedRows || rows.length,
    command: sql.trimStart().split(/\s/, 1)[0]?.toUpperCase() ?? '',
    fields: results?.fields ?? [],
  }
}

/** The fields of an error that node-postgres also carries, so that callers read one shape. */
function describe(error: unknown): Record<string, unknown> {
  const source = error as Record<string, unknown>
  const fields = [
    'message',
    'code',
    'constraint',
    'detail',
    'table',
    'column',
    'schema',
    'severity',
    'hint',
    'position',
  ]
  return Object.fromEntries(fields.map((field) => [field, source[field]]))
}
