import { type Kysely, sql } from 'kysely'
import type { Impact } from '#domain/impact.ts'
import type { MeasuredLatency } from '#domain/impact-forecast.ts'
import type { ModelRef } from '#domain/route.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The preview of a proposal and what it was made of. */
export interface StoredImpact {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Recorded requests of this long before were replayed, newest first, at most so many. */
  readonly windowMs: number
  readonly limit: number
  readonly impact: Impact
}

/** The preview as it stood when the proposal was submitted; null: there is no such proposal, or it is older than previews. */
export async function readImpact(db: Db, proposalId: string): Promise<StoredImpact | null> {
  const row = await db.selectFrom('proposals').select('impact').where('id', '=', proposalId).executeTakeFirst()
  return (row?.impact ?? null) as StoredImpact | null
}

/** Answers looked at for latencies: the newest. */
const maxMeasured = 50_000

/** How long models took to answer, first attempts of all routes together. */
export async function readLatencies(
  db: Db,
  models: readonly ModelRef[],
  since: number,
): Promise<Map<ModelRef, MeasuredLatency>> {
  if (models.length === 0) return new Map()
  const { rows } = await sql<MeasuredLatency & { model: string }>`
    select model, count(*)::int as count, avg(total_ms)::float8 as "meanMs",
      coalesce(stddev_samp(total_ms), 0)::float8 as "deviationMs"
    from (
      select model, total_ms, status, is_fallback from decisions
      where at >= ${new Date(since)} order by at desc limit ${maxMeasured}
    ) recent
    where model in (${sql.join([...models])}) and status = 200 and not is_fallback
    group by model`.execute(db)
  return new Map(rows.map(({ model, ...measured }) => [model, measured]))
}
