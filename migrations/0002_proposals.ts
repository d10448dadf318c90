import { type Kysely, sql } from 'kysely'

/** Proposals, their timeline, the engine's verdicts with the evidence they saw, approvals, and the evidence itself. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table proposals (
    id text primary key,
    route text not null references routes (name),
    version integer not null,
    base_version integer not null,
    title text not null,
    description text not null,
    author text not null,
    author_principal text not null,
    plan jsonb not null,
    bar jsonb not null,
    bar_version integer not null,
    status text not null,
    step integer not null default -1,
    share_bp integer not null default 0 check (share_bp between 0 and 10000),
    is_paused boolean not null default false,
    waiting_for text,
    salt text not null,
    revision integer not null default 1,
    engine_state jsonb,
    folded_tx bigint not null default 0,
    folded_seq bigint not null default 0,
    gates jsonb not null default '[]',
    end_reason text,
    ended_inconclusive boolean not null default false,
    created_at timestamptz not null,
    stage_started_at timestamptz not null,
    ended_at timestamptz,
    foreign key (route, version) references route_versions (route, version)
  )`.execute(db)
  await sql`create unique index proposals_one_open on proposals (route)
    where status in ('queued', 'offline', 'shadow', 'awaiting_approval', 'canary', 'bake')`.execute(db)
  await sql`create index proposals_recent on proposals (created_at desc, id)`.execute(db)
  await sql`create table proposal_events (
    seq bigint generated always as identity primary key,
    proposal_id text not null references proposals (id),
    at timestamptz not null,
    from_status text,
    to_status text not null,
    by text not null,
    reason text not null,
    share_bp integer not null
  )`.execute(db)
  await sql`create index proposal_events_by_proposal on proposal_events (proposal_id, seq)`.execute(db)
  await sql`create table promotion_decisions (
    seq bigint generated always as identity primary key,
    proposal_id text not null references proposals (id),
    at timestamptz not null,
    stage text not null,
    step integer not null,
    action text not null,
    reasons jsonb not null,
    gates jsonb not null,
    evidence jsonb not null,
    engine text not null
  )`.execute(db)
  await sql`create index promotion_decisions_by_proposal on promotion_decisions (proposal_id, seq)`.execute(db)
  await sql`create table approvals (
    proposal_id text not null references proposals (id),
    before text not null,
    by text not null,
    principal text not null,
    reason text not null,
    digest text not null,
    at timestamptz not null,
    primary key (proposal_id, before)
  )`.execute(db)
  await sql`create table observations (
    seq bigint generated always as identity primary key,
    tx bigint not null default (pg_current_xact_id()::text::bigint),
    proposal_id text not null,
    request_id text not null,
    stage text not null,
    step integer not null,
    share_bp integer not null,
    arm text not null check (arm in ('baseline', 'candidate', 'pair')),
    unit text,
    boot_id text not null,
    assigned_at timestamptz not null,
    deadline_at timestamptz not null,
    is_answered boolean not null default false,
    is_scored boolean not null default false,
    baseline jsonb,
    candidate jsonb,
    baseline_scores jsonb,
    candidate_scores jsonb,
    unique (proposal_id, request_id)
  )`.execute(db)
  await sql`create index observations_in_order on observations (proposal_id, tx, seq)`.execute(db)
  await sql`create table live_samples (
    id bigint generated always as identity primary key,
    proposal_id text not null,
    request_id text not null,
    arm text not null check (arm in ('baseline', 'candidate', 'pair')),
    payload jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    claimed_until timestamptz,
    attempts integer not null default 0
  )`.execute(db)
  await sql`create index live_samples_due on live_samples (id)`.execute(db)
  await sql`create table shadow_calls (
    request_id text not null,
    proposal_id text not null,
    at timestamptz not null,
    model text,
    status integer,
    error_class text,
    input_tokens integer,
    output_tokens integer,
    cost_micro_usd bigint,
    latency_ms integer not null,
    primary key (proposal_id, request_id)
  )`.execute(db)
}
