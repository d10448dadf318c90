import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { ComparisonRow, EvalTargetView, EvaluatorHealthRow, SliceRow, SliceTable } from '#reports/eval-run-view.ts'
import type { EvalTarget } from './eval-work.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The two targets a run compares: indexes into its targets. */
export interface Pair {
  readonly baseline: number
  readonly candidate: number
}

const maxDimensions = 4
const maxSliceRows = 7

/** Baseline and candidate of a run; of models alone, the first two. null: there is nothing to compare. */
export function pairOf(targets: readonly EvalTarget[]): Pair | null {
  if (targets.length < 2) return null
  const baseline = Math.max(
    0,
    targets.findIndex((target) => target.kind === 'baseline'),
  )
  const named = targets.findIndex((target) => target.kind === 'candidate')
  const candidate = named === -1 || named === baseline ? targets.findIndex((_, index) => index !== baseline) : named
  return { baseline, candidate }
}

/** Answers, cost and speed of each target. Latency is of answered items only. */
export async function readTargets(db: Db, runId: string, targets: readonly EvalTarget[]): Promise<EvalTargetView[]> {
  const { rows } = await sql<{
    target: number
    planned: number
    answered: number
    errored: number
    cost: string | null
    input: string | null
    output: string | null
    p50: number | null
    p95: number | null
  }>`
    select target, count(*)::int as planned, count(*) filter (where status = 'answered')::int as answered,
      count(*) filter (where status = 'errored')::int as errored, sum(cost_micro_usd)::text as cost,
      sum(input_tokens)::text as input, sum(output_tokens)::text as output,
      percentile_cont(0.5) within group (order by latency_ms) filter (where status = 'answered') as p50,
      percentile_cont(0.95) within group (order by latency_ms) filter (where status = 'answered') as p95
    from eval_answers where run_id = ${runId} group by target order by target`.execute(db)
  return rows.map((row) => ({
    label: targets[row.target]?.label ?? `target ${row.target}`,
    kind: targets[row.target]?.kind ?? 'model',
    planned: row.planned,
    answered: row.answered,
    errored: row.errored,
    costMicroUsd: row.cost === null ? null : Number(row.cost),
    inputTokens: Number(row.input ?? 0),
    outputTokens: Number(row.output ?? 0),
    latencyP50Ms: row.p50,
    latencyP95Ms: row.p95,
  }))
}

/** Outcomes of every evaluator on every target: what is missing, and why. */
export async function readHealth(db: Db, runId: string, targets: readonly EvalTarget[]): Promise<EvaluatorHealthRow[]> {
  const { rows } = await sql<Omit<EvaluatorHealthRow, 'target'> & { target: number }>`
    select evaluator, min(evaluator_version) as version, target,
      count(*) filter (where status = 'scored')::int as scored,
      count(*) filter (where status = 'not_applicable')::int as "notApplicable",
      count(*) filter (where status = 'unscored')::int as unscored,
      count(*) filter (where status = 'errored')::int as errored, avg(value) as mean
    from eval_scores where run_id = ${runId} group by evaluator, target order by evaluator, target limit 60`.execute(db)
  return rows.map((row) => ({ ...row, target: targets[row.target]?.label ?? `target ${row.target}` }))
}

interface PairStats {
  pairs: number
  baseline: number | null
  candidate: number | null
  difference: number | null
  spread: number | null
}

/**
 * Items that both arms have scored, as rows (position, evaluator, b, c). Made by grouping instead of joining the table with
 * itself: without statistics, which the embedded engine never gathers, that join goes over all pairs of rows (45 s for 10,000
 * items; this takes 0.1 s).
 */
export function pairedScores(runId: string, pair: Pair): RawBuilder<unknown> {
  return sql`select position, evaluator, max(value) filter (where target = ${pair.baseline}) as b,
      max(value) filter (where target = ${pair.candidate}) as c
    from eval_scores
    where run_id = ${runId} and target in (${pair.baseline}, ${pair.candidate}) and status = 'scored'
    group by position, evaluator having count(*) = 2`
}

/** Paired differences per evaluator, on the items that both arms have scored. */
export async function readComparisons(db: Db, runId: string, pair: Pair): Promise<ComparisonRow[]> {
  const { rows } = await sql<PairStats & { evaluator: string; wins: number; ties: number; losses: number }>`
    with paired as (${pairedScores(runId, pair)})
    select evaluator, count(*)::int as pairs, avg(b) as baseline, avg(c) as candidate, avg(c - b) as difference,
      stddev_samp(c - b) as spread, count(*) filter (where c > b)::int as wins, count(*) filter (where c = b)::int as ties,
      count(*) filter (where c < b)::int as losses
    from paired group by evaluator order by avg(c - b), evaluator limit 40`.execute(db)
  return rows.map(({ spread, ...row }) => ({ ...row, interval: pairedInterval({ ...row, spread }) }))
}

/** 97.5 % quantile of the standard normal distribution. */
const z = 1.959964

/**
 * 95 % interval of a mean paired difference: mean +- z s / sqrt(n), the normal approximation of the paired t interval. Assumes
 * independent items; shown for reading, never a gate's verdict.
 *
 * @returns null below two pairs
 */
export function pairedInterval(
  stats: Pick<PairStats, 'pairs' | 'difference' | 'spread'>,
): readonly [number, number] | null {
  if (stats.difference === null || stats.spread === null || stats.pairs < 2) return null
  const half = (z * stats.spread) / Math.sqrt(stats.pairs)
  return [Math.max(-1, stats.difference - half), Math.min(1, stats.difference + half)]
}

/** Paired differences per slice (and tag) and evaluator, worst first within each dimension. */
export async function readSlices(db: Db, runId: string, sha256: string, pair: Pair): Promise<SliceTable[]> {
  const { rows } = await sql<
    PairStats & { dimension: string; slice: string; evaluator: string; place: number; total: number }
  >`
    with paired as (${pairedScores(runId, pair)}), stats as (
      select l.dimension, l.slice, p.evaluator, count(*)::int as pairs, avg(p.b) as baseline, avg(p.c) as candidate,
        avg(p.c - p.b) as difference, stddev_samp(p.c - p.b) as spread
      from paired p join dataset_items i on i.sha256 = ${sha256} and i.position = p.position
      cross join lateral (
        select key as dimension, value as slice
        from jsonb_each_text(case when jsonb_typeof(i.item -> 'slice') = 'object' then i.item -> 'slice' else '{}' end)
        union all
        select 'tag', value
        from jsonb_array_elements_text(case when jsonb_typeof(i.item -> 'tags') = 'array' then i.item -> 'tags' else '[]' end)
      ) l
      group by l.dimension, l.slice, p.evaluator
    ), ranked as (
      select *, row_number() over (partition by dimension order by difference, slice, evaluator)::int as place,
        count(*) over (partition by dimension)::int as total
      from stats
    )
    select * from ranked where place <= ${maxSliceRows} order by dimension, place`.execute(db)
  const tables = new Map<string, { rows: SliceRow[]; total: number }>()
  for (const { dimension, place: _, total, spread, ...row } of rows) {
    const table = tables.get(dimension) ?? { rows: [], total }
    table.rows.push({ ...row, interval: pairedInterval({ ...row, spread }) })
    tables.set(dimension, table)
  }
  return [...tables.entries()]
    .sort(([, a], [, b]) => (a.rows[0]?.difference ?? 0) - (b.rows[0]?.difference ?? 0))
    .slice(0, maxDimensions)
    .map(([dimension, table]) => ({ dimension, rows: table.rows, hiddenCount: table.total - table.rows.length }))
}
