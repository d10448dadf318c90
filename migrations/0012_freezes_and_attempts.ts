import { type Kysely, sql } from 'kysely'

/** Times in which nothing advances, and which proposal another one repeats, carries over or replaces. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table freeze_windows (
    id text primary key,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    reason text not null,
    routes jsonb,
    created_by text not null,
    created_at timestamptz not null
  )`.execute(db)
  await sql`create index freeze_windows_by_end on freeze_windows (ends_at)`.execute(db)
  await sql`alter table proposals add column origin jsonb`.execute(db)
}
