import { resolveEvaluators } from '#evaluators/registry.ts'
import { type Database, json } from '#store/database.ts'

/** Markup, a bidi override and quotes: what answers may hold. */
export const hostile = '<script>alert(1)</script> \u202Egnp "\'>'
const at = new Date('2026-03-01T00:00:00Z')

export const rubricConfig = {
  judge: 'acme/judge-1',
  mode: 'rubric',
  criteria: [{ id: 'polite', text: 'It is polite.' }],
}
export const pairConfig = { judge: 'openai/gpt-4o', mode: 'pairwise' }

/** A finished run of two targets over `count` items whose judge has scored every answer, or every pair. */
export async function seedJudgedRun(
  db: Database,
  run: { id: string; config: object; count: number; details: (position: number, target: number) => unknown },
): Promise<string> {
  const resolved = resolveEvaluators([{ name: 'llm_judge', config: run.config as Record<string, unknown> }])
  if ('problems' in resolved) throw new Error(JSON.stringify(resolved.problems))
  const version = resolved.evaluators[0]!.version
  const sha256 = `sha-${run.id}`
  const positions = Array.from({ length: run.count }, (_, position) => position)
  await db.insertInto('dataset_contents').values({ sha256, item_count: run.count, created_at: at }).execute()
  await db
    .insertInto('dataset_versions')
    .values({ name: run.id, version: 1, sha256, created_by: 'ada', created_at: at })
    .execute()
  await db
    .insertInto('dataset_items')
    .values(
      positions.map((position) => ({
        sha256,
        position,
        item_id: `i${position}`,
        item: json({ id: `i${position}`, messages: [{ role: 'user', content: `question ${position} ${hostile}` }] }),
      })),
    )
    .execute()
  await db
    .insertInto('eval_runs')
    .values({
      id: run.id,
      proposal_id: null,
      dataset_name: run.id,
      dataset_version: 1,
      sha256,
      targets: json([
        { kind: 'baseline', label: 'support v1', route: 'support', version: 1 },
        { kind: 'candidate', label: 'support v2', route: 'support', version: 2 },
      ]),
      evaluators: json([{ name: 'llm_judge', config: run.config }]),
      status: 'completed',
      planned: run.count * 2,
      summary: null,
      error: null,
      created_by: 'ada',
      created_at: at,
      finished_at: at,
    })
    .execute()
  const places = positions.flatMap((position) => [0, 1].map((target) => ({ position, target })))
  await db
    .insertInto('eval_answers')
    .values(
      places.map(({ position, target }) => ({
        run_id: run.id,
        target,
        position,
        item_id: `i${position}`,
        status: 'answered',
        is_scored: true,
        model: target === 0 ? 'openai/gpt-4o-mini' : 'mistral/large',
        output: `${target === 0 ? 'baseline' : 'candidate'} says ${'so '.repeat(target * (position % 7))}${hostile}`,
      })),
    )
    .execute()
  await db
    .insertInto('eval_scores')
    .values(
      places.map(({ position, target }) => {
        const value = valueAt(position)
        return {
          run_id: run.id,
          target,
          position,
          evaluator: 'llm_judge',
          evaluator_version: version,
          status: 'scored',
          value: target === 0 ? 1 - value : value,
          reason: 'because',
          details: json(run.details(position, target)),
          cost_micro_usd: 100,
        }
      }),
    )
    .execute()
  return version
}

/** Two thirds won. */
const valueAt = (position: number) => (position % 3 === 0 ? 0 : 1)

export function rubricDetails(position: number, target: number) {
  const isMet = (target === 0 ? 1 - valueAt(position) : valueAt(position)) === 1
  const entry = { id: 'polite', evidence: [], reasoning: `saw ${hostile}`, verdict: isMet ? 'met' : 'not_met' }
  return { mode: 'rubric', judge: 'acme/judge-1', costMicroUsd: 100, criteria: [entry] }
}

/** Every fourth pair is undecided between its orders. */
export function pairDetails(position: number) {
  const winner = valueAt(position) === 1 ? 'candidate' : 'baseline'
  const isSplit = position % 4 === 3
  const order = (first: string, won: string) => ({
    first,
    winner: won,
    criteria: [{ id: 'better', evidence: [], reasoning: `${first} was first`, verdict: 'tie' }],
  })
  return {
    mode: 'pairwise',
    judge: 'openai/gpt-4o',
    winner,
    isUndecided: isSplit,
    orderDisagreement: isSplit,
    costMicroUsd: 100,
    orders: [order('baseline', isSplit ? 'baseline' : winner), order('candidate', winner)],
  }
}
