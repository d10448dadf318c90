import { type Kysely, type Selectable, sql } from 'kysely'
import type { Tx } from './database.ts'
import type { Tables } from './tables.ts'
import type { ProposalEventsTable } from './tables-rollout.ts'

type Db = Kysely<Tables>

export interface TimelineEntry {
  readonly seq: string
  readonly at: number
  readonly from: string | null
  readonly to: string
  readonly by: string
  readonly reason: string
  readonly shareBp: number
}

export async function appendTimeline(tx: Tx, proposalId: string, entry: Omit<TimelineEntry, 'seq'>): Promise<void> {
  await tx
    .insertInto('proposal_events')
    .values({
      proposal_id: proposalId,
      at: new Date(entry.at),
      from_status: entry.from,
      to_status: entry.to,
      by: entry.by,
      reason: entry.reason,
      share_bp: entry.shareBp,
    })
    .execute()
}

/** In order. @param afterSeq only entries after this one (server-sent events resume) */
export async function readTimeline(db: Db, proposalId: string, afterSeq = '0'): Promise<TimelineEntry[]> {
  const rows = await db
    .selectFrom('proposal_events')
    .selectAll()
    .where('proposal_id', '=', proposalId)
    .where('seq', '>', afterSeq)
    .orderBy('seq')
    .execute()
  return rows.map(toEntry)
}

/** Timelines of several proposals in one query, each in order. */
export async function readTimelines(
  db: Db,
  proposalIds: readonly string[],
): Promise<ReadonlyMap<string, readonly TimelineEntry[]>> {
  const timelines = new Map<string, TimelineEntry[]>(proposalIds.map((id) => [id, []]))
  if (proposalIds.length === 0) return timelines
  const rows = await db
    .selectFrom('proposal_events')
    .selectAll()
    .where('proposal_id', 'in', [...proposalIds])
    .orderBy('seq')
    .execute()
  for (const row of rows) timelines.get(row.proposal_id)?.push(toEntry(row))
  return timelines
}

function toEntry(row: Selectable<ProposalEventsTable>): TimelineEntry {
  return {
    seq: row.seq,
    at: row.at.getTime(),
    from: row.from_status,
    to: row.to_status,
    by: row.by,
    reason: row.reason,
    shareBp: row.share_bp,
  }
}

/** When the present stage began: the entry that first led into the status the proposal has been in since. @param fallback when the timeline holds none */
export async function readStageStart(db: Db, proposalId: string, fallback: number): Promise<number> {
  const { rows } = await sql<{ at: Date }>`
    select min(e.at) as at from proposal_events e join proposals p on p.id = e.proposal_id
    where e.proposal_id = ${proposalId} and e.to_status = p.status and e.from_status is distinct from e.to_status`.execute(
    db,
  )
  return rows[0]?.at?.getTime() ?? fallback
}
