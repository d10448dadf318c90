/** How wide a pool is: a number, or what it is at the moment. */
export type PoolWidth = number | (() => number)

/**
 * Runs work with at most `width` pieces at once, pulling the next batch only when there is room, so that memory stays flat
 * however long the list is. Batches are taken when a quarter of the width is free: one claim for many pieces, and still
 * enough under way while it is made.
 *
 * @param take up to `count` pieces that are due; an empty list ends the run once everything under way is done
 * @param work must not throw for expected faults; what it throws ends the run after the pieces under way are done
 */
export async function runPool<T>(
  width: PoolWidth,
  take: (count: number) => Promise<readonly T[]>,
  work: (piece: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  let failure: unknown
  let isEmpty = false
  for (;;) {
    const most = Math.max(1, typeof width === 'number' ? width : width())
    const room = most - underWay.size
    const isDue: boolean = failure === undefined && room > 0 && (isEmpty || underWay.size === 0 || room >= most / 4)
    const pieces: readonly T[] = isDue ? await take(room) : []
    if (isDue) isEmpty = pieces.length === 0
    for (const piece of pieces) {
      const running: Promise<void> = work(piece)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => underWay.delete(running))
      underWay.add(running)
    }
    if (underWay.size === 0) break
    if (pieces.length === 0 || underWay.size >= most) await Promise.race(underWay)
  }
  if (failure !== undefined) throw failure
}
