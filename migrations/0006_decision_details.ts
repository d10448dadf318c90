import { type Kysely, sql } from 'kysely'

/** What a decision knew and what came of it in more detail: endpoint, task, live statistics, warnings, price version. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table decisions
    add column endpoint text not null default 'chat',
    add column classification jsonb,
    add column live jsonb,
    add column warnings jsonb not null default '[]',
    add column price_version integer`.execute(db)
}
