import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { FallbackReason } from '#domain/route.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/**
 * One side of an eval run: a version of a route, or a model addressed directly. `path`: a version with one model forced
 * (`model`) or with models made to fail (`failing`), as its fallbacks would serve. `noise`: the baseline once more, whose
 * difference from the baseline is chance alone.
 */
export interface EvalTarget {
  readonly kind: 'baseline' | 'candidate' | 'model' | 'path' | 'noise'
  readonly label: string
  readonly route?: string
  readonly version?: number
  readonly model?: string
  readonly failing?: readonly string[]
  /** How they fail; default `server_error`. Fallbacks with `on` follow the classes they name only. */
  readonly failure?: FallbackReason
  /** Items it answers, drawn by hash of their id; absent: all. Never of the first target. */
  readonly sample?: number
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
  /** Answers to each item by each target but `noise`; default 1. */
  readonly repeats?: number
  /** null or absent: no cap. */
  readonly maxCostMicroUsd?: number | null
  readonly estimate?: unknown
  /** Answers given since then may be used again; absent: those of this run only. */
  readonly cacheSinceMs?: number | null
}

export interface EvalRunHead {
  readonly id: string
  readonly proposalId: string | null
  readonly sha256: string
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly { name: string; config?: Record<string, unknown> }[]
  readonly status: string
  readonly planned: number
  readonly repeats: number
  readonly maxCostMicroUsd: number | null
  readonly spentMicroUsd: number
  /** Answers given since then may be used again; null: those of this run only. */
  readonly cacheSinceMs: number | null
}

/**
 * Plans a run: one pending answer per item, target and repeat. Idempotent for a proposal's dataset.
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
  const repeats = run.repeats ?? 1
  const shares = run.targets.map((target) => ({
    items: Math.min(target.sample ?? dataset.item_count, dataset.item_count),
    repeats: target.kind === 'noise' ? 1 : repeats,
  }))
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
      planned: shares.reduce((sum, share) => sum + share.items * share.repeats, 0),
      repeats,
      max_cost_micro_usd: run.maxCostMicroUsd ?? null,
      estimate: run.estimate === undefined || run.estimate === null ? null : json(run.estimate),
      cache_since: run.cacheSinceMs == null ? null : new Date(run.cacheSinceMs),
      summary: null,
      error: null,
      created_by: run.by,
      created_at: new Date(run.at),
    })
    .execute()
  for (const [target, share] of shares.entries()) await planAnswers(tx, { run, sha256: dataset.sha256, target, share })
  return true
}

/** The sample is drawn by hash of the item's id: the same items in every run over a dataset, whatever their order in it. */
async function planAnswers(
  tx: Tx,
  plan: {
    readonly run: NewEvalRun
    readonly sha256: string
    readonly target: number
    readonly share: { readonly items: number; readonly repeats: number }
  },
): Promise<void> {
  const { run, sha256, target, share } = plan
  await sql`insert into eval_answers (run_id, target, position, repeat, item_id, status)
    select ${run.id}, ${target}::int, i.position, r.repeat, i.item_id, 'pending'
    from (select position, item_id from dataset_items where sha256 = ${sha256}
        order by md5(item_id), item_id limit ${share.items}::int) i
      cross join generate_series(0, ${share.repeats - 1}::int) as r(repeat)`.execute(tx)
}

/**
 * Lets the planner count the rows: thousands have just been planned or scored, nobody else gathers statistics in the embedded
 * engine, and without them every batch of a run goes over all its rows. Takes some 10 ms per thousand rows, at most 0.2 s.
 */
export async function refreshEvalStatistics(db: Db): Promise<void> {
  await sql`analyze eval_answers, eval_scores`.execute(db)
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
        repeats: row.repeats,
        maxCostMicroUsd: row.max_cost_micro_usd === null ? null : Number(row.max_cost_micro_usd),
        spentMicroUsd: Number(row.spent_micro_usd),
        cacheSinceMs: row.cache_since?.getTime() ?? null,
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
  readonly error: string | null
  readonly targets: readonly EvalTarget[]
}

export async function evalRunsOf(db: Db, proposalId: string): Promise<RunOfProposal[]> {
  const rows = await db
    .selectFrom('eval_runs')
    .select(['id', 'dataset_name', 'dataset_version', 'status', 'error', 'targets'])
    .where('proposal_id', '=', proposalId)
    .orderBy('created_at')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    dataset: `${row.dataset_name}@${row.dataset_version}`,
    status: row.status,
    error: row.error,
    targets: row.targets as EvalTarget[],
  }))
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

/** Why and with what a run ends before its last answer. */
export interface EarlyEnd {
  /** `capped`: going on would cost more than its cap. Neither is evidence: a proposal that waits for it is inconclusive. */
  readonly status: 'failed' | 'capped'
  readonly error: string
  /** What is there so far; null: nothing was summed up. */
  readonly summary: unknown
  readonly nowMs: number
}

/** Ends a run that cannot go on. @returns false when it was closed already */
export async function endEvalRun(db: Db, id: string, end: EarlyEnd): Promise<boolean> {
  const result = await db
    .updateTable('eval_runs')
    .set({
      status: end.status,
      error: end.error,
      summary: end.summary === null ? null : json(end.summary),
      finished_at: new Date(end.nowMs),
    })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}
