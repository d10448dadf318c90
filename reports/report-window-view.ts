/** The time a report covers. Times are milliseconds since the epoch, half open. */
export interface ReportWindowView {
  readonly since: number
  readonly until: number
  /** Later than `since` where more requests came than a report sums up: the newest are kept. */
  readonly coveredSince: number
  readonly isCut: boolean
  /** The period that was asked for by its name; null: by its ends. */
  readonly period: ReportPeriod | null
}

export const reportPeriods = ['7d', '30d', '90d'] as const
export type ReportPeriod = (typeof reportPeriods)[number]

/** Where a report's page leads to; null in the JSON twin. */
export interface ReportLinks {
  readonly csv: string
  readonly json: string
  readonly periods: readonly { readonly label: string; readonly url: string; readonly isCurrent: boolean }[]
}

/** A part of a whole by name. */
export interface MixPart {
  /** null: none was given. */
  readonly name: string | null
  readonly requests: number
  /** 0..1 */
  readonly ratio: number
}
