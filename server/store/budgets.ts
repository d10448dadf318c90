import { type Kysely, sql } from 'kysely'
import { type AlertKind, type Budget, type BudgetPeriod, type BudgetScope, scopeKey, windowAt } from '#domain/budget.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A budget with how far its current window has got. Times are milliseconds since the epoch, money micro-dollars. */
export interface BudgetState extends Budget {
  readonly updatedBy: string
  readonly updatedAt: number
  readonly spentMicroUsd: number
  /** Held by gateways for requests under way and to come; given back where it is not spent. */
  readonly heldMicroUsd: number
  readonly startsAt: number
  readonly resetsAt: number
  /** When the window's alerts were recorded; null: not yet. */
  readonly softAt: number | null
  readonly hardAt: number | null
}

/** Whose budgets are asked for. */
export interface Subject {
  readonly scope: BudgetScope
  readonly name: string
}

/** All budgets by `scope:name`, for a snapshot. */
export async function readBudgets(db: Db): Promise<Map<string, readonly Budget[]>> {
  const rows = await db
    .selectFrom('budgets')
    .select(['scope', 'name', 'period', 'hard_micro_usd', 'soft_micro_usd'])
    .orderBy('scope')
    .orderBy('name')
    .orderBy('period')
    .execute()
  const found = new Map<string, Budget[]>()
  for (const row of rows) {
    const key = scopeKey(row.scope, row.name)
    const budget = budgetOf(row)
    const others = found.get(key)
    if (others === undefined) found.set(key, [budget])
    else others.push(budget)
  }
  return found
}

/**
 * Sets all budgets of one name; an empty list removes them. A budget that is new counts what the decision log says was spent
 * in its window before.
 *
 * @returns false when there were none before
 */
export async function replaceBudgets(
  tx: Tx,
  subject: Subject,
  budgets: readonly Pick<Budget, 'period' | 'hardMicroUsd' | 'softMicroUsd'>[],
  act: { readonly by: string; readonly at: number },
): Promise<boolean> {
  const { scope, name } = subject
  const before = await tx
    .deleteFrom('budgets')
    .where('scope', '=', scope)
    .where('name', '=', name)
    .returning('period')
    .execute()
  for (const budget of budgets) {
    await tx
      .insertInto('budgets')
      .values({
        scope,
        name,
        period: budget.period,
        hard_micro_usd: budget.hardMicroUsd,
        soft_micro_usd: budget.softMicroUsd,
        updated_by: act.by,
        updated_at: new Date(act.at),
      })
      .execute()
    if (!before.some((row) => row.period === budget.period)) {
      await openWindow(tx, { ...subject, period: budget.period }, act.at)
    }
  }
  return before.length > 0
}

/** Starts a window with what was spent before anybody counted; leases of an earlier budget of the name are counted already. */
async function openWindow(tx: Tx, budget: Subject & { readonly period: BudgetPeriod }, at: number): Promise<void> {
  const { scope, name, period } = budget
  const { startMs } = windowAt(period, at)
  const startsAt = new Date(startMs)
  const isCharged =
    scope === 'key'
      ? sql`decisions.key_id = ${name}`
      : scope === 'route'
        ? sql`decisions.route = ${name}`
        : sql`decisions.metadata ->> ${scope} = ${name}`
  await sql`
    insert into budget_windows (scope, name, period, starts_at, opening_micro_usd)
    select ${scope}, ${name}, ${period}, ${startsAt}::timestamptz, greatest(0, logged.spent - leased.spent)
    from
      (select coalesce(sum(decisions.cost_micro_usd), 0)::bigint as spent from decisions
        where decisions.at >= ${startsAt}::timestamptz and ${isCharged}) as logged,
      (select coalesce(sum(budget_leases.spent_micro_usd), 0)::bigint as spent from budget_leases
        where budget_leases.scope = ${scope} and budget_leases.name = ${name} and budget_leases.period = ${period}
          and budget_leases.starts_at = ${startsAt}::timestamptz) as leased
    on conflict (scope, name, period, starts_at) do update set opening_micro_usd = excluded.opening_micro_usd
  `.execute(tx)
}

interface StateRow {
  scope: string
  name: string
  period: string
  hard_micro_usd: string
  soft_micro_usd: string | null
  updated_by: string
  updated_at: Date
  spent: string
  held: string
  soft_at: Date | null
  hard_at: Date | null
}

export interface BudgetPage {
  readonly limit: number
  readonly scope?: BudgetScope
  readonly name?: string
  /** Only what comes after this place. */
  readonly after?: readonly [scope: string, name: string, period: string]
}

