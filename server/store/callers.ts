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
  readonly createdBy: string
  readonly createdAt: number
  readonly revokedAt: number | null
}

export interface NewKey extends Omit<StoredKey, 'revokedAt'> {
  /** sha256 of the whole key, hex. */
  readonly hash: string
}

export function toCaller(row: Pick<KeyRow, 'id' | 'name' | 'principal' | 'role' | 'metadata' | 'routes'>): Caller {
  return {
    keyId: row.id,
    name: row.name,
    principal: row.principal,
    role: row.role as Role,
    metadata: row.metadata,
    routes: row.routes,
  }
}

/** The caller behind a key; null when it is unknown or revoked. */
export async function findCallerByHash(db: Db, hash: string): Promise<Caller | null> {
  const row = await db
    .selectFrom('api_keys')
    .select(['id', 'name', 'principal', 'role', 'metadata', 'routes'])
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? null : toCaller(row)
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

/** Number of keys that are not revoked, of one role or of all. */
export async function countKeys(db: Db, role?: Role): Promise<number> {
  let query = db
    .selectFrom('api_keys')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('revoked_at', 'is', null)
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
  await tx.updateTable('api_keys').set({ hash, revoked_at: null }).where('name', '=', name).execute()
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
    createdAt: row.created_at.getTime(),
    revokedAt: row.revoked_at?.getTime() ?? null,
  }
}
