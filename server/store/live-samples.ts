import { sql } from 'kysely'
import type { Database, Tx } from './database.ts'

/** A redacted live answer that waits for its scores. */
export interface LiveSample {
  readonly id: string
  readonly proposalId: string
  readonly requestId: string
  readonly arm: 'baseline' | 'candidate' | 'pair'
  readonly payload: unknown
}

/** After this many claims a sample is given up: its observation then counts as missing at its deadline. */
const maxAttempts = 3

/** Claims samples of a proposal, oldest first. A claim is a lease: a dead worker's samples are due again after it. */
export async function claimSamples(
  db: Database,
  claim: { readonly proposalId: string; readonly nowMs: number; readonly untilMs: number; readonly limit: number },
): Promise<LiveSample[]> {
  const now = new Date(claim.nowMs)
  const { rows } = await sql<{ id: string; request_id: string; arm: LiveSample['arm']; payload: unknown }>`
    with due as (
      select id from live_samples
      where proposal_id = ${claim.proposalId} and attempts < ${maxAttempts} and expires_at > ${now}
        and (claimed_until is null or claimed_until <= ${now})
      order by id limit ${claim.limit} for update skip locked
    )
    update live_samples s set claimed_until = ${new Date(claim.untilMs)}, attempts = s.attempts + 1
    from due where s.id = due.id
    returning s.id::text as id, s.request_id, s.arm, s.payload`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    proposalId: claim.proposalId,
    requestId: row.request_id,
    arm: row.arm,
    payload: row.payload,
  }))
}

/** Keeps the claims of a living worker. */
export async function renewSamples(db: Database, ids: readonly string[], untilMs: number): Promise<void> {
  await db
    .updateTable('live_samples')
    .set({ claimed_until: new Date(untilMs) })
    .where('id', 'in', [...ids])
    .execute()
}

export async function removeSamples(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .deleteFrom('live_samples')
    .where('id', 'in', [...ids])
    .execute()
}

/** Proposals that have samples waiting. */
export async function proposalsWithSamples(db: Database): Promise<string[]> {
  const rows = await db.selectFrom('live_samples').select('proposal_id').distinct().execute()
  return rows.map((row) => row.proposal_id)
}

/** Removes texts past their time, and those of proposals that are over. @returns how many */
export async function removeExpiredSamples(db: Database, nowMs: number): Promise<number> {
  const result = await sql`delete from live_samples s where s.expires_at <= ${new Date(nowMs)}
    or exists (select 1 from proposals p where p.id = s.proposal_id and p.ended_at is not null)`.execute(db)
  return Number(result.numAffectedRows ?? 0)
}
