import { type Kysely, sql } from 'kysely'
import { json } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A time in which nothing advances. Times are milliseconds since the epoch, half open. */
export interface FreezeWindow {
  readonly id: string
  readonly startsAt: number
  readonly endsAt: number
  readonly reason: string
  /** null: every route. */
  readonly routes: readonly string[] | null
  readonly createdBy: string
  readonly createdAt: number
}

export async function insertFreezeWindow(db: Db, window: FreezeWindow): Promise<void> {
  await db
    .insertInto('freeze_windows')
    .values({
      id: window.id,
      starts_at: new Date(window.startsAt),
      ends_at: new Date(window.endsAt),
      reason: window.reason,
      routes: window.routes === null ? null : json(window.routes),
      created_by: window.createdBy,
      created_at: new Date(window.createdAt),
    })
    .execute()
}

/** @returns false when there was none */
export async function deleteFreezeWindow(db: Db, id: string): Promise<boolean> {
  const result = await db.deleteFrom('freeze_windows').where('id', '=', id).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Those that end after a moment, soonest end first, at most 200. */
export async function listFreezeWindows(db: Db, endAfter: number): Promise<FreezeWindow[]> {
  const rows = await db
    .selectFrom('freeze_windows')
    .selectAll()
    .where('ends_at', '>', new Date(endAfter))
    .orderBy('ends_at')
    .orderBy('id')
    .limit(200)
    .execute()
  return rows.map(toWindow)
}

export async function readFreezeWindow(db: Db, id: string): Promise<FreezeWindow | null> {
  const row = await db.selectFrom('freeze_windows').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : toWindow(row)
}

/** The window that holds a route now, the one that ends last; null: none does. */
export async function freezeOf(db: Db, route: string, nowMs: number): Promise<FreezeWindow | null> {
  const now = new Date(nowMs)
  const row = await db
    .selectFrom('freeze_windows')
    .selectAll()
    .where('starts_at', '<=', now)
    .where('ends_at', '>', now)
    .where(sql<boolean>`(routes is null or routes ? ${route})`)
    .orderBy('ends_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : toWindow(row)
}

function toWindow(row: {
  id: string
  starts_at: Date
  ends_at: Date
  reason: string
  routes: string[] | null
  created_by: string
  created_at: Date
}): FreezeWindow {
  return {
    id: row.id,
    startsAt: row.starts_at.getTime(),
    endsAt: row.ends_at.getTime(),
    reason: row.reason,
    routes: row.routes,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  }
}
