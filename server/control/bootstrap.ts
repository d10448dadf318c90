import { secretHash } from '#http/auth.ts'
import { appendAudit } from '#store/audit.ts'
import { countKeys, findHashByName, insertKey, replaceKeyHash } from '#store/callers.ts'
import { type Database, inTransaction, type Tx } from '#store/database.ts'
import { bumpEpoch, lockEpoch } from '#store/epoch.ts'
import { newKey } from './key-secret.ts'

/** Name of the key that the environment (or the first start) gives. */
const bootstrapName = 'admin'

export interface BootstrapDeps {
  readonly db: Database
  readonly clock: { nowMs(): number }
  readonly newId: (prefix: string) => string
  readonly randomBytes: (count: number) => Uint8Array
}

/**
 * Makes sure that somebody can log in. The key of the environment becomes (or replaces) the admin key named `admin`; without
 * one, and with no key stored, a key is made. Replicas may start together: one of them does it.
 *
 * @param envKey INTERLOCK_ADMIN_KEY; null when it is not set
 * @returns the key that was made, to be printed once; null when none was
 */
export function bootstrapAdminKey(deps: BootstrapDeps, envKey: string | null): Promise<string | null> {
  return inTransaction(deps.db, async (tx) => {
    await lockEpoch(tx)
    if (envKey !== null) {
      await followEnvironment(tx, deps, secretHash(envKey))
      return null
    }
    if ((await countKeys(tx, 'admin')) > 0) return null
    const key = newKey('admin', deps.randomBytes)
    await followEnvironment(tx, deps, secretHash(key))
    return key
  })
}

async function followEnvironment(tx: Tx, deps: BootstrapDeps, hash: string): Promise<void> {
  const stored = await findHashByName(tx, bootstrapName)
  // The same key stays as it is, revoked too: only a new one in the environment brings the key back.
  if (stored === hash) return
  const at = deps.clock.nowMs()
  if (stored !== null) await replaceKeyHash(tx, bootstrapName, hash)
  else {
    await insertKey(tx, {
      id: deps.newId('key'),
      name: bootstrapName,
      hash,
      principal: bootstrapName,
      role: 'admin',
      metadata: {},
      routes: null,
      createdBy: 'bootstrap',
      createdAt: at,
    })
  }
  const action = stored === null ? 'key.create' : 'key.replace'
  await appendAudit(tx, { at, actor: 'bootstrap', action, subject: `key:${bootstrapName}`, details: { role: 'admin' } })
  await bumpEpoch(tx)
}
