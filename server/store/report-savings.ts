import type { Kysely } from 'kysely'
import type { PricedModel } from '#domain/inventory.ts'
import {
  compareOnMix,
  costAtPrice,
  outputSlack,
  type Sample,
  type Strongest,
  sampleOf,
  strongestModel,
} from '#domain/savings.ts'
import type {
  Comparison,
  PreviousComparison,
  ProvingCost,
  QualityLine,
  RouteSavings,
  SavingsDay,
  SavingsReport,
  SavingsTotal,
} from '#reports/savings-view.ts'
import { type ReportRequest, readPricedModels, totals, windowOf } from './report-inventory.ts'
import {
  feedbackQuality,
  readGateQuality,
  readModelScores,
  readPreviousCosts,
  readProvingCosts,
  readSavingsRoutes,
  readVersionFeedback,
  type SavingsRoute,
} from './savings-evidence.ts'
import { type Scores, strongestQuality, warningOf } from './savings-quality.ts'
import type { Tables } from './tables.ts'
import { dayStartMs, readTrafficCells, type TrafficCell } from './traffic-cells.ts'

const noScores: Scores = new Map()
const noCost: ProvingCost = { shadowMicroUsd: 0, evalMicroUsd: 0, unpricedCalls: 0 }

/** Actual cost against everything on the strongest model and against the previous version, with quality beside it (E3). */
export async function readSavings(db: Kysely<Tables>, request: ReportRequest): Promise<SavingsReport> {
  const routes = await readSavingsRoutes(db)
  const [traffic, catalogue, previous, scores, gates, feedback, proving] = await Promise.all([
    readTrafficCells(db, request),
    readPricedModels(db),
    readPreviousCosts(db, routes),
    readModelScores(db),
    readGateQuality(db),
    readVersionFeedback(db, request),
    readProvingCosts(db, request),
  ])
  const routed = traffic.cells.filter((cell) => cell.version !== null)
  const byRoute = Map.groupBy(routed, (cell) => cell.route)
  const days = new Map<number, DaySums>()
  const rows = routes.map((route) => {
    const cells = byRoute.get(route.name) ?? []
    const routeScores = scores.get(route.name) ?? noScores
    const requestsOf = (version: number) => totals(cells.filter((cell) => cell.version === version)).requests
    const strongest = strongestOf(route, cells, catalogue, routeScores)
    if (strongest !== null) addDays(days, cells, strongest)
    return routeSavings(route, cells, {
      strongest,
      previous: previous.get(route.name) ?? new Map(),
      quality: [
        ...(gates.get(route.name) ?? []),
        ...feedbackQuality(feedback, route, requestsOf),
        ...strongestQuality(strongest, cells, routeScores),
      ],
      proving: proving.get(route.name) ?? noCost,
    })
  })
  const direct = totals(traffic.cells.filter((cell) => cell.version === null))
  return {
    window: windowOf(request, traffic),
    total: totalOf(rows, direct, [...proving.values()]),
    days: dayRows(days),
    routes: rows.sort(bySaving),
    assumptions,
  }
}

const assumptions: readonly string[] = [
  `The strongest model would have written as many output tokens as were written. If it wrote ${outputSlack * 100} % less or more, the saving lies in the range shown; this is no confidence interval.`,
  'Prompts stay the same, and what was cached stays cached. Retries and fallbacks are in the actual cost only.',
  "Actual cost is what was recorded, at the prices of that moment; the comparison uses the strongest model's price of now.",
  'Requests without a price or without token counts are counted and left out of both sides: an unknown cost is never 0.',
  'The previous version is compared by cost per request for each task, weighted by the tasks of the stable version, from its newest 5,000 priced requests; the interval is 95 %.',
]

function strongestOf(
  route: SavingsRoute,
  cells: readonly TrafficCell[],
  catalogue: readonly PricedModel[],
  scores: Scores,
): Strongest | null {
  const price = new Map(catalogue.map((each) => [each.model, each.price]))
  const pool = route.pool.map((model) => ({
    model,
    price: price.get(model) ?? null,
    scores: scores.get(model) ?? new Map<string, Sample>(),
  }))
  return strongestModel(pool, tokensOf(cells))
}

