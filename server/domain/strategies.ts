import type { ModelRef, Select, StrategyName, Target } from './route.ts'
import { measureOf, type RankContext, type Ranking, sortBy } from './strategies-context.ts'
import { rankByCost } from './strategies-cost.ts'
import { rankByHybrid } from './strategies-hybrid.ts'
import { rankByLatency } from './strategies-latency.ts'
import { rankByQuality } from './strategies-quality.ts'

/** Strategies that routing can run: all of them. */
export const availableStrategies: readonly StrategyName[] = [
  'priority',
  'weighted',
  'least-busy',
  'cost',
  'latency',
  'quality',
  'hybrid',
]

/**
 * Orders the eligible targets: the first is chosen, the others follow when it fails.
 *
 * @param eligible never empty, weights above 0
 * @throws RangeError for a strategy that spec-check refuses
 */
export function rank(select: Select, eligible: readonly Target[], context: RankContext): Ranking {
  const models = eligible.map((target) => target.model)
  switch (select.strategy) {
    case 'priority':
      return { order: models, reason: `priority: first of ${eligible.length} eligible` }
    case 'weighted':
      return rankByWeight(eligible, context.random)
    case 'least-busy':
      return rankByLoad(eligible, context)
    case 'cost':
      return rankByCost(models, context)
    case 'latency':
      return rankByLatency(select, models, context)
    case 'quality':
      return rankByQuality(select.metric, models, context)
    case 'hybrid':
      return rankByHybrid(select, models, context)
    default:
      throw new RangeError(`unknown strategy "${select.strategy}"; spec-check should have refused it`)
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

/** Fewest requests under way first (of this gateway: replicas do not wait for each other); equals by weight, then in order. */
function rankByLoad(eligible: readonly Target[], context: RankContext): Ranking {
  const inFlightOf = (model: ModelRef) => measureOf(context, model)?.inFlight ?? 0
  const heaviest = eligible.toSorted((a, b) => b.weight - a.weight).map((target) => target.model)
  const order = sortBy(heaviest, inFlightOf)
  const [first] = order
  const count = first === undefined ? 0 : inFlightOf(first)
  return { order, reason: `least-busy: ${count} under way, fewest of ${eligible.length} eligible` }
}
