import type { Catalogue } from './constraints.ts'
import type { LiveView, TargetMeasure } from './live.ts'
import type { RequestFacts } from './request-facts.ts'
import type { ModelRef } from './route.ts'

/** An eligible pool in the order of trial, and in words why that order. */
export interface Ranking {
  readonly order: readonly ModelRef[]
  readonly reason: string
}

/** All that a strategy may look at besides the eligible targets. */
export interface RankContext {
  readonly request: RequestFacts
  readonly catalogue: Catalogue
  /** In [0, 1). */
  readonly random: number
  readonly live: Pick<LiveView, 'openCircuits' | 'targets'>
  /** Metric of the quality floor in force, which `quality` follows where it names none; null: no floor. */
  readonly floorMetric: string | null
}

/** Something targets are compared by. */
export interface Measure {
  /** Lower is better; Infinity: unknown, so behind everything known. */
  readonly levelOf: (model: ModelRef) => number
  /** What the best one is, in words. */
  readonly words: (model: ModelRef) => string
}

/** What was measured of a model; undefined: never called, never scored. */
export function measureOf(context: Pick<RankContext, 'live'>, model: ModelRef): TargetMeasure | undefined {
  return context.live.targets.get(model)
}

/** Best first; equals stay in the order given. */
export function sortBy(models: readonly ModelRef[], levelOf: (model: ModelRef) => number): ModelRef[] {
  return models
    .map((model) => ({ model, value: levelOf(model) }))
    .sort((a, b) => (a.value === b.value ? 0 : a.value - b.value))
    .map(({ model }) => model)
}