/** Budgets with their current windows, by scope, name and period. */
export async function listBudgets(db: Db, nowMs: number, page: BudgetPage): Promise<BudgetState[]> {
  const starts = { daily: windowAt('daily', nowMs).startMs, monthly: windowAt('monthly', nowMs).startMs }
  const [afterScope, afterName, afterPeriod] = page.after ?? ['', '', '']
  const { rows } = await sql<StateRow>`
    with w (period, starts_at) as (
      select * from jsonb_to_recordset(${json([
        { period: 'daily', starts_at: new Date(starts.daily).toISOString() },
        { period: 'monthly', starts_at: new Date(starts.monthly).toISOString() },
      ])}::jsonb) as r(period text, starts_at timestamptz)
    )
    select b.*,
      coalesce((select o.opening_micro_usd from budget_windows o where (o.scope, o.name, o.period, o.starts_at)
        = (b.scope, b.name, b.period, w.starts_at)), 0) + coalesce(sum(l.spent_micro_usd), 0) as spent,
      coalesce(sum(case when l.expires_at > ${new Date(nowMs)}::timestamptz then l.held_micro_usd else 0 end), 0) as held,
      (select a.at from budget_alerts a where (a.scope, a.name, a.period, a.starts_at, a.kind)
        = (b.scope, b.name, b.period, w.starts_at, 'soft')) as soft_at,
      (select a.at from budget_alerts a where (a.scope, a.name, a.period, a.starts_at, a.kind)
        = (b.scope, b.name, b.period, w.starts_at, 'hard')) as hard_at
    from budgets b
    join w on w.period = b.period
    left join budget_leases l on (l.scope, l.name, l.period, l.starts_at) = (b.scope, b.name, b.period, w.starts_at)
    where (b.scope, b.name, b.period) > (${afterScope}, ${afterName}, ${afterPeriod})
      and (${page.scope ?? null}::text is null or b.scope = ${page.scope ?? null}::text)
      and (${page.name ?? null}::text is null or b.name = ${page.name ?? null}::text)
    group by b.scope, b.name, b.period, w.starts_at
    order by b.scope, b.name, b.period
    limit ${page.limit}`.execute(db)
  return rows.map((row) => stateOf(row, nowMs))
}

function stateOf(row: StateRow, nowMs: number): BudgetState {
  const budget = budgetOf(row)
  const window = windowAt(budget.period, nowMs)
  return {
    ...budget,
    updatedBy: row.updated_by,
    updatedAt: row.updated_at.getTime(),
    spentMicroUsd: Number(row.spent),
    heldMicroUsd: Number(row.held),
    startsAt: window.startMs,
    resetsAt: window.endMs,
    softAt: row.soft_at?.getTime() ?? null,
    hardAt: row.hard_at?.getTime() ?? null,
  }
}

function budgetOf(row: {
  readonly scope: string
  readonly name: string
  readonly period: string
  readonly hard_micro_usd: string
  readonly soft_micro_usd: string | null
}): Budget {
  return {
    scope: row.scope as BudgetScope,
    name: row.name,
    period: row.period as BudgetPeriod,
    hardMicroUsd: Number(row.hard_micro_usd),
    softMicroUsd: row.soft_micro_usd === null ? null : Number(row.soft_micro_usd),
  }
}

/** An alert that was recorded. Times are milliseconds since the epoch. */
export interface AlertRow {
  readonly scope: string
  readonly name: string
  readonly period: string
  readonly kind: AlertKind
  readonly at: number
  readonly startsAt: number
  readonly spentMicroUsd: number
  readonly limitMicroUsd: number
  /** Tells alerts of one moment apart. */
  readonly place: string
}

/** Newest first. */
export async function listAlerts(
  db: Db,
  page: { readonly limit: number; readonly scope?: BudgetScope; readonly after?: readonly [at: number, place: string] },
): Promise<AlertRow[]> {
  const place = sql<string>`concat_ws(' ', kind, period, scope, name)`
  let query = db
    .selectFrom('budget_alerts')
    .selectAll()
    .select(place.as('place'))
    .orderBy('at', 'desc')
    .orderBy(place)
    .limit(page.limit)
  if (page.scope !== undefined) query = query.where('scope', '=', page.scope)
  const { after } = page
  if (after !== undefined) {
    const at = new Date(after[0])
    query = query.where((eb) => eb.or([eb('at', '<', at), eb.and([eb('at', '=', at), eb(place, '>', after[1])])]))
  }
  return (await query.execute()).map((row) => ({
    scope: row.scope,
    name: row.name,
    period: row.period,
    kind: row.kind as AlertKind,
    at: row.at.getTime(),
    startsAt: row.starts_at.getTime(),
    spentMicroUsd: Number(row.spent_micro_usd),
    limitMicroUsd: Number(row.limit_micro_usd),
    place: row.place,
  }))
}

/** Budgets of several names of one scope, without how far they have got. */
export async function readBudgetsOf(
  db: Db,
  scope: BudgetScope,
  names: readonly string[],
): Promise<Map<string, Budget[]>> {
  const found = new Map<string, Budget[]>(names.map((name) => [name, []]))
  if (names.length === 0) return found
  const rows = await db
    .selectFrom('budgets')
    .selectAll()
    .where('scope', '=', scope)
    .where('name', 'in', [...names])
    .orderBy('period')
    .execute()
  for (const row of rows) found.get(row.name)?.push(budgetOf(row))
  return found
}
