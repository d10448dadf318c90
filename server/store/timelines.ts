import type { Kysely } from 'kysely'
import type { TimelineEntry } from './proposal-timeline.ts'
import type { Tables } from './tables.ts'

/** Timelines of several proposals in one query, each in order. */
export async function readTimelines(
  db: Kysely<Tables>,
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
  for (const row of rows) {
    timelines.get(row.proposal_id)?.push({
      seq: row.seq,
      at: row.at.getTime(),
      from: row.from_status,
      to: row.to_status,
      by: row.by,
      reason: row.reason,
      shareBp: row.share_bp,
    })
  }
  return timelines
}
