import { type Kysely, sql } from 'kysely'

/**
 * Eval runs with repeats, leases on scoring, a cap on cost and answers that may be used again.
 *
 * An answer is named by run, target, item and repeat. `score_claimed_until` stands in the row of an item's first target: who
 * holds it scores all answers of that item and repeat, so no judge is paid twice. `cache_key` names everything an answer
 * depends on; an answer taken from an earlier row keeps that row's cost and latency and is marked `is_cached`. Scores need no
 * foreign key: the one statement that stores them joins the answers it stores them for, and checking each cost a tenth of a run.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table eval_runs drop constraint eval_runs_status_check`.execute(db)
  await sql`alter table eval_runs
    add constraint eval_runs_status_check check (status in ('running', 'completed', 'failed', 'cancelled', 'capped')),
    add column repeats integer not null default 1 check (repeats between 1 and 20),
    add column max_cost_micro_usd bigint check (max_cost_micro_usd >= 0),
    add column estimate jsonb,
    add column spent_micro_usd bigint not null default 0,
    add column cache_since timestamptz`.execute(db)
  await sql`alter table eval_scores drop constraint eval_scores_run_id_target_position_fkey`.execute(db)
  await sql`alter table eval_scores drop constraint eval_scores_pkey`.execute(db)
  await sql`alter table eval_answers drop constraint eval_answers_pkey`.execute(db)
  await sql`alter table eval_answers
    add column repeat integer not null default 0 check (repeat >= 0),
    add column cache_key text,
    add column is_cached boolean not null default false,
    add column score_claimed_by text,
    add column score_claimed_until timestamptz,
    add primary key (run_id, target, position, repeat)`.execute(db)
  await sql`alter table eval_scores
    add column repeat integer not null default 0,
    add primary key (run_id, target, position, repeat, evaluator)`.execute(db)
  // Every row is updated twice, when it is claimed and when it is answered: room in its page spares the indexes the first.
  await sql`alter table eval_answers set (fillfactor = 60)`.execute(db)
  await sql`create index eval_answers_unscored on eval_answers (run_id, position, repeat, target) where not is_scored`.execute(
    db,
  )
  await sql`create index eval_answers_reusable on eval_answers (cache_key, answered_at)
    where cache_key is not null and status = 'answered' and not is_cached`.execute(db)
}
