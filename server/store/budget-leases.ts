import { type Kysely, sql } from 'kysely'
import {
  type AlertKind,
  alertsOf,
  type Budget,
  type BudgetPeriod,
  type BudgetScope,
  grantOf,
  type LeaseGrant,
} from '#domain/budget.ts'
import { type Database, inTransaction, json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

/** One holder's report about, and wish for, one window of one budget. Micro-dollars. */
export interface LeaseReport {
  readonly scope: BudgetScope
  readonly name: string
  readonly period: BudgetPeriod
  readonly startsAtMs: number
  /** Spent by the holder in this window so far: only rises, so that a report may be repeated or come late. */
  readonly spentMicroUsd: number
  readonly reservedMicroUsd: number
  readonly keptMicroUsd: number
  readonly neededMicroUsd: number
  readonly isIdle: boolean
}

export interface LeaseAnswer extends LeaseGrant {
  /** Whose lease it is, as in the report. */
  readonly report: LeaseReport
  /** null: the budget was removed meanwhile. */
  readonly budget: Budget | null
  /** By everyone in this window. */
  readonly spentMicroUsd: number
}

/** An alert that was recorded now, for the first time in its window. */
export interface BudgetAlert {
  readonly budget: Budget
  readonly kind: AlertKind
  readonly startsAtMs: number
  readonly spentMicroUsd: number
}

export interface LeaseAnswers {
  readonly answers: readonly LeaseAnswer[]
  readonly alerts: readonly BudgetAlert[]
}

export interface Holder {
  /** Another at every start of a gateway: what it left unspent runs out with its lease. */
  readonly id: string
  readonly nowMs: number
  /** How long its leases hold unrenewed. */
  readonly leaseMs: number
}

/**
 * Takes the reports of one holder and gives it its parts, all in one transaction. Windows are locked in order, so the parts of
 * all holders never sum up to more than the limits.
 */
export function renewLeases(db: Database, holder: Holder, reports: readonly LeaseReport[]): Promise<LeaseAnswers> {
  return inTransaction(db, async (tx) => {
    const asked = asJson(reports)
    await sql`
      insert into budget_windows (scope, name, period, starts_at)
      select r.scope, r.name, r.period, r.starts_at from ${asked}
      on conflict do nothing`.execute(tx)
    const windows = await lockWindows(tx, reports)
    const leases = await readLeases(tx, reports)
    const found = new Map(windows.map((window) => [placeOf(window), window]))
    const answers = reports.map((report) => {
      const window = found.get(placeOf({ ...report, starts_at: new Date(report.startsAtMs) }))
      return answerOf(report, window, leases, holder)
    })
    await writeLeases(tx, holder, answers)
    return { answers, alerts: await recordAlerts(tx, holder, answers) }
  })
}

/** Says what was spent, and gives back what was held: the holder ends. */
export async function returnLeases(db: Database, holder: Holder, reports: readonly LeaseReport[]): Promise<void> {
  await inTransaction(db, (tx) =>
    writeLeases(
      tx,
      holder,
      reports.map((report) => ({ report, heldMicroUsd: 0 })),
    ),
  )
}

interface WindowRow {
  scope: string
  name: string
  period: string
  starts_at: Date
  opening_micro_usd: string
  hard_micro_usd: string | null
  soft_micro_usd: string | null
}

interface LeaseRow {
  scope: string
  name: string
  period: string
  starts_at: Date
  holder: string
  spent_micro_usd: string
  held_micro_usd: string
  expires_at: Date
}

async function lockWindows(tx: Tx, reports: readonly LeaseReport[]): Promise<WindowRow[]> {
  const { rows } = await sql<WindowRow>`
    select w.*, b.hard_micro_usd, b.soft_micro_usd
    from budget_windows w
    join ${asJson(reports)} on (w.scope, w.name, w.period, w.starts_at) = (r.scope, r.name, r.period, r.starts_at)
    left join budgets b on (b.scope, b.name, b.period) = (w.scope, w.name, w.period)
    order by w.scope, w.name, w.period, w.starts_at
    for update of w`.execute(tx)
  return rows
}

async function readLeases(tx: Tx, reports: readonly LeaseReport[]): Promise<Map<string, LeaseRow[]>> {
  const { rows } = await sql<LeaseRow>`
    select l.* from budget_leases l
    join ${asJson(reports)} on (l.scope, l.name, l.period, l.starts_at) = (r.scope, r.name, r.period, r.starts_at)`.execute(
    tx,
  )
  const leases = new Map<string, LeaseRow[]>()
  for (const row of rows) leases.set(placeOf(row), [...(leases.get(placeOf(row)) ?? []), row])
  return leases
}

function answerOf(
  report: LeaseReport,
  window: WindowRow | undefined,
  leases: ReadonlyMap<string, readonly LeaseRow[]>,
  holder: Holder,
): LeaseAnswer {
  if (window === undefined) throw new Error(`budget window of ${report.scope} "${report.name}" is not there`)
  const others = (leases.get(placeOf(window)) ?? []).filter((lease) => lease.holder !== holder.id)
  const live = others.filter((lease) => lease.expires_at.getTime() > holder.nowMs)
  const sum = (rows: readonly LeaseRow[], field: 'spent_micro_usd' | 'held_micro_usd') =>
    rows.reduce((total, row) => total + Number(row[field]), 0)
  const spent = Number(window.opening_micro_usd) + sum(others, 'spent_micro_usd') + report.spentMicroUsd
  if (window.hard_micro_usd === null) {
    return { report, budget: null, spentMicroUsd: spent, heldMicroUsd: 0, leftMicroUsd: 0 }
  }
  const budget: Budget = {
    scope: report.scope,
    name: report.name,
    period: report.period,
    hardMicroUsd: Number(window.hard_micro_usd),
    softMicroUsd: window.soft_micro_usd === null ? null : Number(window.soft_micro_usd),
  }
  const grant = grantOf({
    hardMicroUsd: budget.hardMicroUsd,
    spentMicroUsd: spent,
    heldByOthersMicroUsd: sum(live, 'held_micro_usd'),
    reservedMicroUsd: report.reservedMicroUsd,
    keptMicroUsd: report.keptMicroUsd,
    neededMicroUsd: report.neededMicroUsd,
    isIdle: report.isIdle,
    holders: live.length + 1,
  })
  return { report, budget, spentMicroUsd: spent, ...grant }
}

async function writeLeases(
  tx: Tx,
  holder: Holder,
  answers: readonly { readonly report: LeaseReport; readonly heldMicroUsd: number }[],
): Promise<void> {
  const expiresAt = new Date(holder.nowMs + holder.leaseMs).toISOString()
  const rows = answers.map(({ report, heldMicroUsd }) => ({
    scope: report.scope,
    name: report.name,
    period: report.period,
    starts_at: new Date(report.startsAtMs).toISOString(),
    holder: holder.id,
    spent_micro_usd: report.spentMicroUsd,
    held_micro_usd: heldMicroUsd,
    expires_at: expiresAt,
  }))
  await sql`
    insert into budget_leases as l (scope, name, period, starts_at, holder, spent_micro_usd, held_micro_usd, expires_at)
    select r.scope, r.name, r.period, r.starts_at, r.holder, r.spent_micro_usd, r.held_micro_usd, r.expires_at
    from json_populate_recordset(null::budget_leases, ${json(rows)}::json) r
    on conflict (scope, name, period, starts_at, holder) do update set
      spent_micro_usd = greatest(l.spent_micro_usd, excluded.spent_micro_usd),
      held_micro_usd = excluded.held_micro_usd,
      expires_at = excluded.expires_at`.execute(tx)
}

async function recordAlerts(tx: Tx, holder: Holder, answers: readonly LeaseAnswer[]): Promise<BudgetAlert[]> {
  const due = answers.flatMap(({ report, budget, spentMicroUsd }) =>
    budget === null
      ? []
      : alertsOf(budget, spentMicroUsd).map((kind) => ({
          budget,
          kind,
          startsAtMs: report.startsAtMs,
          spentMicroUsd,
        })),
  )
  if (due.length === 0) return []
  const rows = due.map(({ budget, kind, startsAtMs, spentMicroUsd }) => ({
    scope: budget.scope,
    name: budget.name,
    period: budget.period,
    starts_at: new Date(startsAtMs).toISOString(),
    kind,
    at: new Date(holder.nowMs).toISOString(),
    spent_micro_usd: spentMicroUsd,
    limit_micro_usd: kind === 'hard' ? budget.hardMicroUsd : budget.softMicroUsd,
  }))
  const recorded = await sql<{ scope: string; name: string; period: string; starts_at: Date; kind: string }>`
    insert into budget_alerts (scope, name, period, starts_at, kind, at, spent_micro_usd, limit_micro_usd)
    select r.scope, r.name, r.period, r.starts_at, r.kind, r.at, r.spent_micro_usd, r.limit_micro_usd
    from json_populate_recordset(null::budget_alerts, ${json(rows)}::json) r
    on conflict do nothing
    returning scope, name, period, starts_at, kind`.execute(tx)
  const isNew = new Set(recorded.rows.map((row) => `${placeOf(row)}\n${row.kind}`))
  return due.filter((alert) =>
    isNew.has(`${placeOf({ ...alert.budget, starts_at: new Date(alert.startsAtMs) })}\n${alert.kind}`),
  )
}

/** The reports as a table `r` of a statement. */
function asJson(reports: readonly LeaseReport[]) {
  const rows = reports.map((report) => ({
    scope: report.scope,
    name: report.name,
    period: report.period,
    starts_at: new Date(report.startsAtMs).toISOString(),
  }))
  return sql`jsonb_to_recordset(${json(rows)}::jsonb) as r(scope text, name text, period text, starts_at timestamptz)`
}

function placeOf(row: {
  readonly scope: string
  readonly name: string
  readonly period: string
  readonly starts_at: Date
}): string {
  return `${row.scope}\n${row.name}\n${row.period}\n${row.starts_at.getTime()}`
}

/** Removes windows that ended long ago, with their leases. Alerts stay. */
export async function removeOldLeases(db: Kysely<Tables>, beforeMs: number): Promise<void> {
  await db.deleteFrom('budget_leases').where('starts_at', '<', new Date(beforeMs)).execute()
  await db.deleteFrom('budget_windows').where('starts_at', '<', new Date(beforeMs)).execute()
}
