import type { DatasetItem } from '#datasets/item.ts'
import type { Evaluator, Tools } from '#evaluators/evaluator.ts'
import { type ScoredAnswer, type ScoreRow, storeScores } from '#store/eval-answers.ts'
import { type AnswersOfItem, claimUnscored } from '#store/eval-claims.ts'
import type { EvalRunHead, EvalTarget } from '#store/eval-work.ts'
import { BatchWriter } from './batch-writer.ts'
import { runPool } from './pool.ts'
import { claimsOf, type RunWork } from './run-claims.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { caseOf, scoreOne, settle, toRow } from './score-answer.ts'

/**
 * Judges, pairwise evaluators, and whatever a crash left between an answer and its scores. An item is leased before it is
 * scored: no two workers pay a judge for it.
 */
export async function scoreRemaining(deps: RunnerDeps, work: RunWork): Promise<void> {
  const { db } = deps.rollout
  const { run, evaluators, cap } = work
  cap.startOver()
  const writer = new BatchWriter((batch: readonly (readonly ScoredAnswer[])[]) => storeScores(db, run.id, batch.flat()))
  const take = claimsOf(deps, work, claimUnscored)
  await runPool(deps.evalConcurrency, take, async (entry) => {
    const budget = cap.judgeBudget()
    const tools = { ...toolsFor(deps, entry.repeat), ...(run.maxCostMicroUsd !== null && { budget }) }
    const scored = await scoreItem(run, entry, evaluators, tools)
    const costs = scored.flatMap((answer) => answer.scores.map((score) => score.costMicroUsd ?? 0))
    const cost = costs.reduce((sum, one) => sum + one, 0)
    cap.saw(cost, null)
    await writer.put(scored)
    budget.stored()
    cap.end()
  })
}

async function scoreItem(
  run: EvalRunHead,
  entry: AnswersOfItem,
  evaluators: readonly Evaluator[],
  tools: Tools,
): Promise<ScoredAnswer[]> {
  const item = entry.item as DatasetItem
  const hasBaseline = run.targets[0]?.kind === 'baseline'
  const single = hasBaseline ? evaluators.filter((evaluator) => evaluator.scorePair === undefined) : evaluators
  const pairwise = hasBaseline ? evaluators.filter((evaluator) => evaluator.scorePair !== undefined) : []
  const open = entry.answers.filter((answer) => !answer.isScored)
  const rows = new Map<number, ScoreRow[]>(open.map((answer) => [answer.target, []]))
  for (const answer of open) {
    if (answer.status !== 'answered') continue
    const scores = await scoreOne(single, caseOf(item, answer), tools)
    rows.get(answer.target)?.push(...scores.map(({ evaluator, score }) => toRow(evaluator, score)))
  }
  if (pairwise.length > 0) await scorePairs({ entry, item, targets: run.targets, pairwise, tools, rows })
  return [...rows].map(([target, scores]) => ({
    place: { target, position: entry.position, repeat: entry.repeat },
    scores,
  }))
}

/** Repetitions of an item share no reply of a judge. */
function toolsFor({ chat, random, replies }: RunnerDeps, repeat: number): Tools {
  return { chat, random, repeat, ...(replies && { replies }) }
}

interface PairWork {
  readonly entry: AnswersOfItem
  readonly item: DatasetItem
  readonly targets: readonly EvalTarget[]
  readonly pairwise: readonly Evaluator[]
  readonly tools: Tools
  readonly rows: ReadonlyMap<number, ScoreRow[]>
}

/**
 * Every other target against the baseline. A pair's value is the other's; the baseline's own is what the candidate left of 1.
 * Without both answers there is nothing to compare.
 */
async function scorePairs({ entry, item, targets, pairwise, tools, rows }: PairWork): Promise<void> {
  const baseline = entry.answers.find((answer) => answer.target === 0)
  const candidate = targets.findIndex((target, index) => index > 0 && target.kind !== 'noise')
  for (const other of entry.answers) {
    const own = rows.get(other.target)
    if (other.target === 0 || own === undefined) continue
    for (const evaluator of pairwise) {
      const canCompare = baseline?.status === 'answered' && other.status === 'answered'
      const score =
        canCompare && evaluator.scorePair !== undefined
          ? await settle(evaluator.scorePair(caseOf(item, baseline), caseOf(item, other), tools))
          : ({ status: 'errored', reason: 'one of the two answers is missing' } as const)
      own.push(toRow(evaluator, score))
      if (other.target !== candidate) continue
      const mirrored = score.status === 'scored' ? { ...score, value: 1 - score.value } : score
      rows.get(0)?.push({ ...toRow(evaluator, mirrored), costMicroUsd: null })
    }
  }
}
