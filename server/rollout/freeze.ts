import { InterlockError } from '#domain/errors.ts'
import type { Verdict } from '#domain/promotion.ts'
import type { Tx } from '#store/database.ts'
import { type FreezeWindow, freezeOf } from '#store/freeze-windows.ts'
import type { StoredProposal } from '#store/proposals.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** The window in which a proposal may not advance now; null: none. A rollback never asks. */
export function frozenAt(tx: Tx, deps: RolloutDeps, proposal: StoredProposal): Promise<FreezeWindow | null> {
  return freezeOf(tx, proposal.route, deps.clock.nowMs())
}

/** A verdict that would advance, held by a freeze window: it waits, and says until when. */
export function held(verdict: Verdict, window: FreezeWindow | null): Verdict {
  if (window === null) return verdict
  const reason = {
    rule: 'freeze_window',
    metric: null,
    observed: null,
    threshold: window.endsAt,
    samples: verdict.reasons[0]?.samples ?? 0,
    message: `every gate is passed, but nothing advances before ${new Date(window.endsAt).toISOString()}: ${window.reason}`,
  }
  return { ...verdict, action: 'wait', reasons: [reason, ...verdict.reasons] }
}

/** @throws InterlockError FROZEN while a freeze window holds the route */
export async function refuseFrozen(tx: Tx, route: string, nowMs: number): Promise<void> {
  const window = await freezeOf(tx, route, nowMs)
  if (window === null) return
  const until = new Date(window.endsAt).toISOString()
  throw new InterlockError(
    'FROZEN',
    `nothing advances on "${route}" before ${until} (${window.reason}); approve it then, or end freeze window ${window.id}; a rollback is possible at any time`,
  )
}
