import { durationMs } from '#domain/plan.ts'
import { secretHash } from '#http/auth.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, noContent, type Operation, ok } from '#http/operation.ts'
import { listKeys, readKey, rotateKey } from '#store/callers.ts'
import { changeServed, refuse, stillThere } from './change.ts'
import { idSchema, iso, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { keySchema, newKeyBodySchema, newKeySchema } from './key-schemas.ts'
import { newKey } from './key-secret.ts'
import { keyView, keyViews } from './key-views.ts'
import { makeKey, noKey, revokeKeyById } from './manage-keys.ts'

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
    body: { kind: 'json', schema: newKeyBodySchema },
    responses: { 201: { description: 'made', schema: newKeySchema } },
    secretFields: ['key'],
    handle: async (deps, { caller, body }) => {
      const { id, key } = await makeKey(deps, caller, body)
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
      await revokeKeyById(deps, caller, id)
      return noContent()
    },
  }),
]
