import { type Kysely, sql } from 'kysely'

/** Immutable dataset versions by digest, and eval runs: answers are rows claimed by lease, so a crash resumes without paying twice. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table dataset_contents (
    sha256 text primary key,
    item_count integer not null,
    created_at timestamptz not null
  )`.execute(db)
  await sql`create table dataset_items (
    sha256 text not null references dataset_contents (sha256),
    position integer not null,
    item_id text not null,
    item jsonb not null,
    primary key (sha256, position),
    unique (sha256, item_id)
  )`.execute(db)
  await sql`create table dataset_versions (
    name text not null,
    version integer not null,
    sha256 text not null references dataset_contents (sha256),
    created_by text not null,
    created_at timestamptz not null,
    primary key (name, version)
  )`.execute(db)
  await sql`create table eval_runs (
    id text primary key,
    proposal_id text references proposals (id),
    dataset_name text not null,
    dataset_version integer not null,
    sha256 text not null references dataset_contents (sha256),
    targets jsonb not null,
    evaluators jsonb not null,
    status text not null check (status in ('running', 'completed', 'failed', 'cancelled')),
    planned integer not null,
    summary jsonb,
    error text,
    created_by text not null,
    created_at timestamptz not null,
    finished_at timestamptz
  )`.execute(db)
  await sql`create unique index eval_runs_one_per_stage on eval_runs (proposal_id, sha256) where proposal_id is not null`.execute(
    db,
  )
  await sql`create table eval_answers (
    run_id text not null references eval_runs (id),
    target integer not null,
    position integer not null,
    item_id text not null,
    status text not null check (status in ('pending', 'answered', 'errored')),
    is_scored boolean not null default false,
    attempts integer not null default 0,
    claimed_by text,
    claimed_until timestamptz,
    model text,
    output text,
    finish_reason text,
    tool_calls jsonb,
    error_class text,
    error text,
    input_tokens integer,
    output_tokens integer,
    cost_micro_usd bigint,
    latency_ms integer,
    answered_at timestamptz,
    primary key (run_id, target, position)
  )`.execute(db)
  await sql`create index eval_answers_pending on eval_answers (run_id, position) where status = 'pending'`.execute(db)
  await sql`create table eval_scores (
    run_id text not null,
    target integer not null,
    position integer not null,
    evaluator text not null,
    evaluator_version text not null,
    status text not null check (status in ('scored', 'not_applicable', 'unscored', 'errored')),
    value double precision check (value is null or (value >= 0 and value <= 1)),
    reason text,
    details jsonb,
    cost_micro_usd bigint,
    primary key (run_id, target, position, evaluator),
    foreign key (run_id, target, position) references eval_answers (run_id, target, position),
    check ((status = 'scored') = (value is not null))
  )`.execute(db)
}
