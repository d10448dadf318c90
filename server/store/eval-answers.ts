import { type Kysely, sql } from 'kysely'
import type { Outcome } from '#domain/evidence.ts'
import { type Database, json } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredAnswer {
  readonly output: string | null
  readonly finishReason: string | null
  readonly toolCalls: readonly unknown[] | null
  readonly model: string | null
  readonly errorClass: string | null
  readonly error: string | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly latencyMs: number
  /** Names everything the answer depends on (answer-key.ts); absent or null: it may not be used again. */
  readonly cacheKey?: string | null
  /** Taken from an earlier answer with the same key: cost and latency are that one's, and nothing was paid. */
  readonly isCached?: boolean
}

export interface AnswerPlace {
  readonly target: number
  readonly position: number
  readonly repeat: number
}

export interface ScoreRow {
  readonly evaluator: string
  readonly version: string
  readonly status: string
  readonly value: number | null
  readonly reason: string | null
  readonly details: unknown
  readonly costMicroUsd: number | null
}

/** An answer with what could be scored at once. */
export interface AnsweredItem {
  readonly place: AnswerPlace
  readonly answer: StoredAnswer
  readonly scores: readonly ScoreRow[]
  /** True when no further score is due. */
  readonly isScored: boolean
}

/**
 * Stores a batch of answers with their scores in one statement, each answer once: another worker's answer that is already
 * there stands, and this one with its scores is discarded. What was paid is added to the run's spending.
 *
 * @returns number stored
 */
export async function storeAnswers(
  db: Database,
  runId: string,
  items: readonly AnsweredItem[],
  nowMs: number,
): Promise<number> {
  if (items.length === 0) return 0
  const answers = safeJson(items.map(answerRecord))
  const scores = safeJson(items.flatMap((item) => item.scores.map((score) => scoreRecord(item.place, score))))
  const { rows } = await sql<{ stored: number }>`
    with incoming as (
      select * from json_to_recordset(${answers}::json) as x(target int, position int, repeat int, status text, is_scored boolean,
        model text, output text, finish_reason text, tool_calls jsonb, error_class text, error text, input_tokens int,
        output_tokens int, cost_micro_usd bigint, latency_ms int, cache_key text, is_cached boolean)
    ), stored as (
      update eval_answers a set status = x.status, is_scored = x.is_scored, model = x.model, output = x.output,
        finish_reason = x.finish_reason, tool_calls = x.tool_calls, error_class = x.error_class, error = x.error,
        input_tokens = x.input_tokens, output_tokens = x.output_tokens, cost_micro_usd = x.cost_micro_usd,
        latency_ms = x.latency_ms, cache_key = x.cache_key, is_cached = x.is_cached, answered_at = ${new Date(nowMs)}
      from incoming x
      where a.run_id = ${runId} and a.target = x.target and a.position = x.position and a.repeat = x.repeat
        and a.status = 'pending'
      returning a.target, a.position, a.repeat, a.is_cached, a.cost_micro_usd
    ), scored as (
      ${insertScores(runId, scores)}
    ), paid as (
      update eval_runs set spent_micro_usd = spent_micro_usd + p.cost
      from (select sum(cost_micro_usd) as cost from stored where not is_cached) p
      where id = ${runId} and p.cost > 0
    )
    select count(*)::int as stored from stored`.execute(db)
  return rows[0]?.stored ?? 0
}

/** Scores of the answers that the statement's `stored` has stored, and of no others. @param scores JSON of score records */
function insertScores(runId: string, scores: string) {
  return sql`insert into eval_scores (run_id, target, position, repeat, evaluator, evaluator_version, status, value, reason,
      details, cost_micro_usd)
    select ${runId}, s.target, s.position, s.repeat, s.evaluator, s.evaluator_version, s.status, s.value, s.reason,
      s.details, s.cost_micro_usd
    from json_to_recordset(${scores}::json) as s(target int, position int, repeat int, evaluator text,
        evaluator_version text, status text, value float8, reason text, details jsonb, cost_micro_usd bigint)
      join stored on stored.target = s.target and stored.position = s.position and stored.repeat = s.repeat
    on conflict do nothing`
}

