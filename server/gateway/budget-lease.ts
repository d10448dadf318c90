import type { Budget, BudgetWindow } from '#domain/budget.ts'
import type { LeaseAnswer, LeaseReport } from '#store/budget-leases.ts'

/**
 * What this gateway holds of one budget in one window. Whole micro-dollars.
 *
 * available = granted - spent - reserved; what is granted is ours whatever others do, so spending it asks nobody.
 */
export class BudgetLease {
  budget: Budget
  readonly window: BudgetWindow
  /** May be spent by this gateway in this window, all in all. */
  #granted = 0
  #spent = 0
  #reserved = 0
  /** Held by nobody, as of the last answer. */
  #left = 0
  /** Below this, more is asked for. */
  #low = 0
  #spentByAll = 0
  #reportedSpent = 0
  #answeredAtMs: number | null = null
  #isUsed = false

  constructor(budget: Budget, window: BudgetWindow) {
    this.budget = budget
    this.window = window
  }

  get available(): number {
    return this.#granted - this.#spent - this.#reserved
  }

  /** What this gateway may hope for: its own and what nobody holds. Before the first answer: all of the budget. */
  get hoped(): number {
    return this.#answeredAtMs === null ? this.budget.hardMicroUsd : Math.max(0, this.available + this.#left)
  }

  /** Spent by everyone as far as this gateway knows. */
  get spentByAll(): number {
    return this.#spentByAll + this.#spent - this.#reportedSpent
  }

  get isKnown(): boolean {
    return this.#answeredAtMs !== null
  }

  /** Something was free when the store last answered; or it never has. */
  get hasMore(): boolean {
    return this.#left > 0 || this.#answeredAtMs === null
  }

  /** Little is left of the budget, and this holds some of it without having used it since it last reported. */
  get isHoarding(): boolean {
    return !this.#isUsed && this.available > 0 && this.hoped * 5 < this.budget.hardMicroUsd
  }

  get isShort(): boolean {
    return this.available < this.#low
  }

  /** Nothing is under way and everything was reported. */
  get isSettled(): boolean {
    return this.#reserved === 0 && this.#spent === this.#reportedSpent
  }

  get isUnreported(): boolean {
    return this.#spent !== this.#reportedSpent
  }

  ageMs(nowMs: number): number {
    return this.#answeredAtMs === null ? Number.POSITIVE_INFINITY : nowMs - this.#answeredAtMs
  }

  reserve(microUsd: number): void {
    this.#reserved += microUsd
    this.#isUsed = true
  }

  /** @param actual what it cost; 0 where nothing was answered */
  settle(reserved: number, actual: number): void {
    this.#reserved -= reserved
    this.#spent += actual
  }

  /** What to say to the store. What an idle lease holds is given back first, so that the answer may shrink it. */
  report(needed: number): LeaseReport {
    if (!this.#isUsed && this.available > 0) {
      this.#left += this.available
      this.#granted -= this.available
    }
    const isIdle = !this.#isUsed
    this.#isUsed = false
    return {
      isIdle,
      scope: this.budget.scope,
      name: this.budget.name,
      period: this.budget.period,
      startsAtMs: this.window.startMs,
      spentMicroUsd: this.#spent,
      reservedMicroUsd: this.#reserved,
      keptMicroUsd: this.#reserved + Math.max(0, this.available),
      neededMicroUsd: needed,
    }
  }

  answered(answer: LeaseAnswer, nowMs: number): void {
    // A budget that was removed stands in nobody's way until the next snapshot forgets it.
    const isGone = answer.budget === null
    this.#granted = answer.report.spentMicroUsd + (isGone ? this.budget.hardMicroUsd : answer.heldMicroUsd)
    this.#left = isGone ? this.budget.hardMicroUsd : answer.leftMicroUsd
    this.#spentByAll = answer.spentMicroUsd
    this.#reportedSpent = answer.report.spentMicroUsd
    this.#low = Math.floor((answer.heldMicroUsd - answer.report.reservedMicroUsd) / 2)
    this.#answeredAtMs = nowMs
  }
}
