/**
 * A limit on attempts by name (generic cell rate algorithm): `burst` at once, then one every `everyMs`.
 *
 * In memory and bounded: forgetting the oldest names lets a flood of addresses through, which the limit on `*` catches.
 */
export class RateLimit {
  readonly #burst: number
  readonly #everyMs: number
  readonly #maxNames: number
  /** Name -> time at which its bucket is full again. */
  readonly #fullAt = new Map<string, number>()

  constructor(options: { readonly burst: number; readonly everyMs: number; readonly maxNames?: number }) {
    this.#burst = options.burst
    this.#everyMs = options.everyMs
    this.#maxNames = options.maxNames ?? 10_000
  }

  /** Counts an attempt. @returns 0 when it may go on, else milliseconds to wait */
  take(name: string, nowMs: number): number {
    const fullAt = Math.max(this.#fullAt.get(name) ?? nowMs, nowMs)
    const waitMs = fullAt - nowMs - (this.#burst - 1) * this.#everyMs
    if (waitMs > 0) return waitMs
    this.#fullAt.delete(name)
    this.#fullAt.set(name, fullAt + this.#everyMs)
    const oldest = this.#fullAt.keys().next().value
    if (this.#fullAt.size > this.#maxNames && oldest !== undefined) this.#fullAt.delete(oldest)
    return 0
  }

  /** Gives the attempts of a name back: it proved to be honest. */
  forgive(name: string): void {
    this.#fullAt.delete(name)
  }
}
