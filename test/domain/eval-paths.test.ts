import { describe, expect, it } from 'vitest'
import { estimateRunCost } from '#domain/eval-estimate.ts'
import { judgePaths, pathsOf } from '#domain/eval-paths.ts'
import { progressOf } from '#domain/eval-progress.ts'
import { judgeOffline, type OfflinePolicy, type OutcomePair } from '#domain/promotion.ts'
import type { Model } from '#domain/snapshot.ts'

const policy: OfflinePolicy = { gates: [{ metric: 'exact', maxDrop: 0.05 }], alpha: 0.05, maxMissing: 0.05 }

function pairs(count: number, share: number): OutcomePair[] {
  return Array.from({ length: count }, (_, i) => ({
    baseline: { values: { error_rate: 0, exact: 1 }, missing: {} },
    candidate: { values: { error_rate: 0, exact: i < share * count ? 1 : 0 }, missing: {} },
  }))
}

describe('the paths of a version (C7, D4)', () => {
  it('has none to force with one model', () => {
    expect(pathsOf({ models: ['p/a'] })).toEqual([])
  })

  it('makes the primary fail, and forces what neither it nor its first fallback shows', () => {
    expect(pathsOf({ models: ['p/a'], fallbacks: ['q/b', 'q/c'] })).toEqual([
      { failing: ['p/a'], failure: 'server_error' },
      { model: 'q/c' },
    ])
  })

  it('makes every model of a pool fail, all together where fallbacks are left, and forces each', () => {
    expect(pathsOf({ models: ['p/a', 'p/b'], fallbacks: [{ model: 'q/c', on: ['rate_limit'] }] })).toEqual([
      { failing: ['p/a'], failure: 'rate_limit' },
      { failing: ['p/b'], failure: 'rate_limit' },
      { failing: ['p/a', 'p/b'], failure: 'rate_limit' },
      { model: 'p/a' },
      { model: 'p/b' },
      { model: 'q/c' },
    ])
  })
})

describe('a verdict with forced paths', () => {
  const main = judgeOffline(pairs(400, 1), policy)
  const judge = (share: number, count = 100, demand: 'no_harm' | 'pass' = 'no_harm') =>
    judgePaths(main, [{ label: 'v2 with p/a failing', pairs: pairs(count, share) }], policy, demand)

  it('advances where the fallback is as good', () => {
    expect(judge(1).action).toBe('advance')
    expect(judge(1).evidence).toMatchObject({ paths: [{ verdict: 'advance', pairs: 100 }] })
  })

  it('fails a version whose fallback misses the bar, and says which path it was', () => {
    const verdict = judge(0.5)
    expect(verdict.action).toBe('rollback')
    expect(verdict.reasons[0]).toMatchObject({ rule: 'path' })
    expect(verdict.reasons[0]?.message).toContain('path v2 with p/a failing: exact must be')
  })

  it('leaves a sample that cannot decide at "no harm shown", unless the plan demands a pass', () => {
    expect(judge(0.96).action).toBe('advance')
    expect(judge(0.96).evidence).toMatchObject({ paths: [{ verdict: 'no_harm' }] })
    expect(judge(0.96, 100, 'pass').action).toBe('inconclusive')
  })

  it('is inconclusive where the scores of a path are missing: missing never passes', () => {
    const lost = pairs(100, 1).map((pair) => ({
      ...pair,
      candidate: { values: { error_rate: 0 }, missing: { exact: 'infrastructure' as const } },
    }))
    expect(judgePaths(main, [{ label: 'x', pairs: lost }], policy, 'no_harm').action).toBe('inconclusive')
  })

  it('never turns a failure of the version itself into a pass', () => {
    const failed = judgeOffline(pairs(400, 0.5), policy)
    expect(judgePaths(failed, [{ label: 'x', pairs: pairs(100, 1) }], policy, 'no_harm').action).toBe('rollback')
  })

  it('is the plain verdict where no item takes a path', () => {
    expect(judgePaths(main, [{ label: 'x', pairs: [] }], policy, 'no_harm')).toEqual(main)
  })
})

describe('the estimate of a run', () => {
  const model = (input: number) => ({ price: { input, cachedInput: null, output: 0 }, maxOutputTokens: null })
  const models = new Map<string, Pick<Model, 'price' | 'maxOutputTokens'>>([
    ['p/cheap', model(1_000_000)],
    ['p/dear', model(10_000_000)],
    ['p/free-text', { price: null, maxOutputTokens: null }],
  ])
  const input = { inputTokens: 1_000, outputTokens: 10, models }

  it('spans from the cheapest to the dearest model and adds judges to both', () => {
    const targets = [{ label: 'v2', answers: 100, models: ['p/cheap', 'p/dear'] }]
    const alone = estimateRunCost({ ...input, targets, judges: [] })
    expect([alone.lowMicroUsd, alone.highMicroUsd]).toEqual([100_000, 1_000_000])
    const judges = [{ evaluator: 'llm_judge', models: ['p/cheap'], calls: 2 }]
    const judged = estimateRunCost({ ...input, targets, judges })
    // 1,000 + 10 + 900 tokens of instructions, both orders, 100 answers
    expect(judged.judgeMicroUsd).toBe(382_000)
    expect(judged.lowMicroUsd).toBe(482_000)
  })

  it('is no number where a model has no price, and names it: unknown is not free', () => {
    const targets = [{ label: 'v2', answers: 100, models: ['p/cheap', 'p/free-text'] }]
    expect(estimateRunCost({ ...input, targets, judges: [] })).toMatchObject({
      lowMicroUsd: null,
      highMicroUsd: null,
      unpriced: ['p/free-text'],
    })
  })
})

describe('the progress of a run', () => {
  const counts = { planned: 200, answered: 100, errored: 0, skipped: 0, scored: 100, doneLastMinute: 60 }

  it('tells the end from the last minute', () => {
    expect(progressOf({ ...counts, firstDoneAt: 0 }, 120_000)).toEqual({ share: 0.5, perMinute: 60, secondsLeft: 100 })
  })

  it('knows no end while nothing comes in, and none is left at the end', () => {
    expect(progressOf({ ...counts, doneLastMinute: 0, firstDoneAt: 0 }, 120_000).secondsLeft).toBeNull()
    expect(progressOf({ ...counts, answered: 200, scored: 200, firstDoneAt: 0 }, 120_000)).toMatchObject({
      share: 1,
      secondsLeft: 0,
    })
  })
})
