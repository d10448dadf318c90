import { budgetPeriods, budgetScopes } from '#domain/budget.ts'
import { InterlockError } from '#domain/errors.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { noContent, type Operation, ok } from '#http/operation.ts'
import {
  type AlertRow,
  type BudgetPage,
  type BudgetState,
  listAlerts,
  listBudgets,
  replaceBudgets,
} from '#store/budgets.ts'
import { lockEpoch } from '#store/epoch.ts'
import {
  budgetListSchema,
  budgetProblems,
  budgetsOfBody,
  requireSubject,
  scopeNameSchema,
  scopeSchema,
} from './budget-schemas.ts'
import { changeServed, refuse, stored } from './change.ts'
import { iso, pageSchema, timeSchema, usd } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const timeOrNull = { ...timeSchema, type: ['string', 'null'] } as const

const stateSchema = {
  type: 'object',
  properties: {
    period: { enum: budgetPeriods },
    hardUsd: { type: 'number' },
    softUsd: { type: ['number', 'null'] },
    spentUsd: { type: 'number', description: 'in this window, as gateways have reported (within a second)' },
    heldUsd: { type: 'number', description: 'held by gateways for requests under way and to come' },
    leftUsd: { type: 'number', description: 'not spent; 0 where it is overspent' },
    startsAt: timeSchema,
    resetsAt: timeSchema,
    softReachedAt: timeOrNull,
    hardReachedAt: timeOrNull,
    updatedBy: { type: 'string' },
    updatedAt: timeSchema,
  },
  required: ['period', 'hardUsd', 'softUsd', 'spentUsd', 'heldUsd', 'leftUsd', 'startsAt', 'resetsAt'],
} as const

const subject = { scope: { enum: budgetScopes }, name: { type: 'string' } } as const

const budgetsSchema = {
  type: 'object',
  properties: { ...subject, budgets: { type: 'array', items: stateSchema } },
  required: ['scope', 'name', 'budgets'],
} as const

const listedSchema = {
  ...stateSchema,
  properties: { ...subject, ...stateSchema.properties },
  required: ['scope', 'name', ...stateSchema.required],
} as const

const alertSchema = {
  type: 'object',
  properties: {
    ...subject,
    period: { enum: budgetPeriods },
    kind: { enum: ['soft', 'hard'] },
    at: timeSchema,
    windowStartsAt: timeSchema,
    spentUsd: { type: 'number' },
    limitUsd: { type: 'number' },
  },
  required: ['scope', 'name', 'period', 'kind', 'at', 'windowStartsAt', 'spentUsd', 'limitUsd'],
} as const

const params = { scope: scopeSchema, name: scopeNameSchema } as const

