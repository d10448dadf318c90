import { type Kysely, sql } from 'kysely'
import type { EvaluatorVersion } from './judge-labels.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** Cases frozen per evaluator version: enough to see a judge move by a tenth, cheap enough for every run. */
export const sentinelCount = 30

/** A frozen case: an answer (of a pair: both) and the value the judge gave it then. */
export interface Sentinel {
  readonly place: number
  readonly runId: string
  readonly target: number
  readonly position: number
  readonly repeat: number
  readonly value: number
}

export async function readSentinels(db: Db, { evaluator, version }: EvaluatorVersion): Promise<Sentinel[]> {
  return db
    .selectFrom('judge_sentinels')
    .select(['place', 'run_id as runId', 'target', 'position', 'repeat', 'value'])
    .where('evaluator', '=', evaluator)
    .where('evaluator_version', '=', version)
    .orderBy('place')
    .execute()
}

/**
 * Freezes cases of a run for an evaluator version that has none: drawn by hash among those a judge was asked about. Safe to run
 * twice: the first to freeze wins, case by case.
 */
export async function freezeSentinels(
  db: Db,
  of: EvaluatorVersion & { readonly runId: string; readonly nowMs: number },
): Promise<void> {
  await sql`
    insert into judge_sentinels
      (evaluator, evaluator_version, place, run_id, target, position, repeat, value, frozen_at)
    select ${of.evaluator}, ${of.version}, row_number() over (order by d.draw)::int - 1, d.run_id, d.target, d.position,
      d.repeat, d.value, ${new Date(of.nowMs)}
    from (
      select s.run_id, s.target, s.position, s.repeat, s.value,
        md5(s.run_id || '/' || s.target || '/' || s.position || '/' || s.repeat || '/' || s.evaluator) as draw
      from eval_scores s
      where s.run_id = ${of.runId} and s.evaluator = ${of.evaluator} and s.evaluator_version = ${of.version}
        and s.status = 'scored' and (s.details ?| array['winner', 'panel', 'criteria', 'claims'])
        and not (s.target = 0 and s.details ->> 'mode' = 'pairwise')
      order by draw limit ${sentinelCount}
    ) d
    on conflict do nothing`.execute(db)
}

/** What a frozen case needs to be judged again. */
export interface SentinelCase {
  readonly item: unknown
  readonly answer: StoredText
  /** Of a pair; null: the answer stands alone, or the baseline gave none. */
  readonly baseline: StoredText | null
  /** True where the value is a comparison with the baseline's answer. */
  readonly isPair: boolean
}

interface StoredText {
  readonly output: string | null
  readonly finishReason: string | null
  readonly toolCalls: readonly unknown[] | null
}

export async function readSentinelCase(db: Db, sentinel: Sentinel, evaluator: string): Promise<SentinelCase | null> {
  const { rows } = await sql<SentinelCase>`
    select i.item, s.details ->> 'mode' = 'pairwise' as "isPair",
      json_build_object('output', a.output, 'finishReason', a.finish_reason, 'toolCalls', a.tool_calls) as answer,
      case when b.status = 'answered' then
        json_build_object('output', b.output, 'finishReason', b.finish_reason, 'toolCalls', b.tool_calls) end as baseline
    from eval_answers a join eval_runs r on r.id = a.run_id
      join dataset_items i on i.sha256 = r.sha256 and i.position = a.position
      join eval_scores s on s.run_id = a.run_id and s.target = a.target and s.position = a.position
        and s.repeat = a.repeat and s.evaluator = ${evaluator}
      left join eval_answers b on b.run_id = a.run_id and b.target = 0 and b.position = a.position and b.repeat = a.repeat
    where a.run_id = ${sentinel.runId} and a.target = ${sentinel.target} and a.position = ${sentinel.position}
      and a.repeat = ${sentinel.repeat}`.execute(db)
  return rows[0] ?? null
}

export interface NewRetest extends EvaluatorVersion {
  readonly place: number
  readonly runId: string
  /** null: no score this time. */
  readonly value: number | null
  readonly costMicroUsd: number | null
  readonly at: number
}

/** The first result of a case in a run stands. */
export async function storeRetest(db: Db, retest: NewRetest): Promise<void> {
  await db
    .insertInto('judge_retests')
    .values({
      evaluator: retest.evaluator,
      evaluator_version: retest.version,
      place: retest.place,
      run_id: retest.runId,
      value: retest.value,
      cost_micro_usd: retest.costMicroUsd,
      at: new Date(retest.at),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Values then and now, of the last run that judged the frozen cases again; empty: none did. */
export async function lastRetests(
  db: Db,
  { evaluator, version }: EvaluatorVersion,
): Promise<readonly { readonly before: number; readonly now: number }[]> {
  const { rows } = await sql<{ before: number; now: number }>`
    select s.value as before, t.value as now
    from judge_retests t join judge_sentinels s using (evaluator, evaluator_version, place)
    where t.evaluator = ${evaluator} and t.evaluator_version = ${version} and t.value is not null
      and t.run_id = (
        select run_id from judge_retests where evaluator = ${evaluator} and evaluator_version = ${version}
        order by at desc, run_id limit 1
      )
    order by t.place`.execute(db)
  return rows
}
