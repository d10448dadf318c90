import type { Kysely } from 'kysely'
import {
  dearestModel,
  inventoryRules,
  type PricedModel,
  routingFindings,
  simpleTasks,
  type UsageFacts,
} from '#domain/inventory.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Price } from '#domain/snapshot.ts'
import type { InventoryReport, InventoryRow } from '#reports/inventory-view.ts'
import type { MixPart, ReportPeriod } from '#reports/report-window-view.ts'
import type { Tables } from './tables.ts'
import {
  type DirectRow,
  dayOf,
  type LatencyRow,
  maxMixRequests,
  type ReportSpan,
  readDirectTraffic,
  readRouteLatency,
  readTrafficCells,
  readWorkflowMix,
  type Traffic,
  type TrafficCell,
} from './traffic-cells.ts'

type Db = Kysely<Tables>

const maxRoutes = 500
const maxParts = 8
const dayMs = 86_400_000

export interface ReportRequest extends ReportSpan {
  readonly period: ReportPeriod | null
}

/** Every route with its use, and every use of a model that passes the routes (E2). Routes without traffic are in it, too. */
export async function readInventory(db: Db, request: ReportRequest): Promise<InventoryReport> {
  const [traffic, latency, direct, workflows, routes, catalogue] = await Promise.all([
    readTrafficCells(db, request),
    readRouteLatency(db, request),
    readDirectTraffic(db, request, simpleTasks),
    readWorkflowMix(db, request),
    readRouteHeads(db),
    readPricedModels(db),
  ])
  const days = observedDays(traffic, request)
  const all = totals(traffic.cells)
  const context: Context = { days, allCost: all.costMicroUsd, catalogue, dearest: dearestModel(catalogue) }
  const cellsByRoute = Map.groupBy(
    traffic.cells.filter((cell) => cell.version !== null),
    (cell) => cell.route,
  )
  const routeRows = routes.map((route) =>
    routeRow(route, cellsByRoute.get(route.name) ?? [], latency.get(route.name), {
      ...context,
      workflows: workflows.filter((part) => part.route === route.name),
    }),
  )
  const rows = [...routeRows, ...direct.map((row) => directRow(row, context))].sort(byInterest)
  return {
    window: windowOf(request, traffic),
    total: {
      requests: all.requests,
      inputTokens: all.inputTokens,
      outputTokens: all.outputTokens,
      costMicroUsd: all.priced === 0 ? null : all.costMicroUsd,
      unpriced: all.answered - all.priced,
      candidates: rows.filter((row) => row.isCandidate).length,
    },
    rows,
    rules: inventoryRules(),
    mixRequests: maxMixRequests,
  }
}

export function windowOf(request: ReportRequest, traffic: Traffic): InventoryReport['window'] {
  return {
    since: request.sinceMs,
    until: request.untilMs,
    coveredSince: traffic.coveredSinceMs,
    isCut: traffic.isCut,
    period: request.period,
  }
}

interface Context {
  readonly days: number
  readonly allCost: number
  readonly catalogue: readonly PricedModel[]
  readonly dearest: string | null
}

/** Days with traffic behind the daily figures: a young installation is not told as a quiet one. At least one. */
function observedDays(traffic: Traffic, span: ReportSpan): number {
  const first = Math.min(...traffic.cells.map((cell) => cell.day))
  if (!Number.isFinite(first)) return 1
  const start = Math.max(traffic.coveredSinceMs, first * dayMs)
  return Math.max(1, Math.min((span.untilMs - start) / dayMs, dayOf(span.untilMs - 1) - first + 1))
}

interface RouteHead {
  readonly name: string
  readonly owner: string
  readonly purpose: string
  readonly risk: string
  readonly stableVersion: number
  readonly models: readonly string[]
}

async function readRouteHeads(db: Db): Promise<RouteHead[]> {
  const rows = await db
    .selectFrom('routes as r')
    .innerJoin('route_versions as v', (join) =>
      join.onRef('v.route', '=', 'r.name').onRef('v.version', '=', 'r.stable_version'),
    )
    .select(['r.name', 'r.owner', 'r.purpose', 'r.risk', 'r.stable_version', 'v.spec'])
    .orderBy('r.name')
    .limit(maxRoutes)
    .execute()
  return rows.map(({ stable_version, spec, ...row }) => ({
    ...row,
    stableVersion: stable_version,
    models: modelsOf(spec as RouteSpec),
  }))
}

/** The catalogue's models with a price. */
export async function readPricedModels(db: Db): Promise<PricedModel[]> {
  const rows = await db.selectFrom('models').select(['provider', 'model', 'price']).execute()
  return rows.flatMap(({ provider, model, price }) =>
    price === null ? [] : [{ model: `${provider}/${model}`, price: price satisfies Price }],
  )
}

type Sums = Pick<
  TrafficCell,
  | 'requests'
  | 'errors'
  | 'answered'
  | 'priced'
  | 'inputTokens'
  | 'outputTokens'
  | 'pricedInput'
  | 'pricedCached'
  | 'pricedOutput'
  | 'costMicroUsd'
