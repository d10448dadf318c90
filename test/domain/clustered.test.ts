import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clusteredMean, clusteringOf, clusterSums, holm, noiseBand, postStratify } from '#domain/clustered.ts'
import { judgeOffline, type OfflinePolicy, type OutcomePair } from '#domain/promotion.ts'

const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 40 })
const alone = (list: readonly number[]) => list.map((value) => ({ value, cluster: null }))

describe('means of clustered differences (C8)', () => {
  it('give the paired t interval where every pair is alone', () => {
    // R: t.test(c(0.1, -0.2, 0.3, 0.0, 0.4)): mean 0.12, 95 % CI -0.1764 to 0.4164, p 0.3251
    const result = clusteredMean(clusterSums(alone([0.1, -0.2, 0.3, 0, 0.4])))
    expect(result?.mean).toBeCloseTo(0.12, 10)
    expect(result?.interval?.[0]).toBeCloseTo(-0.1764, 3)
    expect(result?.interval?.[1]).toBeCloseTo(0.4164, 3)
    expect(result?.pValue).toBeCloseTo(0.325, 2)
  })

  it('do not become surer by asking the same question again with the same result', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 5 }), (list, repeats) => {
        const once = clusteredMean(clusterSums(list.map((value, i) => ({ value, cluster: `${i}` }))))
        const again = clusteredMean(
          clusterSums(list.flatMap((value, i) => Array.from({ length: repeats }, () => ({ value, cluster: `${i}` })))),
        )
        expect(again?.mean).toBeCloseTo(once?.mean ?? Number.NaN, 9)
        expect(again?.standardError).toBeCloseTo(once?.standardError ?? Number.NaN, 7)
      }),
    )
  })

  it('do not depend on the order of the pairs, and swapping the arms flips the sign', () => {
    fc.assert(
      fc.property(values, (list) => {
        const result = clusteredMean(clusterSums(alone(list)))
        const turned = clusteredMean(clusterSums(alone([...list].reverse().map((value) => -value))))
        expect(turned?.mean).toBeCloseTo(-(result?.mean ?? 0), 9)
        expect(turned?.standardError).toBeCloseTo(result?.standardError ?? 0, 9)
      }),
    )
  })

  it('say nothing without a pair and give no interval from one cluster', () => {
    expect(clusteredMean(clusterSums([]))).toBeNull()
    const one = clusterSums([
      { value: 0.5, cluster: 'a' },
      { value: 0.1, cluster: 'a' },
    ])
    expect(clusteredMean(one)).toMatchObject({ mean: 0.3, interval: null, pValue: null, detectable: null })
  })

  it('take two equal losses for no proof, and a hundred for one', () => {
    const all = (count: number, value: number) =>
      clusteredMean(clusterSums(Array.from({ length: count }, (_, i) => ({ value, cluster: `${i}` }))))
    // R: binom.test(2, 2)$p.value = 0.5, binom.test(6, 6)$p.value = 0.03125
    expect(all(2, -1)?.pValue).toBeCloseTo(0.5, 10)
    expect(all(6, 1)?.pValue).toBeCloseTo(0.03125, 10)
    expect(all(2, -1)?.interval?.[1]).toBeGreaterThan(0)
    expect(all(100, -1)?.interval?.[1]).toBeLessThan(-0.9)
    // R: binom.test(0, 20, alternative = "less")$conf.int = 0 to 0.1391
    expect(all(20, 0)).toMatchObject({ pValue: 1, interval: [expect.closeTo(-0.1391, 4), expect.closeTo(0.1391, 4)] })
    // 0.1 is no binary fraction: what sums leave of it is no spread.
    expect(all(3, 1 - 0.9)?.pValue).toBe(1)
    expect(all(3, 1 - 0.9)?.detectable).toBe(1)
  })

  it('hold a difference of all or nothing as often as they say', () => {
    // Most losses are 0, one in 40 is 1: half of the suites of 20 show nothing at all.
    const rate = 1 / 40
    let [covered, weight] = [0, 0.975 ** 20]
    for (let lost = 0; lost <= 20; lost += 1) {
      const list = Array.from({ length: 20 }, (_, i) => (i < lost ? -1 : 0))
      const [low, high] = clusteredMean(clusterSums(alone(list)))?.interval ?? [0, 0]
      if (low <= -rate && -rate <= high) covered += weight
      weight *= ((20 - lost) / (lost + 1)) * (rate / (1 - rate))
    }
    expect(covered).toBeGreaterThan(0.95)
  })

  it('are surer of nothing in a gate where pairs hang together: what passes alone is left open in few clusters', () => {
    const policy: OfflinePolicy = { gates: [{ metric: 'exact', maxDrop: 0.05 }], alpha: 0.05, maxMissing: 0.05 }
    const pair = (i: number, cluster: string | null): OutcomePair => ({
      baseline: { values: { error_rate: 0, exact: 1 }, missing: {} },
      candidate: { values: { error_rate: 0, exact: i % 50 === 0 ? 0 : 1 }, missing: {} },
      cluster,
    })
    const judge = (clusterOf: (i: number) => string | null) =>
      judgeOffline(
        Array.from({ length: 400 }, (_, i) => pair(i, clusterOf(i))),
        policy,
      ).action
    expect(judge(() => null)).toBe('advance')
    expect(judge((i) => `${i}`)).toBe('advance')
    // All losses are in one document of four.
    expect(judge((i) => (i % 50 === 0 ? 'bad' : `${i % 3}`))).toBe('inconclusive')
    expect(judge(() => 'all')).toBe('inconclusive')
  })

  it('never narrow a bound', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 5 }), (list, groups) => {
        const clustering = clusteringOf(list.map((value, i) => ({ value, cluster: `${i % groups}` })))
        expect(clustering.designEffect).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})

