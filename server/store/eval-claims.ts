import { sql } from 'kysely'
import type { Database } from './database.ts'

/** An answer to fetch, claimed for a short time. */
export interface ClaimedAnswer {
  readonly target: number
  readonly position: number
  readonly repeat: number
  readonly itemId: string
  readonly item: unknown
}

export interface Claim {
  readonly runId: string
  readonly by: string
  readonly untilMs: number
  readonly nowMs: number
  readonly limit: number
}

/**
 * Claims pending answers of a run in item order, all targets of an item side by side. A claim is a lease: when its holder
 * dies the answer is due again after it, and an answer once stored is never claimed, so nothing finished is paid twice.
 *
 * Rows are joined by ctid, which holds while they are locked: without statistics, which the embedded engine never gathers, a
 * join by key goes over all rows of the run for every row claimed.
 */
export async function claimAnswers(db: Database, claim: Claim): Promise<ClaimedAnswer[]> {
  const { rows } = await sql<{ target: number; position: number; repeat: number; item_id: string; item: string }>`
    with due as (
      select a.ctid as place from eval_answers a
      where a.run_id = ${claim.runId} and a.status = 'pending'
        and (a.claimed_until is null or a.claimed_until <= ${new Date(claim.nowMs)})
      order by a.position, a.repeat, a.target limit ${claim.limit} for update skip locked
    )
    update eval_answers a set claimed_by = ${claim.by}, claimed_until = ${new Date(claim.untilMs)}, attempts = a.attempts + 1
    from due where a.ctid = due.place
    returning a.target, a.position, a.repeat, a.item_id, (select i.item::text from dataset_items i
      where i.sha256 = (select r.sha256 from eval_runs r where r.id = ${claim.runId}) and i.position = a.position) as item`.execute(
    db,
  )
  return rows.map(({ item_id: itemId, item, ...row }) => ({ ...row, itemId, item: JSON.parse(item) as unknown }))
}

/** Keeps the claims of a living worker, on answers and on scores. */
export async function renewClaims(
  db: Database,
  claim: { readonly runId: string; readonly by: string; readonly untilMs: number },
): Promise<void> {
  const until = new Date(claim.untilMs)
  await db
    .updateTable('eval_answers')
    .set({ claimed_until: until })
    .where('run_id', '=', claim.runId)
    .where('status', '=', 'pending')
    .where('claimed_by', '=', claim.by)
    .where('claimed_until', 'is not', null)
    .execute()
  await db
    .updateTable('eval_answers')
    .set({ score_claimed_until: until })
    .where('run_id', '=', claim.runId)
    .where('target', '=', 0)
    .where('score_claimed_by', '=', claim.by)
    .where('score_claimed_until', 'is not', null)
    .execute()
}

/** Frees every claim of workers that are gone; the embedded engine has one process, so at its start all are. */
export async function releaseAllClaims(db: Database): Promise<void> {
  await db.updateTable('eval_answers').set({ claimed_until: null }).where('status', '=', 'pending').execute()
  await db
    .updateTable('eval_answers')
    .set({ score_claimed_by: null, score_claimed_until: null })
    .where('score_claimed_until', 'is not', null)
    .execute()
  await db.updateTable('live_samples').set({ claimed_until: null }).execute()
}

/** All answers to an item in one repeat, in target order, with the item: what a pairwise evaluator and a resumed run need. */
export interface AnswersOfItem {
  readonly position: number
  readonly repeat: number
  readonly item: unknown
  readonly answers: readonly {
    readonly target: number
    readonly status: string
    readonly isScored: boolean
    readonly output: string | null
    readonly finishReason: string | null
    readonly toolCalls: readonly unknown[] | null
  }[]
}

/**
 * Claims items whose answers are all in and not all scored, in order. The lease stands in the row of the item's first target;
 * while it holds no other worker pays a judge for any answer of the item, and when its holder dies it runs out (C7).
 */
export async function claimUnscored(db: Database, claim: Claim): Promise<AnswersOfItem[]> {
  const { rows } = await sql<AnswersOfItem>`
    with due as (
      select a.run_id, a.position, a.repeat from eval_answers a
      where a.run_id = ${claim.runId} and a.target = 0 and a.status <> 'pending'
        and (a.score_claimed_until is null or a.score_claimed_until <= ${new Date(claim.nowMs)})
        and exists (select 1 from eval_answers u where u.run_id = a.run_id and u.position = a.position
          and u.repeat = a.repeat and not u.is_scored)
        and not exists (select 1 from eval_answers p where p.run_id = a.run_id and p.position = a.position
          and p.repeat = a.repeat and p.status = 'pending' and not p.is_scored)
      order by a.position, a.repeat limit ${claim.limit} for update skip locked
    ), held as (
      update eval_answers a set score_claimed_by = ${claim.by}, score_claimed_until = ${new Date(claim.untilMs)}
      from due where a.run_id = due.run_id and a.target = 0 and a.position = due.position and a.repeat = due.repeat
      returning a.run_id, a.position, a.repeat
    )
    select h.position, h.repeat, i.item, (
      select json_agg(json_build_object('target', a.target, 'status', a.status, 'isScored', a.is_scored, 'output', a.output,
        'finishReason', a.finish_reason, 'toolCalls', a.tool_calls) order by a.target)
      from eval_answers a, generate_series(0, (select jsonb_array_length(r.targets) from eval_runs r where r.id = h.run_id) - 1) t
      where a.run_id = h.run_id and a.target = t and a.position = h.position and a.repeat = h.repeat) as answers
    from held h join eval_runs r on r.id = h.run_id
      join dataset_items i on i.sha256 = r.sha256 and i.position = h.position
    order by h.position, h.repeat`.execute(db)
  return rows
}
