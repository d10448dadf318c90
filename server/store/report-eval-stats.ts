import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { EvalTargetView, EvaluatorHealthRow } from '#reports/eval-run-view.ts'
import { type Funnel, funnelColumns } from './eval-summary.ts'
import type { EvalTarget } from './eval-work.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The two targets a run compares: indexes into its targets. */
export interface Pair {
  readonly baseline: number
  readonly candidate: number
}

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

/** Funnel, cost and speed of each target. Latency is of answers that this run fetched itself. */
export async function readTargets(db: Db, runId: string, targets: readonly EvalTarget[]): Promise<EvalTargetView[]> {
  const { rows } = await sql<
    Funnel & {
      cost: string | null
      input: string | null
      output: string | null
      p50: number | null
      p95: number | null
    }
  >`
    select ${funnelColumns}, sum(cost_micro_usd) filter (where not is_cached)::text as cost,
      sum(input_tokens)::text as input, sum(output_tokens)::text as output,
      percentile_cont(0.5) within group (order by latency_ms) filter (where status = 'answered' and not is_cached) as p50,
      percentile_cont(0.95) within group (order by latency_ms) filter (where status = 'answered' and not is_cached) as p95
    from eval_answers where run_id = ${runId} group by target order by target`.execute(db)
  return rows.map((row) => ({
    label: targets[row.target]?.label ?? `target ${row.target}`,
    kind: targets[row.target]?.kind ?? 'model',
    planned: row.planned,
    sent: row.sent,
    answered: row.answered,
    scored: row.scored,
    errored: row.errored,
    skipped: row.skipped,
    cached: row.cached,
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

/**
 * Answers that both arms have scored, as rows (position, repeat, evaluator, b, c). Made by grouping instead of joining the table
 * with itself: without statistics, which the embedded engine never gathers, that join goes over all pairs of rows (45 s for
 * 10,000 items; this takes 0.1 s).
 */
export function pairedScores(runId: string, pair: Pair): RawBuilder<unknown> {
  return sql`select position, repeat, evaluator, max(value) filter (where target = ${pair.baseline}) as b,
      max(value) filter (where target = ${pair.candidate}) as c
    from eval_scores
    where run_id = ${runId} and target in (${pair.baseline}, ${pair.candidate}) and status = 'scored'
    group by position, repeat, evaluator having count(*) = 2`
}

/** The same, one row per item: repeats are averaged. */
export function pairedItems(runId: string, pair: Pair): RawBuilder<unknown> {
  return sql`select position, evaluator, avg(b) as b, avg(c) as c from (${pairedScores(runId, pair)}) p
    group by position, evaluator`
}
