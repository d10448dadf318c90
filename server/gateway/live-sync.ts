import { bookOf, type TallyRow } from '#domain/quality.ts'
import type { Log } from '#infra/log.ts'
import type { LiveStats, OthersWindow, OwnWindow } from './live-stats.ts'

/** Where replicas leave what they measured. */
export interface LiveExchange {
  write(windows: readonly OwnWindow[]): Promise<void>
  /** @param isAll false: only what changed lately */
  readOthers(isAll: boolean): Promise<readonly OthersWindow[]>
  /** Scores by model, metric and task; null: the same as at the last call. */
  readScores(): Promise<readonly TallyRow[] | null>
}

/** A replica's measurements reach the others, and quality scores every replica, within this time and that of a statement. */
const syncEveryMs = 2_000
/** After this many failures in a row what changed lately may be too little to have missed nothing. */
const failuresForgiven = 5

/** Keeps a process's live statistics in step with its fellows'. No request ever waits for it; a database that is away stops nothing. */
export class LiveSync {
  readonly #stats: LiveStats
  readonly #exchange: LiveExchange
  readonly #log: Log
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #failures = 0
  /** What changed lately is not all that is missing: at the start, and after a while without word. */
  #needsAll = true
  #hasTried = false
  #isStopped = false

  constructor(stats: LiveStats, exchange: LiveExchange, log: Log) {
    this.#stats = stats
    this.#exchange = exchange
    this.#log = log
  }

  /** The first exchange has ended, well or not: what there is to know is known. */
  get hasTried(): boolean {
    return this.#hasTried
  }

  start(): void {
    this.#run()
  }

  #run(): void {
    this.#running = this.sync().finally(() => {
      this.#running = null
      this.#hasTried = true
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#run(), syncEveryMs)
    })
  }

  /** Sends what is new and takes in what others have sent. Never throws. */
  async sync(): Promise<void> {
    const unsent = this.#stats.takeUnsent()
    try {
      if (unsent.length > 0) await this.#exchange.write(unsent)
      this.#stats.takeOthers(await this.#exchange.readOthers(this.#needsAll))
      this.#needsAll = false
      const scores = await this.#exchange.readScores()
      if (scores !== null) this.#stats.setQuality(bookOf(scores))
      this.#failures = 0
    } catch (error) {
      // Writing a window again changes nothing, so it does not matter how far this got.
      this.#stats.putBack(unsent)
      this.#failures += 1
      this.#needsAll ||= this.#failures >= failuresForgiven
      if (this.#failures === 1) {
        const reason = error instanceof Error ? error.name : 'unknown'
        this.#log.warn({ reason }, 'live statistics could not be exchanged; routing goes by what is known here')
      }
    }
  }

  /** Resolves when what was measured last has been sent, or cannot be. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
    await this.sync()
  }
}
