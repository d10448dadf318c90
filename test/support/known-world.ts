import { type LiveView, type QualityScore, quietLive, type TargetMeasure, unknownTarget } from '#domain/live.ts'
import type { RouteSpec } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { plainLabelOf } from '#domain/task.ts'
import { someFacts } from './request-facts.ts'
import { aModel, aProvider, aVersion } from './routing.ts'

/** Six models at two providers, each cheaper than the next, and what may be known of them. */
export const names = ['p/a', 'p/b', 'p/c', 'q/d', 'q/e', 'q/f']
export const price = (input: number, cachedInput: number | null = null) => ({ input, cachedInput, output: 0 })
export const catalogue = {
  providers: new Map([
    ['p', aProvider('p', 'https://p.example', { dataPolicies: ['no-training'] })],
    ['q', aProvider('q', 'https://q.example')],
  ]),
  models: new Map(names.map((name, index) => [name, aModel(name, { price: price(1_000_000 * (index + 1)) })])),
}

const known = (measure: Partial<TargetMeasure>): TargetMeasure => ({ ...unknownTarget, ...measure })
export const times = (p95: number, samples = 100) => ({
  samples,
  ttftSamples: samples,
  totalMs: samples < 10 ? null : { p50: p95 / 2, p95, p99: p95 * 2 },
  ttftMs: samples < 10 ? null : { p50: p95 / 20, p95: p95 / 10, p99: p95 / 5 },
})
export const scored = (low: number, score = low + 0.05, metric = 'exact'): Partial<TargetMeasure> => ({
  quality: { [metric]: { score, low, high: 1, samples: 50 } satisfies QualityScore },
})
export const view = (targets: Record<string, Partial<TargetMeasure>>, more: Partial<LiveView> = {}): LiveView => ({
  ...quietLive(),
  targets: new Map(Object.entries(targets).map(([model, measure]) => [model, known(measure)])),
  ...more,
})

/** Where a spec sends a request in a world that is known so far. */
export function decide(spec: Partial<RouteSpec>, live: LiveView, more: { random?: number; facts?: object } = {}) {
  const full = { models: names.slice(0, 3), ...spec }
  const request = someFacts(more.facts ?? {})
  const task = plainLabelOf(full, request.metadata)
  const version = aVersion('r', 1, full)
  const decision = decideTargets({ catalogue, version, request, task, random: more.random ?? 0.5, live })
  return { ...decision, order: decision.targets.map(({ model }) => model) }
}
