import { type Kysely, sql } from 'kysely'
import { isLowerBetter } from '#domain/bar.ts'
import { readingOf } from '#domain/gates.ts'
import type { GateResult } from '#domain/promotion-types.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import { meanDifference, qualityChange, type Sample, sampleOf } from '#domain/savings.ts'
import type { ProvingCost, QualityLine } from '#reports/savings-view.ts'
import { unitOf } from './report-view-gates.ts'
import type { Tables } from './tables.ts'
import type { ReportSpan } from './traffic-cells.ts'

type Db = Kysely<Tables>

const maxRoutes = 500
/** Newest requests of a previous version that its cost is taken from. */
const maxPreviousRequests = 5_000
const maxRunsPerRoute = 3
const maxFeedback = 100_000
/** Ratings each version needs before their means are compared. */
const minRatings = 5

export interface SavingsRoute {
  readonly name: string
  readonly owner: string
  readonly stableVersion: number
  readonly previousVersion: number | null
  /** Models that versions which were live could choose. */
  readonly pool: readonly string[]
}

/** Routes with the models of every version that ever was stable: a version that was refused is not what "strongest" means. */
export async function readSavingsRoutes(db: Db): Promise<SavingsRoute[]> {
  const { rows } = await sql<{
    name: string
    owner: string
    stable_version: number
    previous_version: number | null
    specs: readonly RouteSpec[]
  }>`
    select r.name, r.owner, r.stable_version, r.previous_version, jsonb_agg(v.spec order by v.version) as specs
    from (select * from routes order by name limit ${maxRoutes}) r
    join route_versions v on v.route = r.name and (
      v.version in (r.stable_version, r.previous_version)
      or not exists (
        select 1 from proposals p where p.route = v.route and p.version = v.version and p.status not in ('promoted', 'bake')
      )
    ) group by 1, 2, 3, 4 order by 1`.execute(db)
  return rows.map((row) => ({
    name: row.name,
    owner: row.owner,
    stableVersion: row.stable_version,
    previousVersion: row.previous_version,
    pool: [...new Set(row.specs.flatMap(modelsOf))],
  }))
}

/** Cost per request by task of each route's previous version, from its newest 5,000 priced requests whenever they were. */
export async function readPreviousCosts(
  db: Db,
  routes: readonly SavingsRoute[],
): Promise<ReadonlyMap<string, ReadonlyMap<string | null, Sample>>> {
  const asked = routes.flatMap(({ name, previousVersion }) =>
    previousVersion === null ? [] : [{ route: name, version: previousVersion }],
  )
  const byRoute = new Map<string, Map<string | null, Sample>>()
  if (asked.length === 0) return byRoute
  const { rows } = await sql<{ route: string; task: string | null; count: number; sum: number; squares: number }>`
    select a.route, d.task, count(*)::int as count, sum(d.cost_micro_usd)::float8 as sum,
      sum(d.cost_micro_usd * d.cost_micro_usd)::float8 as squares
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as a(route text, version integer)
    cross join lateral (
      select task, cost_micro_usd from decisions
      where route = a.route and version = a.version and cost_micro_usd is not null and input_tokens is not null
      order by at desc, request_id desc limit ${maxPreviousRequests}
    ) d group by 1, 2`.execute(db)
  for (const row of rows) {
    const tasks = byRoute.get(row.route) ?? new Map<string | null, Sample>()
    tasks.set(row.task, sampleOf(row.count, row.sum, row.squares))
    byRoute.set(row.route, tasks)
  }
  return byRoute
}

/** Scores per route, model and evaluator from the newest three finished eval runs of each route's proposals. */
export async function readModelScores(
  db: Db,
): Promise<ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Sample>>>> {
  const { rows } = await sql<{
    route: string
    model: string
    evaluator: string
    count: number
    sum: number
    squares: number
  }>`
    select r.route, a.model, s.evaluator, count(*)::int as count, sum(s.value)::float8 as sum,
      sum(s.value * s.value)::float8 as squares
    from (
      select p.route, e.id, row_number() over (partition by p.route order by e.created_at desc, e.id) as place
      from eval_runs e join proposals p on p.id = e.proposal_id where e.status = 'completed'
    ) r
    join eval_answers a on a.run_id = r.id and a.status = 'answered' and a.model is not null
    join eval_scores s on s.run_id = a.run_id and s.target = a.target and s.position = a.position
      and s.repeat = a.repeat and s.status = 'scored'
    where r.place <= ${maxRunsPerRoute} group by 1, 2, 3`.execute(db)
  const byRoute = new Map<string, Map<string, Map<string, Sample>>>()
  for (const row of rows) {
    const models = byRoute.get(row.route) ?? new Map<string, Map<string, Sample>>()
    const scores = models.get(row.model) ?? new Map<string, Sample>()
    scores.set(row.evaluator, sampleOf(row.count, row.sum, row.squares))
    byRoute.set(row.route, models.set(row.model, scores))
  }
  return byRoute
}

