import { InterlockError } from '#domain/errors.ts'
import { secretHash } from '#http/auth.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, noContent, type Operation, ok } from '#http/operation.ts'
import { roles } from '#http/permissions.ts'
import { countKeys, insertKey, listKeys, readKey, revokeKey, type StoredKey } from '#store/callers.ts'
import { lockEpoch } from '#store/epoch.ts'
import { deleteSessionsOf } from '#store/sessions.ts'
import { changeServed, stillThere } from './change.ts'
import { idSchema, iso, keyNameSchema, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { newKey } from './key-secret.ts'

const keyFields = {
  name: keyNameSchema,
  role: { enum: roles },
  principal: {
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description: 'the person or service behind the key; two keys of one principal are one person to approvals',
  },
  metadata: {
    type: 'object',
    description: 'forced on every request of the key; wins over body and headers',
    maxProperties: 32,
    propertyNames: { pattern: '^[a-zA-Z][\\w.-]{0,63}$', 'x-expects': 'a name of letters, digits, "_", "." or "-"' },
    additionalProperties: { type: 'string', maxLength: 512 },
  },
  routes: {
    type: ['array', 'null'],
    description: 'routes the key may call; absent: all. provider/model allows a model directly, * any',
    maxItems: 256,
    uniqueItems: true,
    items: {
      type: 'string',
      minLength: 1,
      maxLength: 264,
      pattern: '^(\\*|[a-z0-9][\\w./:@+-]*)$',
      'x-expects': 'a route, provider/model, or *',
    },
  },
} as const

const keySchema = {
  type: 'object',
  properties: {
    id: idSchema,
    ...keyFields,
    createdBy: { type: 'string' },
    createdAt: { type: 'string', format: 'date-time' },
    revokedAt: { type: ['string', 'null'], format: 'date-time' },
  },
  required: ['id', 'name', 'role', 'principal', 'metadata', 'routes', 'createdBy', 'createdAt', 'revokedAt'],
} as const

const newKeySchema = {
  ...keySchema,
  properties: {
    ...keySchema.properties,
    key: { type: ['string', 'null'], description: 'shown once; null in a replay' },
  },
  required: [...keySchema.required, 'key'],
} as const

/** API keys: hashed, shown once, revoked at once. */
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
        // Budgets are not enforced yet; one that is taken and not kept would be worse than a refusal.
        properties: {
          ...keyFields,
          budgets: { type: 'array', maxItems: 0, 'x-expects': 'absent: budgets are not available yet' },
        },
        required: ['name', 'role'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'made', schema: newKeySchema } },
    secretFields: ['key'],
    handle: async (deps, { caller, body }) => {
      const key = newKey(body.role, deps.randomBytes)
      const id = deps.newId('key')
      const { name, role, principal = body.name, metadata = {}, routes = null } = body
      const act = { actor: caller.name, action: 'key.create', subject: `key:${name}` }
      await changeServed(deps, act, async (tx, at) => {
        const row = { id, name, role, principal, metadata, routes, createdBy: caller.name, createdAt: at }
        if (!(await insertKey(tx, { ...row, hash: secretHash(key) }))) {
          const message = `a key "${name}" exists, or did; names of keys are never used again`
          throw new InterlockError('ALREADY_EXISTS', message, [{ path: '/name', message }])
        }
        return { result: undefined, details: { id, role, principal, metadata, routes } }
      })
      deps.authenticator.forget()
      return created({ ...keyView(await stillThere(readKey(deps.db, id))), key }, `/api/keys/${id}`)
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
      return ok(pageOf(rows, limit, { item: keyView, place: (key) => [key.name] }))
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
      return ok(keyView(key))
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

function keyView(key: StoredKey) {
  const { createdAt, revokedAt, ...rest } = key
  return { ...rest, createdAt: iso(createdAt), revokedAt: revokedAt === null ? null : iso(revokedAt) }
}
