import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LiveView, quietLive } from '#domain/live.ts'
import type { Constraints, RouteSpec, Select } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { explorationShare } from '#domain/strategies-latency.ts'
import { plainLabelOf } from '#domain/task.ts'
import { catalogue, decide, names, price, scored, times, view } from '#test/support/known-world.ts'
import { someFacts } from '#test/support/request-facts.ts'
import { aModel, aVersion } from '#test/support/routing.ts'

describe('least-busy (A11)', () => {
  const select: Select = { strategy: 'least-busy' }

  it('prefers whoever has the fewest requests under way, then the heavier, then the first', () => {
    const models = ['p/a', { model: 'p/b', weight: 3 }, 'p/c']
    const busy = view({ 'p/a': { inFlight: 2 }, 'p/b': { inFlight: 1 }, 'p/c': { inFlight: 1 } })
    expect(decide({ models, select }, busy).order).toEqual(['p/b', 'p/c', 'p/a'])
    expect(decide({ models, select }, quietLive()).order).toEqual(['p/b', 'p/a', 'p/c'])
    expect(decide({ models, select }, busy).reason).toBe('least-busy: 1 under way, fewest of 3 eligible')
  })
})

describe('cost with a cached price (A6)', () => {
  const models = new Map([
    ['p/a', aModel('p/a', { price: price(2_000_000, 200_000) })],
    ['p/b', aModel('p/b', { price: price(1_500_000) })],
  ])
  const spec: RouteSpec = { models: ['p/a', 'p/b'], select: { strategy: 'cost', acceptAnyQuality: true } }
  const choose = (live: LiveView) =>
    decideTargets({
      catalogue: { ...catalogue, models },
      version: aVersion('r', 1, spec),
      request: someFacts({ inputTokens: 1_000 }),
      task: plainLabelOf(spec, {}),
      random: 0.5,
      live,
    })

  it('counts the share of input that the provider has lately billed as cached', () => {
    expect(choose(quietLive()).firstChoice).toBe('p/b')
    const cached = choose(view({ 'p/a': { cachedShare: 0.5 }, 'p/b': { cachedShare: 0.9 } }))
    // p/a: 500 at 2.00 and 500 at 0.20 dollars a million; p/b has no cached price, so all 1,000 at 1.50.
    expect(cached.firstChoice).toBe('p/a')
    expect(cached.reason).toBe('cost: cheapest of 2 eligible, expected $0.001100, 50 % of the input cached')
  })

  it('never counts on the cache where a limit must hold', () => {
    const limited = { ...spec, constraints: { maxCostUsd: 0.0019 } }
    const decision = decideTargets({
      catalogue: { ...catalogue, models },
      version: aVersion('r', 1, limited),
      request: someFacts({ inputTokens: 1_000 }),
      task: plainLabelOf(spec, {}),
      random: 0.5,
      live: view({ 'p/a': { cachedShare: 1 } }),
    })
    expect(decision.excluded).toContainEqual(expect.objectContaining({ model: 'p/a', by: 'max_cost' }))
  })
})

