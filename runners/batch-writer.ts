import { setTimeout as wait } from 'node:timers/promises'

/** A batch smaller than this waits a moment for more: most of what a statement costs it costs once. */
const worthWriting = 32
const gatherMs = 8

/**
 * Writes together what comes in while a write is under way: one statement for many answers, and none waits longer than a few
 * milliseconds for others.
 */
export class BatchWriter<T> {
  readonly #write: (batch: readonly T[]) => Promise<unknown>
  readonly #mostAtOnce: number
  #waiting: { readonly entry: T; readonly done: PromiseWithResolvers<void> }[] = []
  #isWriting = false

  /** @param write must be atomic: a batch that fails is tried again entry by entry */
  constructor(write: (batch: readonly T[]) => Promise<unknown>, mostAtOnce = 256) {
    this.#write = write
    this.#mostAtOnce = mostAtOnce
  }

  /** Resolves when the entry is stored. @throws what storing it alone threw */
  put(entry: T): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ entry, done })
    if (!this.#isWriting) {
      this.#isWriting = true
      void this.#drain()
    }
    return done.promise
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < worthWriting) await wait(gatherMs)
      const batch = this.#waiting.splice(0, this.#mostAtOnce)
      try {
        await this.#write(batch.map(({ entry }) => entry))
        for (const { done } of batch) done.resolve()
      } catch (error) {
        if (batch.length === 1) batch[0]?.done.reject(error)
        else await this.#oneByOne(batch)
      }
    }
    this.#isWriting = false
  }

  /** One entry that cannot be stored must not take the others with it. */
  async #oneByOne(batch: readonly { readonly entry: T; readonly done: PromiseWithResolvers<void> }[]): Promise<void> {
    for (const { entry, done } of batch) {
      await this.#write([entry]).then(() => done.resolve(), done.reject)
    }
  }
}
