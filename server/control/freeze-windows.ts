import { InterlockError } from '#domain/errors.ts'
import { created, noContent, type Operation, ok } from '#http/operation.ts'
import {
  deleteFreezeWindow,
  type FreezeWindow,
  insertFreezeWindow,
  listFreezeWindows,
  readFreezeWindow,
} from '#store/freeze-windows.ts'
import { changeStored, refuse } from './change.ts'
import { idSchema, iso, nameSchema, pageSchema, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const windowSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    from: timeSchema,
    to: timeSchema,
    reason: { type: 'string' },
    routes: { type: ['array', 'null'], items: nameSchema, description: 'null: every route' },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
  },
  required: ['id', 'from', 'to', 'reason', 'routes', 'createdBy', 'createdAt'],
} as const

/** A moment that a request names. */
const momentSchema = {
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})$',
  'x-expects': 'a time such as 2026-12-24T18:00:00Z',
} as const

const longestMs = 90 * 86_400_000

/** Times in which nothing advances; rollbacks go on (D9). */
export const freezeOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'createFreezeWindow',
    method: 'post',
    path: '/api/freeze-windows',
    action: 'freeze',
    tag: 'freeze windows',
    summary: 'Sets a time in which no proposal advances; a rollback is possible at any time',
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: {
          from: momentSchema,
          to: momentSchema,
          reason: { type: 'string', minLength: 1, maxLength: 500 },
          routes: { type: 'array', minItems: 1, maxItems: 256, uniqueItems: true, items: nameSchema },
        },
        required: ['from', 'to', 'reason'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'set', schema: windowSchema } },
    handle: async (deps, { caller, body }) => {
      const [startsAt, endsAt] = [Date.parse(body.from), Date.parse(body.to)]
      const now = deps.clock.nowMs()
      refuse([
        ...(Number.isNaN(startsAt) ? [{ path: '/from', message: 'is no time that exists' }] : []),
        ...(endsAt > startsAt ? [] : [{ path: '/to', message: 'must be after "from"' }]),
        ...(endsAt > now ? [] : [{ path: '/to', message: 'has passed already' }]),
        ...(endsAt - startsAt <= longestMs ? [] : [{ path: '/to', message: 'is more than 90 days after "from"' }]),
      ])
      const window: FreezeWindow = {
        id: deps.newId('freeze'),
        startsAt,
        endsAt,
        reason: body.reason,
        routes: body.routes ?? null,
        createdBy: caller.name,
        createdAt: now,
      }
      const act = { actor: caller.name, action: 'freeze.set', subject: `freeze:${window.id}` }
      await changeStored(deps, act, async (tx) => {
        const known = await tx
          .selectFrom('routes')
          .select('name')
          .where('name', 'in', [...(body.routes ?? ['']), ''])
          .execute()
        const missing = (body.routes ?? []).flatMap((name, index) =>
          known.some((row) => row.name === name)
            ? []
            : [{ path: `/routes/${index}`, message: `there is no route "${name}"` }],
        )
        refuse(missing)
        await insertFreezeWindow(tx, window)
        const { reason, routes } = window
        return { result: undefined, details: { from: iso(startsAt), to: iso(endsAt), reason, routes } }
      })
      return created(windowView(window), `/api/freeze-windows/${window.id}`)
    },
  }),
  operation({
    id: 'listFreezeWindows',
    method: 'get',
    path: '/api/freeze-windows',
    action: 'read',
    tag: 'freeze windows',
    summary: 'Lists the windows that have not ended, soonest end first',
    responses: { 200: { description: 'all of them', schema: pageSchema(windowSchema) } },
    handle: async (deps) => {
      const windows = await listFreezeWindows(deps.db, deps.clock.nowMs())
      return ok({ items: windows.map(windowView), nextCursor: null })
    },
  }),
  operation({
    id: 'getFreezeWindow',
    method: 'get',
    path: '/api/freeze-windows/{id}',
    action: 'read',
    tag: 'freeze windows',
    summary: 'Reads a window',
    params: { id: idSchema },
    responses: { 200: { description: 'the window', schema: windowSchema } },
    handle: async (deps, { params }) => {
      const window = await readFreezeWindow(deps.db, params.id)
      if (window === null) throw noWindow(params.id)
      return ok(windowView(window))
    },
  }),
  operation({
    id: 'deleteFreezeWindow',
    method: 'delete',
    path: '/api/freeze-windows/{id}',
    action: 'freeze',
    tag: 'freeze windows',
    summary: 'Ends a window at once',
    params: { id: idSchema },
    responses: { 204: { description: 'ended' } },
    handle: async (deps, { caller, params }) => {
      const act = { actor: caller.name, action: 'freeze.end', subject: `freeze:${params.id}` }
      await changeStored(deps, act, async (tx) => {
        if (!(await deleteFreezeWindow(tx, params.id))) throw noWindow(params.id)
        return { result: undefined, details: {} }
      })
      return noContent()
    },
  }),
]

function noWindow(id: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no freeze window "${id}"`)
}

function windowView(window: FreezeWindow): object {
  const { id, reason, routes, createdBy } = window
  return {
    id,
    from: iso(window.startsAt),
    to: iso(window.endsAt),
    reason,
    routes,
    createdBy,
    createdAt: iso(window.createdAt),
  }
}
