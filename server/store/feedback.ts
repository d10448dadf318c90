import type { Kysely } from 'kysely'
import type { Tx } from './database.ts'
import type { Tables } from './tables.ts'

/** What people (or their systems) said about one answer later. */
export interface StoredFeedback {
  readonly id: string
  readonly requestId: string
  readonly signal: string
  /** 0..1; null where the signal says all by itself. */
  readonly value: number | null
  readonly comment: string | null
  readonly by: string
  readonly at: number
}

export async function insertFeedback(tx: Tx, feedback: StoredFeedback): Promise<void> {
  await tx
    .insertInto('feedback')
    .values({
      id: feedback.id,
      request_id: feedback.requestId,
      signal: feedback.signal,
      value: feedback.value,
      comment: feedback.comment,
      by: feedback.by,
      at: new Date(feedback.at),
    })
    .execute()
}

/** In order of arrival. */
export async function readFeedback(db: Kysely<Tables>, requestId: string): Promise<StoredFeedback[]> {
  const rows = await db
    .selectFrom('feedback')
    .selectAll()
    .where('request_id', '=', requestId)
    .orderBy('at')
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    requestId: row.request_id,
    signal: row.signal,
    value: row.value,
    comment: row.comment,
    by: row.by,
    at: row.at.getTime(),
  }))
}
