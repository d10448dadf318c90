import { budgetScopes } from '#domain/budget.ts'
import { InterlockError } from '#domain/errors.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { noContent, type Operation, ok } from '#http/operation.ts'
import { lockEpoch } from '#store/epoch.ts'
import { deleteLimits, type LimitsPage, listLimits, putLimits, type StoredLimits } from '#store/limits.ts'
import { limitsSchema, requireSubject, scopeNameSchema, scopeSchema } from './budget-schemas.ts'
import { changeServed, stored } from './change.ts'
import { iso, pageSchema, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const storedSchema = {
  type: 'object',
  properties: {
    scope: { enum: budgetScopes },
    name: { type: 'string' },
    ...limitsSchema.properties,
    updatedBy: { type: 'string' },
    updatedAt: timeSchema,
  },
  required: ['scope', 'name', 'updatedBy', 'updatedAt'],
} as const

const params = { scope: scopeSchema, name: scopeNameSchema } as const

/** How much may be asked at once and per minute, by key, team, project, account and route. */
export const limitOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listLimits',
    method: 'get',
    path: '/api/limits',
    action: 'read',
    tag: 'budgets',
    summary: 'Lists limits on requests, tokens and concurrency',
    query: { ...pageQuery, scope: scopeSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(storedSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string', 'string']) as LimitsPage['after']
      const rows = await listLimits(deps.db, {
        limit: limit + 1,
        ...(query.scope !== undefined && { scope: query.scope }),
        ...(after !== undefined && { after }),
      })
      return ok(pageOf(rows, limit, { item: view, place: (row) => [row.scope, row.name] }))
    },
  }),
  operation({
    id: 'getLimits',
    method: 'get',
    path: '/api/limits/{scope}/{name}',
    action: 'read',
    tag: 'budgets',
    summary: 'Reads the limits of one name',
    params,
    responses: { 200: { description: 'the limits', schema: storedSchema } },
    handle: async (deps, { params: { scope, name } }) => ok(await readView(deps, scope, name)),
  }),
  operation({
    id: 'putLimits',
    method: 'put',
    path: '/api/limits/{scope}/{name}',
    action: 'manage-budgets',
    tag: 'budgets',
    summary: 'Sets the limits of one name',
    params,
    body: { kind: 'json', schema: { ...limitsSchema, minProperties: 1 } },
    responses: {
      200: { description: 'replaced', schema: storedSchema },
      201: { description: 'made', schema: storedSchema },
    },
    handle: async (deps, { caller, params: { scope: text, name }, body }) => {
      const scope = scopeOf(text)
      const act = { actor: caller.name, action: 'limits.put', subject: `${scope}:${name}` }
      const isNew = await changeServed(deps, act, async (tx, at) => {
        await lockEpoch(tx)
        await requireSubject(tx, scope, name)
        const result = await putLimits(tx, { scope, name, limits: body, updatedBy: caller.name, updatedAt: at })
        return { result, details: body }
      })
      return stored(isNew, await readView(deps, scope, name), `/api/limits/${scope}/${encodeURI(name)}`)
    },
  }),
  operation({
    id: 'deleteLimits',
    method: 'delete',
    path: '/api/limits/{scope}/{name}',
    action: 'manage-budgets',
    tag: 'budgets',
    summary: 'Removes the limits of one name',
    params,
    responses: { 204: { description: 'removed' } },
    handle: async (deps, { caller, params: { scope, name } }) => {
      const act = { actor: caller.name, action: 'limits.delete', subject: `${scope}:${name}` }
      await changeServed(deps, act, async (tx) => {
        await lockEpoch(tx)
        if (!(await deleteLimits(tx, scope, name))) throw noLimits(scope, name)
        return { result: undefined, details: {} }
      })
      return noContent()
    },
  }),
]

/** Checked by the operation's schema already. */
function scopeOf(text: string) {
  const scope = budgetScopes.find((known) => known === text)
  if (scope === undefined) throw new InterlockError('NOT_FOUND', `there is no scope "${text}"`)
  return scope
}

async function readView(deps: ControlDeps, scope: string, name: string) {
  const [row] = await listLimits(deps.db, { limit: 1, scope: scopeOf(scope), name })
  if (row === undefined) throw noLimits(scope, name)
  return view(row)
}

function noLimits(scope: string, name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there are no limits of ${scope} "${name}"`)
}

function view({ scope, name, limits, updatedBy, updatedAt }: StoredLimits) {
  return { scope, name, ...limits, updatedBy, updatedAt: iso(updatedAt) }
}
