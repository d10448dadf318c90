import { type Kysely, sql } from 'kysely'

/** Budgets, what gateways hold and have spent of them, alerts, rate limits with their shares; keys that expire and rotate. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table budgets (
    scope text not null,
    name text not null,
    period text not null,
    hard_micro_usd bigint not null,
    soft_micro_usd bigint,
    updated_by text not null,
    updated_at timestamptz not null,
    primary key (scope, name, period)
  )`.execute(db)
  // Its row is the lock under which parts of a window are given out. Opening: spent before the budget existed.
  await sql`create table budget_windows (
    scope text not null,
    name text not null,
    period text not null,
    starts_at timestamptz not null,
    opening_micro_usd bigint not null default 0,
    primary key (scope, name, period, starts_at)
  )`.execute(db)
  // One writer per row: the gateway that holds it. Spent only rises, so that a report may arrive twice.
  await sql`create table budget_leases (
    scope text not null,
    name text not null,
    period text not null,
    starts_at timestamptz not null,
    holder text not null,
    spent_micro_usd bigint not null,
    held_micro_usd bigint not null,
    expires_at timestamptz not null,
    primary key (scope, name, period, starts_at, holder)
  )`.execute(db)
  await sql`create table budget_alerts (
    scope text not null,
    name text not null,
    period text not null,
    starts_at timestamptz not null,
    kind text not null,
    at timestamptz not null,
    spent_micro_usd bigint not null,
    limit_micro_usd bigint not null,
    primary key (scope, name, period, starts_at, kind)
  )`.execute(db)
  await sql`create table limits (
    scope text not null,
    name text not null,
    requests_per_minute integer,
    tokens_per_minute integer,
    concurrency integer,
    updated_by text not null,
    updated_at timestamptz not null,
    primary key (scope, name)
  )`.execute(db)
  // The part of a limit that each gateway may use; rows of gateways that are gone run out.
  await sql`create table limit_shares (
    scope text not null,
    name text not null,
    kind text not null,
    holder text not null,
    share double precision not null,
    is_busy boolean not null,
    expires_at timestamptz not null,
    primary key (scope, name, kind, holder)
  )`.execute(db)
  await sql`alter table api_keys
    add column models jsonb,
    add column expires_at timestamptz,
    add column rotated_at timestamptz,
    add column previous_hash text,
    add column previous_until timestamptz`.execute(db)
  await sql`create unique index api_keys_by_previous_hash on api_keys (previous_hash)
    where previous_hash is not null`.execute(db)
}
