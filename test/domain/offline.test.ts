import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeOffline, type OfflinePolicy, type OutcomePair, offlinePolicyOf } from '#domain/promotion.ts'
import { pairedMeanBounds, sampleQuantile, studentQuantile, sumPairs } from '#domain/statistics.ts'
import { outcome } from './outcomes.ts'
import { seededRandom } from './seeded-random.ts'

const policy = (gates: OfflinePolicy['gates'], maxMissing = 0.05): OfflinePolicy => ({ gates, alpha: 0.05, maxMissing })

/** A suite of items from the scores of both arms; null is a missing score. */
function suite(metric: string, scores: readonly (readonly [number | null, number | null])[]): OutcomePair[] {
  const answer = (score: number | null) => (score === null ? outcome({}) : outcome({ [metric]: score }))
  return scores.map(([baseline, candidate]) => ({ baseline: answer(baseline), candidate: answer(candidate) }))
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

describe('absolute limits on a suite (D4)', () => {
  it('passes a mean exactly at the limit and fails one below it', () => {
    const at = suite('json_validity', [...times(98, [1, 1] as const), ...times(2, [1, 0] as const)])
    const gate = policy([{ metric: 'json_validity', min: 0.98 }])
    expect(judgeOffline(at, gate).action).toBe('advance')
    const below = suite('json_validity', [...times(97, [1, 1] as const), ...times(3, [1, 0] as const)])
    const verdict = judgeOffline(below, gate)
    expect(verdict.action).toBe('rollback')
    expect(verdict.gates).toMatchObject([{ verdict: 'fail', candidate: 0.97, baseline: 1, samples: 100 }])
  })

  it('accepts a limit of 1, which a suite can meet', () => {
    expect(judgeOffline(suite('exact', times(5, [0, 1])), policy([{ metric: 'exact', min: 1 }])).action).toBe('advance')
  })

  it('compares the quantile a latency metric names', () => {
    const slow = suite('latency_ms', [...times(94, [100, 100] as const), ...times(6, [100, 9000] as const)])
    expect(judgeOffline(slow, policy([{ metric: 'latency_p95_ms', max: 4000 }])).action).toBe('rollback')
    expect(judgeOffline(slow, policy([{ metric: 'latency_p50_ms', max: 4000 }])).action).toBe('advance')
  })

  it('scores failed answers 0 instead of leaving them out', () => {
    const failed = { baseline: outcome({ exact: 1 }), candidate: outcome({ error_rate: 1 }) }
    const pairs = [...suite('exact', times(90, [1, 1])), ...times(10, failed)]
    const verdict = judgeOffline(pairs, policy([{ metric: 'exact', min: 0.95 }]))
    expect(verdict.gates).toMatchObject([{ verdict: 'fail', candidate: 0.9, missing: 0 }])
  })
})

describe('differences on a suite (D4, C8)', () => {
  const gate = policy([{ metric: 'llm_judge', maxDrop: 0.03 }])

  it('passes a large equal suite, leaves a small one open and says what it could have seen', () => {
    expect(judgeOffline(suite('llm_judge', times(200, [0.8, 0.8])), gate).action).toBe('advance')
    const small = judgeOffline(suite('llm_judge', times(20, [0.8, 0.8])), gate)
    expect(small.action).toBe('inconclusive')
    expect(small.gates[0]?.mde).toBeGreaterThan(0.03)
    expect(small.reasons[0]?.message).toContain('20 items leave it open')
  })

  it('fails a candidate that is worse beyond doubt and leaves doubt open', () => {
    const worse = suite('llm_judge', [...times(160, [1, 1] as const), ...times(40, [1, 0] as const)])
    expect(judgeOffline(worse, gate).action).toBe('rollback')
    const doubtful = suite('llm_judge', [...times(190, [1, 1] as const), ...times(10, [1, 0] as const)])
    expect(judgeOffline(doubtful, gate).action).toBe('inconclusive')
  })

  it('passes a boundary candidate in at most 5 % of suites', () => {
    let passed = 0
    for (let seed = 0; seed < 1000; seed++) {
      const random = seededRandom(seed)
      const scores = Array.from(
        { length: 150 },
        () => [random.isTrue(0.85) ? 1 : 0, random.isTrue(0.82) ? 1 : 0] as const,
      )
      if (judgeOffline(suite('llm_judge', scores), gate).action === 'advance') passed++
    }
    expect(passed).toBeLessThanOrEqual(65)
  })

  it('compares cost by the linear contrast: half the price passes, double fails, the same price needs no luck', () => {
    const cost = (factor: number) => {
      const random = seededRandom(4)
      return suite(
        'cost_usd',
        Array.from({ length: 100 }, () => [0.01 + 0.01 * random.next(), 1]).map(([b = 0]) => [b, b * factor]),
      )
    }
    const none = policy([{ metric: 'cost_usd', maxIncrease: 0 }])
    expect(judgeOffline(cost(0.5), none).action).toBe('advance')
    expect(judgeOffline(cost(1), none).action).toBe('advance')
    expect(judgeOffline(cost(2), none).action).toBe('rollback')
  })

  it('compares latency by how often the raised baseline quantile is exceeded', () => {
    const latency = (factor: number) => {
      const random = seededRandom(8)
      const one = () => 500 * Math.exp(0.5 * random.normal())
      return suite(
        'latency_ms',
        Array.from({ length: 300 }, () => [one(), one() * factor]),
      )
    }
    const quarter = policy([{ metric: 'latency_p95_ms', maxIncrease: 0.25 }])
    expect(judgeOffline(latency(1), quarter).action).toBe('advance')
    expect(judgeOffline(latency(3), quarter).action).toBe('rollback')
  })
})

describe('missing data on a suite (C6)', () => {
  const gate = policy([{ metric: 'llm_judge', min: 0.5 }])

  it('is inconclusive when more than the allowed share is missing, whatever the rest says', () => {
    const holes = suite('llm_judge', [...times(94, [1, 1] as const), ...times(6, [1, null] as const)])
    expect(judgeOffline(holes, gate)).toMatchObject({ action: 'inconclusive', reasons: [{ rule: 'coverage' }] })
    const few = suite('llm_judge', [...times(95, [1, 1] as const), ...times(5, [1, null] as const)])
    expect(judgeOffline(few, gate).action).toBe('advance')
  })

  it('is inconclusive without items, without gates and where a score applies to one arm only', () => {
    expect(judgeOffline([], gate).action).toBe('inconclusive')
    expect(judgeOffline(suite('llm_judge', times(50, [1, 1])), policy([])).action).toBe('inconclusive')
    const silent = {
      baseline: outcome({ llm_judge: 1 }),
      candidate: outcome({}, { llm_judge: 'not_applicable' as const }),
    }
    const pairs = [...suite('llm_judge', times(180, [1, 1])), ...times(20, silent)]
    const verdict = judgeOffline(pairs, policy([{ metric: 'llm_judge', maxDrop: 0.05 }]))
    expect(verdict).toMatchObject({ action: 'inconclusive', reasons: [{ rule: 'not_applicable_gap' }] })
  })

  it('never advances on a suite without a usable candidate score', () => {
    const score = fc.constantFrom(null, Number.NaN, -1, 2)
    const row = fc.tuple(fc.constantFrom(null, 0, 1), score)
    const gates = [{ metric: 'llm_judge', min: 0, maxDrop: 0.5 }]
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (scores) => {
        expect(judgeOffline(suite('llm_judge', scores), policy(gates, 1)).action).not.toBe('advance')
      }),
    )
  })

  it('does not depend on the order of the items', () => {
    const row = fc.tuple(fc.constantFrom(null, 0, 0.5, 1), fc.constantFrom(null, 0, 0.5, 1))
    const both = policy([{ metric: 'llm_judge', min: 0.4, maxDrop: 0.1 }], 0.5)
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (scores) => {
        const verdicts = [scores, [...scores].reverse()].map((order) => judgeOffline(suite('llm_judge', order), both))
        const [forwards, backwards] = verdicts.map(({ action, gates }) => [action, gates.map((gate) => gate.verdict)])
        expect(backwards).toEqual(forwards)
      }),
    )
  })

  it('judges the offline gates of a bar', () => {
    const gates = [
      { metric: 'llm_judge', maxDrop: 0.1 },
      { metric: 'error_rate', max: 0.1, stages: ['canary' as const] },
    ]
    expect(offlinePolicyOf({ evaluators: [], gates })).toEqual({ gates: [gates[0]], alpha: 0.05, maxMissing: 0.05 })
  })
})