function tokensOf(cells: readonly TrafficCell[]) {
  const sums = totals(cells)
  return { inputTokens: sums.pricedInput, cachedInputTokens: sums.pricedCached, outputTokens: sums.pricedOutput }
}

function comparison(cells: readonly TrafficCell[], strongest: Strongest | null): Comparison | null {
  const sums = totals(cells)
  if (strongest === null || sums.priced === 0) return null
  const tokens = tokensOf(cells)
  const at = (factor: number) => costAtPrice(strongest.price, tokens, factor)
  return comparisonOf({
    requests: sums.priced,
    actual: sums.costMicroUsd,
    other: at(1),
    low: at(1 - outputSlack),
    high: at(1 + outputSlack),
    // Requests the strongest model answered itself are known, not assumed: they move neither end.
    own: ownSlack(cells, strongest),
  })
}

/** What the strongest model's own answers would add to either end of the range, micro-dollars. */
function ownSlack(cells: readonly TrafficCell[], strongest: Strongest): number {
  const tokens = tokensOf(cells.filter((cell) => cell.model === strongest.model))
  return costAtPrice(strongest.price, tokens, 1 + outputSlack) - costAtPrice(strongest.price, tokens)
}

function comparisonOf(of: {
  requests: number
  actual: number
  other: number
  low: number
  high: number
  own: number
}): Comparison {
  const saved = of.other - of.actual
  return {
    requests: of.requests,
    actualMicroUsd: Math.round(of.actual),
    otherMicroUsd: Math.round(of.other),
    savedMicroUsd: Math.round(saved),
    savedRatio: of.other === 0 ? null : saved / of.other,
    savedRangeMicroUsd: [Math.round(of.low + of.own - of.actual), Math.round(of.high - of.own - of.actual)],
  }
}

interface RouteEvidence {
  readonly strongest: Strongest | null
  readonly previous: ReadonlyMap<string | null, Sample>
  readonly quality: readonly QualityLine[]
  readonly proving: ProvingCost
}

function routeSavings(route: SavingsRoute, cells: readonly TrafficCell[], evidence: RouteEvidence): RouteSavings {
  const sums = totals(cells)
  const { strongest, quality } = evidence
  const previous = previousComparison(route, cells, evidence.previous)
  return {
    route: route.name,
    owner: route.owner,
    stableVersion: route.stableVersion,
    requests: sums.requests,
    excluded: {
      unpriced: sums.answered - sums.priced,
      unanswered: sums.requests - sums.answered,
      withoutComparison: strongest === null ? sums.priced : 0,
    },
    strongestModel: strongest === null ? null : { model: strongest.model, by: strongest.by, reason: strongest.reason },
    strongest: comparison(cells, strongest),
    previous,
    previousNote: previous === null ? previousNote(route, evidence.previous) : null,
    quality,
    warning: warningOf(quality, route),
    proving: evidence.proving,
  }
}

function previousComparison(
  route: SavingsRoute,
  cells: readonly TrafficCell[],
  previous: ReadonlyMap<string | null, Sample>,
): PreviousComparison | null {
  if (route.previousVersion === null) return null
  const stable = cells.filter((cell) => cell.version === route.stableVersion)
  const current = new Map(
    [...Map.groupBy(stable, (cell) => cell.task)].map(([task, part]) => {
      const squares = part.reduce((sum, cell) => sum + cell.costSquares, 0)
      const { priced, costMicroUsd } = totals(part)
      return [task, sampleOf(priced, costMicroUsd, squares)] as const
    }),
  )
  const compared = compareOnMix(current, previous)
  if (compared === null) return null
  const all = (each: number) => Math.round(each * compared.requests)
  return {
    version: route.stableVersion,
    previousVersion: route.previousVersion,
    requests: compared.requests,
    previousRequests: compared.otherRequests,
    currentEachMicroUsd: compared.currentEach,
    previousEachMicroUsd: compared.otherEach,
    savedEachMicroUsd: compared.savedEach,
    savedEachIntervalMicroUsd: compared.interval,
    savedMicroUsd: all(compared.savedEach),
    savedIntervalMicroUsd: [all(compared.interval[0]), all(compared.interval[1])],
    coverage: compared.coverage,
  }
}

