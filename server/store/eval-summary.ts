import { type Kysely, sql } from 'kysely'
import { canonicalDigest } from '#domain/canonical.ts'
import type { Tables } from './tables.ts'

export interface EvaluatorSummary {
  readonly evaluator: string
  readonly target: number
  readonly scored: number
  readonly notApplicable: number
  readonly unscored: number
  readonly errored: number
  /** Mean of the scored; null when none was. */
  readonly mean: number | null
}

export interface EvalSummary {
  readonly byEvaluator: readonly EvaluatorSummary[]
  readonly byTarget: readonly {
    readonly target: number
    readonly answered: number
    readonly errored: number
    /** Answers fetched, those lost in a crash included: what was paid for. */
    readonly attempts: number
    readonly costMicroUsd: number | null
    readonly latencyP50Ms: number | null
    readonly latencyP95Ms: number | null
  }[]
  readonly judgeCostMicroUsd: number
  /** sha256 over every answer's outcome and score in item order: two runs with the same digest saw the same evidence. */
  readonly digest: string
}

/** Sums a finished run up; stored with it so that pages need not scan its answers. */
export async function summarise(db: Kysely<Tables>, runId: string): Promise<EvalSummary> {
  const evaluators = await sql<EvaluatorSummary & { cost: string | null }>`
    select evaluator, target,
      count(*) filter (where status = 'scored')::int as scored,
      count(*) filter (where status = 'not_applicable')::int as "notApplicable",
      count(*) filter (where status = 'unscored')::int as unscored,
      count(*) filter (where status = 'errored')::int as errored,
      avg(value) as mean, sum(cost_micro_usd)::text as cost
    from eval_scores where run_id = ${runId} group by evaluator, target order by evaluator, target`.execute(db)
  const targets = await sql<EvalSummary['byTarget'][number] & { cost: string | null }>`
    select target, count(*) filter (where status = 'answered')::int as answered,
      count(*) filter (where status = 'errored')::int as errored, sum(attempts)::int as attempts,
      sum(cost_micro_usd)::text as cost,
      percentile_cont(0.5) within group (order by latency_ms) filter (where status = 'answered') as "latencyP50Ms",
      percentile_cont(0.95) within group (order by latency_ms) filter (where status = 'answered') as "latencyP95Ms"
    from eval_answers where run_id = ${runId} group by target order by target`.execute(db)
  return {
    byEvaluator: evaluators.rows.map(({ cost: _, ...row }) => row),
    byTarget: targets.rows.map(({ cost, ...row }) => ({ ...row, costMicroUsd: cost === null ? null : Number(cost) })),
    judgeCostMicroUsd: evaluators.rows.reduce((sum, row) => sum + Number(row.cost ?? 0), 0),
    digest: await digestOf(db, runId),
  }
}

/** Latency, cost and attempts are left out: they differ between two runs that saw the same answers. */
async function digestOf(db: Kysely<Tables>, runId: string): Promise<string> {
  const answers = await db
    .selectFrom('eval_answers')
    .select(['position', 'target', 'status', 'output', 'error_class'])
    .where('run_id', '=', runId)
    .orderBy('position')
    .orderBy('target')
    .execute()
  const scores = await db
    .selectFrom('eval_scores')
    .select(['position', 'target', 'evaluator', 'evaluator_version', 'status', 'value'])
    .where('run_id', '=', runId)
    .orderBy('position')
    .orderBy('target')
    .orderBy('evaluator')
    .execute()
  return canonicalDigest({ answers, scores })
}
