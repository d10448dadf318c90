import { sql } from 'kysely'
import type { Tx } from './database.ts'

/** Channel on which gateways hear that there is a newer snapshot; the payload is its epoch. */
export const epochChannel = 'interlock_epoch'

/**
 * Makes gateways fetch a new snapshot once this transaction commits.
 *
 * Locks the epoch row until then: changes of what is served happen one after another.
 *
 * @returns the new epoch
 */
export async function bumpEpoch(tx: Tx): Promise<number> {
  const row = await tx
    .updateTable('snapshot_state')
    .set({ epoch: sql<string>`snapshot_state.epoch + 1` })
    .where('id', '=', 1)
    .returning('epoch')
    .executeTakeFirstOrThrow()
  await sql`select pg_notify(${epochChannel}, ${String(row.epoch)})`.execute(tx)
  return Number(row.epoch)
}

/** Takes the lock that `bumpEpoch` and `appendAudit` take, before reading what the change depends on. */
export async function lockEpoch(tx: Tx): Promise<void> {
  await tx.selectFrom('snapshot_state').select('id').where('id', '=', 1).forUpdate().execute()
}

export async function readEpoch(db: Pick<Tx, 'selectFrom'>): Promise<number> {
  const row = await db.selectFrom('snapshot_state').select('epoch').where('id', '=', 1).executeTakeFirstOrThrow()
  return Number(row.epoch)
}
