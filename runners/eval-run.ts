import type { DatasetItem } from '#datasets/item.ts'
import type { Evaluator } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { inTransaction } from '#store/database.ts'
import { summarise } from '#store/eval-summary.ts'
import {
  type ClaimedAnswer,
  claimAnswers,
  type EvalRunHead,
  failEvalRun,
  finishEvalRun,
  markScored,
  readEvalRun,
  readProgress,
  renewClaims,
  storeAnswer,
  storeScores,
  unscoredItems,
} from '#store/eval-work.ts'
import { runPool } from './pool.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { caseOf, scoreOne, settle, toRow } from './score-answer.ts'

/** A claim outlives its worker by at most this; a living worker renews its claims at a third of it. */
const claimMs = 15_000

/**
 * Works on one eval run until nothing of it is due, or until this process is ending: what is under way is then finished and
 * the rest left to the next worker (C7). Answers are rows: a run resumes after a crash at any point, several
 * workers may share it, and an answer once stored is never fetched again.
 */
export async function workOnEvalRun(deps: RunnerDeps, runId: string, ending?: AbortSignal): Promise<void> {
  const { db, clock, log } = deps.rollout
  const run = await readEvalRun(db, runId)
  if (run === null || run.status !== 'running') return
  const resolved = resolveEvaluators(run.evaluators)
  if ('problems' in resolved) {
    // Checked at submission; a newer Interlock may still know an evaluator no more.
    log.error({ runId, problems: resolved.problems }, 'eval run names evaluators that cannot be used')
    const words = resolved.problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ')
    await failEvalRun(db, runId, `its evaluators cannot be used (${words})`, clock.nowMs())
    return
  }
  const renewal = setInterval(() => {
    renewClaims(db, { runId, by: deps.bootId, untilMs: clock.nowMs() + claimMs }).catch((error: Error) =>
      log.warn({ runId, reason: error.message }, 'claims could not be renewed'),
    )
  }, claimMs / 3)
  try {
    await fetchAnswers(deps, run, resolved.evaluators, ending)
    await scoreRemaining(deps, run, resolved.evaluators, ending)
  } finally {
    clearInterval(renewal)
  }
  await finish(deps, run)
}

function fetchAnswers(
  deps: RunnerDeps,
  run: EvalRunHead,
  evaluators: readonly Evaluator[],
  ending: AbortSignal | undefined,
): Promise<void> {
  const { db, clock } = deps.rollout
  const take = async (limit: number) => {
    if (ending?.aborted) return []
    const nowMs = clock.nowMs()
    return claimAnswers(db, { runId: run.id, by: deps.bootId, untilMs: nowMs + claimMs, nowMs, limit })
  }
  // Local scores are stored with their answer; judges and pairs cost money and time and come after it is safe.
  const local = evaluators.filter((evaluator) => !evaluator.usesJudge && evaluator.scorePair === undefined)
  return runPool(deps.evalConcurrency, take, (claimed) => fetchAnswer(deps, run, claimed, local, evaluators.length))
}

async function fetchAnswer(
  deps: RunnerDeps,
  run: EvalRunHead,
  claimed: ClaimedAnswer,
  local: readonly Evaluator[],
  evaluatorCount: number,
): Promise<void> {
  const item = claimed.item as DatasetItem
  const target = run.targets[claimed.target]
  if (target === undefined) throw new Error(`eval run ${run.id} has no target ${claimed.target}`)
  const answer = await deps.callTarget(target, item)
  const place = { runId: run.id, target: claimed.target, position: claimed.position }
  const scores =
    answer.errorClass === null
      ? await scoreOne(local, caseOf(item, answer), { chat: deps.chat, random: deps.random })
      : []
  await inTransaction(deps.rollout.db, async (tx) => {
    if (!(await storeAnswer(tx, place, answer, deps.rollout.clock.nowMs()))) return
    await storeScores(
      tx,
      place,
      scores.map(({ evaluator, score }) => toRow(evaluator, score)),
    )
    if (local.length === evaluatorCount) await markScored(tx, place)
  })
}

