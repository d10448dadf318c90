import { type Budget, windowAt } from '#domain/budget.ts'
import type { Snapshot } from '#domain/snapshot.ts'
import type { Log } from '#infra/log.ts'
import type { AllowanceSource } from '#store/allowance-source.ts'
import type { LeaseAnswers } from '#store/budget-leases.ts'
import { BudgetLease } from './budget-lease.ts'

/** Budgets of a snapshot that are leased before anybody asks; the first request of another one waits for its lease. */
const leasedAhead = 1_000
/** Leases that nothing happened to are renewed this often, a third of how long they hold. */
const renewAfterMs = 10_000
/** Unless others may be short of what they hold. */
const hoardAfterMs = 2_000
/** The next window is leased this long before the current one ends. */
const rolloverAheadMs = 60_000
/** What is known to be used up is asked about at most this often. */
const askAgainMs = 1_000
/** A request that would be refused waits at most this long for a last look, and not at all where the store just failed. */
const lastLookMs = 1_000
const reportsAtOnce = 500

export interface LedgerDeps {
  readonly source: AllowanceSource
  readonly clock: { nowMs(): number; monotonicMs(): number }
  readonly log: Log
}

/** Which budgets a request was charged to, and how much was set aside in each. */
export interface BudgetReservation {
  readonly leases: readonly BudgetLease[]
  readonly microUsd: number
}

/** Why a request may not spend: the budget is used up, or nobody can say. */
export interface BudgetRefusal {
  readonly lease: BudgetLease
  readonly isUnreachable: boolean
}

export type BudgetOutcome = BudgetReservation | BudgetRefusal

interface Waiter {
  readonly leases: readonly BudgetLease[]
  readonly microUsd: number
  readonly resolve: (outcome: BudgetOutcome) => void
  readonly timer: NodeJS.Timeout
}

/**
 * What this gateway holds of all budgets. Reserving and settling are arithmetic in memory; leases are renewed behind requests:
 * when less than half of one is left, when something was spent, and before it runs out. Only a request that would otherwise be
 * refused waits, for one last look at what others have given back.
 */
export class BudgetLedger {
  readonly #deps: LedgerDeps
  readonly #leases = new Map<string, BudgetLease>()
  /** The same, by the budgets of the snapshot in use: found without making a key. */
  readonly #byBudget = new WeakMap<Budget, BudgetLease>()
  /** Leases of windows to come, by the same keys. */
  readonly #next = new Map<string, BudgetLease>()
  /** Of windows that ended or budgets that went: reported until nothing of them is under way. */
  readonly #closing = new Set<BudgetLease>()
  readonly #due = new Set<BudgetLease>()
  #waiters: Waiter[] = []
  #running: Promise<void> | null = null
  /** When the store last failed to answer; null: it answered since. */
  #failedAtMs: number | null = null

  constructor(deps: LedgerDeps) {
    this.#deps = deps
  }

  /** The lease of a budget in the window of now. */
  leaseOf(budget: Budget, nowMs: number): BudgetLease {
    const known = this.#byBudget.get(budget)
    if (known !== undefined && known.budget === budget && nowMs < known.window.endMs && nowMs >= known.window.startMs) {
      return known
    }
    const lease = this.#findLease(budget, nowMs)
    this.#byBudget.set(budget, lease)
    return lease
  }