>

export function totals(cells: readonly TrafficCell[]): Sums {
  const sum = (read: (cell: TrafficCell) => number) => cells.reduce((total, cell) => total + read(cell), 0)
  return {
    requests: sum((cell) => cell.requests),
    errors: sum((cell) => cell.errors),
    answered: sum((cell) => cell.answered),
    priced: sum((cell) => cell.priced),
    inputTokens: sum((cell) => cell.inputTokens),
    outputTokens: sum((cell) => cell.outputTokens),
    pricedInput: sum((cell) => cell.pricedInput),
    pricedCached: sum((cell) => cell.pricedCached),
    pricedOutput: sum((cell) => cell.pricedOutput),
    costMicroUsd: sum((cell) => cell.costMicroUsd),
  }
}

function routeRow(
  route: RouteHead,
  cells: readonly TrafficCell[],
  latency: LatencyRow | undefined,
  context: Context & { readonly workflows: readonly { workflow: string | null; requests: number }[] },
): InventoryRow {
  const sums = totals(cells)
  const isSimple = (cell: TrafficCell) =>
    cell.task !== null && simpleTasks.has(cell.task) && cell.model === context.dearest
  const simple = totals(cells.filter(isSimple)).requests
  const models = mixOf(cells, (cell) => cell.model)
  return {
    kind: 'route',
    name: route.name,
    caller: null,
    owner: route.owner,
    purpose: route.purpose === '' ? null : route.purpose,
    risk: route.risk,
    stableVersion: route.stableVersion,
    models: models.length > 0 ? models : route.models.map((name) => ({ name, requests: 0, ratio: 0 })),
    tasks: mixOf(cells, (cell) => cell.task),
    prompts: mixOf(cells, (cell) => cell.prompt),
    workflows: partsOf(context.workflows.map((part) => ({ name: part.workflow, requests: part.requests }))),
    latencyP50Ms: latency?.p50 ?? null,
    latencyP95Ms: latency?.p95 ?? null,
    ...useOf('route', sums, simple, context),
  }
}

function directRow(row: DirectRow, context: Context): InventoryRow {
  const key = row.keyName ?? row.keyId
  return {
    kind: 'direct',
    name: row.model,
    caller: row.team === null ? `key ${key}` : `key ${key}, team ${row.team}`,
    owner: null,
    purpose: null,
    risk: null,
    stableVersion: null,
    models: [{ name: row.model, requests: row.requests, ratio: 1 }],
    tasks: [],
    prompts: [],
    workflows: [],
    latencyP50Ms: row.p50,
    latencyP95Ms: row.p95,
    ...useOf('direct', row, row.model === context.dearest ? row.simple : 0, context),
  }
}

function useOf(kind: UsageFacts['kind'], sums: Sums, simple: number, context: Context) {
  const costMicroUsd = sums.priced === 0 ? null : sums.costMicroUsd
  const requestsPerDay = sums.requests / context.days
  const { isCandidate, findings } = routingFindings(
    {
      kind,
      requests: sums.requests,
      requestsPerDay,
      costMicroUsd,
      tokens: {
        inputTokens: sums.pricedInput,
        cachedInputTokens: sums.pricedCached,
        outputTokens: sums.pricedOutput,
      },
      allCostMicroUsd: context.allCost,
      simpleOnDearest: simple,
    },
    context.catalogue,
  )
  return {
    requests: sums.requests,
    requestsPerDay,
    inputTokens: sums.inputTokens,
    outputTokens: sums.outputTokens,
    errors: sums.errors,
    costMicroUsd,
    unpriced: sums.answered - sums.priced,
    isCandidate,
    reasons: findings,
  }
}

function mixOf(cells: readonly TrafficCell[], nameOf: (cell: TrafficCell) => string | null): MixPart[] {
  const counts = new Map<string | null, number>()
  for (const cell of cells) counts.set(nameOf(cell), (counts.get(nameOf(cell)) ?? 0) + cell.requests)
  return partsOf([...counts].map(([name, requests]) => ({ name, requests })))
}

/** The largest first, at most eight. A mix in which nothing has a name is none. */
function partsOf(parts: readonly { readonly name: string | null; readonly requests: number }[]): MixPart[] {
  if (parts.every((part) => part.name === null)) return []
  const all = parts.reduce((sum, part) => sum + part.requests, 0)
  return [...parts]
    .sort((a, b) => b.requests - a.requests || ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
    .slice(0, maxParts)
    .map((part) => ({ ...part, ratio: part.requests / all }))
}

function byInterest(a: InventoryRow, b: InventoryRow): number {
  return (
    Number(b.isCandidate) - Number(a.isCandidate) ||
    (b.costMicroUsd ?? 0) - (a.costMicroUsd ?? 0) ||
    b.requests - a.requests ||
    (a.name < b.name ? -1 : 1)
  )
}
