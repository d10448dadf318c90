import { type Kysely, sql } from 'kysely'
import type { EvalTarget } from './eval-work.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** An eval run as people look at it. */
export interface StoredEvalRun {
  readonly id: string
  readonly proposalId: string | null
  /** `name@version`. */
  readonly dataset: string
  readonly sha256: string
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly unknown[]
  readonly status: string
  /** Answers to fetch: items times targets. */
  readonly planned: number
  readonly answered: number
  readonly errored: number
  readonly scored: number
  readonly summary: unknown
  readonly error: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly finishedAt: number | null
}

function selectRuns(db: Db) {
  return db
    .selectFrom('eval_runs')
    .selectAll('eval_runs')
    .select((eb) => {
      const answers = (status: 'answered' | 'errored') =>
        eb
          .selectFrom('eval_answers')
          .select((inner) => inner.fn.countAll<string>().as('count'))
          .whereRef('eval_answers.run_id', '=', 'eval_runs.id')
          .where('eval_answers.status', '=', status)
      return [
        answers('answered').as('answered'),
        answers('errored').as('errored'),
        answers('answered').where('eval_answers.is_scored', '=', true).as('scored'),
      ]
    })
}

type RunRow = Awaited<ReturnType<ReturnType<typeof selectRuns>['executeTakeFirstOrThrow']>>

export async function readStoredEvalRun(db: Db, id: string): Promise<StoredEvalRun | null> {
  const row = await selectRuns(db).where('eval_runs.id', '=', id).executeTakeFirst()
  return row === undefined ? null : toRun(row)
}

export interface EvalRunsPage {
  readonly limit: number
  readonly proposalId?: string
  readonly after?: { readonly createdAt: number; readonly id: string }
}

/** Newest first. */
export async function listEvalRuns(db: Db, page: EvalRunsPage): Promise<StoredEvalRun[]> {
  let query = selectRuns(db).orderBy('eval_runs.created_at', 'desc').orderBy('eval_runs.id', 'desc').limit(page.limit)
  if (page.proposalId !== undefined) query = query.where('eval_runs.proposal_id', '=', page.proposalId)
  if (page.after !== undefined) {
    const { createdAt, id } = page.after
    query = query.where(sql<boolean>`(eval_runs.created_at, eval_runs.id) < (${new Date(createdAt)}, ${id})`)
  }
  return (await query.execute()).map(toRun)
}

function toRun(row: RunRow): StoredEvalRun {
  return {
    id: row.id,
    proposalId: row.proposal_id,
    dataset: `${row.dataset_name}@${row.dataset_version}`,
    sha256: row.sha256,
    targets: row.targets as EvalTarget[],
    evaluators: row.evaluators,
    status: row.status,
    planned: row.planned,
    answered: Number(row.answered ?? 0),
    errored: Number(row.errored ?? 0),
    scored: Number(row.scored ?? 0),
    summary: row.summary,
    error: row.error,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
    finishedAt: row.finished_at?.getTime() ?? null,
  }
}

/** One answer of a run with what the evaluators said. */
export interface StoredResult {
  readonly position: number
  readonly itemId: string
  readonly target: number
  readonly status: string
  readonly model: string | null
  readonly output: string | null
  readonly finishReason: string | null
  readonly toolCalls: readonly unknown[] | null
  readonly errorClass: string | null
  readonly error: string | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly latencyMs: number | null
  readonly scores: readonly {
    readonly evaluator: string
    readonly evaluatorVersion: string
    readonly status: string
    readonly value: number | null
    readonly reason: string | null
    readonly details: unknown
  }[]
}

export interface ResultsPage {
  readonly runId: string
  readonly limit: number
  readonly target?: number
  readonly after?: { readonly position: number; readonly target: number }
}

/** In order of item, then target. */
export async function listResults(db: Db, page: ResultsPage): Promise<StoredResult[]> {
  let query = db
    .selectFrom('eval_answers')
    .selectAll()
    .where('run_id', '=', page.runId)
    .orderBy('position')
    .orderBy('target')
    .limit(page.limit)
  if (page.target !== undefined) query = query.where('target', '=', page.target)
  if (page.after !== undefined) {
    const { position, target } = page.after
    query = query.where(sql<boolean>`(position, target) > (${position}::int, ${target}::int)`)
  }
  const answers = await query.execute()
  const scores = await scoresOf(db, page.runId, answers)
  return answers.map((row) => ({
    position: row.position,
    itemId: row.item_id,
    target: row.target,
    status: row.status,
    model: row.model,
    output: row.output,
    finishReason: row.finish_reason,
    toolCalls: row.tool_calls,
    errorClass: row.error_class,
    error: row.error,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costMicroUsd: row.cost_micro_usd === null ? null : Number(row.cost_micro_usd),
    latencyMs: row.latency_ms,
    scores: scores.get(`${row.position}/${row.target}`) ?? [],
  }))
}

async function scoresOf(
  db: Db,
  runId: string,
  answers: readonly { readonly position: number }[],
): Promise<ReadonlyMap<string, StoredResult['scores']>> {
  const byAnswer = new Map<string, StoredResult['scores']>()
  const first = answers[0]
  const last = answers.at(-1)
  if (first === undefined || last === undefined) return byAnswer
  const rows = await db
    .selectFrom('eval_scores')
    .selectAll()
    .where('run_id', '=', runId)
    .where('position', '>=', first.position)
    .where('position', '<=', last.position)
    .orderBy('evaluator')
    .execute()
  for (const row of rows) {
    const key = `${row.position}/${row.target}`
    const { evaluator, evaluator_version: evaluatorVersion, status, value, reason, details } = row
    byAnswer.set(key, [...(byAnswer.get(key) ?? []), { evaluator, evaluatorVersion, status, value, reason, details }])
  }
  return byAnswer
}