  #findLease(budget: Budget, nowMs: number): BudgetLease {
    const key = keyOf(budget)
    const found = this.#leases.get(key)
    if (found !== undefined && nowMs >= found.window.startMs && nowMs < found.window.endMs) {
      if (found.budget !== budget) this.#follow(found, budget)
      return found
    }
    if (found !== undefined) this.#close(found)
    const next = this.#next.get(key)
    this.#next.delete(key)
    const isNext = next !== undefined && nowMs >= next.window.startMs && nowMs < next.window.endMs
    const lease = isNext ? next : new BudgetLease(budget, windowAt(budget.period, nowMs))
    lease.budget = budget
    this.#leases.set(key, lease)
    if (!lease.isKnown) this.#due.add(lease)
    return lease
  }

  #follow(lease: BudgetLease, budget: Budget): void {
    if (lease.budget.hardMicroUsd !== budget.hardMicroUsd) this.#due.add(lease)
    lease.budget = budget
  }

  #close(lease: BudgetLease): void {
    this.#closing.add(lease)
    this.#due.add(lease)
  }

  /**
   * Sets money aside in every budget, or in none.
   *
   * @param microUsd whole; 0 passes whatever is left
   * @returns a promise only where the request would otherwise be refused
   */
  reserve(leases: readonly BudgetLease[], microUsd: number): BudgetOutcome | Promise<BudgetOutcome> {
    const short = this.#tryReserve(leases, microUsd)
    if (short === null) {
      for (const lease of leases) if (lease.isShort && this.#isWorthAsking(lease)) this.#ask(lease)
      return { leases, microUsd }
    }
    const used = usedUp(leases, microUsd)
    if (used !== undefined) {
      if (this.#isWorthAsking(used)) this.#ask(used)
      return { lease: used, isUnreachable: false }
    }
    if (this.#failedAtMs !== null && this.#deps.clock.nowMs() - this.#failedAtMs < askAgainMs) {
      return { lease: short, isUnreachable: true }
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(resolve, short), lastLookMs)
      this.#waiters.push({ leases, microUsd, resolve, timer })
      this.#ask(short)
    })
  }

  /** Not where the last answer, a moment ago, said that nothing is free. */
  #isWorthAsking(lease: BudgetLease): boolean {
    return lease.hasMore || lease.ageMs(this.#deps.clock.nowMs()) >= askAgainMs
  }

  #tryReserve(leases: readonly BudgetLease[], microUsd: number): BudgetLease | null {
    if (microUsd > 0) for (const lease of leases) if (lease.available < microUsd) return lease
    for (const lease of leases) lease.reserve(microUsd)
    return null
  }

  #giveUp(resolve: Waiter['resolve'], lease: BudgetLease): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter.resolve !== resolve)
    resolve({ lease, isUnreachable: true })
  }

  /** @param actual micro-dollars, whole */
  settle({ leases, microUsd }: BudgetReservation, actual: number): void {
    for (const lease of leases) lease.settle(microUsd, actual)
  }

  /** Leases what a new snapshot brings, before it is served; forgets what went. Never rejects. */
  async follow(snapshot: Pick<Snapshot, 'budgets'>): Promise<void> {
    const nowMs = this.#deps.clock.nowMs()
    const present = new Set<string>()
    for (const budgets of snapshot.budgets.values()) {
      for (const budget of budgets) {
        const key = keyOf(budget)
        present.add(key)
        if (this.#leases.has(key) || present.size <= leasedAhead) this.leaseOf(budget, nowMs)
      }
    }
    for (const [key, lease] of this.#leases) {
      if (present.has(key)) continue
      this.#leases.delete(key)
      this.#next.delete(key)
      this.#close(lease)
    }
    if (this.#due.size > 0) await this.#run()
  }

  /** Once a second: reports what was spent and renews what is old. Never rejects. */
  async tick(): Promise<void> {
    const nowMs = this.#deps.clock.nowMs()
    for (const [key, lease] of this.#leases) {
      if (nowMs >= lease.window.endMs) this.leaseOf(lease.budget, nowMs)
      else if (lease.isUnreported || lease.ageMs(nowMs) >= patienceOf(lease)) this.#due.add(lease)
      if (lease.window.endMs - nowMs <= rolloverAheadMs) this.#leaseNext(key, lease)
    }
    for (const next of this.#next.values()) if (next.ageMs(nowMs) >= renewAfterMs) this.#due.add(next)
    for (const lease of this.#closing) if (lease.isUnreported) this.#due.add(lease)
    if (this.#due.size > 0) await this.#run()
  }

  #leaseNext(key: string, lease: BudgetLease): void {
    if (this.#next.has(key) || this.#leases.get(key) !== lease) return
    const next = new BudgetLease(lease.budget, windowAt(lease.budget.period, lease.window.endMs))
    this.#next.set(key, next)
    this.#due.add(next)
  }

  /** Makes what was spent so far durable. @throws the database's error */
  async report(): Promise<void> {
    for (const lease of [...this.#leases.values(), ...this.#closing]) if (lease.isUnreported) this.#due.add(lease)
    for (let left = this.#due.size; left > 0; left -= reportsAtOnce) await this.#run(true)
  }

  #ask(lease: BudgetLease): void {
    this.#due.add(lease)
    if (this.#running === null) this.#run().catch(() => undefined)
  }

  /** One renewal at a time; what became due meanwhile follows. */
  async #run(mustSucceed = false): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => undefined)
    if (this.#due.size === 0) return
    this.#running = this.#renew().finally(() => {
      this.#running = null
    })
    try {
      await this.#running
    } catch (error) {
      if (mustSucceed) throw error
    }
  }

  async #renew(): Promise<void> {
    const leases = [...this.#due].slice(0, reportsAtOnce)
    const reports = leases.map((lease) => lease.report(this.#neededOf(lease)))
    for (const lease of leases) this.#due.delete(lease)
    try {
      const answers = await this.#deps.source.renewLeases(reports)
      this.#failedAtMs = null
      this.#take(leases, answers)
    } catch (error) {
      this.#failedAtMs = this.#deps.clock.nowMs()
      for (const lease of leases) this.#due.add(lease)
      this.#deps.log.warn({ reason: reasonOf(error) }, 'budgets could not be renewed; what is leased is spent')
      this.#serveWaiters(true)
      throw error
    }
    this.#serveWaiters(false)
    if (this.#waiters.length > 0 || this.#due.size > 0) queueMicrotask(() => this.#run().catch(() => undefined))
  }

  #neededOf(lease: BudgetLease): number {
    let needed = 0
    for (const waiter of this.#waiters) if (waiter.leases.includes(lease)) needed += waiter.microUsd
    return needed
  }

  #take(leases: readonly BudgetLease[], { answers, alerts }: LeaseAnswers): void {
    const nowMs = this.#deps.clock.nowMs()
    for (const [index, answer] of answers.entries()) {
      const lease = leases[index]
      lease?.answered(answer, nowMs)
      if (lease?.isSettled) this.#closing.delete(lease)
    }
    for (const { budget, kind, spentMicroUsd } of alerts) {
      const { scope, name, period, hardMicroUsd, softMicroUsd } = budget
      const limitMicroUsd = kind === 'hard' ? hardMicroUsd : softMicroUsd
      const message = kind === 'hard' ? 'a budget is used up' : 'a budget has reached its soft limit'
      this.#deps.log.warn({ scope, name, period, spentMicroUsd, limitMicroUsd }, message)
    }
  }

  /** Lets those pass whose money has come, refuses those that know now, keeps the rest waiting. In order of arrival. */
  #serveWaiters(hasFailed: boolean): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      const { leases, microUsd } = waiter
      const short = this.#tryReserve(leases, microUsd)
      const used = short === null ? undefined : usedUp(leases, microUsd)
      if (short === null) waiter.resolve({ leases, microUsd })
      else if (used !== undefined) waiter.resolve({ lease: used, isUnreachable: false })
      else if (hasFailed) waiter.resolve({ lease: short, isUnreachable: true })
      else {
        this.#waiters.push(waiter)
        this.#due.add(short)
        continue
      }
      clearTimeout(waiter.timer)
    }
  }

  /** Everything that is held, for its return. */
  async reports() {
    while (this.#running !== null) await this.#running.catch(() => undefined)
    return [...this.#leases.values(), ...this.#next.values(), ...this.#closing].map((lease) => lease.report(0))
  }
}

/** The budget that stands in the way even if all that nobody holds were ours. */
function usedUp(leases: readonly BudgetLease[], microUsd: number): BudgetLease | undefined {
  return leases.find((lease) => lease.isKnown && lease.hoped < microUsd)
}

function patienceOf(lease: BudgetLease): number {
  return lease.isHoarding ? hoardAfterMs : renewAfterMs
}

function keyOf(budget: Budget): string {
  return `${budget.period}:${budget.scope}:${budget.name}`
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
