import { type Kysely, sql } from 'kysely'

/** One row per request, without prompt or answer text, and the signals people send about it later. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table decisions (
    request_id text primary key,
    at timestamptz not null,
    route text not null,
    version integer,
    version_digest text,
    prompt_version text,
    proposal_id text,
    arm text not null,
    bucket integer,
    rule text,
    task text,
    reason text not null,
    random double precision not null,
    snapshot_epoch bigint not null,
    model text,
    provider text,
    eligible jsonb not null,
    excluded jsonb not null,
    attempts jsonb not null,
    is_fallback boolean not null,
    status integer not null,
    error_code text,
    is_stream boolean not null,
    input_tokens integer,
    cached_input_tokens integer,
    output_tokens integer,
    reasoning_tokens integer,
    is_usage_estimated boolean,
    cost_micro_usd bigint,
    ttft_ms integer,
    total_ms integer not null,
    key_id text not null,
    metadata jsonb not null,
    facts jsonb not null
  )`.execute(db)
  await sql`create index decisions_recent on decisions (at desc, request_id desc)`.execute(db)
  await sql`create index decisions_by_route on decisions (route, at desc, request_id desc)`.execute(db)
  await sql`create table feedback (
    id text primary key,
    request_id text not null,
    signal text not null,
    value double precision,
    comment text,
    by text not null,
    at timestamptz not null
  )`.execute(db)
  await sql`create index feedback_by_request on feedback (request_id)`.execute(db)
}
