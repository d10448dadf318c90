import { scopeKey } from '#domain/budget.ts'
import { expectedCostMicroUsd, expectedOutputTokens } from '#domain/cost.ts'
import type { Usage } from '#domain/decision.ts'
import type { LiveView } from '#domain/live.ts'
import type { Limits } from '#domain/rate-limit.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RoutingDecision } from '#domain/routing.ts'
import type { Caller, Price, Snapshot } from '#domain/snapshot.ts'
import type { Log } from '#infra/log.ts'
import type { AllowanceSource } from '#store/allowance-source.ts'
import { budgetExceeded, budgetUnreachable, limitReached, tooManyTokens, writeRateHeaders } from './allowance-errors.ts'
import { AllowanceIndex } from './allowance-index.ts'
import type { BudgetLease } from './budget-lease.ts'
import { BudgetLedger, type BudgetOutcome, type BudgetReservation } from './budget-ledger.ts'
import { type LimitSet, LimitShares } from './limit-shares.ts'
import type { ApiError, Head } from './openai-error.ts'

const tickMs = 1_000

/** Who asks for which route: what decides the budgets and limits that apply. */
export interface Spender {
  readonly caller: Caller
  readonly route: string
  readonly facts: RequestFacts
  readonly snapshot: Snapshot
}

/** A decided request that wants to be sent. */
export interface Spending {
  readonly requestId: string
  readonly caller: Caller
  readonly snapshot: Snapshot
  readonly facts: RequestFacts
  readonly decision: RoutingDecision
}

/** What was set aside for one request. */
export interface Reservation {
  readonly requestId: string
  readonly budget: BudgetReservation | null
  readonly limits: readonly LimitSet[]
  /** Taken from the limits on tokens. */
  readonly tokens: number
  isSettled: boolean
}

export type Reserved = { readonly reservation: Reservation } | { readonly error: ApiError }

export interface AllowanceDeps {
  readonly source: AllowanceSource
  readonly clock: { nowMs(): number; monotonicMs(): number }
  readonly log: Log
}

/** For a process without a store: limits are its own alone, and no budget can be looked up. */
export const aloneSource: AllowanceSource = {
  renewLeases: () => Promise.reject(new Error('there is no store of budgets')),
  renewShares: async (reports) => reports.map((report) => report.limit),
  end: async () => undefined,
}

const nothingLimited: ReadonlyMap<string, string> = new Map()

/** The leases and limits of one request. */
interface Applied {
  readonly facts: RequestFacts | null
  readonly snapshot: Snapshot | null
  readonly leases: readonly BudgetLease[]
  readonly sets: readonly LimitSet[]
}

const nothingApplies: Applied = { facts: null, snapshot: null, leases: [], sets: [] }