describe('fixed-look statistics', () => {
  it.each([
    [0.95, 1, 6.313751514675],
    [0.95, 10, 1.812461122811],
    [0.975, 100, 1.983971518449],
    [0.99, 500, 2.333828955352],
  ])('Student quantile %d at %d degrees of freedom is %d (R 4.3, qt)', (probability, freedom, expected) => {
    expect(studentQuantile(probability, freedom)).toBeCloseTo(expected, 8)
  })

  it('bounds of 100 equal pairs are those of the two pseudo-pairs alone', () => {
    const bounds = pairedMeanBounds(sumPairs(times(100, 0)), 0.05)
    expect(bounds?.lower).toBeCloseTo(-1.6603911560169928 * Math.sqrt(1 / 102 / 102), 10)
    expect(bounds?.upper).toBeCloseTo(-(bounds?.lower ?? 0), 12)
    expect(pairedMeanBounds(sumPairs([1]), 0.05)).toBeNull()
  })

  it('takes the smallest value that enough values do not exceed', () => {
    expect(sampleQuantile([4, 1, 3, 2], 0.5)).toBe(2)
    expect(
      sampleQuantile(
        Array.from({ length: 100 }, (_, i) => i + 1),
        0.95,
      ),
    ).toBe(95)
    expect(sampleQuantile([], 0.5)).toBeNull()
  })
})
