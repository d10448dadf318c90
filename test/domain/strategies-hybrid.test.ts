import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Select } from '#domain/route.ts'
import { decide, names, scored, times, view } from '#test/support/known-world.ts'

describe('hybrid (A9)', () => {
  it('keeps those within tolerance of the best for the next to decide, and says how', () => {
    const live = view({ 'p/a': scored(0.6), 'p/b': scored(0.9), 'p/c': scored(0.89) })
    const select: Select = { strategy: 'hybrid', order: [{ by: 'quality', within: 0.02 }, { by: 'cost' }] }
    // p/b is cheaper than p/c, p/a cheapest of all.
    expect(decide({ select }, live).order).toEqual(['p/b', 'p/c', 'p/a'])
    expect(decide({ select }, live).reason).toMatch(
      /^hybrid: quality keeps 2 of 3 \(best p\/b: exact 0\.950, .*\), then cost keeps 1 of 2 \(best p\/b: expected/,
    )
  })

  it('takes tolerances of cost and latency as parts of the best', () => {
    const live = view({ 'p/a': times(1_000), 'p/b': times(1_090), 'p/c': times(1_200) })
    const order = [{ by: 'latency', within: 0.1 }, { by: 'quality' }] as const
    const better = view({ 'p/a': { ...times(1_000), ...scored(0.1) }, 'p/b': { ...times(1_090), ...scored(0.9) } })
    expect(decide({ select: { strategy: 'hybrid', order } }, live).order).toEqual(['p/a', 'p/b', 'p/c'])
    expect(decide({ select: { strategy: 'hybrid', order } }, better).order).toEqual(['p/b', 'p/a', 'p/c'])
  })

  it('with tolerance 0 is a plain sort', () => {
    const level = fc.integer({ min: 0, max: 3 })
    const measures = fc.array(fc.tuple(level, level), { minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(measures, fc.shuffledSubarray(names, { minLength: 2 }), (levels, models) => {
        const of = (name: string) => levels[names.indexOf(name)] as [number, number]
        const live = view(
          Object.fromEntries(names.map((n) => [n, { ...scored(of(n)[0] / 4), ...times(100 + of(n)[1] * 50) }])),
        )
        const select: Select = { strategy: 'hybrid', order: [{ by: 'quality' }, { by: 'latency' }, { by: 'cost' }] }
        const plain = models.toSorted(
          (x, y) => of(y)[0] - of(x)[0] || of(x)[1] - of(y)[1] || names.indexOf(x) - names.indexOf(y),
        )
        expect(decide({ models, select }, live).order).toEqual(plain)
      }),
    )
  })

  it('puts those behind in order by the same rule: the best of them and its equals, then the best of the rest', () => {
    const level = fc.integer({ min: 0, max: 10 })
    const within = fc.constantFrom(0, 0.15, 0.3)
    const drawn = fc.record({
      levels: fc.array(fc.tuple(level, level), { minLength: 6, maxLength: 6 }),
      first: within,
      second: within,
    })
    fc.assert(
      fc.property(drawn, ({ levels, first, second }) => {
        const of = (name: string) => levels[names.indexOf(name)] as [number, number]
        const live = view(
          Object.fromEntries(names.map((n) => [n, { ...scored(of(n)[0] / 10), ...times(100 + of(n)[1] * 30) }])),
        )
        const select: Select = {
          strategy: 'hybrid',
          order: [
            { by: 'quality', within: first },
            { by: 'latency', within: second },
          ],
        }
        const wishes = [
          (n: string, best: string) => of(n)[0] / 10 >= of(best)[0] / 10 - first - 1e-6,
          (n: string, best: string) => 100 + of(n)[1] * 30 <= (100 + of(best)[1] * 30) * (1 + second) + 1e-6,
        ]
        const better = [(a: string, b: string) => of(b)[0] - of(a)[0], (a: string, b: string) => of(a)[1] - of(b)[1]]
        const arrange = (list: readonly string[], at: number): readonly string[] => {
          const [wish, compare] = [wishes[at], better[at]]
          const best = compare === undefined ? undefined : list.toSorted(compare)[0]
          if (wish === undefined || best === undefined) return list
          const kept = list.filter((name) => wish(name, best))
          return [
            ...arrange(kept, at + 1),
            ...arrange(
              list.filter((name) => !kept.includes(name)),
              at,
            ),
          ]
        }
        expect(decide({ models: names, select }, live).order).toEqual(arrange(names, 0))
      }),
    )
  })

  it('explores only among those that everything before latency has kept', () => {
    const live = view({
      'p/a': { ...scored(0.9), ...times(100) },
      'p/b': { ...scored(0.9), ...times(900) },
      'p/c': scored(0.1),
    })
    const select: Select = { strategy: 'hybrid', order: [{ by: 'quality', within: 0.02 }, { by: 'latency' }] }
    for (const random of [0, 0.01, 0.02, 0.03, 0.04, 0.0499]) {
      expect(decide({ select }, live, { random }).order[0]).not.toBe('p/c')
    }
  })

  it('filters by limits: a miss is out of this choice and logged, a fallback is not bound', () => {
    const live = view({
      'p/a': { ...scored(0.2), ...times(100) },
      'p/b': { ...scored(0.9), ...times(9_000) },
      'p/c': scored(0.8),
    })
    const order = [{ by: 'quality', min: 0.5, metric: 'exact' }, { by: 'latency', max: 4_000 }, { by: 'cost' }] as const
    const decision = decide({ select: { strategy: 'hybrid', order }, fallbacks: ['p/b'] }, live)
    expect(decision.order).toEqual(['p/c', 'p/b'])
    expect(decision.excluded.map(({ model, by }) => [model, by])).toEqual([
      ['p/a', 'min_quality'],
      ['p/b', 'max_latency'],
    ])
  })

  it('adds weights up to one score of parts in 0 to 1', () => {
    const live = view({
      'p/a': { ...scored(0.5), ...times(200) },
      'p/b': { ...scored(0.9), ...times(400) },
      'p/c': scored(0.9),
    })
    const choose = (weights: Select['weights']) =>
      decide({ select: { strategy: 'hybrid', ...(weights && { weights }) } }, live)
    expect(choose({ cost: 1 }).order).toEqual(['p/a', 'p/b', 'p/c'])
    expect(choose({ quality: 1 }).order).toEqual(['p/b', 'p/c', 'p/a'])
    // p/a: (0.5 + 1 + 1) / 3, p/b: (0.9 + 0.5 + 0.5) / 3, p/c: (0.9 + 1/3 + 0) / 3.
    expect(choose({ quality: 1, cost: 1, latency: 1 }).order).toEqual(['p/a', 'p/b', 'p/c'])
    expect(choose({ quality: 1, cost: 1, latency: 1 }).reason).toContain('score 0.833 is the highest of 3 eligible')
    expect(choose({ quality: 8, cost: 1, latency: 1 }).order[0]).toBe('p/b')
  })

  it('explores by weights only where being the fastest would make a target the first', () => {
    const live = view({
      'p/a': { ...scored(0.9), ...times(200) },
      'p/b': { ...scored(0.1) },
      'p/c': { ...scored(0.88) },
    })
    const select: Select = { strategy: 'hybrid', weights: { quality: 1, latency: 0.1 } }
    const explored = new Set(
      [0, 0.01, 0.02, 0.03, 0.049].map((random) => decide({ select }, live, { random }).order[0]),
    )
    expect(explored).not.toContain('p/b')
  })
})
