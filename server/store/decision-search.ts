import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** Metadata a decision can be found by, each under its own name. */
export const metadataFilters = ['workflow', 'team', 'user', 'project', 'account', 'session', 'environment'] as const
export type MetadataFilter = (typeof metadataFilters)[number]

/** First digit of the status; 499 counts apart: the client had gone, nobody failed. */
export const statusClasses = ['2xx', '4xx', '499', '5xx'] as const
export type StatusClass = (typeof statusClasses)[number]

/** What decisions are looked for: all that is given must hold. */
export interface DecisionFilter {
  readonly route?: string
  readonly version?: number
  readonly arm?: string
  readonly model?: string
  readonly provider?: string
  readonly task?: string
  readonly rule?: string
  /** `name@version` */
  readonly prompt?: string
  readonly proposal?: string
  readonly status?: StatusClass
  readonly errorCode?: string
  /** Ids of keys: one of these. */
  readonly keys?: readonly string[]
  readonly metadata?: Readonly<Partial<Record<MetadataFilter, string>>>
  /** Some model of the pool was excluded by this reason. */
  readonly excludedBy?: string
  readonly isFallback?: boolean
  readonly endpoint?: string
  /** At least, micro-dollars. */
  readonly minCostMicroUsd?: number
  /** At least, of the whole answer. */
  readonly minLatencyMs?: number
  readonly hasFeedback?: boolean
  /** Half open, milliseconds since the epoch. */
  readonly since?: number
  readonly until?: number
}

type Part = RawBuilder<unknown>

/**
 * The filter as one condition on `decisions`. Written so that the indexes of migration 0010 carry it: a model names its provider
 * too, and metadata is contained, not compared.
 */
export function filterSql(filter: DecisionFilter): Part {
  const parts = [...columnParts(filter), ...documentParts(filter), ...boundParts(filter)]
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `)
}

function columnParts(filter: DecisionFilter): Part[] {
  const { route, version, arm, model, provider, task, rule, prompt, proposal, errorCode, endpoint, status } = filter
  const named = provider ?? model?.slice(0, model.indexOf('/'))
  return [
    ...(route === undefined ? [] : [sql`route = ${route}`]),
    ...(version === undefined ? [] : [sql`version = ${version}`]),
    ...(arm === undefined ? [] : [sql`arm = ${arm}`]),
    ...(named === undefined ? [] : [sql`provider = ${named}`]),
    ...(model === undefined ? [] : [sql`model = ${model}`]),
    ...(task === undefined ? [] : [sql`task = ${task}`]),
    ...(rule === undefined ? [] : [sql`rule = ${rule}`]),
    ...(prompt === undefined ? [] : [sql`prompt_version = ${prompt}`]),
    ...(proposal === undefined ? [] : [sql`proposal_id = ${proposal}`]),
    ...(errorCode === undefined ? [] : [sql`error_code = ${errorCode}`]),
    ...(endpoint === undefined ? [] : [sql`endpoint = ${endpoint}`]),
    ...(status === undefined ? [] : [statusPart(status)]),
  ]
}

function statusPart(status: StatusClass): Part {
  switch (status) {
    case '2xx':
      return sql`status < 400`
    case '4xx':
      return sql`status >= 400 and status < 500 and status <> 499`
    case '499':
      return sql`status >= 400 and status = 499`
    case '5xx':
      return sql`status >= 400 and status >= 500`
  }
}

function documentParts({ keys, metadata, excludedBy, hasFeedback, isFallback }: DecisionFilter): Part[] {
  const wanted = Object.entries(metadata ?? {}).filter(([, value]) => value !== undefined)
  const said = sql`exists (select 1 from feedback f where f.request_id = decisions.request_id)`
  return [
    ...(keys === undefined ? [] : [sql`key_id in (${sql.join([...keys])})`]),
    ...(wanted.length === 0 ? [] : [sql`metadata @> ${JSON.stringify(Object.fromEntries(wanted))}::jsonb`]),
    ...(excludedBy === undefined
      ? []
      : [
          sql`excluded <> '[]'::jsonb and jsonb_path_query_array(excluded, '$[*].by') @> ${JSON.stringify([excludedBy])}::jsonb`,
        ]),
    ...(isFallback === undefined ? [] : [isFallback ? sql`is_fallback` : sql`not is_fallback`]),
    ...(hasFeedback === undefined ? [] : [hasFeedback ? said : sql`not ${said}`]),
  ]
}

function boundParts({ minCostMicroUsd, minLatencyMs, since, until }: DecisionFilter): Part[] {
  return [
    ...(minCostMicroUsd === undefined ? [] : [sql`cost_micro_usd >= ${minCostMicroUsd}`]),
    ...(minLatencyMs === undefined ? [] : [sql`total_ms >= ${minLatencyMs}`]),
    ...(since === undefined ? [] : [sql`at >= ${new Date(since)}`]),
    ...(until === undefined ? [] : [sql`at < ${new Date(until)}`]),
  ]
}

/** Ids of the keys that a word means: those of this name, and the word itself as an id. */
export async function keysNamed(db: Db, word: string): Promise<string[]> {
  const rows = await db.selectFrom('api_keys').select('id').where('name', '=', word).orderBy('id').limit(50).execute()
  return [word, ...rows.map((row) => row.id)]
}

export interface DecisionPlace {
  readonly at: number
  readonly requestId: string
}

/** Ids of a page in order of time, newest first: what the join in front of it reads rows by. */
export function pageSql(filter: DecisionFilter, limit: number, after: DecisionPlace | null): Part {
  const place = after === null ? sql`true` : sql`(at, request_id) < (${new Date(after.at)}, ${after.requestId})`
  return sql`select request_id from decisions where ${filterSql(filter)} and ${place}
    order by at desc, request_id desc limit ${limit}`
}

export interface DecisionSummary {
  /** At most `maxSummed`: the newest that match. */
  readonly requests: number
  /** More match than were summed up. */
  readonly isCut: boolean
  readonly errors: number
  /** Of priced requests; null: none is priced. */
  readonly costMicroUsd: number | null
  /** Answered without a price. */
  readonly unpriced: number
  /** Of answered requests. */
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
}

const maxSummed = 10_000

/** Count, errors, cost and latency over the newest 10,000 decisions that match. */
export async function summarizeDecisions(db: Db, filter: DecisionFilter): Promise<DecisionSummary> {
  const { rows } = await sql<Omit<DecisionSummary, 'isCut'>>`
    select least(count(*), ${maxSummed})::int as requests,
      (count(*) filter (where status >= 400 and status <> 499))::int as errors,
      sum(cost_micro_usd)::float8 as "costMicroUsd",
      (count(*) filter (where cost_micro_usd is null and input_tokens is not null))::int as unpriced,
      percentile_disc(0.5) within group (order by total_ms) filter (where status < 400) as "latencyP50Ms",
      percentile_disc(0.95) within group (order by total_ms) filter (where status < 400) as "latencyP95Ms"
    from (
      select status, cost_micro_usd, input_tokens, total_ms from decisions where ${filterSql(filter)}
      order by at desc, request_id desc limit ${maxSummed}
    ) found`.execute(db)
  const row = rows[0]
  if (row === undefined) throw new Error('an aggregate without a group always has one row')
  return { ...row, isCut: row.requests >= maxSummed }
}
