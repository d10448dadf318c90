import { engineVersion, type Verdict } from '#domain/promotion-types.ts'
import { liveStageOf } from '#domain/proposal.ts'
import type { Tx } from '#store/database.ts'
import { appendDecision, readDecisions } from '#store/promotion-decisions.ts'
import type { StoredProposal } from '#store/proposals.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** While nothing changes, a verdict is still kept this often: the page draws evidence over time from them. */
const keepVerdictEveryMs = 3_000

/** The latest result of every stage and step: what the proposal page and the API show. */
export function mergeGates(stored: readonly unknown[], latest: Verdict['gates']): unknown[] {
  const current = new Set(latest.map((gate) => `${gate.stage} ${gate.step}`))
  const kept = (stored as Verdict['gates']).filter((gate) => !current.has(`${gate.stage} ${gate.step}`))
  return [...kept, ...latest]
}

export async function keepVerdict(
  tx: Tx,
  deps: RolloutDeps,
  proposal: StoredProposal,
  verdict: Verdict,
): Promise<void> {
  await appendDecision(tx, proposal.id, {
    at: deps.clock.nowMs(),
    stage: stageOf(proposal),
    step: proposal.state.step,
    action: verdict.action,
    reasons: verdict.reasons,
    gates: verdict.gates,
    evidence: verdict.evidence,
    engine: engineVersion,
  })
}

/** A verdict that moves nothing is kept when it differs from the last one kept, or when that is a while ago. */
export async function keepChangedVerdict(
  tx: Tx,
  deps: RolloutDeps,
  proposal: StoredProposal,
  verdict: Verdict,
): Promise<void> {
  const [last] = await readDecisions(tx, proposal.id, 1)
  const isOld = last === undefined || deps.clock.nowMs() - last.at >= keepVerdictEveryMs
  const isSame =
    last !== undefined &&
    last.action === verdict.action &&
    last.step === proposal.state.step &&
    last.stage === stageOf(proposal)
  const hasNews = observedIn(last?.evidence) !== observedIn(verdict.evidence)
  if (!isSame || (isOld && hasNews)) await keepVerdict(tx, deps, proposal, verdict)
}

function stageOf(proposal: StoredProposal): string {
  return liveStageOf(proposal.state) ?? 'offline'
}

/** Observations behind a live verdict: nothing new to keep while it stands still. */
function observedIn(evidence: unknown): unknown {
  return (evidence as { observed?: number } | undefined)?.observed
}
