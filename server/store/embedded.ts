import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { lockDirectory } from './embedded-lock.ts'
import type { WorkerRequest } from './embedded-worker.ts'

export interface QueryResult {
  readonly rows: unknown[]
  readonly rowCount: number
  readonly command: string
  readonly fields: unknown[]
}

type QueryInput = string | { readonly text: string; readonly values?: readonly unknown[] }
interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Longest wait for the single session before a caller is told; a transaction that never ends must not hang the rest. */
const lockWaitMs = 20_000
const maintenanceEveryMs = 120_000

class EmbeddedDatabaseError extends Error {}

/**
 * A pg.Pool look-alike over embedded PostgreSQL in a worker thread: enough for Kysely's PostgresDialect and the queue's
 * PostgreSQL backend. The engine is synchronous WebAssembly, so it must not share the thread that serves HTTP.
 *
 * One session serves every caller: statements are queued, a transaction holds the session until it ends. Using the outer
 * database inside a transaction therefore waits for itself and fails after 20 s (on PostgreSQL it would work).
 */
export class EmbeddedPool extends EventEmitter {
  readonly options = { max: 10, keepAlive: true }
  readonly #worker: Worker
  readonly #unlock: () => void
  readonly #waiters = new Map<number, Waiter>()
  readonly #subscribers = new Map<string, Set<EmbeddedClient>>()
  #tail: Promise<void> = Promise.resolve()
  #lastId = 0
  #isEnded = false
  #maintenance: NodeJS.Timeout | undefined

  private constructor(directory: string | null) {
    super()
    this.setMaxListeners(0)
    this.#unlock = directory === null ? () => undefined : lockDirectory(directory)
    this.#worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), {
      workerData: { directory: directory === null ? null : join(directory, 'pg') },
    })
  }

  /** @param directory data directory, or null for one in memory (tests) */
  static async open(directory: string | null): Promise<EmbeddedPool> {
    const pool = new EmbeddedPool(directory)
    try {
      await pool.#started()
    } catch (error) {
      pool.#unlock()
      throw error
    }
    // Nothing vacuums or checkpoints by itself in the embedded engine: the files would only grow.
    pool.#maintenance = setInterval(() => {
      pool
        .query('vacuum (analyze)')
        .then(() => pool.query('checkpoint'))
        .catch(() => undefined)
    }, maintenanceEveryMs).unref()
    return pool
  }

  #started(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.on('error', (error: Error) => {
        reject(error)
        this.#failAll(error)
        this.emit('error', error)
      })
      this.#worker.on('exit', () => this.#failAll(new EmbeddedDatabaseError('the embedded database has stopped')))
      this.#worker.on('message', (message: Record<string, unknown>) => {
        if (message['ready'] === true) resolve()
        else if (typeof message['channel'] === 'string') this.#notify(message['channel'], String(message['payload']))
        else this.#answer(message)
      })
    })
  }

  #failAll(error: Error): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error)
    this.#waiters.clear()
  }

  #notify(channel: string, payload: string): void {
    for (const client of this.#subscribers.get(channel) ?? []) client.emit('notification', { channel, payload })
  }

  #answer(message: Record<string, unknown>): void {
    const waiter = this.#waiters.get(Number(message['id']))
    this.#waiters.delete(Number(message['id']))
    if (message['error'] === undefined) waiter?.resolve(message['result'])
    else {
      const fields = message['error'] as { message?: string }
      waiter?.reject(Object.assign(new EmbeddedDatabaseError(fields.message), fields))
    }
  }

  /** Sends one request to the thread. Callers hold the session lock for `query`. */
  send(request: Omit<WorkerRequest, 'id'>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isEnded && request.op !== 'close') return reject(new EmbeddedDatabaseError('the database is closed'))
      this.#lastId += 1
      this.#waiters.set(this.#lastId, { resolve, reject })
      this.#worker.postMessage({ id: this.#lastId, ...request })
    })
  }

  /** Waits for the session. @returns the function that frees it */
  async lockSession(): Promise<() => void> {
    const previous = this.#tail
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#tail = promise
    const timedOut = Promise.withResolvers<never>()
    const timer = setTimeout(
      () =>
        timedOut.reject(new EmbeddedDatabaseError('waited 20 s for the embedded session; is a transaction left open?')),
      lockWaitMs,
    )
    try {
      await Promise.race([previous, timedOut.promise])
      return resolve
    } catch (error) {
      previous.then(resolve, resolve)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async query(input: QueryInput, params?: readonly unknown[]): Promise<QueryResult> {
    const client = await this.connect()
    try {
      return await client.query(input, params)
    } finally {
      await client.release()
    }
  }

  async connect(): Promise<EmbeddedClient> {
    return new EmbeddedClient(this)
  }

  async subscribe(channel: string, client: EmbeddedClient): Promise<void> {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers !== undefined) {
      subscribers.add(client)
      return
    }
    this.#subscribers.set(channel, new Set([client]))
    await this.send({ op: 'listen', channel })
  }

  async unsubscribe(client: EmbeddedClient, channel?: string): Promise<void> {
    for (const [name, subscribers] of this.#subscribers) {
      if (channel !== undefined && channel !== name) continue
      if (subscribers.delete(client) && subscribers.size === 0) {
        this.#subscribers.delete(name)
        await this.send({ op: 'unlisten', channel: name })
      }
    }
  }

  async end(): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#maintenance)
    await this.send({ op: 'close' })
    await this.#worker.terminate()
    this.#unlock()
  }
}

