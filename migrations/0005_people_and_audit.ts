import { type Kysely, sql } from 'kysely'

/** API keys (hashed), browser sessions, the hash-chained audit trail, and stored answers of idempotent writes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table api_keys (
    id text primary key,
    name text not null unique,
    hash text not null unique,
    principal text not null,
    role text not null,
    metadata jsonb not null default '{}',
    routes jsonb,
    budgets jsonb,
    created_by text not null,
    created_at timestamptz not null,
    revoked_at timestamptz
  )`.execute(db)
  await sql`create table sessions (
    id_hash text primary key,
    key_id text not null references api_keys (id),
    csrf text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
  )`.execute(db)
  await sql`create table audit_entries (
    seq bigint primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    details jsonb not null,
    prev_hash text not null,
    hash text not null unique
  )`.execute(db)
  await sql`create function audit_entries_are_final() returns trigger language plpgsql as
    $$ begin raise exception 'audit entries are never changed or removed'; end $$`.execute(db)
  await sql`create trigger audit_entries_final before update or delete on audit_entries
    for each row execute function audit_entries_are_final()`.execute(db)
  await sql`create table idempotency_keys (
    key text not null,
    caller text not null,
    fingerprint text not null,
    status integer,
    body jsonb,
    created_at timestamptz not null,
    primary key (key, caller)
  )`.execute(db)
}
