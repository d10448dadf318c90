import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A reply is used again for so long; then the judge is asked anew, since what stands behind a model's name may change. */
export const replyKeptMs = 7 * 86_400_000

/** @returns the reply kept for this question, null when there is none or it is too old */
export async function readJudgeReply(db: Db, key: string, nowMs: number): Promise<string | null> {
  const row = await db
    .selectFrom('judge_replies')
    .select('reply')
    .where('key', '=', key)
    .where('kept_at', '>', new Date(nowMs - replyKeptMs))
    .executeTakeFirst()
  return row?.reply ?? null
}

/** Keeps a reply; a newer one takes the place of an older. */
export async function keepJudgeReply(
  db: Db,
  reply: { readonly key: string; readonly model: string; readonly text: string; readonly nowMs: number },
): Promise<void> {
  const row = { key: reply.key, model: reply.model, reply: reply.text, kept_at: new Date(reply.nowMs) }
  await db
    .insertInto('judge_replies')
    .values(row)
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ reply: row.reply, kept_at: row.kept_at }))
    .execute()
}