describe('latency (A7)', () => {
  const select: Select = { strategy: 'latency' }

  it('sends a request to the lowest p95 and says so', () => {
    const live = view({ 'p/a': times(900), 'p/b': times(300), 'p/c': times(600) })
    expect(decide({ select }, live).order).toEqual(['p/b', 'p/c', 'p/a'])
    expect(decide({ select }, live).reason).toBe('latency: lowest p95 of the total time of 3 eligible, 300 ms')
  })

  it.each<[Select, boolean, string]>([
    [{ strategy: 'latency' }, true, 'p95 of the first token'],
    [{ strategy: 'latency' }, false, 'p95 of the total time'],
    [{ strategy: 'latency', metric: 'total', quantile: 'p99' }, true, 'p99 of the total time'],
    [{ strategy: 'latency', metric: 'ttft', quantile: 'p50' }, true, 'p50 of the first token'],
    [{ strategy: 'latency', metric: 'ttft' }, false, 'p95 of the total time'],
  ])('%j of a stream %s goes by the %s', (by, stream, name) => {
    const live = view({ 'p/a': times(900), 'p/b': times(300), 'p/c': times(600) })
    expect(decide({ select: by }, live, { facts: { stream } }).reason).toContain(name)
  })

  it('never divides a time by tokens: what decides is the time, whatever is asked for (gateway-notes 14)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 10, max: 60_000 }), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.option(fc.integer({ min: 1, max: 8_000 })),
        (p95s, inputTokens, maxOutputTokens) => {
          const live = view(Object.fromEntries(p95s.map((p95, index) => [names[index], times(p95 * 10)])))
          const { order } = decide({ select }, live, { facts: { stream: true, inputTokens, maxOutputTokens } })
          const byTime = names.slice(0, 3).toSorted((a, b) => p95s[names.indexOf(a)]! - p95s[names.indexOf(b)]!)
          expect(order).toEqual(byTime)
        },
      ),
    )
  })

  it('explores with at most the stated share of requests, and then the target measured least', () => {
    const measure = fc.record({ p95: fc.integer({ min: 1, max: 9_999 }), samples: fc.integer({ min: 10, max: 999 }) })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.array(measure, { minLength: 3, maxLength: 3 }), random, (measures, drawn) => {
        const live = view(Object.fromEntries(measures.map((m, index) => [names[index], times(m.p95, m.samples)])))
        const { order } = decide({ select }, live, { random: drawn })
        const fastest = Math.min(...measures.map((m) => m.p95))
        const chosen = measures[names.indexOf(order[0] ?? '')]
        if (drawn >= explorationShare) expect(chosen?.p95).toBe(fastest)
        else if (chosen?.p95 !== fastest) expect(chosen?.samples).toBe(Math.min(...measures.map((m) => m.samples)))
      }),
    )
  })

  it('starves nobody: a target without answers gets them from exploration, and takes turns while none is measured', () => {
    const live = view({ 'p/a': times(100), 'p/b': times(50, 3) })
    expect(decide({ select }, live, { random: 0.01 }).order[0]).toBe('p/c')
    expect(decide({ select }, live, { random: 0.9 }).order).toEqual(['p/a', 'p/b', 'p/c'])
    const cold = view({ 'p/a': times(0, 4), 'p/b': { ...times(0, 2), inFlight: 1 } })
    expect(decide({ select }, cold).order).toEqual(['p/c', 'p/b', 'p/a'])
    expect(decide({ select }, cold).reason).toContain('no target is measured yet')
  })

  it('explores nobody whose circuit is open', () => {
    const live = view({ 'p/a': times(100), 'p/b': times(200) }, { openCircuits: new Set(['p/c']) })
    const { firstChoice } = decide({ select }, live, { random: 0.001 })
    expect(firstChoice).not.toBe('p/c')
  })
})

describe('quality (A8)', () => {
  const select: Select = { strategy: 'quality', metric: 'exact' }

  it('goes by the lower end of the interval, so that a few lucky answers do not win', () => {
    const live = view({ 'p/a': scored(0.5, 0.99), 'p/b': scored(0.8, 0.85) })
    expect(decide({ select }, live).order).toEqual(['p/b', 'p/a', 'p/c'])
    expect(decide({ select }, live).reason).toBe('quality: best of 3 eligible, exact 0.850, at least 0.800 (50 scores)')
  })

  it('puts a model without a score behind every other, and says when nothing is scored', () => {
    expect(decide({ select }, view({ 'p/c': scored(0) })).order).toEqual(['p/c', 'p/a', 'p/b'])
    expect(decide({ select }, quietLive()).reason).toContain('no target has a score of exact for this task')
  })

  it('takes the floor’s metric, else the one that most targets have, where it names none', () => {
    const both = view({
      'p/a': { quality: { ...scored(0.9).quality, ...scored(0.1, 0.2, 'tone').quality } },
      'p/b': { quality: { ...scored(0.2).quality, ...scored(0.8, 0.9, 'tone').quality } },
      'p/c': scored(0.3),
    })
    const by = { strategy: 'quality' } as const
    expect(decide({ select: by }, both).reason).toContain('exact 0.950')
    const constraints = { minQuality: { metric: 'tone', score: 0 } }
    expect(decide({ select: by, constraints }, both).order).toEqual(['p/b', 'p/a'])
  })
})

