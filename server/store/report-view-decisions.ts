import { type Kysely, sql } from 'kysely'
import type { Attempt, Exclusion } from '#domain/decision.ts'
import type { DecisionRow, DecisionsView, DecisionView } from '#reports/decision-view.ts'
import type { Fact } from '#reports/view-parts.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** What a list of decisions is narrowed to; '' means not at all. */
export interface DecisionFilters {
  readonly route: string
  readonly arm: string
  readonly model: string
  readonly version: string
}

export interface DecisionCursor {
  readonly atMs: number
  readonly requestId: string
}

const pageSize = 50
const maxRouteNames = 200

/** One page of decisions, newest first, and the place where the next one starts (null: this was the last). */
export async function readDecisionsView(
  db: Db,
  filters: DecisionFilters,
  after: DecisionCursor | null,
): Promise<{ view: Omit<DecisionsView, 'nextUrl'>; next: DecisionCursor | null }> {
  const version = /^\d{1,9}$/.test(filters.version) ? Number(filters.version) : null
  const where = [
    sql`true`,
    ...(filters.route === '' ? [] : [sql`route = ${filters.route}`]),
    ...(filters.arm === '' ? [] : [sql`arm = ${filters.arm}`]),
    ...(filters.model === '' ? [] : [sql`model = ${filters.model}`]),
    ...(version === null ? [] : [sql`version = ${version}`]),
    ...(after === null ? [] : [sql`(at, request_id) < (${new Date(after.atMs)}, ${after.requestId})`]),
  ]
  const { rows } = await sql<{
    request_id: string
    at: Date
    route: string
    version: number | null
    arm: string
    model: string | null
    rule: string | null
    status: number
    attempts: number
    is_fallback: boolean
    cost_micro_usd: string | null
    total_ms: number
  }>`
    select request_id, at, route, version, arm, model, rule, status, jsonb_array_length(attempts) as attempts, is_fallback,
      cost_micro_usd::text as cost_micro_usd, total_ms
    from decisions where ${sql.join(where, sql` and `)}
    order by at desc, request_id desc limit ${pageSize + 1}`.execute(db)
  const routes = await db.selectFrom('routes').select('name').orderBy('name').limit(maxRouteNames).execute()
  const items = rows.slice(0, pageSize).map(
    (row): DecisionRow => ({
      requestId: row.request_id,
      at: row.at.getTime(),
      route: row.route,
      version: row.version,
      arm: row.arm,
      model: row.model,
      rule: row.rule,
      status: row.status,
      attempts: row.attempts,
      isFallback: row.is_fallback,
      costMicroUsd: row.cost_micro_usd === null ? null : Number(row.cost_micro_usd),
      totalMs: row.total_ms,
    }),
  )
  const last = rows.length > pageSize ? items.at(-1) : undefined
  return {
    view: { filters, items, routes: routes.map((row) => row.name) },
    next: last === undefined ? null : { atMs: last.at, requestId: last.requestId },
  }
}

/** One decision with its attempts and feedback; null when there is none with this id. */
export async function readDecisionView(db: Db, requestId: string): Promise<DecisionView | null> {
  const row = await db.selectFrom('decisions').selectAll().where('request_id', '=', requestId).executeTakeFirst()
  if (row === undefined) return null
  const feedback = await db
    .selectFrom('feedback')
    .select(['at', 'signal', 'value', 'by', 'comment'])
    .where('request_id', '=', requestId)
    .orderBy('at', 'desc')
    .limit(50)
    .execute()
  const attempts = row.attempts as Attempt[]
  return {
    requestId: row.request_id,
    at: row.at.getTime(),
    sentence: decisionSentence(row, attempts),
    status: row.status,
    errorCode: row.error_code,
    facts: factsOf(row),
    usage:
      row.input_tokens === null || row.output_tokens === null
        ? null
        : {
            inputTokens: row.input_tokens,
            cachedInputTokens: row.cached_input_tokens ?? 0,
            outputTokens: row.output_tokens,
            reasoningTokens: row.reasoning_tokens ?? 0,
            isEstimated: row.is_usage_estimated === true,
          },
    costMicroUsd: row.cost_micro_usd === null ? null : Number(row.cost_micro_usd),
    eligible: row.eligible,
    chosen: row.model,
    excluded: row.excluded as Exclusion[],
    attempts,
    totalMs: row.total_ms,
    metadata: Object.entries(row.metadata).map(([name, value]) => ({ name, value: String(value) })),
    feedback: feedback.map((entry) => ({ ...entry, at: entry.at.getTime() })),
    route: row.route,
    proposalId: row.proposal_id,
  }
}

interface Decided {
  readonly model: string | null
  readonly rule: string | null
  readonly reason: string
  readonly status: number
  readonly is_fallback: boolean
}

/** Why this model, in one sentence. */
export function decisionSentence(row: Decided, attempts: readonly Attempt[]): string {
  const why = row.rule === null ? row.reason : `rule "${row.rule}": ${row.reason}`
  if (row.model === null) return `No model was asked (${row.reason}).`
  const first = attempts[0]?.model
  if (row.status >= 400) return `${row.model} was asked last and the request failed (${why}).`
  if (row.is_fallback && first !== undefined && first !== row.model) {
    return `${row.model} answered as a fallback: ${first} was chosen first (${why}) and did not answer.`
  }
  return `${row.model} answered (${why}).`
}

function factsOf(row: {
  route: string
  version: number | null
  arm: string
  bucket: number | null
  rule: string | null
  task: string | null
  reason: string
  prompt_version: string | null
  snapshot_epoch: string
  is_stream: boolean
}): Fact[] {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Route', row.version === null ? row.route : `${row.route} v${row.version}`],
    ['Arm', row.arm],
    ['Bucket', row.bucket === null ? null : `${row.bucket} of 10,000`],
    ['Rule', row.rule],
    ['Task', row.task],
    ['Reason', row.reason],
    ['Prompt', row.prompt_version],
    ['Answer', row.is_stream ? 'streamed' : 'at once'],
    ['Snapshot', `epoch ${row.snapshot_epoch}`],
  ]
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]))
}
