import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type OpenDatabase, openEmbedded, openPostgres } from '#store/database.ts'
import { embeddedTemplate, postgresTemplate, withDatabase } from '#test/global-setup.ts'

export type Engine = 'embedded' | 'postgres'

/** The engines this run can test: embedded always, PostgreSQL where DATABASE_URL names a server. */
export function engines(): Engine[] {
  return process.env['DATABASE_URL'] ? ['embedded', 'postgres'] : ['embedded']
}

export interface TestDatabase extends OpenDatabase {
  /** Set on PostgreSQL: for processes a test starts itself. */
  readonly url: string | null
  /** Set on the embedded engine: its data directory. */
  readonly directory: string | null
}

/** A migrated, empty database of its own, dropped by `close()`. Default engine: PostgreSQL where there is one. */
export async function testDatabase(engine: Engine = engines().at(-1) ?? 'embedded'): Promise<TestDatabase> {
  return engine === 'postgres' ? postgresCopy() : embeddedCopy()
}

/** A copy of the migrated embedded data directory, not opened: for a server process of its own. */
export function embeddedDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'interlock-test-'))
  cpSync(embeddedTemplate(), directory, { recursive: true })
  return directory
}

async function embeddedCopy(): Promise<TestDatabase> {
  const directory = embeddedDirectory()
  const opened = await openEmbedded(directory)
  const close = async () => {
    await opened.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return { ...opened, url: null, directory, close }
}

/** A new database on the PostgreSQL server, from the migrated template. */
export async function postgresDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = process.env['DATABASE_URL'] ?? ''
  const name = `interlock_test_${randomBytes(6).toString('hex')}`
  const run = async (sql: string) => {
    const admin = new pg.Client({ connectionString: server })
    await admin.connect()
    await admin.query(sql).finally(() => admin.end())
  }
  await run(`create database ${name} template ${postgresTemplate()}`)
  return { url: withDatabase(server, name), drop: () => run(`drop database if exists ${name} with (force)`) }
}

async function postgresCopy(): Promise<TestDatabase> {
  const { url, drop } = await postgresDatabase()
  const opened = openPostgres(url, () => undefined)
  const close = async () => {
    await opened.close()
    await drop()
  }
  return { ...opened, url, directory: null, close }
}
