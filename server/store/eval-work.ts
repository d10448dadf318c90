import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Outcome } from '#domain/evidence.ts'
import { type Database, json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** One side of an eval run: a version of a route, or a model addressed directly. */
export interface EvalTarget {
  readonly kind: 'baseline' | 'candidate' | 'model'
  readonly label: string
  readonly route?: string
  readonly version?: number
  readonly model?: string
}

export interface NewEvalRun {
  readonly id: string
  readonly proposalId: string | null
  readonly datasetName: string
  readonly datasetVersion: number
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly { readonly name: string; readonly config?: unknown }[]
  readonly by: string
  readonly at: number
}

export interface EvalRunHead {
  readonly id: string
  readonly proposalId: string | null
  readonly sha256: string
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly { name: string; config?: Record<string, unknown> }[]
  readonly status: string
  readonly planned: number
}

/**
 * Plans a run: one pending answer per item and target. Idempotent for a proposal's dataset.
 *
 * @returns false when the dataset version does not exist
 */
export async function insertEvalRun(tx: Tx, run: NewEvalRun): Promise<boolean> {
  const dataset = await tx
    .selectFrom('dataset_versions')
    .innerJoin('dataset_contents', 'dataset_contents.sha256', 'dataset_versions.sha256')
    .select(['dataset_versions.sha256', 'dataset_contents.item_count'])
    .where('name', '=', run.datasetName)
    .where('version', '=', run.datasetVersion)
    .executeTakeFirst()
  if (dataset === undefined) return false
  await tx
    .insertInto('eval_runs')
    .values({
      id: run.id,
      proposal_id: run.proposalId,
      dataset_name: run.datasetName,
      dataset_version: run.datasetVersion,
      sha256: dataset.sha256,
      targets: json(run.targets),
      evaluators: json(run.evaluators),
      status: 'running',
      planned: dataset.item_count * run.targets.length,
      summary: null,
      error: null,
      created_by: run.by,
      created_at: new Date(run.at),
    })
    .execute()
  await sql`insert into eval_answers (run_id, target, position, item_id, status)
    select ${run.id}, t.target, i.position, i.item_id, 'pending'
    from dataset_items i cross join generate_series(0, ${run.targets.length - 1}::int) as t(target)
    where i.sha256 = ${dataset.sha256}`.execute(tx)
  return true
}

export async function readEvalRun(db: Db, id: string): Promise<EvalRunHead | null> {
  const row = await db.selectFrom('eval_runs').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined
    ? null
    : {
        id: row.id,
        proposalId: row.proposal_id,
        sha256: row.sha256,
        targets: row.targets as EvalTarget[],
        evaluators: row.evaluators as EvalRunHead['evaluators'],
        status: row.status,
        planned: row.planned,
      }
}

export async function runningEvalRunIds(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('eval_runs')
    .select('id')
    .where('status', '=', 'running')
    .orderBy('created_at')
    .execute()
  return rows.map((row) => row.id)
}

export interface RunOfProposal {
  readonly id: string
  readonly dataset: string
  readonly status: string
}

export async function evalRunsOf(db: Db, proposalId: string): Promise<RunOfProposal[]> {
  const rows = await db
    .selectFrom('eval_runs')
    .select(['id', 'dataset_name', 'dataset_version', 'status'])
    .where('proposal_id', '=', proposalId)
    .orderBy('created_at')
    .execute()
  return rows.map((row) => ({ id: row.id, dataset: `${row.dataset_name}@${row.dataset_version}`, status: row.status }))
}

/** An answer to fetch or to score, claimed for a short time. */
export interface ClaimedAnswer {
  readonly target: number
  readonly position: number
  readonly itemId: string
  readonly item: unknown
}

/**
 * Claims pending answers of a run in item order, both targets of an item side by side. A claim is a lease: when its holder
 * dies the answer is due again after it, and an answer once stored is never claimed, so nothing finished is paid twice.
 */
export async function claimAnswers(
  db: Database,
  claim: {
    readonly runId: string
    readonly by: string
    readonly untilMs: number
    readonly nowMs: number
    readonly limit: number
  },
): Promise<ClaimedAnswer[]> {
  const { rows } = await sql<{ target: number; position: number; item_id: string; item: unknown }>`
    with due as (
      select a.run_id, a.target, a.position from eval_answers a
      where a.run_id = ${claim.runId} and a.status = 'pending'
        and (a.claimed_until is null or a.claimed_until <= ${new Date(claim.nowMs)})
      order by a.position, a.target limit ${claim.limit} for update skip locked
    )
    update eval_answers a set claimed_by = ${claim.by}, claimed_until = ${new Date(claim.untilMs)}, attempts = a.attempts + 1
    from due, eval_runs r, dataset_items i
    where a.run_id = due.run_id and a.target = due.target and a.position = due.position
      and r.id = a.run_id and i.sha256 = r.sha256 and i.position = a.position
    returning a.target, a.position, a.item_id, i.item`.execute(db)
  return rows.map((row) => ({ target: row.target, position: row.position, itemId: row.item_id, item: row.item }))
}

/** Keeps the claims of a living worker. */
export async function renewClaims(
  db: Database,
  claim: { readonly runId: string; readonly by: string; readonly untilMs: number },
): Promise<void> {
  await db
    .updateTable('eval_answers')
    .set({ claimed_until: new Date(claim.untilMs) })
    .where('run_id', '=', claim.runId)
    .where('status', '=', 'pending')
    .where('claimed_by', '=', claim.by)
    .where('claimed_until', 'is not', null)
    .execute()
}

/** Frees every claim of workers that are gone; the embedded engine has one process, so at its start all are. */
export async function releaseAllClaims(db: Database): Promise<void> {
  await db.updateTable('eval_answers').set({ claimed_until: null }).where('status', '=', 'pending').execute()
  await db.updateTable('live_samples').set({ claimed_until: null }).execute()
}

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
}

