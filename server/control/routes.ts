import type { Bar } from '#domain/bar.ts'
import { checkBar } from '#domain/bar-check.ts'
import { canonicalDigest } from '#domain/canonical.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import { checkSpec } from '#domain/spec-check.ts'
import { evaluatorNames } from '#evaluators/registry.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import { rollbackRoute } from '#rollout/rollback-route.ts'
import { lockOpenProposalOf } from '#store/proposals.ts'
import { insertBar, insertRoute, listRoutes, readRoute, type StoredRoute } from '#store/routes.ts'
import { lockStable } from '#store/stable-pointer.ts'
import { readCatalogueIn } from '#store/submission.ts'
import { changeServed, refuse, stillThere } from './change.ts'
import { iso, nameSchema, noReason, pageSchema, percent, reasonSchema, versionSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { barSchema, routeBodySchema, routeSchema } from './route-schemas.ts'

const rollbackSchema = {
  type: 'object',
  properties: {
    from: { type: 'integer' },
    to: { type: 'integer' },
    at: { type: 'string', format: 'date-time' },
    confirmed: { type: 'boolean', description: 'every gateway heard from lately serves the new state' },
    replicas: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: { type: 'string' }, ms: { type: ['integer', 'null'] } },
        required: ['id', 'ms'],
      },
    },
  },
  required: ['from', 'to', 'at', 'confirmed', 'replicas'],
} as const

const barAnswerSchema = {
  type: 'object',
  properties: { route: nameSchema, version: { type: 'integer' }, bar: barSchema },
  required: ['route', 'version', 'bar'],
} as const

/** Routes, their bars, and the way back. */
export const routeOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'createRoute',
    method: 'post',
    path: '/api/routes',
    action: 'manage-catalogue',
    tag: 'routes',
    summary: 'Creates a route; version 1 is live at once: it adopts what already runs',
    body: { kind: 'json', schema: routeBodySchema },
    responses: { 201: { description: 'created', schema: routeSchema } },
    handle: async (deps, { caller, body }) => {
      const bar = withEvaluators(body.bar)
      const digest = canonicalDigest(body.spec)
      const act = { actor: caller.name, action: 'route.create', subject: `route:${body.name}` }
      await changeServed(deps, act, async (tx, at) => {
        const catalogue = await readCatalogueIn(tx)
        refuse([
          ...under('/spec', checkSpec(body.spec, catalogue, evaluatorNames)),
          ...under('/bar', barProblems(deps, bar)),
        ])
        const { owner = caller.principal, purpose = '', risk = 'medium' } = body
        const route = { name: body.name, owner, purpose, risk, spec: body.spec, digest, bar, by: caller.name, at }
        if (!(await insertRoute(tx, route))) {
          const message = `there is a route "${body.name}" already; change it with a proposal`
          throw new InterlockError('ALREADY_EXISTS', message, [{ path: '/name', message }])
        }
        return { result: undefined, details: { owner, purpose, risk, digest, bar } }
      })
      return created(routeView(await stillThere(readRoute(deps.db, body.name))), `/api/routes/${body.name}`)
    },
  }),
  operation({
    id: 'listRoutes',
    method: 'get',
    path: '/api/routes',
    action: 'read',
    tag: 'routes',
    summary: 'Lists routes by name',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(routeSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listRoutes(deps.db, { limit: limit + 1, ...(after !== undefined && { after }) })
      return ok(pageOf(rows, limit, { item: routeView, place: (route) => [route.name] }))
    },
  }),
  operation({
    id: 'getRoute',
    method: 'get',
    path: '/api/routes/{name}',
    action: 'read',
    tag: 'routes',
    summary: 'Reads a route: its bar, its stable version and the open rollout',
    params: { name: nameSchema },
    responses: { 200: { description: 'the route', schema: routeSchema } },
    handle: async (deps, { params }) => {
      const route = await readRoute(deps.db, params.name)
      if (route === null) throw noRoute(params.name)
      return ok(routeView(route))
    },
  }),
  operation({
    id: 'setBar',
    method: 'put',
    path: '/api/routes/{name}/bar',
    action: 'set-bar',
    tag: 'routes',
    summary: 'Sets the quality bar of a route; refused while a rollout runs',
    params: { name: nameSchema },
    body: { kind: 'json', schema: barSchema },
    responses: { 200: { description: 'in force', schema: barAnswerSchema } },
    handle: async (deps, { caller, params: { name }, body }) => {
      const bar = withEvaluators(body)
      refuse(barProblems(deps, bar))
      const act = { actor: caller.name, action: 'route.set_bar', subject: `route:${name}` }
      const version = await changeServed(deps, act, async (tx, at) => {
        // The order of every writer of a route: its open proposal, then the route.
        const open = await lockOpenProposalOf(tx, name)
        if ((await lockStable(tx, name)) === null) throw noRoute(name)
        if (open !== null) {
          const message = `route "${name}" has an open proposal (${open.id}), which is judged by the bar it began with`
          throw new InterlockError('ROLLOUT_IN_PROGRESS', `${message}; wait for its end or abort it`)
        }
        const result = await insertBar(tx, { route: name, bar, by: caller.name, at })
        return { result, details: { version: result, bar } }
      })
      return ok({ route: name, version, bar })
    },
  }),
  operation({
    id: 'rollbackRoute',
    method: 'post',
    path: '/api/routes/{name}/rollback',
    action: 'roll-back',
    tag: 'routes',
    summary: 'Sends all traffic of a route back, now',
    params: { name: nameSchema },
    body: {
      kind: 'json',
      isOptional: true,
      schema: {
        type: 'object',
        properties: { reason: reasonSchema, toVersion: versionSchema },
        additionalProperties: false,
      },
    },
    responses: { 200: { description: 'done, with the confirmations there are by now', schema: rollbackSchema } },
    handle: async (deps, { caller, params, body }) => {
      const done = await rollbackRoute(deps, caller, params.name, { ...body, reason: body.reason ?? noReason })
      return ok({ ...done, at: iso(done.at) })
    },
  }),
]

function withEvaluators(bar: Omit<Bar, 'evaluators'> & Partial<Pick<Bar, 'evaluators'>>): Bar {
  return { ...bar, evaluators: bar.evaluators ?? [] }
}

function barProblems(deps: ControlDeps, bar: Bar): readonly Problem[] {
  const resolved = deps.resolveEvaluators(bar.evaluators)
  return 'problems' in resolved ? resolved.problems : checkBar(bar, resolved.evaluators)
}

function under(prefix: string, problems: readonly Problem[]): Problem[] {
  return problems.map((problem) => ({ path: `${prefix}${problem.path}`, message: problem.message }))
}

export function noRoute(name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no route "${name}"`)
}

function routeView(route: StoredRoute) {
  const { rollout, stable, previous, createdAt, ...rest } = route
  return {
    ...rest,
    stable: { version: stable },
    previous: previous === null ? null : { version: previous },
    rollout: rollout && {
      proposal: rollout.proposal,
      version: rollout.version,
      status: rollout.status,
      share: percent(rollout.shareBp),
    },
    createdAt: iso(createdAt),
  }
}
