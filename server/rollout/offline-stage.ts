import { judgeOffline, offlinePolicyOf } from '#domain/offline.ts'
import type { Verdict } from '#domain/promotion-types.ts'
import type { Tx } from '#store/database.ts'
import { readPairs } from '#store/eval-answers.ts'
import { type EvalTarget, evalRunsOf, insertEvalRun } from '#store/eval-work.ts'
import { freezeOf } from '#store/freeze-windows.ts'
import type { StoredProposal } from '#store/proposals.ts'
import { applyEvent } from './apply-event.ts'
import { keepVerdict, mergeGates } from './keep-verdict.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** `name@version` of a dataset. */
export function parseDatasetRef(ref: string): { name: string; version: number } | null {
  const match = /^([a-z0-9][a-z0-9._-]*)@([1-9][0-9]*)$/i.exec(ref)
  return match?.[1] === undefined ? null : { name: match[1], version: Number(match[2]) }
}

/**
 * The offline stage (D4): baseline and candidate answer every item of the plan's datasets; one look at the end decides.
 *
 * @returns true when the proposal moved on
 */
export async function judgeOfflineStage(tx: Tx, deps: RolloutDeps, proposal: StoredProposal): Promise<boolean> {
  const refs = proposal.plan.offline?.datasets ?? []
  const runs = await evalRunsOf(tx, proposal.id)
  const missing = refs.filter((ref) => !runs.some((run) => run.dataset === ref))
  for (const ref of missing) await startRun(tx, deps, proposal, ref)
  if (missing.length > 0 || runs.some((run) => run.status === 'running')) return false
  const broken = runs.find((run) => run.status !== 'completed')
  if (broken !== undefined) {
    const reason = `the eval run on ${broken.dataset} is ${broken.status}, so there is no complete evidence`
    await applyEvent(tx, deps, proposal, { kind: 'inconclusive' }, { by: 'engine', reason })
    return true
  }
  // An answer to the suite stays what it is: it is judged when the next stage may begin.
  if (proposal.state.isPaused) return false
  if ((await freezeOf(tx, proposal.route, deps.clock.nowMs())) !== null) return false
  const pairs = (
    await Promise.all(runs.map((run) => readPairs(tx, { runId: run.id, candidate: 1, pairwise: [] })))
  ).flat()
  const verdict = judgeOffline(pairs, offlinePolicyOf(proposal.bar))
  await settle(tx, deps, proposal, verdict)
  return true
}

async function startRun(tx: Tx, deps: RolloutDeps, proposal: StoredProposal, ref: string): Promise<void> {
  const dataset = parseDatasetRef(ref)
  if (dataset === null) throw new Error(`stored plan of ${proposal.id} names dataset "${ref}"; expected name@version`)
  const id = deps.newId('run')
  const { route } = proposal
  const targets: EvalTarget[] = [
    { kind: 'baseline', label: `${route} v${proposal.base}`, route, version: proposal.base },
    { kind: 'candidate', label: `${route} v${proposal.version}`, route, version: proposal.version },
  ]
  await insertEvalRun(tx, {
    id,
    proposalId: proposal.id,
    datasetName: dataset.name,
    datasetVersion: dataset.version,
    targets,
    evaluators: proposal.bar.evaluators,
    by: 'engine',
    at: deps.clock.nowMs(),
  })
  deps.ring({ name: 'eval-run', id })
}

async function settle(tx: Tx, deps: RolloutDeps, proposal: StoredProposal, verdict: Verdict): Promise<void> {
  await keepVerdict(tx, deps, proposal, verdict)
  const kind = { advance: 'stage_passed', rollback: 'stage_failed' } as const
  const event = verdict.action === 'advance' || verdict.action === 'rollback' ? kind[verdict.action] : 'inconclusive'
  await applyEvent(
    tx,
    deps,
    proposal,
    { kind: event },
    {
      by: 'engine',
      reason: verdict.reasons[0]?.message ?? verdict.action,
      details: { verdict: verdict.action, reasons: verdict.reasons },
      change: { gates: mergeGates(proposal.gates, verdict.gates) },
    },
  )
}