/** What the engine measured of each route's stable version against the one before: its offline suite and its last live stage. */
export async function readGateQuality(db: Db): Promise<ReadonlyMap<string, readonly QualityLine[]>> {
  const rows = await db
    .selectFrom('routes as r')
    .innerJoin('proposals as p', (join) =>
      join.onRef('p.route', '=', 'r.name').onRef('p.version', '=', 'r.stable_version'),
    )
    .select(['r.name', 'p.base_version', 'p.gates'])
    .where('p.status', 'in', ['promoted', 'bake'])
    .execute()
  return new Map(rows.map((row) => [row.name, qualityOf(row.gates as GateResult[], row.base_version)]))
}

function qualityOf(gates: readonly GateResult[], baseVersion: number): QualityLine[] {
  const scores = gates.filter((gate) => readingOf(gate.metric).family === 'score' && gate.difference !== null)
  const offline = scores.filter((gate) => gate.stage === 'offline')
  const live = scores.filter((gate) => gate.stage !== 'offline')
  const rank = (gate: GateResult) => ['shadow', 'canary', 'bake'].indexOf(gate.stage) * 1000 + gate.step
  const last = Math.max(...live.map(rank))
  return [...offline, ...live.filter((gate) => rank(gate) === last)].map((gate) => ({
    source: gate.stage === 'offline' ? 'eval' : 'live',
    metric: gate.metric,
    unit: unitOf(gate.metric),
    isLowerBetter: isLowerBetter(gate.metric),
    against: `v${baseVersion}`,
    other: gate.baseline,
    current: gate.candidate,
    difference: gate.difference,
    interval: gate.interval,
    samples: gate.samples,
    change: qualityChange(gate.interval, isLowerBetter(gate.metric)),
  }))
}

interface FeedbackRow {
  readonly route: string
  readonly version: number
  readonly ratings: number
  readonly sum: number
  readonly squares: number
  readonly complained: number
}

/** Feedback of the window by route and version. `complained`: requests with a refusal, escalation, correction, hallucination or ticket. */
export async function readVersionFeedback(db: Db, span: ReportSpan): Promise<readonly FeedbackRow[]> {
  const { rows } = await sql<FeedbackRow>`
    select d.route, d.version, (count(*) filter (where f.signal = 'rating'))::int as ratings,
      coalesce(sum(f.value) filter (where f.signal = 'rating'), 0)::float8 as sum,
      coalesce(sum(f.value * f.value) filter (where f.signal = 'rating'), 0)::float8 as squares,
      (count(distinct f.request_id) filter (where f.signal <> 'rating'))::int as complained
    from (
      select request_id, signal, value from feedback
      where at >= ${new Date(span.sinceMs)} and at < ${new Date(span.untilMs)} order by at desc limit ${maxFeedback}
    ) f join decisions d on d.request_id = f.request_id
    where d.version is not null and d.at >= ${new Date(span.sinceMs)} group by 1, 2`.execute(db)
  return rows
}

/** Lines for what people said of the stable version and the one before. @param requestsOf requests of a version in the window */
export function feedbackQuality(
  feedback: readonly FeedbackRow[],
  route: Pick<SavingsRoute, 'name' | 'stableVersion' | 'previousVersion'>,
  requestsOf: (version: number) => number,
): QualityLine[] {
  const of = (version: number | null) => feedback.find((row) => row.route === route.name && row.version === version)
  const now = of(route.stableVersion)
  const then = of(route.previousVersion)
  const lines: QualityLine[] = []
  if (now !== undefined && now.ratings > 0) lines.push(ratingLine(now, then))
  const requests = requestsOf(route.stableVersion)
  const before = route.previousVersion === null ? 0 : requestsOf(route.previousVersion)
  if ((now?.complained ?? 0) + (then?.complained ?? 0) > 0 && requests > 0) {
    const current = proportion(now?.complained ?? 0, requests)
    lines.push(complaintLine(current, before === 0 ? null : proportion(then?.complained ?? 0, before), route))
  }
  return lines
}

