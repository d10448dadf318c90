import { resolveEvaluators } from '#evaluators/registry.ts'
import { renewClaims } from '#store/eval-claims.ts'
import { summarise } from '#store/eval-summary.ts'
import {
  type EvalRunHead,
  endEvalRun,
  finishEvalRun,
  readEvalRun,
  readProgress,
  refreshEvalStatistics,
} from '#store/eval-work.ts'
import { CostCap } from './cost-cap.ts'
import { fetchAnswers } from './eval-fetch.ts'
import { scoreRemaining } from './eval-score.ts'
import { watchJudges } from './judge-sentinels.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** A claim outlives its worker by at most this; a living worker renews its claims at a third of it. */
export const claimMs = 15_000

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
    const error = `its evaluators cannot be used (${words})`
    await endEvalRun(db, runId, { status: 'failed', error, summary: null, nowMs: clock.nowMs() })
    return
  }
  const renewal = setInterval(() => {
    renewClaims(db, { runId, by: deps.bootId, untilMs: clock.nowMs() + claimMs }).catch((error: Error) =>
      log.warn({ runId, reason: error.message }, 'claims could not be renewed'),
    )
  }, claimMs / 3)
  await refreshEvalStatistics(db)
  const work = { run, evaluators: resolved.evaluators, cap: new CostCap(db, run), ending, claimMs }
  try {
    await fetchAnswers(deps, work)
    await scoreRemaining(deps, work)
  } finally {
    clearInterval(renewal)
  }
  const isCompleted = await finish(deps, run, work.cap)
  if (isCompleted && !ending?.aborted) await watchJudges(deps, run, resolved.evaluators)
}

/** @returns true for the one worker that has completed the run */
async function finish(deps: RunnerDeps, run: EvalRunHead, cap: CostCap): Promise<boolean> {
  const { db, clock, ring } = deps.rollout
  const progress = await readProgress(db, run.id)
  // What judges were not paid for is no evidence, also where nothing is left to do.
  const isDone = progress.pending === 0 && progress.unscored === 0 && !cap.hasRefusedJudge
  if (!isDone && cap.reason === null) return false
  await refreshEvalStatistics(db)
  const summary = await summarise(db, run.id)
  const isClosed = isDone
    ? await finishEvalRun(db, run.id, summary, clock.nowMs())
    : await endEvalRun(db, run.id, { status: 'capped', error: cap.reason ?? '', summary, nowMs: clock.nowMs() })
  if (isClosed && run.proposalId !== null) ring({ name: 'advance-proposal', id: run.proposalId })
  return isClosed && isDone
}
