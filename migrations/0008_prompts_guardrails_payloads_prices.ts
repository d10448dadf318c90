import { type Kysely, sql } from 'kysely'

/** Immutable prompt versions, versions of the guardrails, stored payloads and their switches, and every price a model had. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table prompt_versions (
    name text not null,
    version integer not null,
    messages jsonb not null,
    digest text not null,
    description text not null,
    created_by text not null,
    created_at timestamptz not null,
    primary key (name, version)
  )`.execute(db)
  await sql`create table guardrails (
    version integer primary key,
    settings jsonb not null,
    created_by text not null,
    created_at timestamptz not null
  )`.execute(db)
  await sql`create table payload_settings (
    route text primary key references routes (name),
    sample_rate double precision not null,
    retention_ms bigint not null,
    set_by text not null,
    set_at timestamptz not null
  )`.execute(db)
  await sql`create table payloads (
    request_id text primary key,
    route text not null,
    at timestamptz not null,
    expires_at timestamptz not null,
    user_hash text,
    payload jsonb not null
  )`.execute(db)
  await sql`create index payloads_by_expiry on payloads (expires_at)`.execute(db)
  await sql`create index payloads_by_user on payloads (user_hash) where user_hash is not null`.execute(db)
  await sql`create index payloads_by_route on payloads (route)`.execute(db)
  // No reference to models: what was charged stays known when a model is removed.
  await sql`create table model_prices (
    provider text not null,
    model text not null,
    version integer not null,
    price jsonb,
    set_by text not null,
    set_at timestamptz not null,
    primary key (provider, model, version)
  )`.execute(db)
  await sql`insert into model_prices (provider, model, version, price, set_by, set_at)
    select provider, model, price_version, price, 'unknown', updated_at from models`.execute(db)
}
