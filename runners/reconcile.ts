import { setTimeout as wait } from 'node:timers/promises'
import { type JobName, type JobQueue, jobNames } from '#infra/queue.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { runningEvalRunIds } from '#store/eval-work.ts'
import { recordEngine } from '#store/heartbeat.ts'
import { proposalsWithSamples } from '#store/live-samples.ts'
import { openProposalIds } from '#store/proposals.ts'
import { refreshQualityScores } from '#store/quality-scores.ts'
import { workOnEvalRun } from './eval-run.ts'
import { applyRetention } from './retention.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { scoreSamples } from './score-samples.ts'

export interface Reconciler {
  /** Resolves when what was under way is done. */
  stop(): Promise<void>
}

/** Jobs of a kind at once in one process; eval runs have their own width inside. */
const jobConcurrency = 4
const retentionEveryMs = 60_000
const retentionKey = 'retention'

/**
 * Starts the work of a process: the queue's worker, and the tick that finds from the rows what is due and rings for it
 * (architecture: state lives in rows, jobs are hints). While the queue is out of reach the tick does the work itself.
 */
export function startReconciler(deps: RunnerDeps, queue: JobQueue, tickMs: number): Reconciler {
  const { log } = deps.rollout
  const stopping = new AbortController()
  const underWay = new Map<string, Promise<void>>()
  const run = (name: JobName, id: string): Promise<void> => {
    // The same piece of work twice in one process would only wait on its own row locks.
    const key = `${name} ${id}`
    const running = underWay.get(key) ?? track(underWay, key, perform(deps, { name, id }, stopping.signal))
    return running
  }
  queue.work(run, jobConcurrency)
  let lastRetentionMs = 0
  const tick = async () => {
    for (const { name, id } of await findDue(deps)) {
      if (queue.isReachable()) queue.ring(name, id)
      else run(name, id).catch((error: Error) => log.warn({ job: name, id, reason: error.message }, 'work failed'))
    }
    if (deps.rollout.clock.nowMs() - lastRetentionMs > retentionEveryMs) {
      lastRetentionMs = deps.rollout.clock.nowMs()
      if (!underWay.has(retentionKey)) track(underWay, retentionKey, cleanUp(deps))
    }
    if (!underWay.has(scoresKey)) track(underWay, scoresKey, countScores(deps))
    await recordEngine(deps.rollout.db, deps.rollout.clock.nowMs())
  }
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await tick().catch((error: Error) => log.warn({ reason: error.message }, 'tick failed; the next one tries again'))
      await wait(tickMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  })()
  const stop = async () => {
    stopping.abort()
    await loop
    await Promise.allSettled(underWay.values())
  }
  return { stop }
}

/** What a tick has started and does not wait for: the engine's sign of life must not hang on it. */
const scoresKey = 'quality scores'

async function countScores({ rollout }: RunnerDeps): Promise<void> {
  await refreshQualityScores(rollout.db, rollout.clock.nowMs()).catch((error: Error) =>
    rollout.log.warn({ reason: error.message }, 'quality scores could not be counted; the next tick tries again'),
  )
}

/** Beside the tick: the engine's heartbeat does not wait for it. */
async function cleanUp(deps: RunnerDeps): Promise<void> {
  await applyRetention(deps).catch((error: Error) =>
    deps.rollout.log.warn({ reason: error.message }, 'rows past their time could not be removed; trying again'),
  )
}

function track(underWay: Map<string, Promise<void>>, key: string, work: Promise<void>): Promise<void> {
  const tracked = work.finally(() => underWay.delete(key))
  underWay.set(key, tracked)
  return tracked
}

/** Everything that open rows say is due; cheap, and the same answer however often it is asked. */
async function findDue(deps: RunnerDeps): Promise<{ name: JobName; id: string }[]> {
  const { db } = deps.rollout
  const [proposals, runs, sampled] = await Promise.all([
    openProposalIds(db),
    runningEvalRunIds(db),
    proposalsWithSamples(db),
  ])
  return [
    ...sampled.map((id) => ({ name: 'score-samples' as const, id })),
    ...proposals.map((id) => ({ name: 'advance-proposal' as const, id })),
    ...runs.map((id) => ({ name: 'eval-run' as const, id })),
  ]
}

async function perform(
  deps: RunnerDeps,
  { name, id }: { readonly name: JobName; readonly id: string },
  ending: AbortSignal,
): Promise<void> {
  if (!jobNames.includes(name)) throw new Error(`unknown job "${name}"; known: ${jobNames.join(', ')}`)
  switch (name) {
    case 'advance-proposal':
      while (await advanceProposal(deps.rollout, id));
      return
    case 'eval-run':
      return workOnEvalRun(deps, id, ending)
    case 'score-samples':
      while ((await scoreSamples(deps, id)) >= 200);
      return
  }
}
