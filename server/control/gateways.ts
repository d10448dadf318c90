import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { readEpoch } from '#store/epoch.ts'
import { type ExposedRollout, listExposed, listGateways, type StoredGateway } from '#store/gateways.ts'
import { iso, pageSchema, percent, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const gatewaySchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    bootId: { type: 'string' },
    epoch: { type: 'integer', description: 'of the snapshot it serves' },
    isCurrent: { type: 'boolean' },
    digest: { type: 'string' },
    startedAt: timeSchema,
    seenAt: timeSchema,
    ageMs: { type: 'integer', description: 'since its last contact' },
    isFresh: { type: 'boolean', description: 'heard from within its lease; one that is not serves the baseline only' },
    leases: {
      type: 'array',
      description: 'shares of live traffic it may give to candidates',
      items: {
        type: 'object',
        properties: {
          proposal: { type: 'string' },
          route: { type: 'string' },
          version: { type: 'integer' },
          share: { type: 'number' },
          expiresInMs: { type: 'integer' },
        },
        required: ['proposal', 'route', 'version', 'share', 'expiresInMs'],
      },
    },
  },
  required: ['id', 'epoch', 'isCurrent', 'digest', 'seenAt', 'ageMs', 'isFresh', 'leases'],
} as const

/** The replicas, and the reports that are still to come. */
export const gatewayOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listGateways',
    method: 'get',
    path: '/api/gateways',
    action: 'read',
    tag: 'gateways',
    summary: 'Lists gateway replicas: what each serves, when it was heard from, which leases it holds',
    query: pageQuery,
    responses: {
      200: {
        description: 'a page, with the current epoch beside it',
        schema: {
          ...pageSchema(gatewaySchema),
          properties: { ...pageSchema(gatewaySchema).properties, currentEpoch: { type: 'integer' } },
        },
      },
    },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listGateways(deps.db, { limit: limit + 1, ...(after !== undefined && { after }) })
      const currentEpoch = await readEpoch(deps.db)
      const exposed = await listExposed(deps.db)
      const moment = { nowMs: deps.clock.nowMs(), leaseMs: deps.leaseMs, currentEpoch, exposed }
      const item = (row: StoredGateway) => gatewayView(row, moment)
      return ok({ ...pageOf(rows, limit, { item, place: (row) => [row.id] }), currentEpoch })
    },
  }),
]

interface Moment {
  readonly nowMs: number
  readonly leaseMs: number
  readonly currentEpoch: number
  readonly exposed: readonly ExposedRollout[]
}

function gatewayView(gateway: StoredGateway, { nowMs, leaseMs, currentEpoch, exposed }: Moment) {
  const ageMs = Math.max(0, nowMs - gateway.seenAt)
  const isFresh = ageMs < leaseMs
  return {
    id: gateway.id,
    bootId: gateway.bootId,
    epoch: gateway.epoch,
    isCurrent: gateway.epoch >= currentEpoch,
    digest: gateway.digest,
    startedAt: iso(gateway.startedAt),
    seenAt: iso(gateway.seenAt),
    ageMs,
    isFresh,
    leases: isFresh
      ? exposed.map(({ proposal, route, version, shareBp }) => ({
          proposal,
          route,
          version,
          share: percent(shareBp),
          expiresInMs: leaseMs - ageMs,
        }))
      : [],
  }
}
