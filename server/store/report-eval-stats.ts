import { type Kysely, sql } from 'kysely'
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

/** Paired differences per evaluator, on the items that both arms have scored. */
export async function readComparisons(db: Db, runId: string, pair: Pair): Promise<ComparisonRow[]> {
  const { rows } = await sql<PairStats & { evaluator: string; wins: number; ties: number; losses: number }>`
    select c.evaluator, count(*)::int as pairs, avg(b.value) as baseline, avg(c.value) as candidate,
      avg(c.value - b.value) as difference, stddev_samp(c.value - b.value) as spread,
      count(*) filter (where c.value > b.value)::int as wins, count(*) filter (where c.value = b.value)::int as ties,
      count(*) filter (where c.value < b.value)::int as losses
    from ${pairedScores(runId, pair)} group by c.evaluator order by avg(c.value - b.value), c.evaluator limit 40`.execute(
    db,
  )
  return rows.map(({ spread, ...row }) => ({ ...row, interval: pairedInterval({ ...row, spread }) }))
}

function pairedScores(runId: string, pair: Pair) {
  return sql`eval_scores c join eval_scores b on b.run_id = c.run_id and b.position = c.position and b.evaluator = c.evaluator
    and b.target = ${pair.baseline} and b.status = 'scored'
    and c.run_id = ${runId} and c.target = ${pair.candidate} and c.status = 'scored'`
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
    with labels as (
      select i.position, s.key as dimension, s.value as slice
      from dataset_items i cross join lateral jsonb_each_text(i.item -> 'slice') s
      where i.sha256 = ${sha256} and jsonb_typeof(i.item -> 'slice') = 'object'
      union all
      select i.position, 'tag', t.value
      from dataset_items i cross join lateral jsonb_array_elements_text(i.item -> 'tags') t
      where i.sha256 = ${sha256} and jsonb_typeof(i.item -> 'tags') = 'array'
    ), stats as (
      select l.dimension, l.slice, c.evaluator, count(*)::int as pairs, avg(b.value) as baseline, avg(c.value) as candidate,
        avg(c.value - b.value) as difference, stddev_samp(c.value - b.value) as spread
      from ${pairedScores(runId, pair)} join labels l on l.position = c.position
      group by l.dimension, l.slice, c.evaluator
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
