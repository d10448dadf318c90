import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { EmbeddedPool } from './embedded.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>
export type Tx = Transaction<Tables>

/** Our tables live in `public`; the queue's in `bullmq`. Both are on the path because the embedded engine has one session. */
const searchPath = 'public, bullmq'

export interface OpenDatabase {
  readonly db: Database
  /** The pool below Kysely, for the queue's PostgreSQL backend and for LISTEN. */
  readonly pool: pg.Pool | EmbeddedPool
  readonly isEmbedded: boolean
  close(): Promise<void>
}

/** Opens a pool on a PostgreSQL server. Every wait has a bound: connecting 2 s, a query 15 s on both sides. */
export function openPostgres(url: string, onIdleError: (error: Error) => void): OpenDatabase {
  const pool = new pg.Pool({
    connectionString: url,
    max: 12,
    keepAlive: true,
    connectionTimeoutMillis: 2_000,
    query_timeout: 15_000,
    statement_timeout: 14_000,
    idle_in_transaction_session_timeout: 10_000,
    options: `-c search_path=${searchPath.replaceAll(' ', '')}`,
  })
  pool.on('error', onIdleError)
  pool.setMaxListeners(0)
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return { db, pool, isEmbedded: false, close: () => db.destroy() }
}

/**
 * Connections for the job queue alone. Its workers keep some of them listening for good: out of one pool they would starve
 * the queries that answer people.
 */
export function openQueuePool(url: string, onIdleError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 16,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=${searchPath.replaceAll(' ', '')}`,
  })
  pool.on('error', onIdleError)
  pool.setMaxListeners(0)
  return pool
}

/**
 * Opens the embedded PostgreSQL of a directory (created when absent).
 *
 * @throws EmbeddedDatabaseLockedError when another process has the directory open
 */
export async function openEmbedded(directory: string): Promise<OpenDatabase> {
  const pool = await EmbeddedPool.open(directory)
  await pool.query(`set search_path = ${searchPath}`)
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }),
  })
  return { db, pool, isEmbedded: true, close: () => db.destroy() }
}

/** Both engines read jsonb parsed and take it as text; without this a bare array would become a PostgreSQL array. */
export function json(value: unknown): string {
  return JSON.stringify(value)
}

/** What a transaction read no longer holds: it is run again from the start. */
export class RetryTransactionError extends Error {
  readonly code = '40001'
  constructor() {
    super('what was read changed before it could be locked')
    this.name = 'RetryTransactionError'
  }
}

/** Runs `work` in one transaction; a serialization failure or deadlock is tried again up to twice. */
export async function inTransaction<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (attempt >= 2 || (code !== '40001' && code !== '40P01')) throw error
    }
  }
}
