import { type Kysely, sql } from 'kysely'

/** What gateways measure of their targets, shared among replicas for some minutes, and how well models do by task and metric. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One writer per row: the gateway that measured. Counts only rise, so that a window may be written again.
  await sql`create table live_statistics (
    boot_id text not null,
    model text not null,
    region text not null,
    window_index bigint not null,
    ttft jsonb not null,
    total jsonb not null,
    answered integer not null,
    failed integer not null,
    input_tokens bigint not null,
    cached_input_tokens bigint not null,
    updated_at timestamptz not null,
    primary key (boot_id, model, region, window_index)
  )`.execute(db)
  await sql`create index live_statistics_by_window on live_statistics (window_index)`.execute(db)
  // A task of '' is that of items and requests which named none.
  await sql`create table quality_scores (
    model text not null,
    metric text not null,
    task text not null,
    source text not null check (source in ('eval', 'live')),
    samples integer not null,
    sum double precision not null,
    primary key (model, metric, task, source)
  )`.execute(db)
  // From what and when the scores were counted, so that nothing is counted twice.
  await sql`create table quality_state (
    id integer primary key check (id = 1),
    eval_runs text not null,
    computed_at timestamptz not null,
    revision bigint not null
  )`.execute(db)
}
