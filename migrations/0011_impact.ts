import { type Kysely, sql } from 'kysely'

/** What a proposal's version would do with recorded requests, as it was foreseen when the proposal was submitted. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table proposals add column impact jsonb`.execute(db)
}
