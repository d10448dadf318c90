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
  /** Answers to fetch: items times targets times repeats. */
  readonly planned: number
  readonly sent: number
  readonly answered: number
  readonly errored: number
  readonly scored: number
  /** Answers of forced paths that their item does not take: never sent. */
  readonly skipped: number
  /** Answers taken from earlier ones. */
  readonly cached: number
  readonly repeats: number
  /** null: no cap. */
  readonly maxCostMicroUsd: number | null
  readonly spentMicroUsd: number
  readonly estimate: unknown
  /** Answers and scores that came in during the last minute of a running run: what its speed is told from. */
  readonly doneLastMinute: number
  readonly firstDoneAt: number | null
  readonly summary: unknown
  readonly error: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly finishedAt: number | null
}

function selectRuns(db: Db) {
  return db
    .selectFrom('eval_runs')
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('eval_answers as a')
          .whereRef('a.run_id', '=', 'eval_runs.id')
          .select(
            sql<number>`(count(*) filter (where (a.attempts > 0 or a.status <> 'pending') and a.error_class is distinct from 'not_on_path'))::int`.as(
              'sent',
            ),
          )
          .select(sql<number>`(count(*) filter (where a.status = 'answered'))::int`.as('answered'))
          .select(
            sql<number>`(count(*) filter (where a.status = 'errored' and a.error_class is distinct from 'not_on_path'))::int`.as(
              'errored',
            ),
          )
          .select(sql<number>`(count(*) filter (where a.status = 'answered' and a.is_scored))::int`.as('scored'))
          .select(sql<number>`(count(*) filter (where a.error_class = 'not_on_path'))::int`.as('skipped'))
          .select(sql<number>`(count(*) filter (where a.is_cached))::int`.as('cached'))
          .select(
            sql<number>`(count(*) filter (where a.answered_at > now() - interval '1 minute'))::int`.as(
              'done_last_minute',
            ),
          )
          .select(sql<Date | null>`min(a.answered_at)`.as('first_done_at'))
          .as('counts'),
      (join) => join.onTrue(),
    )
    .selectAll('eval_runs')
    .select(['sent', 'answered', 'errored', 'scored', 'skipped', 'cached', 'done_last_minute', 'first_done_at'])
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
    sent: row.sent ?? 0,
    answered: row.answered ?? 0,
    errored: row.errored ?? 0,
    scored: row.scored ?? 0,
    skipped: row.skipped ?? 0,
    cached: row.cached ?? 0,
    repeats: row.repeats,
    maxCostMicroUsd: row.max_cost_micro_usd === null ? null : Number(row.max_cost_micro_usd),
    spentMicroUsd: Number(row.spent_micro_usd),
    estimate: row.estimate,
    doneLastMinute: row.done_last_minute ?? 0,
    firstDoneAt: row.first_done_at?.getTime() ?? null,
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
  readonly repeat: number
  readonly isCached: boolean
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
  readonly after?: { readonly position: number; readonly target: number; readonly repeat: number }
}

/** In order of item, target, repeat. */
export async function listResults(db: Db, page: ResultsPage): Promise<StoredResult[]> {
  let query = db
    .selectFrom('eval_answers')
    .selectAll()
    .where('run_id', '=', page.runId)
    .orderBy('position')
    .orderBy('target')
    .orderBy('repeat')
    .limit(page.limit)
  if (page.target !== undefined) query = query.where('target', '=', page.target)
  if (page.after !== undefined) {
    const { position, target, repeat } = page.after
    query = query.where(sql<boolean>`(position, target, repeat) > (${position}::int, ${target}::int, ${repeat}::int)`)
  }
  const answers = await query.execute()
  const scores = await scoresOf(db, page.runId, answers)
  return answers.map((row) => ({
    position: row.position,
    itemId: row.item_id,
    target: row.target,
    repeat: row.repeat,
    isCached: row.is_cached,
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
    scores: scores.get(`${row.position}/${row.target}/${row.repeat}`) ?? [],
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
    const key = `${row.position}/${row.target}/${row.repeat}`
    const { evaluator, evaluator_version: evaluatorVersion, status, value, reason, details } = row
    byAnswer.set(key, [...(byAnswer.get(key) ?? []), { evaluator, evaluatorVersion, status, value, reason, details }])
  }
  return byAnswer
}
