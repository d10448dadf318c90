import type { Kysely, Selectable } from 'kysely'
import type { Caller, Role } from '#domain/snapshot.ts'
import { json, type Tx } from './database.ts'
import type { ApiKeysTable, Tables } from './tables.ts'

type Db = Kysely<Tables>
type KeyRow = Selectable<ApiKeysTable>

/** A key as people may see it: without its hash. */
export interface StoredKey {
  readonly id: string
  readonly name: string
  readonly principal: string
  readonly role: Role
  readonly metadata: Readonly<Record<string, string>>
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number | null
  /** When it last got another secret. */
  readonly rotatedAt: number | null
  /** Until when the secret before that one is taken as well. */
  readonly previousUntil: number | null
  readonly revokedAt: number | null
}

export interface NewKey
  extends Omit<StoredKey, 'models' | 'expiresAt' | 'rotatedAt' | 'previousUntil' | 'revokedAt'>,
    Partial<Pick<StoredKey, 'models' | 'expiresAt'>> {
  /** sha256 of the whole key, hex. */
  readonly hash: string
}

/** What a caller is made of. */
export const callerColumns = [
  'api_keys.id',
  'api_keys.name',
  'api_keys.principal',
  'api_keys.role',
  'api_keys.metadata',
  'api_keys.routes',
  'api_keys.models',
  'api_keys.expires_at',
] as const

type CallerRow = Pick<KeyRow, 'id' | 'name' | 'principal' | 'role' | 'metadata' | 'routes' | 'models' | 'expires_at'>

export function toCaller(row: CallerRow): Caller {
  return {
    keyId: row.id,
    name: row.name,
    principal: row.principal,
    role: row.role as Role,
    metadata: row.metadata,
    routes: row.routes,
    models: row.models,
    expiresAtMs: row.expires_at?.getTime() ?? null,
  }
}

/** The caller behind a key, by its current secret or the one before while that is taken; null when unknown, revoked or expired. */
export async function findCallerByHash(db: Db, hash: string, nowMs: number): Promise<Caller | null> {
  const now = new Date(nowMs)
  const row = await db
    .selectFrom('api_keys')
    .select([...callerColumns])
    .where((eb) =>
      eb.or([eb('hash', '=', hash), eb.and([eb('previous_hash', '=', hash), eb('previous_until', '>', now)])]),
    )
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? null : toCaller(row)
}

/** Every caller by the hash of its secret, for a snapshot; of a rotated key, by the secret before as well. */
export async function readCallers(tx: Db): Promise<Map<string, Caller>> {
  const rows = await tx
    .selectFrom('api_keys')
    .select([...callerColumns, 'hash', 'previous_hash', 'previous_until'])
    .where('revoked_at', 'is', null)
    .execute()
  const callers = new Map<string, Caller>()
  for (const row of rows) {
    const caller = toCaller(row)
    callers.set(row.hash, caller)
    if (row.previous_hash === null || row.previous_until === null) continue
    const untilMs = Math.min(row.previous_until.getTime(), caller.expiresAtMs ?? Number.POSITIVE_INFINITY)
    callers.set(row.previous_hash, { ...caller, expiresAtMs: untilMs })
  }
  return callers
}

/** @returns false when the name is taken, by a revoked key too: names in the audit trail stay unambiguous */
export async function insertKey(tx: Tx, key: NewKey): Promise<boolean> {
  const result = await tx
    .insertInto('api_keys')
    .values({
      id: key.id,
      name: key.name,
      hash: key.hash,
      principal: key.principal,
      role: key.role,
      metadata: json(key.metadata),
      routes: key.routes === null ? null : json(key.routes),
      budgets: null,
      created_by: key.createdBy,
      created_at: new Date(key.createdAt),
      models: key.models === undefined || key.models === null ? null : json(key.models),
      expires_at: key.expiresAt === undefined || key.expiresAt === null ? null : new Date(key.expiresAt),
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst()
  return (result.numInsertedOrUpdatedRows ?? 0n) === 1n
}

export async function readKey(db: Db, id: string): Promise<StoredKey | null> {
  const row = await db.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : toKey(row)
}

/** Oldest first. */
export async function listKeys(
  db: Db,
  page: { readonly limit: number; readonly afterName?: string },
): Promise<StoredKey[]> {
  let query = db.selectFrom('api_keys').selectAll().orderBy('name').limit(page.limit)
  if (page.afterName !== undefined) query = query.where('name', '>', page.afterName)
  return (await query.execute()).map(toKey)
}

/** Number of keys that are not revoked and never expire, of one role or of all. */
export async function countKeys(db: Db, role?: Role): Promise<number> {
  let query = db
    .selectFrom('api_keys')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('revoked_at', 'is', null)
    .where('expires_at', 'is', null)
  if (role !== undefined) query = query.where('role', '=', role)
  const row = await query.executeTakeFirstOrThrow()
  return Number(row.count)
}

/** @returns false when it was revoked before */
export async function revokeKey(tx: Tx, id: string, at: number): Promise<boolean> {
  const result = await tx
    .updateTable('api_keys')
    .set({ revoked_at: new Date(at) })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Gives a key another secret and makes it valid again: the bootstrap key follows the environment. */
export async function replaceKeyHash(tx: Tx, name: string, hash: string): Promise<void> {
  const set = { hash, revoked_at: null, previous_hash: null, previous_until: null }
  await tx.updateTable('api_keys').set(set).where('name', '=', name).execute()
}

/**
 * Gives a key another secret; the one it had is taken until `previousUntil`, one before that no more.
 *
 * @returns false when there is no such key, or it was revoked
 */
export async function rotateKey(
  tx: Tx,
  id: string,
  secret: { readonly hash: string; readonly at: number; readonly previousUntil: number },
): Promise<boolean> {
  const { hash, at, previousUntil } = secret
  const result = await tx
    .updateTable('api_keys')
    .set(({ ref }) => ({
      previous_hash: ref('hash'),
      previous_until: new Date(previousUntil),
      hash,
      rotated_at: new Date(at),
    }))
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Hash of the key of a name, revoked or not; null when there is none. */
export async function findHashByName(db: Db, name: string): Promise<string | null> {
  const row = await db.selectFrom('api_keys').select('hash').where('name', '=', name).executeTakeFirst()
  return row?.hash ?? null
}

function toKey(row: KeyRow): StoredKey {
  return {
    id: row.id,
    name: row.name,
    principal: row.principal,
    role: row.role as Role,
    metadata: row.metadata,
    routes: row.routes,
    createdBy: row.created_by,
    models: row.models,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime() ?? null,
    rotatedAt: row.rotated_at?.getTime() ?? null,
    previousUntil: row.previous_until?.getTime() ?? null,
    revokedAt: row.revoked_at?.getTime() ?? null,
  }
}
