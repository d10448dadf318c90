import { InterlockError } from '#domain/errors.ts'
import { isCandidateStable } from '#domain/proposal.ts'
import type { Caller } from '#domain/snapshot.ts'
import { appendAudit } from '#store/audit.ts'
import { inTransaction, RetryTransactionError, type Tx } from '#store/database.ts'
import { bumpEpoch } from '#store/epoch.ts'
import { lockOpenProposalOf, openProposalOf } from '#store/proposals.ts'
import { lockStable, revertStable } from '#store/stable-pointer.ts'
import { applyEvent } from './apply-event.ts'
import { confirmEpoch, type ReplicaConfirmation } from './confirm-epoch.ts'
import type { RolloutDeps } from './rollout-deps.ts'

export interface Rollback {
  /** Version that served before and version that serves now. */
  readonly from: number
  readonly to: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** True when every gateway heard from lately serves the new state. */
  readonly confirmed: boolean
  readonly replicas: readonly ReplicaConfirmation[]
}

/**
 * Sends all traffic of a route back, now (D8). A rollout under way is ended and everything goes to the stable version (of a
 * bake: to the version before); without one the route returns to its previous version. `toVersion` overrides either.
 *
 * Waits for no queue and needs no precondition: with nothing to roll back it changes nothing and says so (from = to).
 *
 * @throws InterlockError NOT_FOUND for an unknown route or version
 */
export async function rollbackRoute(
  deps: RolloutDeps,
  caller: Caller,
  route: string,
  request: { readonly reason: string; readonly toVersion?: number },
): Promise<Rollback> {
  const at = deps.clock.nowMs()
  const done = await inTransaction(deps.db, (tx) => rollbackIn(tx, deps, caller, route, request))
  await deps.onChange()
  const replicas = await confirmEpoch(deps, done.epoch, at)
  return { from: done.from, to: done.to, at, confirmed: replicas.every((replica) => replica.ms !== null), replicas }
}

async function rollbackIn(
  tx: Tx,
  deps: RolloutDeps,
  caller: Caller,
  route: string,
  request: { readonly reason: string; readonly toVersion?: number },
): Promise<{ from: number; to: number; epoch: number }> {
  const open = await lockOpenProposalOf(tx, route)
  const pointer = await lockStable(tx, route)
  if (pointer === null) throw new InterlockError('NOT_FOUND', `there is no route "${route}"`)
  // A submission that held the route's lock until now may have opened a rollout meanwhile: look again from the start.
  if (open === null && (await openProposalOf(tx, route)) !== null) throw new RetryTransactionError()
  await checkVersion(tx, route, request.toVersion)
  const from = open !== null && open.state.shareBp > 0 ? open.version : pointer.stable
  let to = pointer.stable
  if (open !== null) {
    await applyEvent(tx, deps, open, { kind: 'roll_back' }, { by: caller.name, reason: request.reason })
    if (isCandidateStable(open.state.status)) to = open.base
  } else if (pointer.previous !== null) to = pointer.previous
  const target = request.toVersion ?? to
  const stableNow = open !== null ? to : pointer.stable
  if (target > stableNow) throw forward(route, target, stableNow)
  if (target !== stableNow) {
    await revertStable(tx, { route, to: target })
    await appendAudit(tx, {
      at: deps.clock.nowMs(),
      actor: caller.name,
      action: 'route.rollback',
      subject: `route:${route}`,
      details: { from: stableNow, to: target, reason: request.reason },
    })
  }
  return { from, to: target, epoch: await bumpEpoch(tx) }
}

/** A way back never leads forward: a later version has to prove itself (again) as a proposal. */
function forward(route: string, target: number, stable: number): InterlockError {
  const message = `version ${target} of "${route}" is later than version ${stable}, which it would leave; propose it instead`
  return new InterlockError('VALIDATION_FAILED', message, [{ path: '/toVersion', message }])
}

async function checkVersion(tx: Tx, route: string, version: number | undefined): Promise<void> {
  if (version === undefined) return
  const row = await tx
    .selectFrom('route_versions')
    .leftJoin('proposals', (join) =>
      join
        .onRef('proposals.route', '=', 'route_versions.route')
        .onRef('proposals.version', '=', 'route_versions.version'),
    )
    .select(['route_versions.version', 'proposals.status'])
    .where('route_versions.route', '=', route)
    .where('route_versions.version', '=', version)
    .executeTakeFirst()
  if (row === undefined) throw new InterlockError('NOT_FOUND', `route "${route}" has no version ${version}`)
  // Invariant 1: a version that never passed its stages is no way back.
  if (row.status !== null && row.status !== 'promoted') {
    const message = `version ${version} of "${route}" was never promoted (its proposal is ${row.status}); choose one that was`
    throw new InterlockError('VALIDATION_FAILED', message, [{ path: '/toVersion', message }])
  }
}
