import { canonicalDigest } from '#domain/canonical.ts'
import { InterlockError } from '#domain/errors.ts'
import type { ProposalEvent } from '#domain/proposal.ts'
import type { Caller } from '#domain/snapshot.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import { contributorsOf, insertApproval, lockProposal, type StoredProposal } from '#store/proposals.ts'
import { applyEvent } from './apply-event.ts'
import { refuseFrozen } from './freeze.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/**
 * A person's go-ahead where the plan asks for one. Bound to the digest of what was approved.
 *
 * @throws InterlockError OWN_PROPOSAL for its author and those of the proposals it came from (admin included), ILLEGAL_TRANSITION when no approval is due, FROZEN in a
 * freeze window
 */
export async function approveProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  await act(deps, id, async (tx, proposal) => {
    // The key's owner counts, not the key: a second key of the author is still the author. Having another submit it again
    // makes nobody else of the author either.
    if ((await contributorsOf(tx, id)).includes(caller.principal)) {
      const part = proposal.authorPrincipal === caller.principal ? '' : 'an earlier attempt at '
      const message = `"${caller.name}" wrote ${part}proposal ${id}; someone else must approve it`
      throw new InterlockError('OWN_PROPOSAL', message, [{ path: '{id}', message }])
    }
    await refuseFrozen(tx, proposal.route, deps.clock.nowMs())
    const digest = approvalDigest(proposal)
    const before = proposal.state.waitingFor
    await applyEvent(tx, deps, proposal, { kind: 'approve' }, { by: caller.name, reason, details: { before, digest } })
    if (before === null) return
    await insertApproval(tx, {
      proposalId: id,
      before,
      by: caller.name,
      principal: caller.principal,
      reason,
      digest,
      at: deps.clock.nowMs(),
    })
  })
}

/** Ends a proposal for good; live traffic on the candidate goes back at once. */
export function rejectProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  return actByPerson(deps, caller, id, reason, { kind: 'reject' })
}

/** Stops advancing; evidence keeps coming, and a rollback still fires. */
export function pauseProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  return actByPerson(deps, caller, id, reason, { kind: 'pause' })
}

export function resumeProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  return actByPerson(deps, caller, id, reason, { kind: 'resume' })
}

/** Withdraws a proposal; live traffic on the candidate goes back at once. */
export function abortProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  return actByPerson(deps, caller, id, reason, { kind: 'abort' })
}

export function rollbackProposal(deps: RolloutDeps, caller: Caller, id: string, reason: string): Promise<void> {
  return actByPerson(deps, caller, id, reason, { kind: 'roll_back' })
}

function actByPerson(
  deps: RolloutDeps,
  caller: Caller,
  id: string,
  reason: string,
  event: ProposalEvent,
): Promise<void> {
  return act(deps, id, async (tx, proposal) => {
    await applyEvent(tx, deps, proposal, event, { by: caller.name, reason })
  })
}

async function act(
  deps: RolloutDeps,
  id: string,
  work: (tx: Tx, proposal: StoredProposal) => Promise<void>,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const proposal = await lockProposal(tx, id, true)
    if (proposal === null) throw new InterlockError('NOT_FOUND', `there is no proposal "${id}"`)
    await work(tx, proposal)
  })
  await deps.onChange()
  deps.ring({ name: 'advance-proposal', id })
}

/** What an approval vouches for: exactly this version under this plan and bar. */
function approvalDigest(proposal: StoredProposal): string {
  const subject = { version: proposal.version, route: proposal.route, plan: proposal.plan, bar: proposal.bar }
  return canonicalDigest(subject)
}
