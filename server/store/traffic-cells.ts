import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface ReportSpan {
  /** Half open, milliseconds since the epoch. */
  readonly sinceMs: number
  readonly untilMs: number
}

/** A report sums up at most this many requests, the newest of its window, so that its time has a bound. */
const maxReportRequests = 1_000_000
const dayMs = 86_400_000

/** Requests that share a day, route, version, model, task and prompt. */
export interface TrafficCell {
  /** Days since the epoch, UTC. */
  readonly day: number
  readonly route: string
  /** null: the model was addressed directly; the route is then its name. */
  readonly version: number | null
  readonly model: string | null
  readonly task: string | null
  readonly prompt: string | null
  readonly requests: number
  /** Status 400 and above, but for clients that had gone. */
  readonly errors: number
  /** With known tokens. */
  readonly answered: number
  /** Of these, with a cost. */
  readonly priced: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of priced requests only. */
  readonly pricedInput: number
  readonly pricedCached: number
  readonly pricedOutput: number
  readonly costMicroUsd: number
  readonly costSquares: number
}

export interface Traffic {
  readonly cells: readonly TrafficCell[]
  readonly coveredSinceMs: number
  readonly isCut: boolean
}

/** The window summed up, from the covering index alone (`decisions_covering`). */
export async function readTrafficCells(db: Db, span: ReportSpan, limit = maxReportRequests): Promise<Traffic> {
  const { rows } = await sql<TrafficCell & { oldest: Date }>`
    select floor(extract(epoch from at) / 86400)::int as day, route, version, model, task, prompt_version as prompt,
      count(*)::int as requests,
      (count(*) filter (where status >= 400 and status <> 499))::int as errors,
      (count(*) filter (where input_tokens is not null and output_tokens is not null))::int as answered,
      (count(*) filter (where is_priced))::int as priced,
      coalesce(sum(input_tokens), 0)::float8 as "inputTokens",
      coalesce(sum(output_tokens), 0)::float8 as "outputTokens",
      coalesce(sum(input_tokens) filter (where is_priced), 0)::float8 as "pricedInput",
      coalesce(sum(cached_input_tokens) filter (where is_priced), 0)::float8 as "pricedCached",
      coalesce(sum(output_tokens) filter (where is_priced), 0)::float8 as "pricedOutput",
      coalesce(sum(cost_micro_usd) filter (where is_priced), 0)::float8 as "costMicroUsd",
      coalesce(sum(cost_micro_usd * cost_micro_usd) filter (where is_priced), 0)::float8 as "costSquares",
      min(at) as oldest
    from (
      select at, route, version, model, task, prompt_version, status, input_tokens, cached_input_tokens, output_tokens,
        cost_micro_usd, cost_micro_usd is not null and input_tokens is not null and output_tokens is not null as is_priced
      from decisions where at >= ${new Date(span.sinceMs)} and at < ${new Date(span.untilMs)}
      order by at desc limit ${limit}
    ) recent group by 1, 2, 3, 4, 5, 6`.execute(db)
  const requests = rows.reduce((sum, row) => sum + row.requests, 0)
  const isCut = requests >= limit
  const oldest = Math.min(...rows.map((row) => row.oldest.getTime()))
  return {
    cells: rows.map(({ oldest: _, ...cell }) => cell),
    coveredSinceMs: isCut ? oldest : span.sinceMs,
    isCut,
  }
}

/** Start of a day, milliseconds since the epoch. */
export function dayStartMs(day: number): number {
  return day * dayMs
}

export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs)
}

export interface LatencyRow {
  readonly p50: number
  readonly p95: number
}

