import { filledRatio, type LimitKind, type Limits, minuteMs, taken, waitMsOf } from '#domain/rate-limit.ts'
import type { Log } from '#infra/log.ts'
import type { AllowanceSource } from '#store/allowance-source.ts'
import type { ShareReport } from '#store/limits.ts'

/** Nothing used for this long: the share may shrink. */
const idleAfterMs = 10_000
/** Nothing used for this long: the share is given up. */
const forgottenAfterMs = minuteMs
/** When to try again where a place has to come free; nobody knows when. */
const slotWaitMs = 1_000

/** Why a limit lets nothing pass now. */
export interface Saturation {
  readonly kind: LimitKind
  readonly limit: number
  readonly waitMs: number
}

/** One limit of one name, and this gateway's share of it. Rates keep a time (see domain/rate-limit.ts), concurrency a count. */
class SharedLimit {
  readonly kind: LimitKind
  limit: number
  #share: number | null = null
  #fullAtMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  #usedAtMs: number
  #wasRefused = false

  constructor(kind: LimitKind, limit: number, nowMs: number) {
    this.kind = kind
    this.limit = limit
    this.#usedAtMs = nowMs
  }

  /** All of it until the store has said how many share it. */
  get #own(): number {
    return Math.min(this.#share ?? this.limit, this.limit)
  }

  waitMs(cost: number, nowMs: number): number {
    if (this.kind === 'concurrency') return this.#inFlight < this.#own ? 0 : slotWaitMs
    return waitMsOf(this.#fullAtMs, nowMs, cost, this.#own)
  }

  take(cost: number, nowMs: number): void {
    this.#usedAtMs = nowMs
    if (this.kind === 'concurrency') this.#inFlight += 1
    else this.#fullAtMs = taken(this.#fullAtMs, nowMs, cost, this.#own)
  }

  /** A place comes free. */
  leave(): void {
    if (this.kind === 'concurrency') this.#inFlight -= 1
  }

  /** What was taken was not what was used. @param more units beyond, negative: fewer */
  correct(more: number): void {
    this.#fullAtMs += (more * minuteMs) / this.#own
  }

  refused(): void {
    this.#wasRefused = true
  }

  filled(nowMs: number): number {
    return filledRatio(this.#fullAtMs, nowMs)
  }

  resetMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs)
  }

  isForgotten(nowMs: number): boolean {
    return this.#inFlight === 0 && nowMs - this.#usedAtMs >= forgottenAfterMs
  }

  use(nowMs: number): ShareReport['use'] {
    const isHalfUsed = this.kind === 'concurrency' ? this.#inFlight * 2 > this.#own : this.filled(nowMs) < 0.5
    const isBusy = this.#wasRefused || isHalfUsed
    this.#wasRefused = false
    if (isBusy) return 'busy'
    return this.#inFlight === 0 && nowMs - this.#usedAtMs >= idleAfterMs ? 'idle' : 'steady'
  }

  /** @param share what the store gave; places in use stay in use */
  resize(share: number): void {
    this.#share = share
  }
}

/** The limits of one name of a scope. */
export class LimitSet {
  readonly scope: string
  readonly name: string
  limits: Limits
  /** At most three, in the order in which they are told. */
  readonly all: SharedLimit[]

  constructor(scope: string, name: string, limits: Limits, nowMs: number) {
    this.scope = scope
    this.name = name
    this.limits = limits
    this.all = sharedOf(limits, nowMs)
  }

  /** @returns null: one more request of so many tokens may pass */
  saturation(tokens: number, nowMs: number): Saturation | null {
    let worst: Saturation | null = null
    for (const one of this.all) {
      const waitMs = one.waitMs(one.kind === 'tokens' ? tokens : 1, nowMs)
      if (waitMs === 0) continue
      one.refused()
      if (worst === null || waitMs > worst.waitMs) worst = { kind: one.kind, limit: one.limit, waitMs }
    }
    return worst
  }

  take(tokens: number, nowMs: number): void {
    for (const one of this.all) one.take(one.kind === 'tokens' ? tokens : 1, nowMs)
  }

  /** The request has ended. @param moreTokens used beyond those that were taken, negative: fewer */
  leave(moreTokens: number): void {
    for (const one of this.all) {
      if (one.kind === 'tokens') one.correct(moreTokens)
      else one.leave()
    }
  }
}

function sharedOf(limits: Limits, nowMs: number): SharedLimit[] {
  const { requestsPerMinute, tokensPerMinute, concurrency } = limits
  const all: SharedLimit[] = []
  if (requestsPerMinute !== undefined) all.push(new SharedLimit('requests', requestsPerMinute, nowMs))
  if (tokensPerMinute !== undefined) all.push(new SharedLimit('tokens', tokensPerMinute, nowMs))
  if (concurrency !== undefined) all.push(new SharedLimit('concurrency', concurrency, nowMs))
  return all
}

/**
 * This gateway's shares of all limits that its requests meet. Counting is local; once a second the store divides each limit
 * among the gateways that use it.
 */
export class LimitShares {
  readonly #source: AllowanceSource
  readonly #log: Log
  readonly #sets = new Map<string, LimitSet>()
  #isRunning = false

  constructor(source: AllowanceSource, log: Log) {
    this.#source = source
    this.#log = log
  }

  /** @param key `scope:name` */
  setOf(key: string, limits: Limits, nowMs: number): LimitSet {
    const found = this.#sets.get(key)
    if (found !== undefined && (found.limits === limits || isSame(found.limits, limits))) {
      found.limits = limits
      return found
    }
    // A changed limit starts afresh, with a full bucket; requests under way leave the set they entered.
    const colon = key.indexOf(':')
    const made = new LimitSet(key.slice(0, colon), key.slice(colon + 1), limits, nowMs)
    this.#sets.set(key, made)
    return made
  }

  /** Asks for shares of what is in use, forgets what is not. Never rejects. @param nowMs monotonic */
  async tick(nowMs: number): Promise<void> {
    for (const [key, set] of this.#sets) if (set.all.every((one) => one.isForgotten(nowMs))) this.#sets.delete(key)
    if (this.#isRunning || this.#sets.size === 0) return
    this.#isRunning = true
    const asked = [...this.#sets.values()].flatMap((set) => set.all.map((one) => ({ set, one })))
    const reports = asked.map(({ set, one }) => ({
      scope: set.scope,
      name: set.name,
      kind: one.kind,
      limit: one.limit,
      use: one.use(nowMs),
    }))
    try {
      const shares = await this.#source.renewShares(reports)
      for (const [index, { one }] of asked.entries()) one.resize(shares[index] ?? one.limit)
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      this.#log.warn({ reason }, 'shares of rate limits could not be renewed; the last ones hold')
    } finally {
      this.#isRunning = false
    }
  }
}

function isSame(a: Limits, b: Limits): boolean {
  return (
    a.requestsPerMinute === b.requestsPerMinute &&
    a.tokensPerMinute === b.tokensPerMinute &&
    a.concurrency === b.concurrency
  )
}
