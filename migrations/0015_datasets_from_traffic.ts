import { type Kysely, sql } from 'kysely'

/** Where a dataset version came from, and whether a route's stored texts may become items of datasets. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Versions of before have no row: they were uploaded as JSONL or CSV.
  await sql`create table dataset_origins (
    name text not null,
    version integer not null,
    origin jsonb not null,
    primary key (name, version),
    foreign key (name, version) references dataset_versions (name, version)
  )`.execute(db)
  // Who agreed to texts being kept for a while has not agreed to a copy without end.
  await sql`alter table payload_settings add column for_datasets boolean not null default false`.execute(db)
}
