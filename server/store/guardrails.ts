import { type Kysely, sql } from 'kysely'
import type { GuardrailSettings } from '#domain/guardrails.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The guardrails of everyone, as they are or were. */
export interface StoredGuardrails {
  /** 0: none were ever set. */
  readonly version: number
  readonly settings: GuardrailSettings
  readonly createdBy: string | null
  readonly createdAt: number | null
}

/** The version in force. */
export async function readGuardrails(db: Db): Promise<StoredGuardrails> {
  const row = await db.selectFrom('guardrails').selectAll().orderBy('version', 'desc').limit(1).executeTakeFirst()
  return row === undefined ? { version: 0, settings: {}, createdBy: null, createdAt: null } : toGuardrails(row)
}

/** Newest first. */
export async function listGuardrails(
  db: Db,
  page: { readonly limit: number; readonly before?: number },
): Promise<StoredGuardrails[]> {
  let query = db.selectFrom('guardrails').selectAll().orderBy('version', 'desc').limit(page.limit)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  return (await query.execute()).map(toGuardrails)
}

/** Puts the next version in force. @returns its number */
export async function insertGuardrails(
  tx: Tx,
  next: { readonly settings: GuardrailSettings; readonly by: string; readonly at: number },
): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtext('guardrails'))`.execute(tx)
  const { version } = await readGuardrails(tx)
  await tx
    .insertInto('guardrails')
    .values({
      version: version + 1,
      settings: json(next.settings),
      created_by: next.by,
      created_at: new Date(next.at),
    })
    .execute()
  return version + 1
}

function toGuardrails(row: {
  version: number
  settings: unknown
  created_by: string
  created_at: Date
}): StoredGuardrails {
  return {
    version: row.version,
    settings: row.settings as GuardrailSettings,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  }
}