/** Scores of answers that are stored, one entry per answer. */
export interface ScoredAnswer {
  readonly place: AnswerPlace
  readonly scores: readonly ScoreRow[]
}

/**
 * Stores the scores of an item's answers and frees its lease. The first to store an answer's scores stands: what a worker
 * brings whose lease had run out is discarded.
 *
 * @returns number of answers whose scores were stored now
 */
export async function storeScores(db: Database, runId: string, items: readonly ScoredAnswer[]): Promise<number> {
  if (items.length === 0) return 0
  const places = json(items.map((item) => item.place))
  const scores = safeJson(items.flatMap((item) => item.scores.map((score) => scoreRecord(item.place, score))))
  const { rows } = await sql<{ stored: number }>`
    with stored as (
      update eval_answers a set is_scored = true
      from json_to_recordset(${places}::json) as x(target int, position int, repeat int)
      where a.run_id = ${runId} and a.target = x.target and a.position = x.position and a.repeat = x.repeat
        and not a.is_scored
      returning a.target, a.position, a.repeat
    ), scored as (
      ${insertScores(runId, scores)} returning cost_micro_usd
    ), paid as (
      update eval_runs set spent_micro_usd = spent_micro_usd + p.cost
      from (select sum(cost_micro_usd) as cost from scored) p where id = ${runId} and p.cost > 0
    )
    select count(*)::int as stored from stored`.execute(db)
  return rows[0]?.stored ?? 0
}

/** Spent so far by all workers of a run, micro-dollars. */
export async function readSpent(db: Db, runId: string): Promise<number> {
  const row = await db.selectFrom('eval_runs').select('spent_micro_usd').where('id', '=', runId).executeTakeFirst()
  return Number(row?.spent_micro_usd ?? 0)
}

/** Where answers may come from: all runs since a time, or one run. */
export type Reuse = { readonly sinceMs: number } | { readonly runId: string }

/** Answers that may be used again, by key: the newest that was fetched itself. */
export async function findAnswers(
  db: Db,
  keys: readonly string[],
  reuse: Reuse,
): Promise<ReadonlyMap<string, StoredAnswer>> {
  if (keys.length === 0) return new Map()
  const query = db
    .selectFrom('eval_answers')
    .select(['cache_key', 'model', 'output', 'finish_reason', 'tool_calls', 'input_tokens', 'output_tokens'])
    .select(['cost_micro_usd', 'latency_ms'])
    .where('cache_key', 'in', [...keys])
    .where('status', '=', 'answered')
    .where('is_cached', '=', false)
    .orderBy('answered_at')
  const rows = await ('runId' in reuse
    ? query.where('run_id', '=', reuse.runId)
    : query.where('answered_at', '>=', new Date(reuse.sinceMs))
  ).execute()
  return new Map(
    rows.map((row) => [
      row.cache_key ?? '',
      {
        output: row.output,
        finishReason: row.finish_reason,
        toolCalls: row.tool_calls,
        model: row.model,
        errorClass: null,
        error: null,
        inputTokens: row.input_tokens,
        outputTokens: row.output_tokens,
        costMicroUsd: row.cost_micro_usd === null ? null : Number(row.cost_micro_usd),
        latencyMs: row.latency_ms ?? 0,
        cacheKey: row.cache_key,
        isCached: true,
      },
    ]),
  )
}

/** What two targets showed on one item in one repeat. */
export interface AnswerPair {
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
  /** Items that share it are not independent: the item's `cluster`, else the item itself where it was repeated, else null. */
  readonly cluster: string | null
}

export interface PairQuery {
  readonly runId: string
  /** Index of the target compared with target 0. */
  readonly candidate: number
  /** Evaluators that compare in pairs: their baseline is what is left of 1. */
  readonly pairwise: readonly string[]
}