/** Total latency of answered requests per route. Smallest value that at least half, or 95 %, do not exceed. */
export async function readRouteLatency(
  db: Db,
  span: ReportSpan,
  limit = maxReportRequests,
): Promise<ReadonlyMap<string, LatencyRow>> {
  const { rows } = await sql<{ route: string; p50: number; p95: number }>`
    select route, percentile_disc(0.5) within group (order by total_ms) as p50,
      percentile_disc(0.95) within group (order by total_ms) as p95
    from (
      select at, route, version, status, total_ms from decisions
      where at >= ${new Date(span.sinceMs)} and at < ${new Date(span.untilMs)} order by at desc limit ${limit}
    ) recent where status < 400 and version is not null group by route`.execute(db)
  return new Map(rows.map((row) => [row.route, row]))
}

/** Requests that named a model instead of a route, by who sent them. */
export interface DirectRow {
  readonly model: string
  readonly keyId: string
  readonly keyName: string | null
  readonly team: string | null
  readonly requests: number
  readonly errors: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly pricedInput: number
  readonly pricedCached: number
  readonly pricedOutput: number
  readonly answered: number
  readonly priced: number
  readonly simple: number
  readonly costMicroUsd: number
  readonly p50: number | null
  readonly p95: number | null
}

const maxDirectRequests = 100_000
const maxDirectRows = 100

/** The largest senders first, over the newest 100,000 such requests. @param simpleTasks counted apart */
export async function readDirectTraffic(
  db: Db,
  span: ReportSpan,
  simpleTasks: ReadonlySet<string>,
): Promise<readonly DirectRow[]> {
  const { rows } = await sql<DirectRow>`
    select coalesce(d.model, d.route) as model, d.key_id as "keyId", k.name as "keyName", d.team,
      count(*)::int as requests,
      (count(*) filter (where status >= 400 and status <> 499))::int as errors,
      coalesce(sum(input_tokens), 0)::float8 as "inputTokens",
      coalesce(sum(output_tokens), 0)::float8 as "outputTokens",
      coalesce(sum(input_tokens) filter (where is_priced), 0)::float8 as "pricedInput",
      coalesce(sum(cached_input_tokens) filter (where is_priced), 0)::float8 as "pricedCached",
      coalesce(sum(output_tokens) filter (where is_priced), 0)::float8 as "pricedOutput",
      (count(*) filter (where input_tokens is not null and output_tokens is not null))::int as answered,
      (count(*) filter (where is_priced))::int as priced,
      (count(*) filter (where task in (${sql.join([...simpleTasks])})))::int as simple,
      coalesce(sum(cost_micro_usd) filter (where is_priced), 0)::float8 as "costMicroUsd",
      percentile_disc(0.5) within group (order by total_ms) filter (where status < 400) as p50,
      percentile_disc(0.95) within group (order by total_ms) filter (where status < 400) as p95
    from (
      select route, model, key_id, metadata->>'team' as team, task, status, input_tokens, cached_input_tokens, output_tokens,
        cost_micro_usd, total_ms,
        cost_micro_usd is not null and input_tokens is not null and output_tokens is not null as is_priced
      from decisions where version is null and at >= ${new Date(span.sinceMs)} and at < ${new Date(span.untilMs)}
      order by at desc limit ${maxDirectRequests}
    ) d left join api_keys k on k.id = d.key_id
    group by 1, 2, 3, 4 order by requests desc, 1, 2, 4 limit ${maxDirectRows}`.execute(db)
  return rows
}

/** Applications and callers are documents of a row, so they are counted over the newest requests only. */
export const maxMixRequests = 50_000

/** Requests per route and workflow among the newest of the window. */
export async function readWorkflowMix(
  db: Db,
  span: ReportSpan,
): Promise<readonly { readonly route: string; readonly workflow: string | null; readonly requests: number }[]> {
  const { rows } = await sql<{ route: string; workflow: string | null; requests: number }>`
    select route, workflow, count(*)::int as requests from (
      select route, metadata->>'workflow' as workflow from decisions
      where at >= ${new Date(span.sinceMs)} and at < ${new Date(span.untilMs)} and version is not null
      order by at desc limit ${maxMixRequests}
    ) recent group by 1, 2 order by 3 desc, 1, 2`.execute(db)
  return rows
}
