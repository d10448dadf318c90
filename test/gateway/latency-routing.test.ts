import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { quietLive } from '#domain/live.ts'
import { windowMs, windowsKept } from '#domain/live-series.ts'
import type { RouteSpec, Select } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { explorationShare } from '#domain/strategies-latency.ts'
import { plainLabelOf } from '#domain/task.ts'
import { LiveStats } from '#gateway/live-stats.ts'
import { seededRandom } from '#test/domain/seeded-random.ts'
import { someFacts } from '#test/support/request-facts.ts'
import { aModel, aProvider, aVersion } from '#test/support/routing.ts'

/** Real times of one model at six providers; see the folder's README. */
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'latencies', 'requests.json'), 'utf8'),
) as {
  readonly providers: Readonly<
    Record<
      string,
      { readonly answers: readonly [number, number][]; readonly failures: Readonly<Record<string, number>> }
    >
  >
}
const names = Object.keys(recorded.providers)
const models = names.map((name) => `${name}/llama`)
const catalogue = {
  providers: new Map(names.map((name) => [name, aProvider(name, 'https://x.example')])),
  models: new Map(models.map((model) => [model, aModel(model)])),
}

interface World {
  readonly select: Select
  readonly requests: number
  /** How many times slower a model is at a moment of the run. */
  readonly slowness?: (model: string, atMs: number) => number
  readonly seed?: number
}

interface Sent {
  readonly atMs: number
  readonly first: string
  readonly totalMs: number | null
}

/** One request a second for as long as told, each routed by what was measured before it. Streams. */
function run({ select, requests, slowness = () => 1, seed = 1 }: World): Sent[] {
  const random = seededRandom(seed)
  let nowMs = 0
  const live = new LiveStats({ nowMs: () => nowMs })
  const spec: RouteSpec = { models, select }
  const version = aVersion('r', 1, spec)
  const sent: Sent[] = []
  for (let i = 0; i < requests; i++) {
    nowMs = i * 1_000
    const { targets } = decideTargets({
      catalogue,
      version,
      request: someFacts({ stream: true }),
      task: plainLabelOf(spec, {}),
      random: random.next(),
      live: { ...quietLive(), targets: live.view(null, undefined) },
    })
    let totalMs: number | null = null
    for (const { model } of targets) {
      const { answers = [], failures = {} } = recorded.providers[model.slice(0, model.indexOf('/'))] ?? {}
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
      live.began(model)
      const place = Math.floor(random.next() * (answers.length + failed))
      const answer = answers[place]
      const slow = slowness(model, nowMs)
      if (answer === undefined) {
        live.ended(model, undefined, { ttftMs: null, totalMs: 40, errorClass: 'rate_limit' })
        continue
      }
      totalMs = answer[1] * slow
      live.ended(model, undefined, { ttftMs: answer[0] * slow, totalMs, errorClass: null })
      break
    }
    sent.push({ atMs: nowMs, first: targets[0]?.model ?? '', totalMs })
  }
  return sent
}

const shareOf = (sent: readonly Sent[], model: string) =>
  sent.filter(({ first }) => first === model).length / sent.length
const between = (sent: readonly Sent[], fromMinute: number, toMinute: number) =>
  sent.filter(({ atMs }) => atMs >= fromMinute * windowMs && atMs < toMinute * windowMs)
const quantile = (sent: readonly Sent[], q: number) => {
  const sorted = sent.flatMap(({ totalMs }) => totalMs ?? []).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * q)] ?? 0
}

describe('latency routing on real times of providers (A7)', () => {
  it.each<[Select, string]>([
    [{ strategy: 'latency', metric: 'ttft', quantile: 'p95' }, 'anyscale/llama'],
    [{ strategy: 'latency', metric: 'total', quantile: 'p95' }, 'anyscale/llama'],
  ])('%j sends nine of ten to the fastest, once every provider is measured', (select, fastest) => {
    const warm = between(run({ select, requests: 3_600 }), 10, 60)
    expect(shareOf(warm, fastest)).toBeGreaterThan(0.9)
  })

  it('is faster than taking turns, at p95 too', () => {
    const routed = between(run({ select: { strategy: 'latency', metric: 'total' }, requests: 3_600 }), 10, 60)
    const turns = between(run({ select: { strategy: 'weighted' }, requests: 3_600 }), 10, 60)
    expect(quantile(routed, 0.5)).toBeLessThan(quantile(turns, 0.5) * 0.8)
    expect(quantile(routed, 0.95)).toBeLessThan(quantile(turns, 0.95) * 0.5)
  })

  it('leaves a target that has become slow within two minutes, and comes back when it has recovered', () => {
    const slowness = (model: string, atMs: number) =>
      model === 'anyscale/llama' && atMs >= 10 * windowMs && atMs < 15 * windowMs ? 10 : 1
    const sent = run({ select: { strategy: 'latency', metric: 'ttft' }, requests: 3_600, slowness })
    expect(shareOf(between(sent, 8, 10), 'anyscale/llama')).toBeGreaterThan(0.9)
    expect(shareOf(between(sent, 12, 15), 'anyscale/llama')).toBeLessThan(0.1)
    // Recovered at minute 15: its slow answers are forgotten after six more, and exploration brings new ones.
    expect(shareOf(between(sent, 15 + windowsKept + 4, 60), 'anyscale/llama')).toBeGreaterThan(0.85)
  })

  it('recovers from a single slow sample', () => {
    const slowness = (model: string, atMs: number) => (model === 'anyscale/llama' && atMs < 20_000 ? 50 : 1)
    const sent = run({ select: { strategy: 'latency', metric: 'ttft', quantile: 'p99' }, requests: 2_400, slowness })
    expect(shareOf(between(sent, 20, 40), 'anyscale/llama')).toBeGreaterThan(0.8)
  })

  it('sends a provider that refuses most requests no more than it takes to find out', () => {
    const sent = run({ select: { strategy: 'latency', metric: 'total' }, requests: 3_600 })
    expect(shareOf(between(sent, 5, 60), 'lepton/llama')).toBeLessThanOrEqual(explorationShare + 0.02)
    expect(sent.every(({ totalMs }) => totalMs !== null)).toBe(true)
  })
})
