import type { Readings } from '#infra/metrics.ts'
import type { GatewayState } from './chat-context.ts'

/** The gateway's state now, for metrics. @param inFlight requests received and not yet ended */
export function readingsOf(state: GatewayState, inFlight: number): Readings {
  const { waiting, dropped } = state.sink.counts
  const now = state.clock.monotonicMs()
  const snapshot = state.table.current()
  const rollouts: Record<string, number> = {}
  for (const { rollout } of snapshot?.routes.values() ?? []) {
    if (rollout !== null) rollouts[rollout.stage] = (rollouts[rollout.stage] ?? 0) + 1
  }
  return {
    inFlight,
    logRowsWaiting: waiting,
    logRowsDropped: dropped,
    shadowRefused: state.shadow.refused,
    openCircuits: [...state.user.circuits.open(now)],
    rollouts,
    snapshotEpoch: snapshot?.epoch ?? null,
    isLeaseValid: state.table.isLeaseValid(now),
  }
}
