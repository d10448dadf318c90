import { createHash, type Hash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { canonicalJson } from '#domain/canonical.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

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

/** How far the answers of one target have come; each number is at most the one before. */
export interface Funnel {
  readonly target: number
  readonly planned: number
  /** Sent at least once, or taken from an earlier answer. */
  readonly sent: number
  readonly answered: number
  /** With every score that is due, whatever its outcome. */
  readonly scored: number
  /** Sent and failed: not answered. */
  readonly errored: number
  /** Items that do not take the path this target forces: never sent. */
  readonly skipped: number
  /** Of the answered, taken from an earlier answer: nothing was paid. */
  readonly cached: number
}

export interface TargetSummary extends Funnel {
  /** Answers fetched, those lost in a crash included: what was paid for. */
  readonly attempts: number
  readonly costMicroUsd: number | null
  /** Of answers fetched by this run itself. */
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
}

export interface EvalSummary {
  readonly byEvaluator: readonly EvaluatorSummary[]
  readonly byTarget: readonly TargetSummary[]
  readonly judgeCostMicroUsd: number
  /** sha256 over every answer's outcome and score in item order: two runs with the same digest saw the same evidence. */
  readonly digest: string
}

/** Sums a finished run up; stored with it so that pages need not scan its answers. */
export async function summarise(db: Db, runId: string): Promise<EvalSummary> {
  const evaluators = await sql<EvaluatorSummary & { cost: string | null }>`
    select evaluator, target,
      count(*) filter (where status = 'scored')::int as scored,
      count(*) filter (where status = 'not_applicable')::int as "notApplicable",
      count(*) filter (where status = 'unscored')::int as unscored,
      count(*) filter (where status = 'errored')::int as errored,
      avg(value) as mean, sum(cost_micro_usd)::text as cost
    from eval_scores where run_id = ${runId} group by evaluator, target order by evaluator, target`.execute(db)
  const targets = await sql<Omit<TargetSummary, 'costMicroUsd'> & { cost: string | null }>`
    select ${funnelColumns}, sum(attempts)::int as attempts, sum(cost_micro_usd) filter (where not is_cached)::text as cost,
      percentile_cont(0.5) within group (order by latency_ms) filter (where status = 'answered' and not is_cached) as "latencyP50Ms",
      percentile_cont(0.95) within group (order by latency_ms) filter (where status = 'answered' and not is_cached) as "latencyP95Ms"
    from eval_answers where run_id = ${runId} group by target order by target`.execute(db)
  return {
    byEvaluator: evaluators.rows.map(({ cost: _, ...row }) => row),
    byTarget: targets.rows.map(({ cost, ...row }) => ({ ...row, costMicroUsd: cost === null ? null : Number(cost) })),
    judgeCostMicroUsd: evaluators.rows.reduce((sum, row) => sum + Number(row.cost ?? 0), 0),
    digest: await digestOf(db, runId),
  }
}

/** Of eval_answers, grouped by target. */
export const funnelColumns = sql`target, count(*)::int as planned,
  (count(*) filter (where (attempts > 0 or status <> 'pending') and error_class is distinct from 'not_on_path'))::int as sent,
  (count(*) filter (where status = 'answered'))::int as answered,
  (count(*) filter (where status = 'answered' and is_scored))::int as scored,
  (count(*) filter (where status = 'errored' and error_class is distinct from 'not_on_path'))::int as errored,
  (count(*) filter (where error_class = 'not_on_path'))::int as skipped,
  (count(*) filter (where is_cached))::int as cached`

/** The funnel of a run as its rows stand, by target. */
export async function readFunnel(db: Db, runId: string): Promise<Funnel[]> {
  const { rows } = await sql<Funnel>`
    select ${funnelColumns} from eval_answers where run_id = ${runId} group by target order by target`.execute(db)
  return rows
}

/** Rows read at once: a digest of any number of answers needs the memory of this many. */
const pageSize = 500

/**
 * Latency, cost and attempts are left out: they differ between two runs that saw the same answers. Read page by page in the
 * order of the primary keys, so that ten thousand long answers are never in memory together.
 */
async function digestOf(db: Db, runId: string): Promise<string> {
  const hash = createHash('sha256')
  await eachPage(hash, async (after) => {
    const { rows } = await sql<PlacedRow>`
      select target, position, repeat, '' as evaluator, status, output, error_class from eval_answers
      where run_id = ${runId} and (target, position, repeat) > (${after.target}::int, ${after.position}::int, ${after.repeat}::int)
      order by target, position, repeat limit ${pageSize}`.execute(db)
    return rows
  })
  await eachPage(hash, async (after) => {
    const { rows } = await sql<PlacedRow>`
      select target, position, repeat, evaluator, evaluator_version, status, value from eval_scores
      where run_id = ${runId} and (target, position, repeat, evaluator)
        > (${after.target}::int, ${after.position}::int, ${after.repeat}::int, ${after.evaluator})
      order by target, position, repeat, evaluator limit ${pageSize}`.execute(db)
    return rows
  })
  return hash.digest('hex')
}

interface PlacedRow {
  readonly target: number
  readonly position: number
  readonly repeat: number
  readonly evaluator: string
}

async function eachPage(hash: Hash, read: (after: PlacedRow) => Promise<readonly PlacedRow[]>): Promise<void> {
  let after: PlacedRow = { target: -1, position: -1, repeat: -1, evaluator: '' }
  for (;;) {
    const rows = await read(after)
    for (const row of rows) hash.update(canonicalJson(row)).update('\n')
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageSize) return
    after = last
  }
}
