import type { Evaluator } from '#evaluators/evaluator.ts'
import type { Database } from '#store/database.ts'
import type { Claim } from '#store/eval-claims.ts'
import type { EvalRunHead } from '#store/eval-work.ts'
import type { CostCap } from './cost-cap.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** One eval run as a worker goes through it. */
export interface RunWork {
  readonly run: EvalRunHead
  readonly evaluators: readonly Evaluator[]
  readonly cap: CostCap
  readonly ending: AbortSignal | undefined
  readonly claimMs: number
}

/**
 * Takes what is due of a run, as far as its cost cap allows; nothing once the process is told to end.
 *
 * @param claim leases that much of it for this process
 * @returns for the room that a pool has, what it may begin with
 */
export function claimsOf<T>(
  deps: RunnerDeps,
  { run, cap, ending, claimMs }: RunWork,
  claim: (db: Database, claim: Claim) => Promise<T[]>,
): (room: number) => Promise<T[]> {
  const { db, clock } = deps.rollout
  return async (room) => {
    if (ending?.aborted) return []
    const limit = await cap.allow(room)
    if (limit === 0) return []
    const nowMs = clock.nowMs()
    const claimed = await claim(db, { runId: run.id, by: deps.bootId, untilMs: nowMs + claimMs, nowMs, limit })
    for (const _ of claimed) cap.begin()
    return claimed
  }
}