const listenPattern = /^\s*(un)?listen\s+"?([^";\s]+)"?/i
const beginPattern = /^\s*(begin|start\s+transaction)\b/i
const endPattern = /^\s*(commit|rollback(?!\s+to))\b/i

/** A pg.PoolClient look-alike: between BEGIN and COMMIT or ROLLBACK it alone holds the session. */
export class EmbeddedClient extends EventEmitter {
  readonly #pool: EmbeddedPool
  #free: (() => void) | undefined

  constructor(pool: EmbeddedPool) {
    super()
    this.setMaxListeners(0)
    this.#pool = pool
  }

  async query(input: QueryInput, params?: readonly unknown[]): Promise<QueryResult> {
    const sql = (typeof input === 'string' ? input : input.text).replace(/^(?:\s*--[^\n]*\n)+\s*/, '')
    const values = params ?? (typeof input === 'string' ? undefined : input.values)
    const listen = listenPattern.exec(sql)
    if (listen !== null) return this.#listen(listen[1] !== undefined, listen[2] ?? '')
    return this.#free === undefined ? this.#outside(sql, values) : this.#inside(sql, values)
  }

  async #listen(isUnlisten: boolean, channel: string): Promise<QueryResult> {
    if (isUnlisten) await this.#pool.unsubscribe(this, channel === '*' ? undefined : channel)
    else await this.#pool.subscribe(channel, this)
    return { rows: [], rowCount: 0, command: 'LISTEN', fields: [] }
  }

  async #inside(sql: string, values: readonly unknown[] | undefined): Promise<QueryResult> {
    try {
      return await this.#run(sql, values)
    } finally {
      if (endPattern.test(sql)) this.#leave()
    }
  }

  async #outside(sql: string, values: readonly unknown[] | undefined): Promise<QueryResult> {
    const free = await this.#pool.lockSession()
    const isBegin = beginPattern.test(sql)
    if (isBegin) this.#free = free
    try {
      const result = await this.#run(sql, values)
      if (!isBegin) free()
      return result
    } catch (error) {
      this.#free = undefined
      free()
      throw error
    }
  }

  #leave(): void {
    this.#free?.()
    this.#free = undefined
  }

  async #run(sql: string, values: readonly unknown[] | undefined): Promise<QueryResult> {
    const params = values?.map((value) => (value === undefined ? null : value))
    return (await this.#pool.send({ op: 'query', sql, ...(params === undefined ? {} : { params }) })) as QueryResult
  }

  /** Gives the client back; an open transaction is rolled back, as the next caller would be inside it. */
  async release(): Promise<void> {
    if (this.#free !== undefined) {
      try {
        await this.#run('rollback', undefined)
      } finally {
        this.#leave()
      }
    }
    await this.#pool.unsubscribe(this)
  }
}
