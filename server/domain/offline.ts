import type { Bar } from './bar.ts'
import type { Outcome } from './evidence.ts'
import { gatesOf } from './gate-policy.ts'
import type { OfflinePolicy, Verdict } from './promotion-types.ts'

export function offlinePolicyOf(bar: Bar): OfflinePolicy {
  return { gates: gatesOf(bar, 'offline'), alpha: bar.alpha ?? 0.05, maxMissing: bar.maxMissing ?? 0.05 }
}

export interface OutcomePair {
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
}

export function judgeOffline(_pairs: readonly OutcomePair[], _policy: OfflinePolicy): Verdict {
  throw new Error('not yet')
}
