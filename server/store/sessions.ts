import type { Kysely } from 'kysely'
import type { Caller } from '#domain/snapshot.ts'
import { callerColumns, toCaller } from './callers.ts'
import type { Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A browser's login. Its id is stored hashed, as keys are. */
export interface NewSession {
  readonly idHash: string
  readonly keyId: string
  readonly csrf: string
  readonly createdAt: number
  readonly expiresAt: number
}

export async function insertSession(tx: Tx, session: NewSession): Promise<void> {
  await tx.deleteFrom('sessions').where('expires_at', '<', new Date(session.createdAt)).execute()
  await tx
    .insertInto('sessions')
    .values({
      id_hash: session.idHash,
      key_id: session.keyId,
      csrf: session.csrf,
      created_at: new Date(session.createdAt),
      expires_at: new Date(session.expiresAt),
    })
    .execute()
}

/** The person behind a session; null when it is unknown or has ended, or its key was revoked. */
export async function findSession(
  db: Db,
  idHash: string,
  nowMs: number,
): Promise<{ readonly caller: Caller; readonly csrf: string } | null> {
  const row = await db
    .selectFrom('sessions')
    .innerJoin('api_keys', 'api_keys.id', 'sessions.key_id')
    .select([...callerColumns, 'sessions.csrf'])
    .where('sessions.id_hash', '=', idHash)
    .where('sessions.expires_at', '>', new Date(nowMs))
    .where('api_keys.revoked_at', 'is', null)
    .where((eb) => eb.or([eb('api_keys.expires_at', 'is', null), eb('api_keys.expires_at', '>', new Date(nowMs))]))
    .executeTakeFirst()
  return row === undefined ? null : { caller: toCaller(row), csrf: row.csrf }
}

export async function deleteSession(db: Db, idHash: string): Promise<void> {
  await db.deleteFrom('sessions').where('id_hash', '=', idHash).execute()
}

/** Ends every session of a key. */
export async function deleteSessionsOf(tx: Tx, keyId: string): Promise<void> {
  await tx.deleteFrom('sessions').where('key_id', '=', keyId).execute()
}