describe('Holm', () => {
  it('multiplies the smallest by the number of looks and never orders them anew', () => {
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") = 0.03 0.06 0.06 0.02
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([
      expect.closeTo(0.03),
      expect.closeTo(0.06),
      expect.closeTo(0.06),
      expect.closeTo(0.02),
    ])
    expect(holm([null, 0.5, null])).toEqual([null, 0.5, null])
  })

  it('never lowers a p-value', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (list) => {
        holm(list).forEach((p, i) => {
          expect(p).toBeGreaterThanOrEqual(list[i] ?? 0)
        })
      }),
    )
  })
})

describe('weighting to traffic', () => {
  const difference = (mean: number) => ({ mean, standardError: 0.01 })

  it('follows the traffic, not the suite', () => {
    const result = postStratify([
      { name: 'chat', share: 0.9, difference: difference(0) },
      { name: 'code', share: 0.1, difference: difference(-0.5) },
    ])
    expect(result?.mean).toBeCloseTo(-0.05)
    expect(result?.covered).toBe(1)
  })

  it('names what no item covers, largest first, and says nothing about it', () => {
    const result = postStratify([
      { name: 'chat', share: 0.5, difference: difference(0.1) },
      { name: 'code', share: 0.2, difference: null },
      { name: 'extraction', share: 0.3, difference: null },
    ])
    expect(result).toMatchObject({ mean: 0.1, covered: 0.5 })
    expect(result?.uncovered.map(({ name }) => name)).toEqual(['extraction', 'code'])
    expect(postStratify([{ name: 'code', share: 1, difference: null }])).toBeNull()
  })
})

describe('the band of noise', () => {
  it('narrows with the root of the pairs and is 0 where the same question always gets the same score', () => {
    const narrow = noiseBand(0.25, 100, 400) ?? Number.NaN
    expect(noiseBand(0.25, 100, 100)).toBeCloseTo(2 * narrow, 10)
    expect(noiseBand(0, 100, 400)).toBe(0)
    expect(noiseBand(0.25, 1, 400)).toBeNull()
  })
})
