import type { JudgeSpend } from './evaluator.ts'

export const noSpend: JudgeSpend = { calls: 0, costMicroUsd: 0 }

/** Both together; the cost is unknown as soon as one part of it is. */
export function addSpend(a: JudgeSpend, b: JudgeSpend): JudgeSpend {
  const cachedCalls = (a.cachedCalls ?? 0) + (b.cachedCalls ?? 0)
  const isKnown = a.costMicroUsd !== null && b.costMicroUsd !== null
  return {
    calls: a.calls + b.calls,
    costMicroUsd: isKnown ? a.costMicroUsd + b.costMicroUsd : null,
    ...(cachedCalls > 0 && { cachedCalls }),
  }
}

/** @param costMicroUsd  null: unpriced */
export function oneCall(costMicroUsd: number | null): JudgeSpend {
  return { calls: 1, costMicroUsd }
}
