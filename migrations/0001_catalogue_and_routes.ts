import { type Kysely, sql } from 'kysely'

/** Providers, models, routes, their immutable versions and bars, and the epoch that gateways follow. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table providers (
    name text primary key,
    kind text not null,
    base_url text not null,
    credential text,
    region text,
    data_policies jsonb not null default '[]',
    limits jsonb not null default '{}',
    updated_at timestamptz not null
  )`.execute(db)
  await sql`create table models (
    provider text not null references providers (name),
    model text not null,
    context_window integer,
    max_output_tokens integer,
    capabilities jsonb not null default '[]',
    price jsonb,
    price_version integer not null default 1,
    updated_at timestamptz not null,
    primary key (provider, model)
  )`.execute(db)
  await sql`create table routes (
    name text primary key,
    owner text not null,
    purpose text not null,
    risk text not null,
    stable_version integer not null,
    previous_version integer,
    bar_version integer not null,
    created_by text not null,
    created_at timestamptz not null
  )`.execute(db)
  await sql`create table route_versions (
    route text not null references routes (name) deferrable initially deferred,
    version integer not null,
    spec jsonb not null,
    digest text not null,
    created_by text not null,
    created_at timestamptz not null,
    primary key (route, version)
  )`.execute(db)
  await sql`create table bars (
    route text not null references routes (name) deferrable initially deferred,
    version integer not null,
    bar jsonb not null,
    created_by text not null,
    created_at timestamptz not null,
    primary key (route, version)
  )`.execute(db)
  await sql`create table snapshot_state (
    id integer primary key check (id = 1),
    epoch bigint not null,
    engine_seen_at timestamptz
  )`.execute(db)
  await sql`insert into snapshot_state (id, epoch) values (1, 1)`.execute(db)
  await sql`create table gateways (
    id text primary key,
    boot_id text not null,
    epoch bigint not null,
    digest text not null,
    started_at timestamptz not null,
    seen_at timestamptz not null
  )`.execute(db)
}
