import type { ColumnType } from 'kysely'

/** timestamptz: read and written as Date. */
type Time = ColumnType<Date, Date, Date>
/** bigint: read as text by both drivers. */
type Big = ColumnType<string, string | number | bigint, string | number | bigint>
type BigOrNull = ColumnType<string | null, string | number | null | undefined, string | number | null>

export interface BudgetsTable {
  scope: string
  name: string
  period: string
  hard_micro_usd: Big
  soft_micro_usd: BigOrNull
  updated_by: string
  updated_at: Time
}

export interface BudgetWindowsTable {
  scope: string
  name: string
  period: string
  starts_at: Time
  opening_micro_usd: Big
}

export interface BudgetLeasesTable {
  scope: string
  name: string
  period: string
  starts_at: Time
  holder: string
  spent_micro_usd: Big
  held_micro_usd: Big
  expires_at: Time
}

export interface BudgetAlertsTable {
  scope: string
  name: string
  period: string
  starts_at: Time
  kind: string
  at: Time
  spent_micro_usd: Big
  limit_micro_usd: Big
}

export interface LimitsTable {
  scope: string
  name: string
  requests_per_minute: number | null
  tokens_per_minute: number | null
  concurrency: number | null
  updated_by: string
  updated_at: Time
}

export interface LimitSharesTable {
  scope: string
  name: string
  kind: string
  holder: string
  share: number
  is_busy: boolean
  expires_at: Time
}

/** Budgets, limits and what gateways hold of them: a part of `Tables`. */
export interface BudgetTables {
  budgets: BudgetsTable
  budget_windows: BudgetWindowsTable
  budget_leases: BudgetLeasesTable
  budget_alerts: BudgetAlertsTable
  limits: LimitsTable
  limit_shares: LimitSharesTable
}
