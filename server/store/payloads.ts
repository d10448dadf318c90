import { type Kysely, sql } from 'kysely'
import type { PayloadSetting } from '#domain/payload.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A redacted request with its answer, on its way to the database. */
export interface PayloadRow {
  readonly requestId: string
  readonly route: string
  readonly atMs: number
  readonly expiresAtMs: number
  readonly userHash: string | null
  /** JSON text. */
  readonly payload: string
}

export interface StoredPayload {
  readonly requestId: string
  readonly route: string
  readonly at: number
  readonly expiresAt: number
  readonly payload: unknown
}

export interface StoredPayloadSetting extends PayloadSetting {
  readonly route: string
  /** Authors may make items of datasets of these texts. */
  readonly forDatasets: boolean
  readonly setBy: string
  readonly setAt: number
}

/** Writing a payload again changes nothing. */
export async function writePayloads(tx: Tx, rows: readonly PayloadRow[]): Promise<void> {
  const stored = rows.map((row) => ({
    request_id: row.requestId,
    route: row.route,
    at: new Date(row.atMs).toISOString(),
    expires_at: new Date(row.expiresAtMs).toISOString(),
    user_hash: row.userHash,
    payload: row.payload,
  }))
  await sql`
    insert into payloads (request_id, route, at, expires_at, user_hash, payload)
    select r.request_id, r.route, r.at, r.expires_at, r.user_hash, r.payload::jsonb
    from json_to_recordset(${json(stored)}::json) as r(request_id text, route text, at timestamptz,
      expires_at timestamptz, user_hash text, payload text)
    on conflict (request_id) do nothing`.execute(tx)
}

/** null: never kept, deleted, or past its time, whether removed yet or not. */
export async function readPayload(db: Db, requestId: string, nowMs: number): Promise<StoredPayload | null> {
  const row = await db
    .selectFrom('payloads')
    .selectAll()
    .where('request_id', '=', requestId)
    .where('expires_at', '>', new Date(nowMs))
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    requestId: row.request_id,
    route: row.route,
    at: row.at.getTime(),
    expiresAt: row.expires_at.getTime(),
    payload: row.payload,
  }
}

/** Which payloads are meant; every part that is given must hold. */
export interface PayloadSelection {
  readonly requestId?: string
  readonly route?: string
  readonly userHash?: string
}

/** @returns how many there were */
export async function deletePayloads(tx: Tx, of: PayloadSelection): Promise<number> {
  let query = tx.deleteFrom('payloads')
  if (of.requestId !== undefined) query = query.where('request_id', '=', of.requestId)
  if (of.route !== undefined) query = query.where('route', '=', of.route)
  if (of.userHash !== undefined) query = query.where('user_hash', '=', of.userHash)
  const result = await query.executeTakeFirst()
  return Number(result.numDeletedRows)
}

/** @returns null when the route keeps nothing */
export async function readPayloadSetting(db: Db, route: string): Promise<StoredPayloadSetting | null> {
  const row = await db.selectFrom('payload_settings').selectAll().where('route', '=', route).executeTakeFirst()
  return row === undefined ? null : toSetting(row)
}

/** By route; routes that keep nothing have none. */
export async function readPayloadSettings(db: Db): Promise<Map<string, PayloadSetting>> {
  const rows = await db.selectFrom('payload_settings').selectAll().orderBy('route').execute()
  return new Map(
    rows.map((row) => {
      const { sampleRate, retentionMs } = toSetting(row)
      return [row.route, { sampleRate, retentionMs }]
    }),
  )
}

/** @param setting null: keep nothing more */
export async function putPayloadSetting(
  tx: Tx,
  route: string,
  setting: (PayloadSetting & { readonly forDatasets: boolean }) | null,
  set: { readonly by: string; readonly at: number },
): Promise<void> {
  if (setting === null) {
    await tx.deleteFrom('payload_settings').where('route', '=', route).execute()
    return
  }
  const row = {
    sample_rate: setting.sampleRate,
    retention_ms: setting.retentionMs,
    for_datasets: setting.forDatasets,
    set_by: set.by,
    set_at: new Date(set.at),
  }
  await tx
    .insertInto('payload_settings')
    .values({ route, ...row })
    .onConflict((conflict) => conflict.column('route').doUpdateSet(row))
    .execute()
}

function toSetting(row: {
  route: string
  sample_rate: number
  retention_ms: string
  set_by: string
  set_at: Date
  for_datasets: boolean
}): StoredPayloadSetting {
  return {
    route: row.route,
    sampleRate: row.sample_rate,
    retentionMs: Number(row.retention_ms),
    forDatasets: row.for_datasets,
    setBy: row.set_by,
    setAt: row.set_at.getTime(),
  }
}
