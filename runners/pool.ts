/**
 * Runs work with at most `width` pieces at once, pulling the next batch only when there is room, so that memory stays flat
 * however long the list is.
 *
 * @param take up to `count` pieces that are due; an empty list ends the run once everything under way is done
 * @param work must not throw for expected faults; what it throws ends the run after the pieces under way are done
 */
export async function runPool<T>(
  width: number,
  take: (count: number) => Promise<readonly T[]>,
  work: (piece: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  let failure: unknown
  for (;;) {
    const room = width - underWay.size
    const pieces = failure === undefined && room > 0 ? await take(room) : []
    for (const piece of pieces) {
      const running: Promise<void> = work(piece)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => underWay.delete(running))
      underWay.add(running)
    }
    if (underWay.size === 0) break
    // Waiting for half the room to be free keeps the batches of claims large enough to be cheap.
    if (pieces.length === 0 || underWay.size >= width) await Promise.race(underWay)
  }
  if (failure !== undefined) throw failure
}
