/** Failures in a row that open a circuit. */
const failureLimit = 5
/** First rest of an open circuit; doubled at each failed probe up to the longest, which bounds how long a provider that works
 * again is still left out (R9: 10 s). */
const firstRestMs = 2_000
const longestRestMs = 8_000
/** Failures in a row after which a provider's Retry-After holds for everyone: one alone may concern one large request. */
const askedRestLimit = 2
/** A provider's Retry-After is obeyed up to this. */
const longestAskedRestMs = 60_000

interface Circuit {
  failures: number
  /** Monotonic time until which the target rests; 0: closed. */
  restsUntilMs: number
  restMs: number
  isProbing: boolean
}

const nothing: ReadonlySet<string> = new Set()

/**
 * One circuit per target, in this process. closed (requests pass; leads to open after five failures in a row, or two when
 * the provider says how long to wait), open (nothing passes until its rest is over), half-open (one probe at a time; success
 * closes, failure opens for twice as long; a probe's first streamed content closes on trial).
 */
export class Circuits {
  readonly #circuits = new Map<string, Circuit>()

  /** Targets that nothing may be sent to now. */
  open(nowMs: number): ReadonlySet<string> {
    if (this.#circuits.size === 0) return nothing
    const open = new Set<string>()
    for (const [target, circuit] of this.#circuits) {
      if (circuit.restsUntilMs > nowMs || (circuit.restsUntilMs > 0 && circuit.isProbing)) open.add(target)
    }
    return open
  }

  /** Takes the right to send one request. @returns false while the target rests or another probe is under way */
  enter(target: string, nowMs: number): boolean {
    const circuit = this.#circuits.get(target)
    if (circuit === undefined || circuit.restsUntilMs === 0) return true
    if (circuit.restsUntilMs > nowMs || circuit.isProbing) return false
    circuit.isProbing = true
    return true
  }

  succeeded(target: string): void {
    this.#circuits.delete(target)
  }

  /**
   * A stream has given its first content and may go on for minutes: a probe need not keep others out so long. One more
   * failure, be it this stream's own end, opens the circuit again.
   */
  answering(target: string): void {
    const circuit = this.#circuits.get(target)
    if (circuit === undefined || !circuit.isProbing) return
    circuit.isProbing = false
    circuit.restsUntilMs = 0
    circuit.failures = failureLimit - 1
  }

  /** The request came to nothing that says anything of the target: the client left, or the request itself was bad. */
  released(target: string): void {
    const circuit = this.#circuits.get(target)
    if (circuit !== undefined) circuit.isProbing = false
  }

  /** @param retryAfterMs how long the provider asks to be left alone; null when it does not say */
  failed(target: string, nowMs: number, retryAfterMs: number | null): void {
    const circuit = this.#circuits.get(target) ?? {
      failures: 0,
      restsUntilMs: 0,
      restMs: firstRestMs,
      isProbing: false,
    }
    this.#circuits.set(target, circuit)
    circuit.failures += 1
    const isProbe = circuit.isProbing
    circuit.isProbing = false
    if (retryAfterMs !== null && circuit.failures >= askedRestLimit)
      this.#rest(circuit, nowMs + Math.min(retryAfterMs, longestAskedRestMs))
    if (circuit.failures < failureLimit && !isProbe) return
    if (isProbe) circuit.restMs = Math.min(circuit.restMs * 2, longestRestMs)
    this.#rest(circuit, nowMs + circuit.restMs)
  }

  /** A rest is only ever made longer. */
  #rest(circuit: Circuit, untilMs: number): void {
    circuit.restsUntilMs = Math.max(circuit.restsUntilMs, untilMs)
  }

  /** Until the first of these targets may be tried again; null when none rests. */
  soonestMs(targets: readonly string[], nowMs: number): number | null {
    const waits = targets.flatMap((target) => {
      const until = this.#circuits.get(target)?.restsUntilMs ?? 0
      return until > nowMs ? [until - nowMs] : []
    })
    return waits.length === 0 ? null : Math.min(...waits)
  }
}
