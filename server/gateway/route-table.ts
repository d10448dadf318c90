import type { Snapshot } from '#domain/snapshot.ts'
import type { Log } from '#infra/log.ts'
import type { SnapshotSource } from '#store/snapshot.ts'

/** Notifications can be lost: the epoch is asked for this often as well, give or take a fifth. */
const pollMs = 2_000
const jitter = 0.2

export interface RouteTableDeps {
  readonly source: SnapshotSource
  readonly clock: { nowMs(): number; monotonicMs(): number }
  readonly random: () => number
  readonly log: Log
  /** How long a candidate may be served without word from the promotion engine. */
  readonly leaseMs: number
  /** Readies what a snapshot needs before it is served; never rejects. */
  readonly prepare?: (snapshot: Snapshot) => Promise<void>
}

/**
 * The snapshot this gateway serves from. Swapped whole, never to an older epoch; while the database is away the last good one
 * stays, and the exposure lease runs out by itself (D13, E7).
 */
export class RouteTable {
  readonly #deps: RouteTableDeps
  #snapshot: Snapshot | null = null
  /** Monotonic time of the engine's last sign of life; null: none yet. */
  #heardAtMs: number | null = null
  #engineSeenAtMs: number | null = null
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #ticking: Promise<void> | null = null
  #unlisten: (() => Promise<void>) | null = null
  #isStopped = false

  constructor(deps: RouteTableDeps) {
    this.#deps = deps
  }

  /** null until the first snapshot was read: not ready. */
  current(): Snapshot | null {
    return this.#snapshot
  }

  /** False: candidates may not be served, because the engine that watches over them has not been heard for the lease's length. */
  isLeaseValid(monotonicMs: number): boolean {
    return this.#heardAtMs !== null && monotonicMs - this.#heardAtMs < this.#deps.leaseMs
  }

  /**
   * Fetches whatever is newest. Resolves when this gateway serves a snapshot read after the call.
   *
   * @throws the database's error; the last good snapshot stays
   */
  refresh(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#read().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    // The read under way may have begun before the change that the caller wants to see.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null
        return this.refresh()
      })
    return this.#next
  }

  async #read(): Promise<void> {
    const { source, clock } = this.#deps
    const askedAtMs = clock.monotonicMs()
    const state = await source.readState()
    this.#renewLease(state.engineSeenAtMs, askedAtMs)
    if (this.#snapshot === null || state.epoch > this.#snapshot.epoch) {
      const snapshot = await source.load()
      await this.#deps.prepare?.(snapshot)
      if (this.#snapshot === null || snapshot.epoch > this.#snapshot.epoch) this.#snapshot = snapshot
    }
    await source.record(this.#snapshot)
  }

  /** A sign of life is a change of the engine's mark, timed on our own clock; only the first one is judged by the wall clock. */
  #renewLease(engineSeenAtMs: number | null, askedAtMs: number): void {
    if (engineSeenAtMs === null || engineSeenAtMs === this.#engineSeenAtMs) return
    const isFirst = this.#engineSeenAtMs === null
    this.#engineSeenAtMs = engineSeenAtMs
    const ageMs = isFirst ? Math.max(0, this.#deps.clock.nowMs() - engineSeenAtMs) : 0
    this.#heardAtMs = Math.max(this.#heardAtMs ?? Number.NEGATIVE_INFINITY, askedAtMs - ageMs)
  }

  /**
   * Reads the first snapshot and follows changes from then on: by notification, and by polling, which also shows that this
   * gateway lives.
   */
  async start(): Promise<void> {
    this.#ticking = this.#tick()
    await this.#ticking
    this.#schedule()
  }

  async #tick(): Promise<void> {
    try {
      this.#unlisten ??= await this.#listen()
      await this.refresh()
    } catch (error) {
      const epoch = this.#snapshot?.epoch ?? null
      this.#deps.log.warn({ err: error, epoch }, 'the route table could not be refreshed; the last good one is served')
    }
  }

  #listen(): Promise<() => Promise<void>> {
    return this.#deps.source.listen({
      onChange: () => {
        this.refresh().catch((error: unknown) => {
          this.#deps.log.warn({ err: error }, 'the route table could not be refreshed; the last good one is served')
        })
      },
      // Listened for again at the next poll.
      onLost: () => {
        this.#unlisten = null
      },
    })
  }

  #schedule(): void {
    if (this.#isStopped) return
    const waitMs = pollMs * (1 - jitter + 2 * jitter * this.#deps.random())
    this.#timer = setTimeout(() => {
      this.#ticking = this.#tick().then(() => this.#schedule())
    }, waitMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    // A tick under way may be about to listen: what it opens is closed as well.
    await this.#ticking
    await this.#running?.catch(() => undefined)
    await this.#unlisten?.()
    this.#unlisten = null
  }
}
