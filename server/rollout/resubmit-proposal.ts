import { InterlockError } from '#domain/errors.ts'
import { isOpen } from '#domain/proposal.ts'
import { rebaseSpec } from '#domain/rebase.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { Caller } from '#domain/snapshot.ts'
import { type ProposalOrigin, readProposal, type StoredProposal } from '#store/proposals.ts'
import { readStableVersion, readVersion } from '#store/routes.ts'
import type { RolloutDeps } from './rollout-deps.ts'
import { submitProposal } from './submit-proposal.ts'

/**
 * A new attempt at a proposal that has ended: the same spec and plan as a proposal of its own, judged from the start. What was
 * found before stays with the first attempt.
 *
 * @throws InterlockError NOT_FOUND, ILLEGAL_TRANSITION while it is open, STALE_BASE when the route has moved on, and what submitting throws
 */
export async function retryProposal(deps: RolloutDeps, caller: Caller, id: string): Promise<{ id: string }> {
  const ended = await endedProposal(deps, id)
  const { spec } = await versionOf(deps, ended.route, ended.version)
  return submitProposal(deps, caller, resubmission(ended, { base: ended.base, spec, kind: 'retry' }))
}

/**
 * A proposal whose base is no longer stable, carried over to the version that is: its change is merged into that version's
 * spec and submitted as a proposal of its own.
 *
 * @throws InterlockError NOT_FOUND, ILLEGAL_TRANSITION while it is open or when its base is still stable, REBASE_CONFLICT naming
 * every place that both changed, and what submitting throws
 */
export async function rebaseProposal(deps: RolloutDeps, caller: Caller, id: string): Promise<{ id: string }> {
  const ended = await endedProposal(deps, id)
  const theirs = await readStableVersion(deps.db, ended.route)
  if (theirs === null) throw new InterlockError('NOT_FOUND', `there is no route "${ended.route}"`)
  const stable = theirs.version
  if (stable === ended.base) {
    throw new InterlockError('ILLEGAL_TRANSITION', `version ${stable} is still stable: retry the proposal as it is`)
  }
  const base = await versionOf(deps, ended.route, ended.base)
  const mine = await versionOf(deps, ended.route, ended.version)
  const rebased = rebaseSpec(base.spec, mine.spec, theirs.spec)
  if ('conflicts' in rebased) {
    const places = rebased.conflicts.map((conflict) => conflict.path).join(', ')
    const message = `version ${stable} and proposal ${id} both changed ${places}; nothing was stored`
    throw new InterlockError('REBASE_CONFLICT', message, rebased.conflicts)
  }
  return submitProposal(deps, caller, resubmission(ended, { base: stable, spec: rebased.spec, kind: 'rebase' }))
}

async function endedProposal(deps: RolloutDeps, id: string): Promise<StoredProposal> {
  const proposal = await readProposal(deps.db, id)
  if (proposal === null) throw new InterlockError('NOT_FOUND', `there is no proposal "${id}"`)
  if (!isOpen(proposal.state.status)) return proposal
  throw new InterlockError('ILLEGAL_TRANSITION', `proposal ${id} is ${proposal.state.status}: it has not ended`)
}

async function versionOf(deps: RolloutDeps, route: string, version: number): Promise<{ readonly spec: RouteSpec }> {
  const found = await readVersion(deps.db, route, version)
  if (found === null) throw new Error(`route "${route}" has no version ${version}`)
  return found
}

function resubmission(
  ended: StoredProposal,
  { base, spec, kind }: { readonly base: number; readonly spec: RouteSpec; readonly kind: ProposalOrigin['kind'] },
) {
  const { route, title, description, plan } = ended
  return { route, title, description, base, spec, plan, origin: { kind, of: ended.id } }
}
