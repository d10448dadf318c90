import { setTimeout as wait } from 'node:timers/promises'
import type { RolloutDeps } from './rollout-deps.ts'

export interface ReplicaConfirmation {
  readonly id: string
  /** Milliseconds from the change to the replica serving it; null when it had not within the limit. */
  readonly ms: number | null
}

/** A rollback answers with the confirmations it has by then; slower replicas are bounded by their exposure lease. */
const limitMs = 1_000
const pollMs = 20

/** Watches the gateways heard from lately until each serves the epoch or the limit has passed. */
export async function confirmEpoch(deps: RolloutDeps, epoch: number, sinceMs: number): Promise<ReplicaConfirmation[]> {
  const confirmed = new Map<string, number | null>()
  for (;;) {
    const rows = await deps.db
      .selectFrom('gateways')
      .select(['id', 'epoch'])
      .where('seen_at', '>', new Date(sinceMs - deps.gatewayGoneAfterMs))
      .execute()
    const now = deps.clock.nowMs()
    for (const row of rows) {
      if (typeof confirmed.get(row.id) === 'number') continue
      confirmed.set(row.id, Number(row.epoch) >= epoch ? now - sinceMs : null)
    }
    if ([...confirmed.values()].every((ms) => ms !== null) || now - sinceMs >= limitMs) break
    await wait(pollMs)
  }
  return [...confirmed].map(([id, ms]) => ({ id, ms }))
}
