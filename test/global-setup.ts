import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { openEmbedded, openPostgres } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'

/** Names the schema by what the migrations say, so that a cached template never outlives them. */
export function schemaTag(): string {
  const directory = join(import.meta.dirname, '..', 'migrations')
  const hash = createHash('sha256')
  for (const file of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, file)))
  return hash.digest('hex').slice(0, 12)
}

export function embeddedTemplate(): string {
  return join(import.meta.dirname, '.cache', `embedded-${schemaTag()}`)
}

export function postgresTemplate(): string {
  return `interlock_template_${schemaTag()}`
}

/** Makes the migrated templates that each test file copies: a directory for the embedded engine, a database on PostgreSQL. */
export async function setup(): Promise<void> {
  await makeEmbeddedTemplate()
  if (process.env['DATABASE_URL']) await makePostgresTemplate(process.env['DATABASE_URL'])
  else if (process.env['REQUIRE_SERVICES'] === '1') throw new Error('REQUIRE_SERVICES=1 but DATABASE_URL is not set')
}

async function makeEmbeddedTemplate(): Promise<void> {
  const target = embeddedTemplate()
  if (existsSync(target)) return
  const cache = join(import.meta.dirname, '.cache')
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const making = `${target}.${process.pid}`
  const opened = await openEmbedded(making)
  await migrate(opened.db)
  await opened.close()
  if (existsSync(target)) rmSync(making, { recursive: true, force: true })
  else renameSync(making, target)
}

async function makePostgresTemplate(url: string): Promise<void> {
  const name = postgresTemplate()
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  try {
    await admin.query('select pg_advisory_lock(7205)')
    const found = await admin.query('select 1 from pg_database where datname = $1', [name])
    if (found.rowCount === 1) return
    const making = `${name}_${process.pid}`
    await admin.query(`create database ${making}`)
    const opened = openPostgres(withDatabase(url, making), (error) => {
      throw error
    })
    await migrate(opened.db)
    await opened.close()
    await admin.query(`alter database ${making} rename to ${name}`)
  } finally {
    await admin.end()
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.toString()
}