/** Outcomes of target 0 and one other on the items that the other has, in item order. */
export async function readPairs(db: Db, query: PairQuery): Promise<AnswerPair[]> {
  const { runId, candidate } = query
  const { rows } = await sql<{ cluster: string | null; outcomes: Record<string, Outcome> }>`
    select coalesce('named ' || coalesce(i.item ->> 'cluster', i.item -> 'slice' ->> 'cluster'),
        case when r.repeats > 1 then a.position::text end) as cluster,
      json_object_agg(a.target, json_build_object(
      'values', (case when a.status = 'answered' then jsonb_build_object('error_rate', 0, 'latency_ms', a.latency_ms)
          || case when a.cost_micro_usd is null then '{}'::jsonb else jsonb_build_object('cost_usd', a.cost_micro_usd / 1e6) end
          || case when a.finish_reason = 'content_filter' then '{"refusal_rate": 1}'::jsonb else '{"refusal_rate": 0}'::jsonb end
        else jsonb_build_object('error_rate', 1) end) || coalesce(s.scored, '{}'::jsonb),
      'missing', coalesce(s.missing, '{}'::jsonb))) as outcomes
    from eval_answers a join eval_runs r on r.id = a.run_id
    join dataset_items i on i.sha256 = r.sha256 and i.position = a.position
    left join lateral (
      select jsonb_object_agg(e.evaluator, e.value) filter (where e.status = 'scored') as scored,
        jsonb_object_agg(e.evaluator, case when e.status = 'not_applicable' then 'not_applicable' else 'infrastructure' end)
          filter (where e.status <> 'scored') as missing
      from eval_scores e where e.run_id = a.run_id and e.target = a.target and e.position = a.position and e.repeat = a.repeat
    ) s on true
    where a.run_id = ${runId} and a.target in (0, ${candidate})
    group by a.position, a.repeat, i.sha256, i.position, r.id having bool_or(a.target = ${candidate} and a.error_class is distinct from 'not_on_path')
    order by a.position, a.repeat`.execute(db)
  return rows.map(({ cluster, outcomes }) => {
    const after = outcomes[String(candidate)] ?? null
    return { baseline: mirrored(outcomes['0'] ?? null, after, query.pairwise), candidate: after, cluster }
  })
}

/**
 * The baseline's value under a pairwise evaluator is what is left of 1 by the very target it is compared with; whoever gave no
 * answer has lost to one that did.
 */
function mirrored(baseline: Outcome | null, other: Outcome | null, pairwise: readonly string[]): Outcome | null {
  if (baseline === null || pairwise.length === 0) return baseline
  const values = { ...baseline.values }
  const missing = { ...baseline.missing }
  for (const name of pairwise) {
    // What is stored for the baseline is of its pair with the candidate: a path's pair may lack what that one has.
    delete values[name]
    delete missing[name]
    const [value, why] = [other?.values[name], other?.missing[name]]
    if (value !== undefined) values[name] = 1 - value
    else if (other?.values['error_rate'] === 1 && baseline.values['error_rate'] === 0) values[name] = 1
    else if (why !== undefined) missing[name] = why
  }
  return { ...baseline, values, missing }
}

function answerRecord({ place, answer, isScored }: AnsweredItem) {
  return {
    ...place,
    status: answer.errorClass === null ? 'answered' : 'errored',
    is_scored: isScored || answer.errorClass !== null,
    model: answer.model,
    output: answer.output,
    finish_reason: answer.finishReason,
    tool_calls: answer.toolCalls,
    error_class: answer.errorClass,
    error: answer.error,
    input_tokens: answer.inputTokens,
    output_tokens: answer.outputTokens,
    cost_micro_usd: answer.costMicroUsd,
    latency_ms: answer.latencyMs,
    cache_key: answer.cacheKey ?? null,
    is_cached: answer.isCached ?? false,
  }
}

function scoreRecord(place: AnswerPlace, score: ScoreRow) {
  return {
    ...place,
    evaluator: score.evaluator,
    evaluator_version: score.version,
    status: score.status,
    value: score.value,
    reason: score.reason,
    details: score.details ?? null,
    cost_micro_usd: score.costMicroUsd,
  }
}

/** NUL and lone surrogates, which a model may well write, have no place in PostgreSQL's text: they become U+FFFD. */
function safeJson(value: unknown): string {
  const text = json(value)
  if (!/\\u(0000|d[89a-f])/.test(text)) return text
  return JSON.stringify(value, (_, child: unknown) =>
    typeof child === 'string' ? child.replaceAll('\u0000', '\uFFFD').toWellFormed() : child,
  )
}
