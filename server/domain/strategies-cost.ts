import { expectedCostMicroUsd } from './cost.ts'
import { dollars } from './money.ts'
import type { ModelRef } from './route.ts'
import { type Measure, measureOf, type RankContext, type Ranking, sortBy } from './strategies-context.ts'

/**
 * Expected cost of this request at every model, micro-dollars: input tokens, of which the share that the provider has lately
 * billed as cached counts at its cached price, and the output tokens asked for (A6).
 */
export function costMeasure(context: RankContext): Measure {
  const { request, catalogue } = context
  const levelOf = (model: ModelRef) => {
    const entry = catalogue.models.get(model)
    if (entry === undefined) return Number.POSITIVE_INFINITY
    const cachedShare = cachedShareOf(context, model)
    const cost = expectedCostMicroUsd(entry, request, cachedShare)
    return cost ?? Number.POSITIVE_INFINITY
  }
  const words = (model: ModelRef) => {
    const cost = levelOf(model)
    if (cost === Number.POSITIVE_INFINITY) return `${model} is unpriced`
    const cachedShare = cachedShareOf(context, model)
    const cached = cachedShare > 0 ? `, ${Math.round(cachedShare * 100)} % of the input cached` : ''
    return `expected $${dollars(cost)}${cached}`
  }
  return { levelOf, words }
}

/** Only where the provider has a price for it: elsewhere cached tokens cost the same. */
function cachedShareOf(context: RankContext, model: ModelRef): number {
  if (context.catalogue.models.get(model)?.price?.cachedInput == null) return 0
  return measureOf(context, model)?.cachedShare ?? 0
}

export function rankByCost(models: readonly ModelRef[], context: RankContext): Ranking {
  const measure = costMeasure(context)
  const order = sortBy(models, measure.levelOf)
  const [cheapest] = order
  const words = cheapest === undefined ? 'nothing' : measure.words(cheapest)
  return { order, reason: `cost: cheapest of ${models.length} eligible, ${words}` }
}
