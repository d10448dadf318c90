import { judgePaths, pathLabel, pathsOf } from '#domain/eval-paths.ts'
import { judgeOffline, offlinePolicyOf } from '#domain/offline.ts'
import { defaultPathItems } from '#domain/plan.ts'
import type { OutcomePair, Verdict } from '#domain/promotion-types.ts'
import { appendAudit } from '#store/audit.ts'
import type { Tx } from '#store/database.ts'
import { readPairs } from '#store/eval-answers.ts'
import { estimateRun } from '#store/eval-estimate.ts'
import { type EvalTarget, evalRunsOf, insertEvalRun, type RunOfProposal } from '#store/eval-work.ts'
import { freezeOf } from '#store/freeze-windows.ts'
import type { StoredProposal } from '#store/proposals.ts'
import { readVersion } from '#store/routes.ts'
import { applyEvent } from './apply-event.ts'
import { judgesOf } from './eval-judges.ts'
import { keepVerdict, mergeGates } from './keep-verdict.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** `name@version` of a dataset. */
export function parseDatasetRef(ref: string): { name: string; version: number } | null {
  const match = /^([a-z0-9][a-z0-9._-]*)@([1-9][0-9]*)$/i.exec(ref)
  return match?.[1] === undefined ? null : { name: match[1], version: Number(match[2]) }
}

/**
 * The offline stage (D4): baseline and candidate answer every item of the plan's datasets, and the candidate's fallbacks and other
 * models a sample of them (eval-paths.ts); one look at the end decides.
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
    const why = broken.error === null ? '' : ` (${broken.error})`
    const reason = `the eval run on ${broken.dataset} is ${broken.status}${why}, so there is no complete evidence`
    await applyEvent(tx, deps, proposal, { kind: 'inconclusive' }, { by: 'engine', reason })
    return true
  }
  // An answer to the suite stays what it is: it is judged when the next stage may begin.
  if (proposal.state.isPaused) return false
  if ((await freezeOf(tx, proposal.route, deps.clock.nowMs())) !== null) return false
  await settle(tx, deps, proposal, await judgeRuns(tx, proposal, runs))
  return true
}

/** The version itself, then each path that was forced, over all datasets of the plan. */
async function judgeRuns(tx: Tx, proposal: StoredProposal, runs: readonly RunOfProposal[]): Promise<Verdict> {
  const policy = offlinePolicyOf(proposal.bar)
  const pairwise = proposal.bar.evaluators.flatMap((evaluator) =>
    evaluator.config?.['mode'] === 'pairwise' ? [evaluator.name] : [],
  )
  const main: OutcomePair[] = []
  const paths = new Map<string, OutcomePair[]>()
  for (const run of runs) {
    for (const [candidate, target] of run.targets.entries()) {
      if (target.kind === 'candidate') append(main, await readPairs(tx, { runId: run.id, candidate, pairwise }))
      if (target.kind !== 'path') continue
      const own = paths.get(target.label) ?? []
      append(own, await readPairs(tx, { runId: run.id, candidate, pairwise }))
      paths.set(target.label, own)
    }
  }
  const forced = [...paths].map(([label, pairs]) => ({ label, pairs }))
  const demand = proposal.plan.offline?.paths?.require ?? 'no_harm'
  return judgePaths(judgeOffline(main, policy), forced, policy, demand)
}

function append(to: OutcomePair[], pairs: readonly OutcomePair[]): void {
  for (const pair of pairs) to.push(pair)
}

async function startRun(tx: Tx, deps: RolloutDeps, proposal: StoredProposal, ref: string): Promise<void> {
  const dataset = parseDatasetRef(ref)
  if (dataset === null) throw new Error(`stored plan of ${proposal.id} names dataset "${ref}"; expected name@version`)
  const id = deps.newId('run')
  const { offline } = proposal.plan
  const targets = await targetsOf(tx, proposal)
  const repeats = offline?.repeats ?? 1
  const { evaluators } = proposal.bar
  const estimate = await estimateRun(tx, { dataset, targets, judges: judgesOf(evaluators), repeats })
  await insertEvalRun(tx, {
    id,
    proposalId: proposal.id,
    datasetName: dataset.name,
    datasetVersion: dataset.version,
    targets,
    evaluators,
    by: 'engine',
    at: deps.clock.nowMs(),
    repeats,
    maxCostMicroUsd: offline?.maxCostUsd === undefined ? null : Math.round(offline.maxCostUsd * 1_000_000),
    estimate,
  })
  await appendAudit(tx, {
    at: deps.clock.nowMs(),
    actor: 'engine',
    action: 'eval_run.start',
    subject: `eval-run:${id}`,
    details: { dataset: ref, proposal: proposal.id, targets: targets.map((target) => target.label), estimate },
  })
  deps.ring({ name: 'eval-run', id })
}

/** Both versions, every other path of the candidate, and the baseline once more where noise is to be measured. */
async function targetsOf(tx: Tx, { route, base, version, plan }: StoredProposal): Promise<EvalTarget[]> {
  const baseline = { label: `${route} v${base}`, route, version: base }
  const candidate = { label: `${route} v${version}`, route, version }
  const stored = await readVersion(tx, route, version)
  const sample = plan.offline?.paths?.items ?? defaultPathItems
  const paths = (stored === null ? [] : pathsOf(stored.spec)).map((path): EvalTarget => {
    return { ...candidate, ...path, kind: 'path', label: `${candidate.label} ${pathLabel(path)}`, sample }
  })
  const noise = plan.offline?.noiseItems ?? 0
  return [
    { ...baseline, kind: 'baseline' },
    { ...candidate, kind: 'candidate' },
    ...paths,
    ...(noise > 0 ? [{ ...baseline, kind: 'noise' as const, label: `${baseline.label} again`, sample: noise }] : []),
  ]
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
