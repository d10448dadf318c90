import { type Kysely, sql } from 'kysely'
import type { CalibrationRecord } from '#domain/judge-calibration.ts'
import { json } from './database.ts'
import type { EvaluatorVersion } from './judge-labels.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A calibration as stored. Another version of the evaluator has none: a record expires with whatever it was made of. */
export interface StoredCalibration extends EvaluatorVersion {
  /** Name of the dataset it was measured on; '' = all together. */
  readonly dataset: string
  readonly record: CalibrationRecord
  readonly labels: number
  readonly computedAt: number
}

export async function putCalibration(db: Db, calibration: StoredCalibration): Promise<void> {
  const measured = {
    record: json(calibration.record),
    labels: calibration.labels,
    computed_at: new Date(calibration.computedAt),
  }
  await db
    .insertInto('judge_calibrations')
    .values({
      evaluator: calibration.evaluator,
      evaluator_version: calibration.version,
      dataset: calibration.dataset,
      ...measured,
    })
    .onConflict((conflict) => conflict.columns(['evaluator', 'evaluator_version', 'dataset']).doUpdateSet(measured))
    .execute()
}

/** Of one version, or of all, newest first. @param filter.dataset '' = all datasets together */
export async function listCalibrations(
  db: Db,
  filter: Partial<EvaluatorVersion> & { readonly dataset?: string; readonly limit: number },
): Promise<StoredCalibration[]> {
  let query = db
    .selectFrom('judge_calibrations')
    .selectAll()
    .orderBy('computed_at', 'desc')
    .orderBy('evaluator')
    .orderBy('evaluator_version')
    .orderBy('dataset')
    .limit(filter.limit)
  if (filter.evaluator !== undefined) query = query.where('evaluator', '=', filter.evaluator)
  if (filter.version !== undefined) query = query.where('evaluator_version', '=', filter.version)
  if (filter.dataset !== undefined) query = query.where('dataset', '=', filter.dataset)
  return (await query.execute()).map((row) => ({
    evaluator: row.evaluator,
    version: row.evaluator_version,
    dataset: row.dataset,
    record: row.record as CalibrationRecord,
    labels: row.labels,
    computedAt: row.computed_at.getTime(),
  }))
}

/** One judge's verdicts in both orders, counted. */
export interface OrderCount {
  readonly judge: string
  readonly baselineFirst: string
  readonly candidateFirst: string
  readonly count: number
}

/** How the judges of an evaluator version decided in either order, in one run. */
export async function countOrders(db: Db, runId: string, evaluator: string): Promise<OrderCount[]> {
  const { rows } = await sql<OrderCount>`
    select d.opinion ->> 'judge' as judge, d.opinion #>> '{orders,0,winner}' as "baselineFirst",
      d.opinion #>> '{orders,1,winner}' as "candidateFirst", count(*)::int as count
    from eval_scores s cross join lateral (
      select s.details as opinion
      union all select jsonb_array_elements(coalesce(s.details -> 'panel', '[]'))
      union all select s.details -> 'escalation'
    ) d
    where s.run_id = ${runId} and s.evaluator = ${evaluator} and s.target > 0 and s.status = 'scored'
      and jsonb_typeof(d.opinion -> 'orders') = 'array'
    group by 1, 2, 3 order by 1, 2, 3`.execute(db)
  return rows
}

/** Values of two arms on the same items with how much longer the candidate's answer is, in characters. */
export interface LengthRow {
  readonly baseline: number
  readonly candidate: number
  readonly lengthDifference: number
}

/** Grouped, not joined: see `pairedScores`. @param of.baseline @param of.candidate indexes of the run's targets */
export async function readLengths(
  db: Db,
  of: { readonly runId: string; readonly evaluator: string; readonly baseline: number; readonly candidate: number },
): Promise<LengthRow[]> {
  const { rows } = await sql<LengthRow>`
    select max(value) filter (where target = ${of.baseline}) as baseline,
      max(value) filter (where target = ${of.candidate}) as candidate,
      (max(length) filter (where target = ${of.candidate}) - max(length) filter (where target = ${of.baseline}))::int
        as "lengthDifference"
    from (
      select target, position, repeat, value, null::int as length from eval_scores
      where run_id = ${of.runId} and evaluator = ${of.evaluator} and status = 'scored'
        and target in (${of.baseline}, ${of.candidate})
      union all
      select target, position, repeat, null, length(output) from eval_answers
      where run_id = ${of.runId} and target in (${of.baseline}, ${of.candidate}) and status = 'answered'
    ) of_item
    group by position, repeat having count(value) = 2 and count(length) = 2
    order by position, repeat limit 20000`.execute(db)
  return rows
}

/** Decided verdicts of a target, counted word by word. */
export async function countVerdicts(
  db: Db,
  of: { readonly runId: string; readonly evaluator: string; readonly target: number },
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ word: string | null; count: number }>`
    select d.word, count(*)::int as count
    from eval_scores s cross join lateral (
      select entry ->> 'verdict' as word from jsonb_array_elements(coalesce(s.details -> 'criteria', '[]')) entry
      where s.details ->> 'mode' = 'rubric'
      union all
      select case entry ->> 'verdict' when 'supported' then 'supported' when 'cannot_tell' then 'cannot_tell'
        else 'unsupported' end from jsonb_array_elements(coalesce(s.details -> 'claims', '[]')) entry
      where s.details ->> 'mode' = 'llm'
      union all
      select case when s.value > 0.5 then 'candidate' when s.value < 0.5 then 'baseline' else 'tie' end
      where s.details ->> 'mode' = 'pairwise'
    ) d
    where s.run_id = ${of.runId} and s.evaluator = ${of.evaluator} and s.target = ${of.target} and s.status = 'scored'
    group by 1`.execute(db)
  return new Map(rows.flatMap(({ word, count }) => (word === null ? [] : [[word, count] as const])))
}