/** Judges, pairwise evaluators, and whatever a crash left between an answer and its scores. */
async function scoreRemaining(
  deps: RunnerDeps,
  run: EvalRunHead,
  evaluators: readonly Evaluator[],
  ending: AbortSignal | undefined,
): Promise<void> {
  while (!ending?.aborted) {
    const items = await unscoredItems(deps.rollout.db, run.id, 200)
    if (items.length === 0) return
    const queue = [...items]
    await runPool(
      deps.evalConcurrency,
      async (count) => (ending?.aborted ? [] : queue.splice(0, count)),
      (entry) => scoreItem(deps, run, entry, evaluators),
    )
  }
}

type ItemEntry = Awaited<ReturnType<typeof unscoredItems>>[number]

async function scoreItem(
  deps: RunnerDeps,
  run: EvalRunHead,
  entry: ItemEntry,
  evaluators: readonly Evaluator[],
): Promise<void> {
  const item = entry.item as DatasetItem
  const tools = { chat: deps.chat, random: deps.random }
  const single = evaluators.filter((evaluator) => evaluator.scorePair === undefined)
  const pairwise = evaluators.filter((evaluator) => evaluator.scorePair !== undefined)
  const isPair = run.targets.length === 2 && run.targets[0]?.kind === 'baseline'
  const open = entry.answers.filter((answer) => answer.status === 'answered' && !answer.isScored)
  const rows = new Map(open.map((answer) => [answer.target, [] as ReturnType<typeof toRow>[]]))
  for (const answer of open) {
    const alone = isPair ? single : evaluators
    const scores = await scoreOne(alone, caseOf(item, answer), tools)
    rows.set(
      answer.target,
      scores.map(({ evaluator, score }) => toRow(evaluator, score)),
    )
  }
  if (isPair) await scorePairs(entry, item, pairwise, tools, rows)
  await inTransaction(deps.rollout.db, async (tx) => {
    for (const answer of open) {
      const place = { runId: run.id, target: answer.target, position: entry.position }
      await storeScores(tx, place, rows.get(answer.target) ?? [])
      await markScored(tx, place)
    }
  })
}

/** A pair's value is the candidate's; the baseline's is what is left of 1. Without both answers there is nothing to compare. */
async function scorePairs(
  entry: ItemEntry,
  item: DatasetItem,
  pairwise: readonly Evaluator[],
  tools: Parameters<typeof scoreOne>[2],
  rows: Map<number, ReturnType<typeof toRow>[]>,
): Promise<void> {
  const [baseline, candidate] = [0, 1].map((target) => entry.answers.find((answer) => answer.target === target))
  for (const evaluator of pairwise) {
    const canCompare = baseline?.status === 'answered' && candidate?.status === 'answered'
    const score =
      canCompare && evaluator.scorePair !== undefined
        ? await settle(evaluator.scorePair(caseOf(item, baseline), caseOf(item, candidate), tools))
        : ({ status: 'errored', reason: 'one of the two answers is missing' } as const)
    rows.get(1)?.push(toRow(evaluator, score))
    const mirrored = score.status === 'scored' ? { ...score, value: 1 - score.value } : score
    rows.get(0)?.push({ ...toRow(evaluator, mirrored), costMicroUsd: null })
  }
}

async function finish(deps: RunnerDeps, run: EvalRunHead): Promise<void> {
  const { db, clock, ring } = deps.rollout
  const progress = await readProgress(db, run.id)
  if (progress.pending > 0 || progress.unscored > 0) return
  const isFinished = await finishEvalRun(db, run.id, await summarise(db, run.id), clock.nowMs())
  if (isFinished && run.proposalId !== null) ring({ name: 'advance-proposal', id: run.proposalId })
}
