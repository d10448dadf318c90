import { type LiveView, quietRecord } from '#domain/live.ts'
import { bookOf, liveWithScores, type QualityBook } from '#domain/quality.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Database } from '#store/database.ts'
import { readQualityTallies } from '#store/quality-scores.ts'

/** Scores may be this old in an eval run; an item takes longer. */
const freshMs = 2_000

/**
 * The world as an eval run sees it: scores as they are, so that quality floors and strategies work as they do live, and nothing
 * else: no load, no circuit, no budget, no time measured, since a run that is repeated should choose the same targets.
 */
export function evalLive(db: Database, clock: { monotonicMs(): number }) {
  let book: QualityBook = new Map()
  let revision: string | null = null
  let readAtMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null
  const read = async () => {
    const tallies = await readQualityTallies(db, revision)
    readAtMs = clock.monotonicMs()
    if (tallies === null) return
    revision = tallies.revision
    book = bookOf(tallies.rows)
  }
  return async (spec: RouteSpec, task: string | null): Promise<LiveView> => {
    if (clock.monotonicMs() - readAtMs >= freshMs) {
      reading ??= read().finally(() => {
        reading = null
      })
      await reading
    }
    return liveWithScores(quietRecord, book, modelsOf(spec), task)
  }
}