function previousNote(route: SavingsRoute, previous: ReadonlyMap<string | null, Sample>): string {
  if (route.previousVersion === null)
    return `v${route.stableVersion} is the first stable version: there is none before it.`
  if (previous.size === 0) return `No priced request of v${route.previousVersion} is in the decision log.`
  return `v${route.stableVersion} has too few priced requests of the tasks that v${route.previousVersion} was asked.`
}

interface DaySums {
  requests: number
  actual: number
  strongest: number
}

function addDays(days: Map<number, DaySums>, cells: readonly TrafficCell[], strongest: Strongest): void {
  for (const cell of cells) {
    if (cell.priced === 0) continue
    const day = days.get(cell.day) ?? { requests: 0, actual: 0, strongest: 0 }
    day.requests += cell.priced
    day.actual += cell.costMicroUsd
    day.strongest += costAtPrice(strongest.price, tokensOf([cell]))
    days.set(cell.day, day)
  }
}

/** From the first day with traffic to the last, the quiet ones between them included. */
function dayRows(days: ReadonlyMap<number, DaySums>): SavingsDay[] {
  if (days.size === 0) return []
  const first = Math.min(...days.keys())
  const last = Math.max(...days.keys())
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const sums = days.get(first + index) ?? { requests: 0, actual: 0, strongest: 0 }
    return {
      at: dayStartMs(first + index),
      requests: sums.requests,
      actualMicroUsd: Math.round(sums.actual),
      strongestMicroUsd: Math.round(sums.strongest),
    }
  })
}

function totalOf(
  routes: readonly RouteSavings[],
  direct: ReturnType<typeof totals>,
  costs: readonly ProvingCost[],
): SavingsTotal {
  const sum = (read: (row: RouteSavings) => number) => routes.reduce((total, row) => total + read(row), 0)
  const strongest = sumComparisons(routes.flatMap((row) => row.strongest ?? []))
  const proving = costs.reduce(
    (total, cost) => ({
      shadowMicroUsd: total.shadowMicroUsd + cost.shadowMicroUsd,
      evalMicroUsd: total.evalMicroUsd + cost.evalMicroUsd,
      unpricedCalls: total.unpricedCalls + cost.unpricedCalls,
    }),
    noCost,
  )
  return {
    requests: sum((row) => row.requests),
    strongest,
    excluded: {
      unpriced: sum((row) => row.excluded.unpriced),
      unanswered: sum((row) => row.excluded.unanswered),
      withoutComparison: sum((row) => row.excluded.withoutComparison),
    },
    direct: {
      requests: direct.requests,
      costMicroUsd: direct.priced === 0 ? null : direct.costMicroUsd,
      unpriced: direct.answered - direct.priced,
    },
    proving,
    netMicroUsd: strongest === null ? null : strongest.savedMicroUsd - proving.shadowMicroUsd - proving.evalMicroUsd,
    warnings: routes.filter((row) => row.warning?.kind === 'fell').length,
  }
}

function sumComparisons(parts: readonly Comparison[]): Comparison | null {
  if (parts.length === 0) return null
  const sum = (read: (part: Comparison) => number) => parts.reduce((total, part) => total + read(part), 0)
  const actualMicroUsd = sum((part) => part.actualMicroUsd)
  const otherMicroUsd = sum((part) => part.otherMicroUsd)
  const savedMicroUsd = otherMicroUsd - actualMicroUsd
  return {
    requests: sum((part) => part.requests),
    actualMicroUsd,
    otherMicroUsd,
    savedMicroUsd,
    savedRatio: otherMicroUsd === 0 ? null : savedMicroUsd / otherMicroUsd,
    savedRangeMicroUsd: [sum((part) => part.savedRangeMicroUsd[0]), sum((part) => part.savedRangeMicroUsd[1])],
  }
}

function bySaving(a: RouteSavings, b: RouteSavings): number {
  return (b.strongest?.savedMicroUsd ?? 0) - (a.strongest?.savedMicroUsd ?? 0) || (a.route < b.route ? -1 : 1)
}
