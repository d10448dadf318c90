import type { Database } from './database.ts'

/** Says that the promotion engine is alive: without it gateways let their exposure leases run out. */
export async function recordEngine(db: Database, nowMs: number): Promise<void> {
  await db
    .updateTable('snapshot_state')
    .set({ engine_seen_at: new Date(nowMs) })
    .where('id', '=', 1)
    .execute()
}
