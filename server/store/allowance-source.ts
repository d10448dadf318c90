import {
  type Holder,
  type LeaseAnswers,
  type LeaseReport,
  removeOldLeases,
  renewLeases,
  returnLeases,
} from './budget-leases.ts'
import type { Database } from './database.ts'
import { renewShares, returnShares, type ShareReport } from './limits.ts'

/** Unrenewed for this long, what a gateway held is given to others. */
const allowanceLeaseMs = 30_000
/** Windows that ended this long ago are forgotten; their alerts stay. */
const windowsKeptMs = 400 * 24 * 3_600_000

/** Where a gateway gets its parts of budgets and limits, and reports what it spent. */
export interface AllowanceSource {
  renewLeases(reports: readonly LeaseReport[]): Promise<LeaseAnswers>
  renewShares(reports: readonly ShareReport[]): Promise<readonly number[]>
  /** The gateway ends: what it spent is kept, what it held is free at once. */
  end(reports: readonly LeaseReport[]): Promise<void>
}

/** @param holderId another at every start */
export function createAllowanceSource(
  db: Database,
  holderId: string,
  clock: { nowMs(): number },
  leaseMs: number = allowanceLeaseMs,
): AllowanceSource {
  const holder = (): Holder => ({ id: holderId, nowMs: clock.nowMs(), leaseMs })
  return {
    renewLeases: (reports) => renewLeases(db, holder(), reports),
    renewShares: (reports) => renewShares(db, holder(), reports),
    async end(reports) {
      if (reports.length > 0) await returnLeases(db, holder(), reports)
      await returnShares(db, holderId)
      await removeOldLeases(db, clock.nowMs() - windowsKeptMs)
    },
  }
}
