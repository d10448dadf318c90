import type { DatasetItem } from '#datasets/item.ts'
import type { Evaluator } from '#evaluators/evaluator.ts'
import { type AnsweredItem, type StoredAnswer, storeAnswers } from '#store/eval-answers.ts'
import { type ClaimedAnswer, claimAnswers } from '#store/eval-claims.ts'
import type { EvalRunHead, EvalTarget } from '#store/eval-work.ts'
import { StoredAnswerCache } from './answer-cache.ts'
import { BatchWriter } from './batch-writer.ts'
import { runPool } from './pool.ts'
import { claimsOf, type RunWork } from './run-claims.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { caseOf, scoreOne, toRow } from './score-answer.ts'

/**
 * Fetches every answer of a run that is due, scores what can be scored at no cost, and stores both together in batches. Scores
 * that cost money or time come after the answers are safe (eval-score.ts).
 */
export async function fetchAnswers(deps: RunnerDeps, work: RunWork): Promise<void> {
  const { db, clock } = deps.rollout
  const { run, evaluators, cap } = work
  const local = evaluators.filter((evaluator) => !evaluator.usesJudge && evaluator.scorePair === undefined)
  const cache = new StoredAnswerCache(db, reuseOf(run))
  const samples = samplesOf(run.targets)
  const writer = new BatchWriter((batch: readonly AnsweredItem[]) => storeAnswers(db, run.id, batch, clock.nowMs()))
  const take = claimsOf(deps, work, claimAnswers)
  const isScored = local.length === evaluators.length
  await runPool(deps.evalConcurrency, take, async (claimed) => {
    const target = run.targets[claimed.target]
    if (target === undefined) throw new Error(`eval run ${run.id} has no target ${claimed.target}`)
    const sample = `${samples[claimed.target]}.${claimed.repeat}`
    const answer = await deps.callTarget(target, claimed.item as DatasetItem, { sample, cache })
    cap.saw(paidFor(answer), answer.model)
    const scores = answer.errorClass === null ? await scoresOf(deps, local, claimed, answer) : []
    await writer.put({ place: placeOf(claimed), answer, scores, isScored })
    cap.end()
    if (answer.cacheKey != null) cache.settle(answer.cacheKey)
  })
}

/** null: nothing; undefined: nobody knows. */
function paidFor(answer: StoredAnswer): number | null | undefined {
  if (answer.isCached || answer.output === null) return null
  return answer.costMicroUsd ?? undefined
}

async function scoresOf(
  deps: RunnerDeps,
  local: readonly Evaluator[],
  claimed: ClaimedAnswer,
  answer: StoredAnswer,
): Promise<AnsweredItem['scores']> {
  const evalCase = caseOf(claimed.item as DatasetItem, answer)
  const scores = await scoreOne(local, evalCase, { chat: deps.chat, random: deps.random })
  return scores.map(({ evaluator, score }) => toRow(evaluator, score))
}

function placeOf({ target, position, repeat }: ClaimedAnswer): AnsweredItem['place'] {
  return { target, position, repeat }
}

/** Paths of a version that meet in the same model share its answers within the run; other runs only where that was asked for. */
function reuseOf(run: EvalRunHead): ConstructorParameters<typeof StoredAnswerCache>[1] {
  if (run.cacheSinceMs !== null) return { sinceMs: run.cacheSinceMs }
  return run.targets.some((target) => target.kind === 'path') ? { runId: run.id } : null
}

/** Which of the targets that ask the same a target is: the baseline's second self must draw answers of its own. */
function samplesOf(targets: readonly EvalTarget[]): number[] {
  const seen = new Map<string, number>()
  return targets.map(({ route, version, model, failing }) => {
    const name = JSON.stringify([route, version, model, failing])
    const sample = seen.get(name) ?? 0
    seen.set(name, sample + 1)
    return sample
  })
}
