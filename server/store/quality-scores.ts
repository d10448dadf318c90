import { sql } from 'kysely'
import type { TallyRow } from '#domain/quality.ts'
import { builtinTasks } from '#domain/task.ts'
import { type Database, inTransaction, type Tx } from './database.ts'

/** How far back answers count. */
const evalDays = 90
const liveDays = 7
/** While a proposal is open its live scores are counted this often. */
export const liveEveryMs = 60_000
/** Otherwise only so that old answers leave. */
const idleEveryMs = 3_600_000

interface State {
  readonly eval_runs: string
  readonly computed_at: Date
}

/**
 * Counts how well models do by metric and task (C9), from finished eval runs and from live scoring, and keeps the counts for the
 * gateways. Cheap when nothing has changed: call it at every tick. Two workers at once: one of them does it.
 *
 * A finished run counts at the next tick, a live score within `liveEveryMs`.
 *
 * @returns true when the scores were counted anew
 */
export function refreshQualityScores(db: Database, nowMs: number): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const state = await lockState(tx)
    if (state === null) return false
    const runs = await fingerprintOfRuns(tx)
    const ageMs = nowMs - state.computed_at.getTime()
    const isDue = state.eval_runs !== runs || ageMs >= idleEveryMs || (ageMs >= liveEveryMs && (await isLive(tx)))
    if (!isDue) return false
    await sql`delete from quality_scores`.execute(tx)
    await countEvalScores(tx, new Date(nowMs - evalDays * 86_400_000))
    await countLiveScores(tx, new Date(nowMs - liveDays * 86_400_000))
    await sql`update quality_state set eval_runs = ${runs}, computed_at = ${new Date(nowMs)}, revision = revision + 1
      where id = 1`.execute(tx)
    return true
  })
}

async function lockState(tx: Tx): Promise<State | null> {
  await sql`insert into quality_state (id, eval_runs, computed_at, revision) values (1, '', ${new Date(0)}, 0)
    on conflict (id) do nothing`.execute(tx)
  const { rows } = await sql<State>`select eval_runs, computed_at from quality_state where id = 1
    for update skip locked`.execute(tx)
  return rows[0] ?? null
}

async function fingerprintOfRuns(tx: Tx): Promise<string> {
  const { rows } = await sql<{ print: string }>`
    select count(*)::text || ' ' || coalesce(max(finished_at)::text, '') as print
    from eval_runs where status = 'completed'`.execute(tx)
  return rows[0]?.print ?? ''
}

async function isLive(tx: Tx): Promise<boolean> {
  const { rows } = await sql`select 1 from proposals where ended_at is null limit 1`.execute(tx)
  return rows.length > 0
}

/**
 * One count for every answer to an item, the newest where a dataset was answered more than once. An item's task is its slice
 * `task`, a tag `task:NAME`, or a tag that is a task type. Left out: what a fallback answered (the run holds it against the
 * version, not for the model), comparisons in pairs (a win over another model is no score of one's own), and scores of an
 * evaluator's older version than the newest the model has.
 */
async function countEvalScores(tx: Tx, since: Date): Promise<void> {
  await sql`
    insert into quality_scores (model, metric, task, source, samples, sum)
    select model, metric, task, 'eval', count(*), sum(value)
    from (
      select distinct on (scored.model, scored.metric, scored.sha256, scored.position)
        scored.model, scored.metric, scored.task, scored.value
      from (
        select a.model, s.evaluator as metric, r.sha256, a.position, r.finished_at, r.id, s.value, s.evaluator_version,
          first_value(s.evaluator_version) over (
            partition by a.model, s.evaluator order by r.finished_at desc, r.id desc) as newest_version,
          coalesce(
            i.item -> 'slice' ->> 'task',
            (select substr(t.tag, 6) from jsonb_array_elements_text(i.item -> 'tags') t(tag)
              where t.tag like 'task:%' limit 1),
            (select t.tag from jsonb_array_elements_text(i.item -> 'tags') t(tag)
              where t.tag in (${sql.join([...builtinTasks])}) limit 1),
            '') as task
        from eval_runs r
        join eval_answers a on a.run_id = r.id
        join eval_scores s on s.run_id = a.run_id and s.target = a.target and s.position = a.position
          and s.repeat = a.repeat
        join dataset_items i on i.sha256 = r.sha256 and i.position = a.position
        where r.status = 'completed' and r.finished_at >= ${since}
          and a.model is not null and a.error_class is null and s.status = 'scored'
          and not exists (
            select 1 from jsonb_array_elements(r.evaluators) e(value)
            where e.value ->> 'name' = s.evaluator and e.value -> 'config' ->> 'mode' = 'pairwise')
      ) scored
      where scored.evaluator_version = scored.newest_version
      order by scored.model, scored.metric, scored.sha256, scored.position, scored.finished_at desc, scored.id desc
    ) newest
    group by model, metric, task`.execute(tx)
}

/** Scores of live answers, of the model that gave them; a mirrored request has one of each arm. Comparisons in pairs are left out. */
async function countLiveScores(tx: Tx, since: Date): Promise<void> {
  await sql`
    insert into quality_scores (model, metric, task, source, samples, sum)
    select answered.model, score.key, answered.task, 'live', count(*), sum((score.value #>> '{}')::double precision)
    from (
      select o.proposal_id, d.model, coalesce(d.task, '') as task,
        case when o.arm = 'candidate' then o.candidate_scores else o.baseline_scores end as scores
      from observations o join decisions d on d.request_id = o.request_id
      where o.is_scored and o.assigned_at >= ${since}
      union all
      select o.proposal_id, c.model, coalesce(d.task, '') as task, o.candidate_scores as scores
      from observations o
      join decisions d on d.request_id = o.request_id
      join shadow_calls c on c.proposal_id = o.proposal_id and c.request_id = o.request_id
      where o.is_scored and o.arm = 'pair' and o.assigned_at >= ${since}
    ) answered
    join proposals p on p.id = answered.proposal_id
    cross join lateral jsonb_each(coalesce(answered.scores -> 'values', '{}'::jsonb)) score
    where answered.model is not null and jsonb_typeof(score.value) = 'number'
      and (score.value #>> '{}')::double precision between 0 and 1
      and not exists (
        select 1 from jsonb_array_elements(p.bar -> 'evaluators') e(value)
        where e.value ->> 'name' = score.key and e.value -> 'config' ->> 'mode' = 'pairwise')
    group by answered.model, score.key, answered.task`.execute(tx)
}

export interface QualityTallies {
  readonly revision: string
  readonly rows: readonly TallyRow[]
}

/** @param known revision the caller has @returns null when that is the newest, or nothing was ever counted */
export async function readQualityTallies(db: Database, known: string | null): Promise<QualityTallies | null> {
  const state = await sql<{
    revision: string
  }>`select revision::text as revision from quality_state where id = 1`.execute(db)
  const revision = state.rows[0]?.revision
  if (revision === undefined || revision === known) return null
  const { rows } = await sql<TallyRow & { task: string }>`
    select model, metric, task, sum(samples)::int as samples, sum(sum)::double precision as sum
    from quality_scores group by model, metric, task order by model, metric, task`.execute(db)
  return { revision, rows: rows.map((row) => ({ ...row, task: row.task === '' ? null : row.task })) }
}
