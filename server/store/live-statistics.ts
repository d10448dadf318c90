import { sql } from 'kysely'
import { type LiveWindow, startWindow, windowIndex, windowsRemembered } from '#domain/live-series.ts'
import type { TallyRow } from '#domain/quality.ts'
import { decodeSketch, encodeSketch } from '#domain/quantile-sketch.ts'
import { type Database, json } from './database.ts'
import { readQualityTallies } from './quality-scores.ts'

/** A window as one gateway measured it. */
export interface StoredWindow {
  readonly bootId: string
  readonly model: string
  /** '': callers of all regions. */
  readonly region: string
  readonly window: Readonly<LiveWindow>
}

/** What changed within this time is read again: several rounds of the gateways' exchange. */
const recent = '30 seconds'

/** Writes one gateway's windows, and removes everybody's that are too old to count. Writing a window again changes nothing. */
export async function writeWindows(
  db: Database,
  bootId: string,
  windows: readonly Omit<StoredWindow, 'bootId'>[],
): Promise<void> {
  const rows = windows.map(({ model, region, window }) => ({
    boot_id: bootId,
    model,
    region,
    window_index: window.index,
    ttft: encodeSketch(window.ttft),
    total: encodeSketch(window.total),
    answered: window.answered,
    failed: window.failed,
    input_tokens: window.inputTokens,
    cached_input_tokens: window.cachedInputTokens,
  }))
  await sql`
    insert into live_statistics
      (boot_id, model, region, window_index, ttft, total, answered, failed, input_tokens, cached_input_tokens, updated_at)
    select r.boot_id, r.model, r.region, r.window_index, r.ttft, r.total, r.answered, r.failed, r.input_tokens,
      r.cached_input_tokens, now()
    from json_populate_recordset(null::live_statistics, ${json(rows)}::json) r
    on conflict (boot_id, model, region, window_index) do update set
      ttft = excluded.ttft, total = excluded.total, answered = excluded.answered, failed = excluded.failed,
      input_tokens = excluded.input_tokens, cached_input_tokens = excluded.cached_input_tokens,
      updated_at = excluded.updated_at`.execute(db)
  const newest = Math.max(...windows.map(({ window }) => window.index))
  await sql`delete from live_statistics where window_index < ${newest - windowsRemembered}`.execute(db)
}

/**
 * Windows of other gateways, also of those that are gone: what they measured is still so.
 *
 * @param after windows up to this index are too old
 * @param isAll false: only what was written lately
 */
async function readWindowsOfOthers(
  db: Database,
  of: { readonly bootId: string; readonly after: number; readonly isAll: boolean },
): Promise<StoredWindow[]> {
  let query = db
    .selectFrom('live_statistics')
    .selectAll()
    .where('boot_id', '!=', of.bootId)
    .where('window_index', '>', String(of.after))
  if (!of.isAll) query = query.where('updated_at', '>', sql<Date>`now() - ${recent}::interval`)
  return (await query.execute()).flatMap((row) => {
    const [ttft, total] = [decodeSketch(row.ttft), decodeSketch(row.total)]
    if (ttft === null || total === null) return []
    const window: LiveWindow = {
      ...startWindow(Number(row.window_index)),
      ttft,
      total,
      answered: row.answered,
      failed: row.failed,
      inputTokens: Number(row.input_tokens),
      cachedInputTokens: Number(row.cached_input_tokens),
    }
    return [{ bootId: row.boot_id, model: row.model, region: row.region, window }]
  })
}

/** One gateway's way to the others' measurements and to the scores; see gateway/live-sync.ts. */
export function createLiveExchange(db: Database, bootId: string, clock: { nowMs(): number }) {
  let known: string | null = null
  return {
    write: (windows: readonly Omit<StoredWindow, 'bootId'>[]) => writeWindows(db, bootId, windows),
    readOthers: (isAll: boolean) => {
      const after = windowIndex(clock.nowMs()) - windowsRemembered
      return readWindowsOfOthers(db, { bootId, after, isAll })
    },
    readScores: async (): Promise<readonly TallyRow[] | null> => {
      const tallies = await readQualityTallies(db, known)
      if (tallies === null) return null
      known = tallies.revision
      return tallies.rows
    },
  }
}
