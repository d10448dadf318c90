import type { Log } from '#infra/log.ts'
import type { LiveBatch, LiveLog } from '#store/live-log.ts'

type Kind = keyof LiveBatch
type Row<K extends Kind> = LiveBatch[K][number]

interface Entry {
  readonly kind: Kind
  readonly row: Row<Kind>
  readonly bytes: number
}

export interface BufferLimits {
  readonly maxRows: number
  readonly maxBytes: number
  /** A batch is written when it has this many rows ... */
  readonly flushRows: number
  /** ... or its oldest row is this old. */
  readonly flushAfterMs: number
}

const bufferDefaults: BufferLimits = {
  maxRows: 50_000,
  maxBytes: 64 * 1024 * 1024,
  flushRows: 200,
  flushAfterMs: 200,
}

const firstRetryMs = 200
const longestRetryMs = 5_000
/** What a row is counted as in memory when nobody measured it. */
const rowBytes = 1_500

export interface BufferCounts {
  readonly written: number
  /** Rows lost because the buffer was full, by kind. */
  readonly dropped: Readonly<Record<Kind, number>>
  /** Rows the database refused on their own account. */
  readonly refused: number
  readonly waiting: number
}

/**
 * Takes the log off the hot path: rows wait in bounded memory and are written in batches. When the database is away they wait
 * longer; when the memory is full new rows are dropped and counted, never the request delayed (P13).
 */
export class DecisionBuffer {
  readonly #log: LiveLog
  readonly #limits: BufferLimits
  readonly #logger: Log
  readonly #dropped: Record<Kind, number> = {
    assignments: 0,
    completions: 0,
    samples: 0,
    decisions: 0,
    shadowCalls: 0,
    payloads: 0,
  }
  #entries: Entry[] = []
  #bytes = 0
  #inFlight = 0
  #written = 0
  #refused = 0
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #retryMs = firstRetryMs
  #isClosed = false

  constructor(log: LiveLog, logger: Log, limits: BufferLimits = bufferDefaults) {
    this.#log = log
    this.#logger = logger
    this.#limits = limits
  }

  get counts(): BufferCounts {
    const waiting = this.#entries.length + this.#inFlight
    return { written: this.#written, dropped: { ...this.#dropped }, refused: this.#refused, waiting }
  }

  /** @param bytes what the row holds in memory, where that is much */
  push<K extends Kind>(kind: K, row: Row<K>, bytes = 0): void {
    const size = rowBytes + bytes
    const isFull =
      this.#entries.length + this.#inFlight >= this.#limits.maxRows || this.#bytes + size > this.#limits.maxBytes
    if (isFull || this.#isClosed) {
      this.#drop(kind)
      return
    }
    this.#entries.push({ kind, row, bytes: size })
    this.#bytes += size
    if (this.#running !== null) return
    if (this.#entries.length >= this.#limits.flushRows) this.#run()
    else this.#timer ??= setTimeout(() => this.#run(), this.#limits.flushAfterMs)
  }

  #drop(kind: Kind): void {
    const total = Object.values(this.#dropped).reduce((sum, count) => sum + count, 0)
    if (total === 0) this.#logger.error({ kind }, 'the decision log buffer is full: rows are dropped')
    this.#dropped[kind] += 1
  }

  #run(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#running ??= this.#drain().finally(() => {
      this.#running = null
    })
  }

  /** Writes until nothing waits. A failed batch is tried again, in order, until it is written or the buffer is closed. */
  async #drain(): Promise<void> {
    while (this.#entries.length > 0) {
      const batch = this.#entries.splice(0, Math.max(this.#limits.flushRows, 500))
      this.#inFlight = batch.length
      while (!(await this.#tryWrite(batch))) {
        if (this.#isClosed) {
          for (const entry of batch) this.#drop(entry.kind)
          break
        }
        await new Promise((resolve) => setTimeout(resolve, this.#retryMs))
        this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs)
      }
      this.#inFlight = 0
      for (const entry of batch) this.#bytes -= entry.bytes
    }
  }

  async #tryWrite(batch: readonly Entry[]): Promise<boolean> {
    try {
      await this.#writeAll(batch)
      this.#retryMs = firstRetryMs
      return true
    } catch (error) {
      this.#logger.warn(
        { err: describe(error), rows: batch.length },
        'the decision log could not be written; trying again',
      )
      return false
    }
  }

  /** A batch that the database refuses for what it holds is halved until the faulty row stands alone, and is left out. */
  async #writeAll(batch: readonly Entry[]): Promise<void> {
    try {
      await this.#log.write(batchOf(batch))
      this.#written += batch.length
    } catch (error) {
      if (!isRowAtFault(error)) throw error
      const [only] = batch
      if (batch.length === 1 && only !== undefined) {
        this.#refused += 1
        this.#logger.error({ err: describe(error), kind: only.kind }, 'a row of the decision log was refused')
        return
      }
      const half = Math.ceil(batch.length / 2)
      await this.#writeAll(batch.slice(0, half))
      await this.#writeAll(batch.slice(half))
    }
  }

  /** Resolves when everything pushed before is written (or was dropped). */
  async flush(): Promise<void> {
    this.#run()
    await this.#running
    if (this.#entries.length > 0) await this.flush()
  }

  /** Writes what waits, giving up on a database that is away after its next failure. Later rows are dropped. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.flush()
  }
}

function batchOf(entries: readonly Entry[]): LiveBatch {
  const rows = <K extends Kind>(kind: K) =>
    entries.flatMap((entry) => (entry.kind === kind ? [entry.row as Row<K>] : []))
  return {
    assignments: rows('assignments'),
    completions: rows('completions'),
    samples: rows('samples'),
    decisions: rows('decisions'),
    shadowCalls: rows('shadowCalls'),
    payloads: rows('payloads'),
  }
}

/** SQLSTATE classes 22 (data), 23 (constraint) and 54 (limit): trying again cannot help. */
function isRowAtFault(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^(22|23|54)/.test(code)
}

/** Code and class only: messages of the database quote values. */
function describe(error: unknown): { name: string; code: unknown } {
  return { name: error instanceof Error ? error.name : 'unknown', code: (error as { code?: unknown } | null)?.code }
}
