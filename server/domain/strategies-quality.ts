import type { ModelRef } from './route.ts'
import { type Measure, measureOf, type RankContext, type Ranking, sortBy } from './strategies-context.ts'

export interface QualityMeasure extends Measure {
  /** null: no metric was named and none of the targets has a score. */
  readonly metric: string | null
}

/**
 * Quality of every model for the request's task: the lower end of the score's 95 % interval, so that a few lucky answers do not
 * beat many good ones. A model without a score is behind every model with one: missing never passes (A8).
 *
 * @param named the spec's metric; without it the quality floor's, else the one that most targets have a score of
 */
export function qualityMeasure(
  named: string | undefined,
  models: readonly ModelRef[],
  context: Pick<RankContext, 'live' | 'floorMetric'>,
): QualityMeasure {
  const metric = named ?? context.floorMetric ?? commonMetric(models, context)
  const scoreOf = (model: ModelRef) => (metric === null ? undefined : measureOf(context, model)?.quality[metric])
  const levelOf = (model: ModelRef) => {
    const low = scoreOf(model)?.low
    return low === undefined || Number.isNaN(low) ? Number.POSITIVE_INFINITY : -low
  }
  const words = (model: ModelRef) => {
    const score = scoreOf(model)
    if (score === undefined) return metric === null ? 'nothing is scored' : `${model} has no score of ${metric}`
    return `${metric} ${score.score.toFixed(3)}, at least ${score.low.toFixed(3)} (${score.samples} scores)`
  }
  return { metric, levelOf, words }
}

/** The metric most of the targets have a score of; equals: the one with most scores, then by name. */
function commonMetric(models: readonly ModelRef[], context: Pick<RankContext, 'live'>): string | null {
  const found = new Map<string, { models: number; samples: number }>()
  for (const model of models) {
    for (const [metric, score] of Object.entries(measureOf(context, model)?.quality ?? {})) {
      const count = found.get(metric) ?? { models: 0, samples: 0 }
      count.models++
      count.samples += score.samples
      found.set(metric, count)
    }
  }
  const sorted = [...found].sort(
    ([nameA, a], [nameB, b]) => b.models - a.models || b.samples - a.samples || (nameA < nameB ? -1 : 1),
  )
  return sorted[0]?.[0] ?? null
}

export function rankByQuality(named: string | undefined, models: readonly ModelRef[], context: RankContext): Ranking {
  const measure = qualityMeasure(named, models, context)
  const order = sortBy(models, measure.levelOf)
  const [best] = order
  if (best === undefined || measure.levelOf(best) === Number.POSITIVE_INFINITY) {
    const of = measure.metric === null ? 'no target has a score' : `no target has a score of ${measure.metric}`
    return { order, reason: `quality: ${of} for this task, first of ${models.length} eligible` }
  }
  return { order, reason: `quality: best of ${models.length} eligible, ${measure.words(best)}` }
}
