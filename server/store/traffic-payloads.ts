import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface TrafficWindow {
  readonly route: string
  readonly sinceMs: number
  readonly untilMs: number
  /** What has ended by then is not read, removed or not. */
  readonly nowMs: number
}

/** A stored payload with what its decision says; null where the decision is gone or says nothing. */
export interface PayloadKey {
  readonly requestId: string
  readonly task: string | null
  readonly workflow: string | null
}

export interface TrafficPayload extends PayloadKey {
  readonly status: number | null
  readonly metadata: Readonly<Record<string, string>>
  readonly payload: Readonly<Record<string, unknown>>
}

/** Newest first, at most `limit`. */
export async function listPayloadKeys(db: Db, window: TrafficWindow, limit: number): Promise<PayloadKey[]> {
  const { rows } = await sql<{ request_id: string; task: string | null; workflow: string | null }>`
    select p.request_id, d.task, d.metadata ->> 'workflow' as workflow
    from payloads p left join decisions d on d.request_id = p.request_id
    where p.route = ${window.route} and p.at >= ${new Date(window.sinceMs)} and p.at < ${new Date(window.untilMs)}
      and p.expires_at > ${new Date(window.nowMs)}
    order by p.at desc, p.request_id limit ${limit}`.execute(db)
  return rows.map(({ request_id, task, workflow }) => ({ requestId: request_id, task, workflow }))
}

/** In the order of the ids; what has been removed since is left out. */
export async function readTrafficPayloads(db: Db, ids: readonly string[], nowMs: number): Promise<TrafficPayload[]> {
  const rows = await db
    .selectFrom('payloads as p')
    .leftJoin('decisions as d', 'd.request_id', 'p.request_id')
    .select(['p.request_id', 'p.payload', 'd.task', 'd.status', 'd.metadata'])
    .where('p.request_id', 'in', [...ids])
    .where('p.expires_at', '>', new Date(nowMs))
    .execute()
  const byId = new Map(rows.map((row) => [row.request_id, row]))
  return ids.flatMap((id) => {
    const row = byId.get(id)
    if (row === undefined) return []
    const metadata = row.metadata ?? {}
    return [
      {
        requestId: id,
        task: row.task,
        workflow: metadata['workflow'] ?? null,
        status: row.status,
        metadata,
        payload: row.payload as Readonly<Record<string, unknown>>,
      },
    ]
  })
}
