import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quietRecord } from '#domain/live.ts'
import { bookOf, liveWithScores, qualityFor, scoreOf } from '#domain/quality.ts'

describe('a score with its uncertainty (A8)', () => {
  it('has the Wilson interval of an independent calculation where there is nothing to shrink to', () => {
    // The roots of (p - 0.9)^2 = z^2 p (1 - p) / 50, solved with 50 digits in another program.
    const own = { samples: 50, sum: 45 }
    const score = scoreOf(own, own)
    expect(score?.score).toBe(0.9)
    expect(score?.low).toBeCloseTo(0.7864, 4)
    expect(score?.high).toBeCloseTo(0.95652, 4)
  })

  it('lies between its own answers and those of other tasks, the closer to its own the more there are', () => {
    const all = { samples: 1_000, sum: 500 }
    const few = scoreOf({ samples: 3, sum: 3 }, all)
    const many = scoreOf({ samples: 300, sum: 300 }, { samples: 1_300, sum: 800 })
    expect(few?.score).toBeGreaterThan(0.5)
    expect(few?.score).toBeLessThan(0.65)
    expect(many?.score).toBeGreaterThan(0.98)
  })

  it('stays in order and within 0 and 1, and is missing without an answer', () => {
    const tally = fc
      .integer({ min: 0, max: 500 })
      .chain((samples) => fc.double({ min: 0, max: 1, noNaN: true }).map((mean) => ({ samples, sum: samples * mean })))
    fc.assert(
      fc.property(tally, tally, (own, others) => {
        const all = { samples: own.samples + others.samples, sum: own.sum + others.sum }
        const score = scoreOf(own, all)
        expect(score === null).toBe(own.samples === 0)
        if (score === null) return
        expect(score.low).toBeGreaterThanOrEqual(0)
        expect(score.low).toBeLessThanOrEqual(score.score + 1e-9)
        expect(score.high).toBeGreaterThanOrEqual(score.score - 1e-9)
        expect(score.high).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('comes from items without a task where the task was never scored, and from nothing else', () => {
    const book = bookOf([
      { model: 'p/a', metric: 'exact', task: null, samples: 40, sum: 20 },
      { model: 'p/a', metric: 'exact', task: 'code', samples: 40, sum: 40 },
      { model: 'p/b', metric: 'exact', task: 'code', samples: 40, sum: 40 },
    ])
    expect(qualityFor(book, 'p/a', 'summarization')['exact']?.samples).toBe(40)
    expect(qualityFor(book, 'p/a', 'summarization')['exact']?.score).toBeCloseTo(0.6)
    expect(qualityFor(book, 'p/a', 'code')['exact']?.score).toBeCloseTo(0.9)
    expect(qualityFor(book, 'p/a', null)['exact']).toMatchObject({ score: 0.75, samples: 80 })
    expect(qualityFor(book, 'p/b', 'summarization')).toEqual({})
    expect(qualityFor(book, 'p/none', null)).toEqual({})
  })

  it('joins a recorded view only where that says nothing of scores (D3)', () => {
    const book = bookOf([{ model: 'p/a', metric: 'exact', task: null, samples: 40, sum: 20 }])
    const live = liveWithScores(
      { ...quietRecord, targets: { 'p/b': { quality: {} } } },
      book,
      ['p/a', 'p/b', 'p/c'],
      null,
    )
    expect(live.targets.get('p/a')?.quality['exact']?.score).toBe(0.5)
    expect(live.targets.get('p/b')?.quality).toEqual({})
    expect(live.targets.get('p/c')?.quality).toEqual({})
    expect(live.openCircuits.size).toBe(0)
  })
})
