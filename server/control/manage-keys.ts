import { InterlockError } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import { secretHash } from '#http/auth.ts'
import type { FromSchema } from '#http/from-schema.ts'
import { replaceBudgets } from '#store/budgets.ts'
import { countKeys, insertKey, readKey, revokeKey } from '#store/callers.ts'
import { lockEpoch } from '#store/epoch.ts'
import { putLimits } from '#store/limits.ts'
import { deleteSessionsOf } from '#store/sessions.ts'
import { budgetProblems, budgetsOfBody } from './budget-schemas.ts'
import { changeServed, refuse } from './change.ts'
import type { ControlDeps } from './control-deps.ts'
import type { newKeyBodySchema } from './key-schemas.ts'
import { newKey } from './key-secret.ts'
import { isoOrNull, keyProblems } from './key-views.ts'

export type NewKeyBody = FromSchema<typeof newKeyBodySchema>

/**
 * Makes a key, for the API and for the page alike.
 *
 * @returns its secret: what is stored is a hash, so nothing can show it again
 * @throws InterlockError ALREADY_EXISTS for a name that was ever taken, VALIDATION_FAILED
 */
export async function makeKey(
  deps: ControlDeps,
  caller: Caller,
  body: NewKeyBody,
): Promise<{ readonly id: string; readonly key: string }> {
  const key = newKey(body.role, deps.randomBytes)
  const id = deps.newId('key')
  const { name, role, principal = body.name, metadata = {}, routes = null, models = null } = body
  const { budgets = [], limits = null } = body
  const expiresAt = body.expiresAt == null ? null : Date.parse(body.expiresAt)
  refuse([...budgetProblems(budgets, '/budgets'), ...(await keyProblems(deps, { models, expiresAt }))])
  const act = { actor: caller.name, action: 'key.create', subject: `key:${name}` }
  await changeServed(deps, act, async (tx, at) => {
    const shown = { id, role, principal, metadata, routes, models, budgets, limits }
    const row = {
      id,
      name,
      role,
      principal,
      metadata,
      routes,
      models,
      expiresAt,
      createdBy: caller.name,
      createdAt: at,
    }
    if (!(await insertKey(tx, { ...row, hash: secretHash(key) }))) {
      const message = `a key "${name}" exists, or did; names of keys are never used again`
      throw new InterlockError('ALREADY_EXISTS', message, [{ path: '/name', message }])
    }
    await lockEpoch(tx)
    await replaceBudgets(tx, { scope: 'key', name: id }, budgetsOfBody(budgets), { by: caller.name, at })
    if (limits !== null && Object.keys(limits).length > 0) {
      await putLimits(tx, { scope: 'key', name: id, limits, updatedBy: caller.name, updatedAt: at })
    }
    return { result: undefined, details: { ...shown, expiresAt: isoOrNull(expiresAt) } }
  })
  deps.authenticator.forget()
  return { id, key }
}

/**
 * Revokes a key and ends its sessions; one that is revoked stays so.
 *
 * @throws InterlockError NOT_FOUND, IN_USE for the last admin key
 */
export async function revokeKeyById(deps: ControlDeps, caller: Caller, id: string): Promise<void> {
  const key = await readKey(deps.db, id)
  if (key === null) throw noKey(id)
  if (key.revokedAt !== null) return
  const act = { actor: caller.name, action: 'key.revoke', subject: `key:${key.name}` }
  await changeServed(deps, act, async (tx, at) => {
    await lockEpoch(tx)
    await revokeKey(tx, id, at)
    if ((await countKeys(tx, 'admin')) === 0) {
      throw new InterlockError('IN_USE', `"${key.name}" is the last admin key; make another one first`)
    }
    await deleteSessionsOf(tx, id)
    return { result: undefined, details: { id, role: key.role } }
  })
  deps.authenticator.forget()
}

export function noKey(id: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no key with the id "${id}"`)
}