describe('every strategy', () => {
  const selects: Select[] = [
    { strategy: 'priority' },
    { strategy: 'weighted' },
    { strategy: 'least-busy' },
    { strategy: 'cost', acceptAnyQuality: true },
    { strategy: 'latency' },
    { strategy: 'quality' },
    { strategy: 'hybrid', order: [{ by: 'quality', within: 0.1 }, { by: 'latency', within: 0.2 }, { by: 'cost' }] },
    { strategy: 'hybrid', weights: { quality: 1, cost: 1, latency: 1 } },
  ]
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const measure = fc.record(
    {
      inFlight: fc.nat(5),
      times: fc.record({ p95: fc.integer({ min: 1, max: 9_999 }), samples: fc.nat(200) }),
      quality: unit,
    },
    { requiredKeys: [] },
  )
  const world = fc.record({
    measures: fc.array(fc.option(measure), { minLength: 6, maxLength: 6 }),
    random: unit,
    select: fc.constantFrom(...selects),
    models: fc.shuffledSubarray(names, { minLength: 6 }),
    weights: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
    floor: unit,
  })
  type World = typeof world extends fc.Arbitrary<infer T> ? T : never
  const liveOf = ({ measures }: World) =>
    view(
      Object.fromEntries(
        measures.flatMap((m, index) =>
          m === null
            ? []
            : [
                [
                  names[index],
                  {
                    inFlight: m.inFlight ?? 0,
                    ...(m.times && times(m.times.p95, m.times.samples)),
                    ...(m.quality !== undefined && scored(m.quality * 0.9, m.quality)),
                  },
                ],
              ],
        ),
      ),
    )
  const constraints = (floor: number): Constraints => ({
    minQuality: { metric: 'exact', score: floor },
    maxLatencyMs: { p95: 5_000 },
  })
  const pool = ({ models, weights }: World) =>
    models.map((model) => ({ model, weight: weights[names.indexOf(model)] ?? 0 }))

  it('never chooses a target of weight 0, never breaks a quality floor, and lists every other target once', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const live = liveOf(drawn)
        const spec = {
          models: pool(drawn),
          select: drawn.select,
          constraints: constraints(drawn.floor),
          fallbacks: names,
        }
        const { order, excluded, eligible } = decide(spec, live, { random: drawn.random })
        for (const model of order) {
          expect(live.targets.get(model)?.quality['exact']?.score).toBeGreaterThanOrEqual(drawn.floor)
        }
        for (const { model, weight } of pool(drawn)) if (weight === 0) expect(eligible).not.toContain(model)
        expect(new Set(order).size).toBe(order.length)
        const out = new Set(excluded.map(({ model }) => model))
        expect(new Set([...order, ...out])).toEqual(new Set(names))
      }),
      { numRuns: 400 },
    )
  })

  it('excludes the same targets for the same reasons, whatever the order of the pool', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const exclusionsFor = (models: ReturnType<typeof pool>) =>
          decide({ models, select: drawn.select, constraints: constraints(drawn.floor) }, liveOf(drawn), drawn)
            .excluded.map((exclusion) => JSON.stringify(exclusion))
            .sort()
        expect(exclusionsFor(pool(drawn))).toEqual(exclusionsFor(pool({ ...drawn, models: names })))
      }),
    )
  })

  it('draws weighted shares within what chance allows', () => {
    const models = [
      { model: 'p/a', weight: 1 },
      { model: 'p/b', weight: 3 },
      { model: 'p/c', weight: 0 },
    ]
    const total = 4_000
    const counts = new Map<string, number>()
    for (let i = 0; i < total; i++) {
      // A low-discrepancy sequence: no generator is needed to be even.
      const { order } = decide({ models, select: { strategy: 'weighted' } }, quietLive(), {
        random: (i * 0.6180339887) % 1,
      })
      counts.set(order[0] ?? '', (counts.get(order[0] ?? '') ?? 0) + 1)
    }
    const deviation = Math.sqrt(total * 0.25 * 0.75)
    expect(Math.abs((counts.get('p/a') ?? 0) - total / 4)).toBeLessThan(4 * deviation)
    expect(counts.get('p/c')).toBeUndefined()
  })
})
