import { type Migration, Migrator } from 'kysely/migration'
import * as m0001 from '#migrations/0001_catalogue_and_routes.ts'
import * as m0002 from '#migrations/0002_proposals.ts'
import * as m0003 from '#migrations/0003_datasets_and_eval_runs.ts'
import * as m0004 from '#migrations/0004_decision_log.ts'
import * as m0005 from '#migrations/0005_people_and_audit.ts'
import * as m0006 from '#migrations/0006_decision_details.ts'
import * as m0007 from '#migrations/0007_budgets_and_limits.ts'
import * as m0008 from '#migrations/0008_prompts_guardrails_payloads_prices.ts'
import * as m0009 from '#migrations/0009_live_statistics.ts'
import * as m0010 from '#migrations/0010_decision_reports.ts'
import * as m0011 from '#migrations/0011_impact.ts'
import * as m0012 from '#migrations/0012_freezes_and_attempts.ts'
import * as m0013 from '#migrations/0013_judges_and_labels.ts'
import * as m0014 from '#migrations/0014_eval_runs.ts'
import * as m0015 from '#migrations/0015_datasets_from_traffic.ts'
import type { Database } from './database.ts'

/** In order of application; a merged migration is never edited. */
const migrations: Record<string, Migration> = {
  '0001_catalogue_and_routes': m0001,
  '0002_proposals': m0002,
  '0003_datasets_and_eval_runs': m0003,
  '0004_decision_log': m0004,
  '0005_people_and_audit': m0005,
  '0006_decision_details': m0006,
  '0007_budgets_and_limits': m0007,
  '0008_prompts_guardrails_payloads_prices': m0008,
  '0009_live_statistics': m0009,
  '0010_decision_reports': m0010,
  '0011_impact': m0011,
  '0012_freezes_and_attempts': m0012,
  '0013_judges_and_labels': m0013,
  '0014_eval_runs': m0014,
  '0015_datasets_from_traffic': m0015,
}

/** A database written by a newer Interlock: starting would misread it. */
export class NewerSchemaError extends Error {
  readonly code = 'NEWER_SCHEMA'
  constructor(names: readonly string[]) {
    super(
      `the database has migrations this version does not know (${names.join(', ')}); start the newer version instead`,
    )
    this.name = 'NewerSchemaError'
  }
}

/**
 * Brings the schema up to date, under the migrator's advisory lock so that replicas may start together.
 *
 * @returns the names applied now
 * @throws NewerSchemaError, or the error of the failed migration (its changes are rolled back)
 */
export async function migrate(db: Database): Promise<string[]> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migration_lock',
  })
  const unknown = (await appliedNames(db)).filter((name) => migrations[name] === undefined)
  if (unknown.length > 0) throw new NewerSchemaError(unknown)
  const { error, results } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return (results ?? []).map((result) => result.migrationName)
}

async function appliedNames(db: Database): Promise<string[]> {
  const tables = await db.introspection.getTables()
  if (!tables.some((table) => table.name === 'schema_migrations')) return []
  const rows = await db
    .withTables<{ schema_migrations: { name: string } }>()
    .selectFrom('schema_migrations')
    .select('name')
    .execute()
  return rows.map((row) => row.name)
}
