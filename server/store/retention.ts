import { sql } from 'kysely'
import type { Database } from './database.ts'
import { replyKeptMs } from './judge-replies.ts'

/** Rows removed in one statement: short enough that nobody waits for its locks. */
const batchRows = 2_000

/** A gateway unheard of for this long is no news to anybody: pages show those of the last day. */
const gatewaysKeptMs = 7 * 86_400_000

/** Everything before these times goes, milliseconds since the epoch. */
export interface RetentionLimits {
  /** Also the end of payloads, samples and sessions, which know themselves when they end. */
  readonly nowMs: number
  readonly decisionsBeforeMs: number
  readonly idempotencyBeforeMs: number
}

/** What is removed, in order. A table's rows are found by its own index and go in batches. */
const sweeps = {
  payloads: (db: Database, limits: RetentionLimits) =>
    sql`delete from payloads where request_id in (
      select request_id from payloads where expires_at <= ${new Date(limits.nowMs)} order by expires_at limit ${batchRows}
    )`.execute(db),
  sessions: (db: Database, limits: RetentionLimits) =>
    sql`delete from sessions where id_hash in (
      select id_hash from sessions where expires_at <= ${new Date(limits.nowMs)} limit ${batchRows}
    )`.execute(db),
  idempotencyKeys: (db: Database, limits: RetentionLimits) =>
    sql`delete from idempotency_keys where (key, caller) in (
      select key, caller from idempotency_keys where created_at < ${new Date(limits.idempotencyBeforeMs)} limit ${batchRows}
    )`.execute(db),
  decisions: (db: Database, limits: RetentionLimits) =>
    sql`delete from decisions where request_id in (
      select request_id from decisions where at < ${new Date(limits.decisionsBeforeMs)} order by at limit ${batchRows}
    )`.execute(db),
  feedback: (db: Database, limits: RetentionLimits) =>
    sql`delete from feedback where id in (
      select id from feedback where at < ${new Date(limits.decisionsBeforeMs)} limit ${batchRows}
    )`.execute(db),
  shadowCalls: (db: Database, limits: RetentionLimits) =>
    sql`delete from shadow_calls where (proposal_id, request_id) in (
      select proposal_id, request_id from shadow_calls where at < ${new Date(limits.decisionsBeforeMs)} limit ${batchRows}
    )`.execute(db),
  judgeReplies: (db: Database, limits: RetentionLimits) =>
    sql`delete from judge_replies where key in (
      select key from judge_replies where kept_at < ${new Date(limits.nowMs - replyKeptMs)} order by kept_at limit ${batchRows}
    )`.execute(db),
  gateways: (db: Database, limits: RetentionLimits) =>
    sql`delete from gateways where id in (
      select id from gateways where seen_at < ${new Date(limits.nowMs - gatewaysKeptMs)} limit ${batchRows}
    )`.execute(db),
} as const

export type Swept = keyof typeof sweeps
export const sweptKinds = Object.keys(sweeps) as readonly Swept[]

/** Removes one batch of what is past its time. @returns how many rows went; a full batch means that more may wait */
export async function sweepBatch(db: Database, kind: Swept, limits: RetentionLimits): Promise<number> {
  const result = await sweeps[kind](db, limits)
  return Number(result.numAffectedRows ?? 0)
}

export function isFullBatch(rows: number): boolean {
  return rows >= batchRows
}