/** What may be spent, by key, team, project, account and route; by day and by month. */
export const budgetOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listBudgets',
    method: 'get',
    path: '/api/budgets',
    action: 'read',
    tag: 'budgets',
    summary: 'Lists budgets with what is spent of them and when they reset',
    query: { ...pageQuery, scope: scopeSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(listedSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string', 'string', 'string']) as BudgetPage['after']
      const page = {
        limit: limit + 1,
        ...(query.scope !== undefined && { scope: query.scope }),
        ...(after !== undefined && { after }),
      }
      const rows = await listBudgets(deps.db, deps.clock.nowMs(), page)
      return ok(pageOf(rows, limit, { item: listedView, place: (row) => [row.scope, row.name, row.period] }))
    },
  }),
  operation({
    id: 'getBudgets',
    method: 'get',
    path: '/api/budgets/{scope}/{name}',
    action: 'read',
    tag: 'budgets',
    summary: 'Reads the budgets of one name',
    params,
    responses: { 200: { description: 'the budgets', schema: budgetsSchema } },
    handle: async (deps, { params: { scope, name } }) => ok(await readView(deps, scope, name)),
  }),
  operation({
    id: 'putBudgets',
    method: 'put',
    path: '/api/budgets/{scope}/{name}',
    action: 'manage-budgets',
    tag: 'budgets',
    summary: 'Sets all budgets of one name; those that are not named end',
    params,
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: { budgets: { ...budgetListSchema, minItems: 1 } },
        required: ['budgets'],
        additionalProperties: false,
      },
    },
    responses: {
      200: { description: 'replaced', schema: budgetsSchema },
      201: { description: 'made', schema: budgetsSchema },
    },
    handle: async (deps, { caller, params: { scope: text, name }, body }) => {
      const scope = scopeOf(text)
      refuse(budgetProblems(body.budgets, '/budgets'))
      const act = { actor: caller.name, action: 'budget.put', subject: `${scope}:${name}` }
      const wasThere = await changeServed(deps, act, async (tx, at) => {
        await lockEpoch(tx)
        await requireSubject(tx, scope, name)
        const budgets = budgetsOfBody(body.budgets)
        const result = await replaceBudgets(tx, { scope, name }, budgets, { by: caller.name, at })
        return { result, details: { budgets: body.budgets } }
      })
      return stored(!wasThere, await readView(deps, scope, name), `/api/budgets/${scope}/${encodeURI(name)}`)
    },
  }),
  operation({
    id: 'deleteBudgets',
    method: 'delete',
    path: '/api/budgets/{scope}/{name}',
    action: 'manage-budgets',
    tag: 'budgets',
    summary: 'Removes the budgets of one name',
    params,
    responses: { 204: { description: 'removed' } },
    handle: async (deps, { caller, params: { scope: text, name } }) => {
      const scope = scopeOf(text)
      const act = { actor: caller.name, action: 'budget.delete', subject: `${scope}:${name}` }
      await changeServed(deps, act, async (tx, at) => {
        await lockEpoch(tx)
        if (!(await replaceBudgets(tx, { scope, name }, [], { by: caller.name, at }))) throw noBudget(scope, name)
        return { result: undefined, details: {} }
      })
      return noContent()
    },
  }),
  operation({
    id: 'listBudgetAlerts',
    method: 'get',
    path: '/api/budget-alerts',
    action: 'read',
    tag: 'budgets',
    summary: 'Lists alerts of budgets, newest first: one of a kind for each window',
    query: { ...pageQuery, scope: scopeSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(alertSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['number', 'string'])
      const rows = await listAlerts(deps.db, {
        limit: limit + 1,
        ...(query.scope !== undefined && { scope: query.scope }),
        ...(after !== undefined && { after: [after[0] as number, after[1] as string] as const }),
      })
      return ok(pageOf(rows, limit, { item: alertView, place: (row) => [row.at, row.place] }))
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
  const known = scopeOf(scope)
  const limit = budgetPeriods.length
  const rows = await listBudgets(deps.db, deps.clock.nowMs(), { limit, scope: known, name })
  if (rows.length === 0) throw noBudget(scope, name)
  return { scope: known, name, budgets: rows.map(stateView) }
}

function noBudget(scope: string, name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no budget of ${scope} "${name}"`)
}

function stateView(state: BudgetState) {
  return {
    period: state.period,
    hardUsd: usd(state.hardMicroUsd),
    softUsd: usd(state.softMicroUsd),
    spentUsd: usd(state.spentMicroUsd),
    heldUsd: usd(state.heldMicroUsd),
    leftUsd: usd(Math.max(0, state.hardMicroUsd - state.spentMicroUsd)),
    startsAt: iso(state.startsAt),
    resetsAt: iso(state.resetsAt),
    softReachedAt: state.softAt === null ? null : iso(state.softAt),
    hardReachedAt: state.hardAt === null ? null : iso(state.hardAt),
    updatedBy: state.updatedBy,
    updatedAt: iso(state.updatedAt),
  }
}

function listedView(state: BudgetState) {
  return { scope: state.scope, name: state.name, ...stateView(state) }
}

function alertView(alert: AlertRow) {
  return {
    scope: alert.scope,
    name: alert.name,
    period: alert.period,
    kind: alert.kind,
    at: iso(alert.at),
    windowStartsAt: iso(alert.startsAt),
    spentUsd: usd(alert.spentMicroUsd),
    limitUsd: usd(alert.limitMicroUsd),
  }
}
