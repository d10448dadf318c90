import { InterlockError } from '#domain/errors.ts'
import type { Tx } from './database.ts'

export interface StablePointer {
  readonly stable: number
  readonly previous: number | null
}

/** Reads and locks a route's stable pointer; null when there is no such route. */
export async function lockStable(tx: Tx, route: string): Promise<StablePointer | null> {
  const row = await tx
    .selectFrom('routes')
    .select(['stable_version', 'previous_version'])
    .where('name', '=', route)
    .forUpdate()
    .executeTakeFirst()
  return row === undefined ? null : { stable: row.stable_version, previous: row.previous_version }
}

/** Moves the pointer forward. @throws InterlockError CONCURRENT_CHANGE when the route no longer stands at `from` */
export async function moveStable(
  tx: Tx,
  move: { readonly route: string; readonly from: number; readonly to: number },
): Promise<void> {
  const result = await tx
    .updateTable('routes')
    .set({ stable_version: move.to, previous_version: move.from })
    .where('name', '=', move.route)
    .where('stable_version', '=', move.from)
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) {
    throw new InterlockError('CONCURRENT_CHANGE', `route "${move.route}" no longer stands at version ${move.from}`)
  }
}

/**
 * Moves the pointer back to a version that was stable before, whatever it points at now. `previous` becomes the version
 * that one had replaced, so that rolling back twice goes further back and never to the version just left.
 */
export async function revertStable(tx: Tx, move: { readonly route: string; readonly to: number }): Promise<void> {
  const origin = await tx
    .selectFrom('proposals')
    .select('base_version')
    .where('route', '=', move.route)
    .where('version', '=', move.to)
    .executeTakeFirst()
  await tx
    .updateTable('routes')
    .set({ stable_version: move.to, previous_version: origin?.base_version ?? null })
    .where('name', '=', move.route)
    .execute()
}