/** Budgets and limits (B5): what a request may still spend, set aside before it is sent and settled after. */
export class Allowances {
  readonly #deps: AllowanceDeps
  readonly #ledger: BudgetLedger
  readonly #shares: LimitShares
  /** Limits of providers by name, of the snapshot seen last. */
  #providers: { readonly of: Snapshot['providers']; readonly limits: ReadonlyMap<string, Limits> } | null = null
  #index: { readonly of: Snapshot; readonly names: AllowanceIndex } | null = null
  #last: Applied | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(deps: AllowanceDeps) {
    this.#deps = deps
    this.#ledger = new BudgetLedger(deps)
    this.#shares = new LimitShares(deps.source, deps.log)
  }

  /** Reports and renews from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.tick(), tickMs).unref()
  }

  /** What `start` does once a second. Never rejects. */
  async tick(): Promise<void> {
    await Promise.all([this.#ledger.tick(), this.#shares.tick(this.#deps.clock.monotonicMs())])
  }

  /** Leases what a snapshot brings before it is served. Never rejects. */
  prepare(snapshot: Snapshot): Promise<void> {
    return this.#ledger.follow(snapshot)
  }

  /** Makes what was spent so far durable: before the decisions that tell of it. @throws the database's error */
  reportSpend(): Promise<void> {
    return this.#ledger.report()
  }

  /** Reports what was spent and gives back what is held. @throws the database's error */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#deps.source.end(await this.#ledger.reports())
  }

  /** What routing has to know. */
  view(spender: Spender): Pick<LiveView, 'budgetLeftMicroUsd' | 'limitedProviders'> {
    const { leases } = this.#appliedTo(spender)
    let left: number | null = null
    for (const lease of leases) left = left === null ? lease.hoped : Math.min(left, lease.hoped)
    return { budgetLeftMicroUsd: left, limitedProviders: this.#limitedProviders(spender.snapshot) }
  }

  /** Which of its caller's limits a request would meet if it were sent now; null: none. */
  limitOn(spender: Spender): string | null {
    const nowMs = this.#deps.clock.monotonicMs()
    const tokens = tokensOf(spender.facts)
    for (const set of this.#appliedTo(spender).sets) {
      const saturation = set.saturation(tokens, nowMs)
      if (saturation !== null) return `the limit of ${saturation.limit} ${unitOf(saturation.kind)} is reached`
    }
    return null
  }

  /** What applies to a request; looked up once for its view and its reservation. */
  #appliedTo(spender: Spender): Applied {
    const { caller, route, facts, snapshot } = spender
    if (this.#last?.facts === facts && this.#last.snapshot === snapshot) return this.#last
    if (this.#index?.of !== snapshot) this.#index = { of: snapshot, names: new AllowanceIndex(snapshot) }
    const ruled = this.#index.names.of(caller.keyId, route, facts)
    if (ruled.length === 0) return nothingApplies
    const nowMs = this.#deps.clock.nowMs()
    const leases: BudgetLease[] = []
    const sets: LimitSet[] = []
    for (const { key, budgets, limits } of ruled) {
      for (const budget of budgets) leases.push(this.#ledger.leaseOf(budget, nowMs))
      if (limits !== null) sets.push(this.#shares.setOf(key, limits, this.#deps.clock.monotonicMs()))
    }
    this.#last = { facts, snapshot, leases, sets }
    return this.#last
  }

  /**
   * Sets aside what a request may use, or says why it may not.
   *
   * @param head takes the `x-ratelimit-*` headers, whatever is decided
   * @returns a promise only where a budget seems used up here and is looked at once more
   */
  reserve(spending: Spending, head: Head): Reserved | Promise<Reserved> {
    const { snapshot, caller, decision, facts, requestId } = spending
    const { sets: limits, leases } = this.#appliedTo({ caller, route: decision.version.route, facts, snapshot })
    const tokens = tokensOf(facts)
    const limited = limits.length === 0 ? null : this.#takeLimits(limits, tokens, head)
    if (limited !== null) return { error: limited }
    const whole = { requestId, limits, tokens, isSettled: false }
    if (leases.length === 0) return { reservation: { ...whole, budget: null } }
    const decide = (outcome: BudgetOutcome): Reserved => {
      if ('microUsd' in outcome) return { reservation: { ...whole, budget: outcome } }
      for (const set of limits) set.leave(-tokens)
      return { error: outcome.isUnreachable ? budgetUnreachable(outcome.lease) : budgetExceeded(outcome.lease) }
    }
    const tight = isBudgetInTheWay(decision) ? tightest(leases) : null
    if (tight !== null) return decide({ lease: tight, isUnreachable: false })
    const outcome = this.#ledger.reserve(leases, costliestOf(spending))
    return outcome instanceof Promise ? outcome.then(decide) : decide(outcome)
  }

  /** Takes a request from every limit, or from none. */
  #takeLimits(limits: readonly LimitSet[], tokens: number, head: Head): ApiError | null {
    const nowMs = this.#deps.clock.monotonicMs()
    let error: ApiError | null = null
    for (const set of limits) {
      const most = set.limits.tokensPerMinute
      if (most !== undefined && tokens > most) error ??= tooManyTokens(set, tokens, most)
      const saturation = error === null ? set.saturation(tokens, nowMs) : null
      if (saturation !== null) error = limitReached(set, saturation)
    }
    if (error === null) for (const set of limits) set.take(tokens, nowMs)
    writeRateHeaders(head, limits, nowMs)
    return error
  }

  /** Whatever came of the request, once. */
  settle(
    reservation: Reservation,
    spent: { readonly usage: Usage | null; readonly costMicroUsd: number | null },
  ): void {
    if (reservation.isSettled) return
    reservation.isSettled = true
    const { budget, limits, tokens } = reservation
    if (budget !== null) this.#ledger.settle(budget, spent.costMicroUsd ?? 0)
    if (limits.length === 0) return
    const used = spent.usage === null ? 0 : spent.usage.inputTokens + spent.usage.outputTokens
    for (const set of limits) set.leave(used - tokens)
  }

  /** Charges what a request cost although it was turned away: its task may have been identified first. */
  charge({ caller, decision, facts, snapshot }: Spending, costMicroUsd: number): void {
    const { leases } = this.#appliedTo({ caller, route: decision.version.route, facts, snapshot })
    this.#ledger.settle({ leases, microUsd: 0 }, costMicroUsd)
  }

  #limitedProviders(snapshot: Snapshot): ReadonlyMap<string, string> {
    const limits = this.#providerLimits(snapshot)
    if (limits.size === 0) return nothingLimited
    const nowMs = this.#deps.clock.monotonicMs()
    let limited: Map<string, string> | null = null
    for (const [name, limit] of limits) {
      const saturation = this.#shares.setOf(scopeKey('provider', name), limit, nowMs).saturation(0, nowMs)
      if (saturation === null) continue
      limited ??= new Map()
      limited.set(name, `its limit of ${saturation.limit} ${unitOf(saturation.kind)} is reached`)
    }
    return limited ?? nothingLimited
  }

  #providerLimits(snapshot: Snapshot): ReadonlyMap<string, Limits> {
    if (this.#providers?.of === snapshot.providers) return this.#providers.limits
    const limited = [...snapshot.providers.values()].filter((provider) => !isUnlimited(provider.limits))
    const limits = new Map(limited.map((provider) => [provider.name, provider.limits]))
    this.#providers = { of: snapshot.providers, limits }
    return limits
  }

  /** True: the provider may not be sent more now. */
  isFull({ name, limits }: Limited): boolean {
    if (isUnlimited(limits)) return false
    const nowMs = this.#deps.clock.monotonicMs()
    return this.#shares.setOf(scopeKey('provider', name), limits, nowMs).saturation(0, nowMs) !== null
  }

  /** An attempt at a provider begins. @returns what to call, once, when it has ended */
  enterProvider({ name, limits }: Limited): Leave {
    if (isUnlimited(limits)) return leaveNothing
    const nowMs = this.#deps.clock.monotonicMs()
    const set = this.#shares.setOf(scopeKey('provider', name), limits, nowMs)
    set.take(0, nowMs)
    return (usage) => set.leave(usage === null ? 0 : usage.inputTokens + usage.outputTokens)
  }
}

/** A provider as far as its limits go. Its tokens count when they are known: an answer's at its end. */
interface Limited {
  readonly name: string
  readonly limits: Limits
}

/** Ends an attempt. @param usage null: nothing was answered */
export type Leave = (usage: Pick<Usage, 'inputTokens' | 'outputTokens'> | null) => void

const leaveNothing: Leave = () => undefined

/** Tokens a request is counted as until its own are known. */
function tokensOf(facts: RequestFacts): number {
  return facts.inputTokens + expectedOutputTokens(facts)
}

function isUnlimited({ requestsPerMinute, tokensPerMinute, concurrency }: Limits): boolean {
  return requestsPerMinute === undefined && tokensPerMinute === undefined && concurrency === undefined
}

function unitOf(kind: string): string {
  return kind === 'concurrency' ? 'requests at once' : `${kind} per minute`
}

/** No target is left, and of one at least the budget alone is to blame. */
function isBudgetInTheWay(decision: RoutingDecision): boolean {
  if (decision.targets.length > 0) return false
  const barred = new Set(decision.excluded.filter(({ by }) => by !== 'budget').map(({ model }) => model))
  return decision.excluded.some(({ by, model }) => by === 'budget' && !barred.has(model))
}

function tightest(leases: readonly BudgetLease[]): BudgetLease | null {
  let found: BudgetLease | null = null
  for (const lease of leases) if (found === null || lease.hoped < found.hoped) found = lease
  return found
}

/** What the costliest target of a request is expected to cost: whichever answers, it was set aside. Whole micro-dollars. */
function costliestOf({ decision, snapshot, facts }: Spending): number {
  let most = 0
  for (const { model } of decision.targets) {
    const entry = snapshot.models.get(model)
    const cost = entry === undefined ? null : expectedCostMicroUsd(entry, facts)
    if (cost === null) continue
    // Nothing but what is free costs nothing: an estimate of 0 would pass a budget that is used up.
    most = Math.max(most, cost, isFree(entry?.price) ? 0 : 1)
  }
  return Math.ceil(most)
}

function isFree(price: Price | null | undefined): boolean {
  return price === null || price === undefined || (price.input === 0 && price.output === 0)
}
