import { InterlockError } from '#domain/errors.ts'
import type { Impact, ImpactProblem } from '#domain/impact.ts'
import { type Operation, ok } from '#http/operation.ts'
import { foresee } from '#rollout/preview-impact.ts'
import { readImpact, type StoredImpact } from '#store/impact.ts'
import { readProposal } from '#store/proposals.ts'
import { idSchema, iso, nameSchema, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { specSchema } from './route-schemas.ts'

const count = { type: 'integer', minimum: 0 } as const
const numberOrNull = { type: ['number', 'null'] } as const
const textOrNull = { type: ['string', 'null'] } as const

const groups = {
  type: 'array',
  description: 'largest first; the rest is summed up as "(others)"',
  items: {
    type: 'object',
    properties: { name: { type: 'string' }, requests: count, changed: count },
    required: ['name', 'requests', 'changed'],
  },
} as const

const problems = {
  type: 'object',
  properties: {
    requests: count,
    reasons: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          by: { type: 'string' },
          model: textOrNull,
          detail: { type: 'string' },
          requests: count,
          examples: { type: 'array', items: { type: 'string' }, description: 'ids of some of the requests' },
        },
        required: ['by', 'model', 'detail', 'requests', 'examples'],
      },
    },
  },
  required: ['requests', 'reasons'],
} as const

const forecast = {
  change: { ...numberOrNull, description: 'relative: 0.25 is a quarter more' },
  interval: {
    type: ['array', 'null'],
    items: { type: 'number' },
    minItems: 2,
    maxItems: 2,
    description: 'of the change, 95 %',
  },
} as const

const impactSchema = {
  type: 'object',
  properties: {
    at: timeSchema,
    windowDays: { type: 'number', description: 'requests recorded this long before are replayed, newest first' },
    limit: count,
    requests: { ...count, description: 'recorded requests that were replayed' },
    changed: { ...count, description: 'requests whose first choice is another model' },
    moves: {
      type: 'array',
      items: {
        type: 'object',
        properties: { from: textOrNull, to: textOrNull, requests: count },
        required: ['from', 'to', 'requests'],
      },
    },
    byRule: groups,
    byTeam: groups,
    byTask: groups,
    byRegion: groups,
    lost: { ...problems, description: 'served now, refused by the new version' },
    broken: { ...problems, description: 'sent where the stable version may not send them' },
    unknowable: { ...count, description: 'rules ask for a pattern that records do not hold' },
    cost: {
      type: 'object',
      properties: {
        requests: count,
        unpriced: count,
        beforeUsd: { ...numberOrNull, description: 'per request' },
        afterUsd: numberOrNull,
        ...forecast,
      },
      required: ['requests', 'unpriced', 'beforeUsd', 'afterUsd', 'change', 'interval'],
    },
    latency: {
      type: 'object',
      properties: {
        covered: { type: 'number', description: 'share of the requests whose models have been measured, 0 to 1' },
        beforeMs: numberOrNull,
        afterMs: numberOrNull,
        ...forecast,
      },
      required: ['covered', 'beforeMs', 'afterMs', 'change', 'interval'],
    },
  },
  required: ['at', 'requests', 'changed', 'moves', 'lost', 'broken', 'unknowable', 'cost', 'latency'],
} as const

/** What a change would do to recorded requests, before anything is spent (D3). */
export const impactOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'getImpact',
    method: 'get',
    path: '/api/proposals/{id}/impact',
    action: 'read',
    tag: 'proposals',
    summary: 'What the proposed version would have done with recorded requests, as foreseen at submission',
    params: { id: idSchema },
    responses: { 200: { description: 'the preview', schema: impactSchema } },
    handle: async (deps, { params }) => {
      const stored = await readImpact(deps.db, params.id)
      if (stored !== null) return ok(impactView(stored))
      const exists = (await readProposal(deps.db, params.id)) !== null
      const message = exists
        ? `proposal "${params.id}" was submitted before previews were kept`
        : `there is no proposal "${params.id}"`
      throw new InterlockError('NOT_FOUND', message)
    },
  }),
  operation({
    id: 'previewRoute',
    method: 'post',
    path: '/api/routes/{name}/impact',
    action: 'propose',
    tag: 'routes',
    summary: 'What a new version would have done with recorded requests; nothing is stored and no model is called',
    params: { name: nameSchema },
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: { spec: specSchema },
        required: ['spec'],
        additionalProperties: false,
      },
    },
    responses: { 200: { description: 'the preview', schema: impactSchema } },
    handle: async (deps, { params, body }) =>
      ok(impactView(await foresee(deps, { route: params.name, spec: body.spec }))),
  }),
]

function impactView({ at, windowMs, limit, impact }: StoredImpact): object {
  const { lost, lostRequests, broken, brokenRequests, cost, latency, ...rest } = impact
  return {
    at: iso(at),
    windowDays: windowMs / 86_400_000,
    limit,
    ...rest,
    lost: problemsView(lostRequests, lost),
    broken: problemsView(brokenRequests, broken),
    cost: {
      requests: cost.requests,
      unpriced: cost.unpriced,
      beforeUsd: usd(cost.beforeMicroUsd),
      afterUsd: usd(cost.afterMicroUsd),
      ...changeView(cost),
    },
    latency: { covered: latency.covered, beforeMs: latency.beforeMs, afterMs: latency.afterMs, ...changeView(latency) },
  }
}

function problemsView(requests: number, reasons: readonly ImpactProblem[]): object {
  return { requests, reasons }
}

function changeView({ change, low, high }: Pick<Impact['cost'], 'change' | 'low' | 'high'>) {
  return { change, interval: low === null || high === null ? null : [low, high] }
}

function usd(microUsd: number | null): number | null {
  return microUsd === null ? null : microUsd / 1_000_000
}
