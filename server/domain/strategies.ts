import { type Catalogue, dollars } from './constraints.ts'
import { expectedCostMicroUsd } from './cost.ts'
import type { RequestFacts } from './request-facts.ts'
import type { ModelRef, Select, StrategyName, Target } from './route.ts'

/** An eligible pool in the order of trial, and in words why that order. */
export interface Ranking {
  readonly order: readonly ModelRef[]
  readonly reason: string
}

/** Strategies that routing can run today; the other names are refused when a spec is checked. */
export const availableStrategies: readonly StrategyName[] = ['priority', 'weighted', 'cost']

/**
 * Orders the eligible targets: the first is chosen, the others follow when it fails.
 *
 * @param eligible never empty, weights above 0
 * @param random in [0, 1), used by `weighted` only
 * @throws RangeError for a strategy that spec-check refuses
 */
export function rank(
  select: Select,
  eligible: readonly Target[],
  context: { readonly request: RequestFacts; readonly catalogue: Catalogue; readonly random: number },
): Ranking {
  switch (select.strategy) {
    case 'priority':
      return { order: eligible.map((t) => t.model), reason: `priority: first of ${eligible.length} eligible` }
    case 'weighted':
      return rankByWeight(eligible, context.random)
    case 'cost':
      return rankByCost(eligible, context)
    default:
      throw new RangeError(`strategy "${select.strategy}" is not available; spec-check should have refused it`)
  }
}

/** The random number picks one in proportion to the weights; the others follow by falling weight, then in the spec's order. */
function rankByWeight(eligible: readonly Target[], random: number): Ranking {
  const total = eligible.reduce((sum, target) => sum + target.weight, 0)
  let left = random * total
  const chosen = eligible.find((target) => {
    left -= target.weight
    return left < 0
  })
  const first = chosen ?? eligible.at(-1)
  const rest = eligible.filter((target) => target !== first).toSorted((a, b) => b.weight - a.weight)
  const order = [...(first === undefined ? [] : [first]), ...rest].map((target) => target.model)
  return { order, reason: `weighted: ${first?.weight ?? 0} of ${total} among ${eligible.length} eligible` }
}

function rankByCost(
  eligible: readonly Target[],
  { request, catalogue }: { readonly request: RequestFacts; readonly catalogue: Catalogue },
): Ranking {
  const priced = eligible.map(({ model }) => {
    const entry = catalogue.models.get(model)
    const cost = entry === undefined ? null : expectedCostMicroUsd(entry, request.inputTokens, request.maxOutputTokens)
    return { model, cost: cost ?? Number.POSITIVE_INFINITY }
  })
  const order = priced.toSorted((a, b) => (a.cost === b.cost ? 0 : a.cost - b.cost))
  const cheapest = order[0]?.cost ?? Number.POSITIVE_INFINITY
  return {
    order: order.map((entry) => entry.model),
    reason: `cost: cheapest of ${eligible.length} eligible, expected $${dollars(cheapest)}`,
  }
}
