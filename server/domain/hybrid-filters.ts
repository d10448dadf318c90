import { excludeByQuality, samplesNeeded } from './constraints-live.ts'
import type { Exclude } from './decision.ts'
import { dollars } from './money.ts'
import type { ModelRef, SortKey } from './route.ts'
import { measureOf, type RankContext } from './strategies-context.ts'
import { costMeasure } from './strategies-cost.ts'
import { latencyMeasure } from './strategies-latency.ts'

/**
 * A filter of a hybrid's `order`: a target that misses it is out of this choice. Unlike constraints filters do not bind
 * fallbacks. What is missing is treated as in constraints: no score and no price are out, too few measurements are in.
 */
export function excludeByFilter(key: SortKey, model: ModelRef, context: RankContext, exclude: Exclude): void {
  if (key.by === 'quality' && key.min !== undefined) {
    const metric = key.metric ?? context.floorMetric ?? 'any metric'
    excludeByQuality({ metric, score: key.min }, measureOf(context, model), exclude)
  }
  if (key.max === undefined) return
  if (key.by === 'cost') {
    const expected = costMeasure(context).levelOf(model)
    if (expected === Number.POSITIVE_INFINITY) exclude('unpriced', `the filter of $${key.max} needs a price`)
    else if (expected > key.max * 1_000_000) exclude('max_cost', `expected $${dollars(expected)}, filter $${key.max}`)
  }
  if (key.by === 'latency') {
    const { levelOf, measuredOf, name } = latencyMeasure(key, context)
    const value = levelOf(model)
    if (value === Number.POSITIVE_INFINITY || measuredOf(model) < samplesNeeded[key.quantile ?? 'p95']) return
    if (value > key.max) exclude('max_latency', `${name} is ${Math.round(value)} ms, filter ${key.max} ms`)
  }
}
