import { type Kysely, sql } from 'kysely'

/**
 * What is known of judges: people's labels on their verdicts, the record made of them, frozen cases that every run judges
 * again, and replies kept by question. Everything hangs on the evaluator's content hash: another prompt or model is another judge.
 *
 * `draw` is the hash of a verdict's place, 16 hex digits: labels are drawn in its order, so those below the first verdict
 * without a label are a random sample of all.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table judge_labels (
    id text primary key,
    run_id text not null references eval_runs (id),
    target integer not null,
    position integer not null,
    repeat integer not null,
    evaluator text not null,
    evaluator_version text not null,
    dataset text not null,
    unit text not null,
    kind text not null check (kind in ('criterion', 'claim', 'pair')),
    arm text not null,
    draw text not null,
    doubt text check (doubt in ('disagreement', 'uncertainty')),
    judge_verdict text not null,
    human_verdict text not null,
    comment text,
    labelled_by text not null,
    principal text not null,
    labelled_at timestamptz not null,
    unique (run_id, target, position, repeat, evaluator, unit, principal)
  )`.execute(db)
  await sql`create index judge_labels_by_version on judge_labels (evaluator, evaluator_version)`.execute(db)
  await sql`create table judge_calibrations (
    evaluator text not null,
    evaluator_version text not null,
    dataset text not null,
    record jsonb not null,
    labels integer not null,
    computed_at timestamptz not null,
    primary key (evaluator, evaluator_version, dataset)
  )`.execute(db)
  await sql`create table judge_sentinels (
    evaluator text not null,
    evaluator_version text not null,
    place integer not null,
    run_id text not null references eval_runs (id),
    target integer not null,
    position integer not null,
    repeat integer not null,
    value double precision not null check (value >= 0 and value <= 1),
    frozen_at timestamptz not null,
    primary key (evaluator, evaluator_version, place)
  )`.execute(db)
  await sql`create table judge_retests (
    evaluator text not null,
    evaluator_version text not null,
    place integer not null,
    run_id text not null references eval_runs (id),
    value double precision check (value >= 0 and value <= 1),
    cost_micro_usd bigint,
    at timestamptz not null,
    primary key (evaluator, evaluator_version, place, run_id),
    foreign key (evaluator, evaluator_version, place)
      references judge_sentinels (evaluator, evaluator_version, place)
  )`.execute(db)
  await sql`create table judge_replies (
    key text primary key,
    model text not null,
    reply text not null,
    kept_at timestamptz not null
  )`.execute(db)
  await sql`create index judge_replies_by_age on judge_replies (kept_at)`.execute(db)
}
