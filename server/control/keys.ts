import { InterlockError } from '#domain/errors.ts'
import { durationMs } from '#domain/plan.ts'
import { secretHash } from '#http/auth.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, noContent, type Operation, ok } from '#http/operation.ts'
import { replaceBudgets } from '#store/budgets.ts'
import { countKeys, insertKey, listKeys, readKey, revokeKey, rotateKey } from '#store/callers.ts'
import { lockEpoch } from '#store/epoch.ts'
import { putLimits } from '#store/limits.ts'
import { deleteSessionsOf } from '#store/sessions.ts'
import { budgetProblems, budgetsOfBody } from './budget-schemas.ts'
import { changeServed, refuse, stillThere } from './change.ts'
import { idSchema, iso, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { keyFields, keySchema, newKeySchema } from './key-schemas.ts'
import { newKey } from './key-secret.ts'
import { isoOrNull, keyProblems, keyView, keyViews } from './key-views.ts'

/** How long the old secret of a rotated key works, where nobody says; and the longest that may be asked for. */
const grace = { usual: '24h', mostMs: 30 * 86_400_000 } as const

/** API keys: hashed, shown once, rotated without a gap, revoked at once. */
export const keyOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'createKey',
    method: 'post',
    path: '/api/keys',
    action: 'manage-keys',
    tag: 'keys',
    summary: 'Makes a key; the answer is the only place that ever shows it',
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: keyFields,
        required: ['name', 'role'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'made', schema: newKeySchema } },
    secretFields: ['key'],
    handle: async (deps, { caller, body }) => {
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
      return created({ ...(await keyView(deps, await stillThere(readKey(deps.db, id)))), key }, `/api/keys/${id}`)
    },
  }),
  operation({
    id: 'listKeys',
    method: 'get',
    path: '/api/keys',
    action: 'manage-keys',
    tag: 'keys',
    summary: 'Lists keys by name, without their secrets',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(keySchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const afterName = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listKeys(deps.db, { limit: limit + 1, ...(afterName !== undefined && { afterName }) })
      const views = new Map((await keyViews(deps, rows)).map((view) => [view.id, view]))
      return ok(pageOf(rows, limit, { item: ({ id }) => views.get(id), place: (key) => [key.name] }))
    },
  }),
  operation({
    id: 'getKey',
    method: 'get',
    path: '/api/keys/{id}',
    action: 'manage-keys',
    tag: 'keys',
    summary: 'Reads a key, without its secret',
    params: { id: idSchema },
    responses: { 200: { description: 'the key', schema: keySchema } },
    handle: async (deps, { params }) => {
      const key = await readKey(deps.db, params.id)
      if (key === null) throw noKey(params.id)
      return ok(await keyView(deps, key))
    },
  }),
  operation({
    id: 'rotateKey',
    method: 'post',
    path: '/api/keys/{id}/rotate',
    action: 'manage-keys',
    tag: 'keys',
    summary: 'Gives a key another secret; the old one works until the grace period is over',
    params: { id: idSchema },
    body: {
      kind: 'json',
      isOptional: true,
      schema: {
        type: 'object',
        properties: {
          grace: {
            type: 'string',
            maxLength: 20,
            description: `how long the old secret still works: 0s to 30d; absent: ${grace.usual}`,
          },
        },
        additionalProperties: false,
      },
    },
    responses: { 200: { description: 'rotated', schema: newKeySchema } },
    secretFields: ['key'],
    handle: async (deps, { caller, params: { id }, body }) => {
      const graceMs = durationMs(body.grace ?? grace.usual)
      if (graceMs === null || graceMs > grace.mostMs) {
        refuse([{ path: '/grace', message: 'must be a duration from 0s to 30d, such as 15m, 24h or 7d' }])
      }
      const stored = await readKey(deps.db, id)
      if (stored === null || stored.revokedAt !== null) throw noKey(id)
      const key = newKey(stored.role, deps.randomBytes)
      const act = { actor: caller.name, action: 'key.rotate', subject: `key:${stored.name}` }
      await changeServed(deps, act, async (tx, at) => {
        const previousUntil = at + (graceMs ?? 0)
        if (!(await rotateKey(tx, id, { hash: secretHash(key), at, previousUntil }))) throw noKey(id)
        return { result: undefined, details: { id, previousUntil: iso(previousUntil) } }
      })
      deps.authenticator.forget()
      return ok({ ...(await keyView(deps, await stillThere(readKey(deps.db, id)))), key })
    },
  }),
  operation({
    id: 'revokeKey',
    method: 'delete',
    path: '/api/keys/{id}',
    action: 'manage-keys',
    tag: 'keys',
    summary: 'Revokes a key and ends its sessions; its name stays taken',
    params: { id: idSchema },
    responses: { 204: { description: 'revoked, now or before' } },
    handle: async (deps, { caller, params: { id } }) => {
      const key = await readKey(deps.db, id)
      if (key === null) throw noKey(id)
      if (key.revokedAt !== null) return noContent()
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
      return noContent()
    },
  }),
]

function noKey(id: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no key with the id "${id}"`)
}
