/** Mirrored calls at once in this process. */
const concurrency = 16
/** Pairs that may wait besides, from their assignment on. */
const queueLength = 64
const maxBytes = 64 * 1024 * 1024

/**
 * Bounds mirroring. A place is reserved when a request is assigned, before any evidence is written, so that a pair that is
 * counted is also run; without a free place the pair is not started (D5).
 */
export class ShadowQueue {
  readonly #waiting: (() => Promise<void>)[] = []
  readonly #idle: (() => void)[] = []
  #reserved = 0
  #bytes = 0
  #running = 0
  #refused = 0
  #isClosed = false

  /** Pairs not started for want of room. */
  get refused(): number {
    return this.#refused
  }

  /** @param bytes the request's size, kept until its mirror has run */
  reserve(bytes: number): boolean {
    const isFull = this.#reserved >= concurrency + queueLength || this.#bytes + bytes > maxBytes
    if (isFull || this.#isClosed) {
      this.#refused += 1
      return false
    }
    this.#reserved += 1
    this.#bytes += bytes
    return true
  }

  /** Runs the mirror of a reserved place, now or when one before it ends. @param job never rejects */
  submit(bytes: number, job: () => Promise<void>): void {
    this.#waiting.push(async () => {
      await job()
      this.release(bytes)
    })
    this.#pump()
  }

  /** Gives a reserved place back: its mirror has run, or never will. */
  release(bytes: number): void {
    this.#reserved -= 1
    this.#bytes -= bytes
  }

  #pump(): void {
    while (this.#running < concurrency) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#running += 1
      next().finally(() => {
        this.#running -= 1
        this.#pump()
      })
    }
    if (this.#running === 0) for (const wake of this.#idle.splice(0)) wake()
  }

  /** Takes no new pairs and waits for those under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#running === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }
}