export interface AnswerPlace {
  readonly runId: string
  readonly target: number
  readonly position: number
}

/** Stores an answer once. @returns false when another worker's answer is already there (this one is discarded) */
export async function storeAnswer(tx: Tx, at: AnswerPlace, answer: StoredAnswer, nowMs: number): Promise<boolean> {
  const result = await tx
    .updateTable('eval_answers')
    .set({
      status: answer.errorClass === null ? 'answered' : 'errored',
      is_scored: answer.errorClass !== null,
      model: answer.model,
      output: answer.output,
      finish_reason: answer.finishReason,
      tool_calls: answer.toolCalls === null ? null : json(answer.toolCalls),
      error_class: answer.errorClass,
      error: answer.error,
      input_tokens: answer.inputTokens,
      output_tokens: answer.outputTokens,
      cost_micro_usd: answer.costMicroUsd,
      latency_ms: answer.latencyMs,
      answered_at: new Date(nowMs),
    })
    .where('run_id', '=', at.runId)
    .where('target', '=', at.target)
    .where('position', '=', at.position)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
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

/** Stores the scores of one answer; the first score of an evaluator stands. */
export async function storeScores(tx: Tx, at: AnswerPlace, scores: readonly ScoreRow[]): Promise<void> {
  if (scores.length === 0) return
  await tx
    .insertInto('eval_scores')
    .values(
      scores.map((score) => ({
        run_id: at.runId,
        target: at.target,
        position: at.position,
        evaluator: score.evaluator,
        evaluator_version: score.version,
        status: score.status,
        value: score.value,
        reason: score.reason,
        details: score.details === undefined || score.details === null ? null : json(score.details),
        cost_micro_usd: score.costMicroUsd,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function markScored(tx: Tx, at: AnswerPlace): Promise<void> {
  await tx
    .updateTable('eval_answers')
    .set({ is_scored: true })
    .where('run_id', '=', at.runId)
    .where('target', '=', at.target)
    .where('position', '=', at.position)
    .execute()
}

/** Both answers of an item, in target order, with the item: what a pairwise evaluator and a resumed run need. */
export interface AnswersOfItem {
  readonly position: number
  readonly item: unknown
  readonly answers: readonly {
    readonly target: number
    readonly status: string
    readonly isScored: boolean
    readonly output: string | null
    readonly finishReason: string | null
    readonly toolCalls: readonly unknown[] | null
  }[]
}

/** Items whose answers are all in and not all scored, in order. */
export async function unscoredItems(db: Database, runId: string, limit: number): Promise<AnswersOfItem[]> {
  const { rows } = await sql<{ position: number; item: unknown; answers: AnswersOfItem['answers'] }>`
    select a.position, i.item, json_agg(json_build_object('target', a.target, 'status', a.status, 'isScored', a.is_scored,
      'output', a.output, 'finishReason', a.finish_reason, 'toolCalls', a.tool_calls) order by a.target) as answers
    from eval_answers a join eval_runs r on r.id = a.run_id
      join dataset_items i on i.sha256 = r.sha256 and i.position = a.position
    where a.run_id = ${runId}
    group by a.position, i.item
    having bool_and(a.status <> 'pending') and not bool_and(a.is_scored)
    order by a.position limit ${limit}`.execute(db)
  return rows
}

export interface EvalProgress {
  readonly pending: number
  readonly answered: number
  readonly errored: number
  readonly unscored: number
}

export async function readProgress(db: Db, runId: string): Promise<EvalProgress> {
  const row = await db
    .selectFrom('eval_answers')
    .select((eb) => [
      eb.fn.countAll<string>().filterWhere('status', '=', 'pending').as('pending'),
      eb.fn.countAll<string>().filterWhere('status', '=', 'answered').as('answered'),
      eb.fn.countAll<string>().filterWhere('status', '=', 'errored').as('errored'),
      eb.fn.countAll<string>().filterWhere('is_scored', '=', false).as('unscored'),
    ])
    .where('run_id', '=', runId)
    .executeTakeFirstOrThrow()
  return {
    pending: Number(row.pending),
    answered: Number(row.answered),
    errored: Number(row.errored),
    unscored: Number(row.unscored),
  }
}

/** Closes a running run. @returns false when it was closed already */
export async function finishEvalRun(db: Db, id: string, summary: unknown, nowMs: number): Promise<boolean> {
  const result = await db
    .updateTable('eval_runs')
    .set({ status: 'completed', summary: json(summary), finished_at: new Date(nowMs) })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Ends a run that cannot go on. The proposal that waits for it then ends without complete evidence. */
export async function failEvalRun(db: Db, id: string, error: string, nowMs: number): Promise<void> {
  await db
    .updateTable('eval_runs')
    .set({ status: 'failed', error, finished_at: new Date(nowMs) })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
}

/** Outcomes of targets 0 (baseline) and 1 (candidate) on the same items, in item order. */
export async function readPairs(
  db: Db,
  runId: string,
): Promise<{ baseline: Outcome | null; candidate: Outcome | null }[]> {
  const { rows } = await sql<{ position: number; outcomes: Record<string, Outcome> }>`
    select a.position, json_object_agg(a.target, json_build_object(
      'values', (case when a.status = 'answered' then jsonb_build_object('error_rate', 0, 'latency_ms', a.latency_ms)
          || case when a.cost_micro_usd is null then '{}'::jsonb else jsonb_build_object('cost_usd', a.cost_micro_usd / 1e6) end
          || case when a.finish_reason = 'content_filter' then '{"refusal_rate": 1}'::jsonb else '{"refusal_rate": 0}'::jsonb end
        else jsonb_build_object('error_rate', 1) end) || coalesce(s.scored, '{}'::jsonb),
      'missing', coalesce(s.missing, '{}'::jsonb))) as outcomes
    from eval_answers a left join lateral (
      select jsonb_object_agg(e.evaluator, e.value) filter (where e.status = 'scored') as scored,
        jsonb_object_agg(e.evaluator, case when e.status = 'not_applicable' then 'not_applicable' else 'infrastructure' end)
          filter (where e.status <> 'scored') as missing
      from eval_scores e where e.run_id = a.run_id and e.target = a.target and e.position = a.position
    ) s on true
    where a.run_id = ${runId}
    group by a.position order by a.position`.execute(db)
  return rows.map((row) => ({ baseline: row.outcomes['0'] ?? null, candidate: row.outcomes['1'] ?? null }))
}
