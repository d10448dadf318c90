import {
  meanDifference,
  overallQuality,
  qualityChange,
  type Sample,
  type Strongest,
  sharedEvaluators,
} from '#domain/savings.ts'
import type { QualityLine, RouteSavings } from '#reports/savings-view.ts'
import { totals } from './report-inventory.ts'
import type { SavingsRoute } from './savings-evidence.ts'
import type { TrafficCell } from './traffic-cells.ts'

/** Scores of models by evaluator. */
export type Scores = ReadonlyMap<string, ReadonlyMap<string, Sample>>

/** Mean score in eval runs of the models that answer, by how often they do, against the strongest model's. */
export function strongestQuality(
  strongest: Strongest | null,
  cells: readonly TrafficCell[],
  scores: Scores,
): readonly QualityLine[] {
  if (strongest === null) return []
  const served = [...Map.groupBy(cells, (cell) => cell.model)].flatMap(([model, part]) =>
    model === null ? [] : [{ model, requests: totals(part).answered, scores: scores.get(model) ?? new Map() }],
  )
  const best = scores.get(strongest.model)
  const answering = served.filter((each) => each.requests > 0)
  if (best === undefined || answering.length === 0 || answering.every(({ model }) => model === strongest.model))
    return []
  const evaluators = sharedEvaluators([{ scores: best }, ...answering])
  if (evaluators.length === 0) return []
  const all = answering.reduce((sum, each) => sum + each.requests, 0)
  const parts = answering.map((each) => ({
    share: each.requests / all,
    sample: overallQuality(each, evaluators),
    isStrongest: each.model === strongest.model,
  }))
  const other = overallQuality({ scores: best }, evaluators)
  return [qualityAgainst(strongest.model, parts, other)]
}

/** The strongest model's own share cancels out of the difference. */
function qualityAgainst(
  model: string,
  parts: readonly { readonly share: number; readonly sample: Sample; readonly isStrongest: boolean }[],
  other: Sample,
): QualityLine {
  const mixOf = (read: (sample: Sample) => number) =>
    parts.reduce((sum, part) => sum + part.share * read(part.sample), 0)
  const elsewhere = parts.filter((part) => !part.isStrongest)
  const away = elsewhere.reduce((sum, part) => sum + part.share, 0)
  const mean = elsewhere.reduce((sum, part) => sum + part.share * part.sample.mean, 0) / away
  const error = elsewhere.reduce(
    (sum, part) => sum + (part.share / away) ** 2 * (part.sample.variance / part.sample.count),
    0,
  )
  const compared = meanDifference({ count: 1, mean, variance: error }, other)
  const interval: [number, number] = [compared.interval[0] * away, compared.interval[1] * away]
  return {
    source: 'eval',
    metric: 'mean_score',
    unit: 'score',
    isLowerBetter: false,
    against: model,
    other: other.mean,
    current: mixOf((sample) => sample.mean),
    difference: compared.difference * away,
    interval,
    samples: Math.min(...parts.map((part) => part.sample.count)),
    change: qualityChange(interval, false),
  }
}

export function warningOf(quality: readonly QualityLine[], route: SavingsRoute): RouteSavings['warning'] {
  const fallen = quality.filter((line) => line.change === 'fell')
  if (fallen.length > 0) {
    const names = fallen.map((line) => `${line.metric} (${line.source}) against ${line.against}`)
    return { kind: 'fell', sentence: `Quality was shown to have fallen: ${names.join('; ')}.` }
  }
  if (quality.length > 0 || route.previousVersion === null) return null
  return { kind: 'unknown', sentence: 'Nothing measured its quality: a saving alone says little.' }
}
