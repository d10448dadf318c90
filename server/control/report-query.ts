import type { FromSchema } from '#http/from-schema.ts'
import { type ReportPeriod, reportPeriods } from '#reports/report-window-view.ts'
import type { ReportRequest } from '#store/report-inventory.ts'
import { sinceSchema } from './common-schemas.ts'
import { invalidQuery, toMs } from './query-time.ts'

/** Query of both reports: a period up to now, or two ends. */
export const reportQuery = {
  period: { enum: reportPeriods, description: 'up to now; 30d where neither a period nor an end is given' },
  since: sinceSchema,
  until: sinceSchema,
} as const

type ReportQuery = FromSchema<{ readonly type: 'object'; readonly properties: typeof reportQuery }>

const dayMs = 86_400_000
const periodDays: Readonly<Record<ReportPeriod, number>> = { '7d': 7, '30d': 30, '90d': 90 }
const defaultPeriod: ReportPeriod = '30d'
const maxDays = 92

/**
 * The window a report is asked for, half open. Without `until` it ends now; without `since` it begins 30 days before its end.
 *
 * @throws InterlockError VALIDATION_FAILED for a period beside an end, ends in the wrong order, or more than 92 days
 */
export function reportRequest({ period, since, until }: ReportQuery, nowMs: number): ReportRequest {
  if (period !== undefined && (since !== undefined || until !== undefined)) {
    throw invalidQuery('period', 'cannot stand beside since or until: give a period or ends')
  }
  const named = period ?? (since === undefined && until === undefined ? defaultPeriod : null)
  if (named !== null) return { sinceMs: nowMs - periodDays[named] * dayMs, untilMs: nowMs, period: named }
  const untilMs = until === undefined ? nowMs : toMs('until', until)
  const sinceMs = since === undefined ? untilMs - periodDays[defaultPeriod] * dayMs : toMs('since', since)
  if (sinceMs >= untilMs) throw invalidQuery('since', 'must be before the end of the window')
  if (untilMs - sinceMs > maxDays * dayMs) {
    throw invalidQuery('since', `is more than ${maxDays} days before the end: a report covers ${maxDays} days at most`)
  }
  return { sinceMs, untilMs, period: null }
}