function ratingLine(now: FeedbackRow, then: FeedbackRow | undefined): QualityLine {
  const current = sampleOf(now.ratings, now.sum, now.squares)
  const other = then === undefined || then.ratings === 0 ? null : sampleOf(then.ratings, then.sum, then.squares)
  const isEnough = other !== null && Math.min(current.count, other.count) >= minRatings
  return line('rating', { current, other, isEnough, isLowerBetter: false, against: then?.version ?? null })
}

function complaintLine(
  current: Sample,
  other: Sample | null,
  route: Pick<SavingsRoute, 'previousVersion'>,
): QualityLine {
  const isEnough = other !== null && Math.min(current.count, other.count) >= 30
  return line('complaints', { current, other, isEnough, isLowerBetter: true, against: route.previousVersion })
}

/** Agresti and Caffo: one complaint and one request without are added to each side, so that none at all still has a width. */
function proportion(part: number, whole: number): Sample {
  const adjusted = (part + 1) / (whole + 2)
  return { count: whole, mean: part / whole, variance: adjusted * (1 - adjusted) }
}

function line(
  metric: string,
  of: {
    readonly current: Sample
    readonly other: Sample | null
    readonly isEnough: boolean
    readonly isLowerBetter: boolean
    readonly against: number | null
  },
): QualityLine {
  const compared = of.other === null ? null : meanDifference(of.current, of.other)
  const interval = of.isEnough ? (compared?.interval ?? null) : null
  return {
    source: 'feedback',
    metric,
    unit: of.isLowerBetter ? 'rate' : 'score',
    isLowerBetter: of.isLowerBetter,
    against: of.against === null ? 'nothing' : `v${of.against}`,
    other: of.other?.mean ?? null,
    current: of.current.mean,
    difference: compared?.difference ?? null,
    interval,
    samples: of.current.count,
    change: qualityChange(interval, of.isLowerBetter),
  }
}

/** Cost of shadow calls and eval runs in the window, by route; '' holds eval runs that belong to no proposal. */
export async function readProvingCosts(db: Db, span: ReportSpan): Promise<ReadonlyMap<string, ProvingCost>> {
  const from = new Date(span.sinceMs)
  const to = new Date(span.untilMs)
  const { rows } = await sql<{ route: string; shadow: number; eval: number; unpriced: number }>`
    select route, sum(shadow)::float8 as shadow, sum(eval)::float8 as eval, sum(unpriced)::int as unpriced from (
      select coalesce(p.route, '') as route, coalesce(sum(s.cost_micro_usd), 0) as shadow, 0 as eval,
        count(*) filter (where s.cost_micro_usd is null and s.output_tokens is not null) as unpriced
      from shadow_calls s left join proposals p on p.id = s.proposal_id
      where s.at >= ${from} and s.at < ${to} group by 1
      union all
      select coalesce(p.route, ''), 0, coalesce(sum(a.cost_micro_usd), 0),
        count(*) filter (where a.cost_micro_usd is null and a.output_tokens is not null)
      from eval_runs e join eval_answers a on a.run_id = e.id left join proposals p on p.id = e.proposal_id
      where e.created_at >= ${from} and e.created_at < ${to} and not a.is_cached group by 1
      union all
      select coalesce(p.route, ''), 0, coalesce(sum(c.cost_micro_usd), 0), 0
      from eval_runs e join eval_scores c on c.run_id = e.id left join proposals p on p.id = e.proposal_id
      where e.created_at >= ${from} and e.created_at < ${to} and c.cost_micro_usd is not null group by 1
    ) costs group by route`.execute(db)
  return new Map(
    rows.map((row) => [row.route, { shadowMicroUsd: row.shadow, evalMicroUsd: row.eval, unpricedCalls: row.unpriced }]),
  )
}
