import { setTimeout as wait } from 'node:timers/promises'
import { type Limits, minuteMs } from '#domain/rate-limit.ts'

/** Calls at once to a provider that states no limit. */
const defaultConcurrency = 32
/** A provider that states a high limit is still met with few calls at first. */
const firstWidth = 16
/** Answers whose times are compared; the shortest median so far is what the provider can do when it is not crowded. */
const windowSize = 32
/** Answers this much slower than the best window are taken as a provider that is crowded. */
const slowFactor = 3
/** A delay below this says more about this process than about the provider. */
const leastDelayMs = 200
const shrinkOnRefusal = 0.5
const shrinkOnDelay = 0.8

export interface GateClock {
  monotonicMs(): number
}

/** One call that holds a place; told how it went, the gate adapts. */
export interface Passage {
  /** Waits for this attempt's turn under the limits per minute; before every attempt, retries included. */
  turn(): Promise<void>
  /** An answer came, after so many milliseconds at the provider. */
  succeeded(latencyMs: number): void
  /** The provider said "too many requests". */
  refused(): void
}

/**
 * How much one provider is asked at once, for everything in this process that calls models: eval runs side by side and their
 * judges share it. The width doubles per round while nothing is wrong, then rises by one per round; it halves when the
 * provider refuses a call for its rate and falls by a fifth when answers take `slowFactor` times as long as they did at best
 * (additive increase, multiplicative decrease: Chiu & Jain 1989). Never above the provider's own `concurrency`, never below 1.
 * `requestsPerMinute` and `tokensPerMinute` are kept by spacing calls evenly.
 */
export class ProviderGate {
  readonly #clock: GateClock
  readonly #limits: Limits
  readonly #most: number
  #width: number
  #running = 0
  #isStarting = true
  #round = 0
  #roundDone = 0
  #times: number[] = []
  #bestMs = Number.POSITIVE_INFINITY
  #requestsFreeAtMs = 0
  #tokensFreeAtMs = 0
  readonly #waiting: (() => void)[] = []

  constructor(limits: Limits, clock: GateClock) {
    this.#clock = clock
    this.#limits = limits
    this.#most = Math.max(1, limits.concurrency ?? defaultConcurrency)
    this.#width = Math.min(this.#most, firstWidth)
  }

  /** Calls it lets run at once now. */
  get width(): number {
    return Math.floor(this.#width)
  }

  get running(): number {
    return this.#running
  }

  /** The most it will ever let run at once. */
  get most(): number {
    return this.#most
  }

  /** Whether it still fits a provider's limits, which people may change. */
  isFor(limits: Limits): boolean {
    const { concurrency, requestsPerMinute, tokensPerMinute } = this.#limits
    return (
      limits.concurrency === concurrency &&
      limits.requestsPerMinute === requestsPerMinute &&
      limits.tokensPerMinute === tokensPerMinute
    )
  }

  /** Runs a call when there is a place for it, first come first served. @param tokens it is expected to send */
  async run<T>(tokens: number, call: (passage: Passage) => Promise<T>): Promise<T> {
    while (this.#running >= this.width) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running += 1
    try {
      return await call(this.#passage(tokens))
    } finally {
      this.#running -= 1
      this.#admit()
    }
  }

  #passage(tokens: number): Passage {
    const round = this.#round
    return {
      turn: async () => {
        const pauseMs = this.#pause(tokens)
        if (pauseMs > 0) await wait(pauseMs)
      },
      succeeded: (latencyMs) => this.#grow(latencyMs, round),
      // Calls of one round are refused together: they are one sign, not many.
      refused: () => {
        if (round === this.#round) this.#shrink(shrinkOnRefusal)
      },
    }
  }

  #grow(latencyMs: number, round: number): void {
    this.#times.push(latencyMs)
    if (this.#times.length >= windowSize && this.#judgeTimes(round)) return
    if (this.#isStarting) this.#width = Math.min(this.#most, this.#width + 1)
    else {
      this.#roundDone += 1
      if (this.#roundDone >= this.#width) {
        this.#roundDone = 0
        this.#width = Math.min(this.#most, this.#width + 1)
      }
    }
    this.#admit()
  }

  /** @returns true when the provider is crowded */
  #judgeTimes(round: number): boolean {
    const median = this.#times.sort((a, b) => a - b)[this.#times.length >> 1] ?? 0
    this.#times = []
    this.#bestMs = Math.min(this.#bestMs, Math.max(1, median))
    const isCrowded = median > slowFactor * this.#bestMs && median - this.#bestMs > leastDelayMs
    if (!isCrowded || round !== this.#round) return false
    this.#shrink(shrinkOnDelay)
    return true
  }

  #shrink(factor: number): void {
    this.#round += 1
    this.#roundDone = 0
    this.#isStarting = false
    this.#width = Math.max(1, this.#width * factor)
  }

  #admit(): void {
    let places = this.width - this.#running
    while (places > 0 && this.#waiting.length > 0) {
      this.#waiting.shift()?.()
      places -= 1
    }
  }

  /** Milliseconds until the next call may start under the limits per minute; takes its place in both rows. */
  #pause(tokens: number): number {
    const { requestsPerMinute, tokensPerMinute } = this.#limits
    if (requestsPerMinute === undefined && tokensPerMinute === undefined) return 0
    const nowMs = this.#clock.monotonicMs()
    const startMs = Math.max(nowMs, this.#requestsFreeAtMs, this.#tokensFreeAtMs)
    if (requestsPerMinute !== undefined) this.#requestsFreeAtMs = startMs + minuteMs / requestsPerMinute
    if (tokensPerMinute !== undefined) this.#tokensFreeAtMs = startMs + (minuteMs * tokens) / tokensPerMinute
    return startMs - nowMs
  }
}
