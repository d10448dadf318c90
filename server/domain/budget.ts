/** What a budget or limit is about: the key (by its id), or a value of the request's metadata, or the route. */
export const budgetScopes = ['key', 'team', 'project', 'account', 'route'] as const
export type BudgetScope = (typeof budgetScopes)[number]

export const budgetPeriods = ['daily', 'monthly'] as const
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** What may be spent by one name of a scope in one period. Money is integer micro-dollars. */
export interface Budget {
  readonly scope: BudgetScope
  readonly name: string
  readonly period: BudgetPeriod
  /** Spending stops here (402). */
  readonly hardMicroUsd: number
  /** An alert is recorded once per window when this is reached; null: none. */
  readonly softMicroUsd: number | null
}

/** Half-open, milliseconds since the epoch, whole UTC days or months. */
export interface BudgetWindow {
  readonly startMs: number
  readonly endMs: number
}

/** The day or month in UTC that holds a moment. */
export function windowAt(period: BudgetPeriod, atMs: number): BudgetWindow {
  const at = new Date(atMs)
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  return period === 'daily'
    ? { startMs: Date.UTC(year, month, day), endMs: Date.UTC(year, month, day + 1) }
    : { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) }
}

/** The key under which budgets and limits of a name are found: `team:search`. */
export function scopeKey(scope: string, name: string): string {
  return `${scope}:${name}`
}

/** One holder's part of a budget's window, and what is known of the others. Micro-dollars. */
export interface LeaseClaim {
  readonly hardMicroUsd: number
  /** Spent by everyone in this window, the claimant included. */
  readonly spentMicroUsd: number
  /** Held by others under leases that have not run out, beyond what they spent. */
  readonly heldByOthersMicroUsd: number
  /** The claimant's requests under way, by their estimates. */
  readonly reservedMicroUsd: number
  /** What the claimant keeps whatever the answer, its reserved included: it may have used it before the answer arrives. */
  readonly keptMicroUsd: number
  /** What requests of the claimant wait for besides. */
  readonly neededMicroUsd: number
  /** It used nothing since it last asked. */
  readonly isIdle: boolean
  /** Holders of live leases of this window, the claimant included. */
  readonly holders: number
}

export interface LeaseGrant {
  /** What the claimant may have under way or spend from now on, what it has reserved included. */
  readonly heldMicroUsd: number
  /** What nobody holds after this grant. */
  readonly leftMicroUsd: number
}

/**
 * How much of a budget a gateway may hold: half of its fair part of what is free, more where requests wait for it, never more
 * than what is free. So the sum of what is spent and held never passes the hard limit, a newcomer always finds something
 * free, and the parts of idle holders shrink with what is left: they hold none of the last twentieth, which would be too
 * little for anyone if all held some.
 */
export function grantOf(claim: LeaseClaim): LeaseGrant {
  const { reservedMicroUsd, neededMicroUsd, holders } = claim
  const free = Math.max(0, claim.hardMicroUsd - claim.spentMicroUsd - claim.heldByOthersMicroUsd)
  const isLast = free * 20 < claim.hardMicroUsd
  const part =
    claim.isIdle && isLast ? 0 : Math.floor(Math.max(0, free - reservedMicroUsd) / (2 * Math.max(1, holders)))
  const held = Math.min(free, Math.max(claim.keptMicroUsd, reservedMicroUsd + Math.max(part, neededMicroUsd)))
  return { heldMicroUsd: held, leftMicroUsd: free - held }
}

/** Which alert a window's spend calls for; both may, hard first. */
export function alertsOf(budget: Pick<Budget, 'hardMicroUsd' | 'softMicroUsd'>, spentMicroUsd: number): AlertKind[] {
  const alerts: AlertKind[] = []
  if (spentMicroUsd >= budget.hardMicroUsd) alerts.push('hard')
  if (budget.softMicroUsd !== null && spentMicroUsd >= budget.softMicroUsd) alerts.push('soft')
  return alerts
}

export type AlertKind = 'soft' | 'hard'
