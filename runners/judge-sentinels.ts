import type { DatasetItem } from '#datasets/item.ts'
import type { Evaluator, JudgeBudget, Score, Tools } from '#evaluators/evaluator.ts'
import { readSpent } from '#store/eval-answers.ts'
import type { EvalRunHead } from '#store/eval-work.ts'
import {
  freezeSentinels,
  readSentinelCase,
  readSentinels,
  type Sentinel,
  type SentinelCase,
  storeRetest,
} from '#store/judge-sentinels.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { caseOf, settle } from './score-answer.ts'

/** Frozen cases judged at once: a judge is watched, not hurried. */
const atOnce = 4

/**
 * Watches the judges of a run that has just ended: the same frozen cases are judged again, without kept replies, so that a
 * judge that has changed behind its name is seen. The first run of an evaluator version freezes them. Evidence about the judge,
 * not about the run: a failure here is logged and changes nothing. Of a run with a cap only what is left of it is spent.
 */
export async function watchJudges(
  deps: RunnerDeps,
  run: Pick<EvalRunHead, 'id' | 'maxCostMicroUsd'>,
  evaluators: readonly Evaluator[],
): Promise<void> {
  const { db, log } = deps.rollout
  const { id: runId, maxCostMicroUsd: cap } = run
  const budget = cap === null ? null : rest(cap - (await readSpent(db, runId)))
  for (const evaluator of evaluators) {
    if (!evaluator.usesJudge) continue
    try {
      await watch(deps, { runId, budget }, evaluator)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ runId, evaluator: evaluator.name, reason }, 'the frozen cases of a judge could not be judged again')
    }
  }
}

interface Watch {
  readonly runId: string
  /** null: no cap. */
  readonly budget: JudgeBudget | null
}

function rest(microUsd: number): JudgeBudget {
  let left = microUsd
  return {
    refusal: () => (left > 0 ? null : 'the cap of the run is reached'),
    spent: (costMicroUsd) => {
      // A judge without a price cannot be held by a cap.
      left = costMicroUsd === null ? 0 : left - costMicroUsd
    },
  }
}

async function watch(deps: RunnerDeps, { runId, budget }: Watch, evaluator: Evaluator): Promise<void> {
  const { db, clock, log } = deps.rollout
  const version = { evaluator: evaluator.name, version: evaluator.version }
  const sentinels = await readSentinels(db, version)
  if (sentinels.length === 0) {
    await freezeSentinels(db, { ...version, runId, nowMs: clock.nowMs() })
    return
  }
  for (let from = 0; from < sentinels.length; from += atOnce) {
    if (budget !== null && budget.refusal() !== null) break
    await Promise.all(
      sentinels.slice(from, from + atOnce).map((sentinel) => again(deps, { runId, budget }, evaluator, sentinel)),
    )
  }
  log.debug({ runId, ...version, cases: sentinels.length }, 'the frozen cases of a judge were judged again')
}

async function again(
  deps: RunnerDeps,
  { runId, budget }: Watch,
  evaluator: Evaluator,
  sentinel: Sentinel,
): Promise<void> {
  const { db, clock } = deps.rollout
  const frozen = await readSentinelCase(db, sentinel, evaluator.name)
  const tools = { chat: deps.chat, random: deps.random, ...(budget !== null && { budget }) }
  const score = frozen === null ? null : await settle(judge(evaluator, frozen, tools))
  const cost = score?.details?.['costMicroUsd']
  await storeRetest(db, {
    evaluator: evaluator.name,
    version: evaluator.version,
    place: sentinel.place,
    runId,
    value: score?.status === 'scored' ? score.value : null,
    costMicroUsd: typeof cost === 'number' ? cost : null,
    at: clock.nowMs(),
  })
}

function judge(evaluator: Evaluator, frozen: SentinelCase, tools: Tools): Promise<Score> {
  const item = frozen.item as DatasetItem
  const answer = caseOf(item, frozen.answer)
  if (!frozen.isPair || evaluator.scorePair === undefined || frozen.baseline === null)
    return evaluator.score(answer, tools)
  return evaluator.scorePair(caseOf(item, frozen.baseline), answer, tools)
}
