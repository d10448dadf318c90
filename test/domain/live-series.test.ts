import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addCall,
  type CallOutcome,
  type LiveWindow,
  measureWindows,
  windowMs,
  windowsKept,
} from '#domain/live-series.ts'
import { addToHistogram, startHistogram } from '#domain/log-histogram.ts'
import { decodeSketch, encodeSketch, mergeSketch, type QuantileSketch, quantilesOf } from '#domain/quantile-sketch.ts'
import { sampleQuantile } from '#domain/statistics.ts'

const ms = fc.double({ min: 0.01, max: 600_000, noNaN: true })

function sketchOf(values: readonly number[]): QuantileSketch {
  const sketch = startHistogram()
  for (const value of values) addToHistogram(sketch, value)
  return sketch
}

describe('sketches of times (A7)', () => {
  it('add up to the sketch of all values, in any order', () => {
    fc.assert(
      fc.property(fc.array(ms), fc.array(ms), (some, others) => {
        const [left, right] = [sketchOf(some), sketchOf(others)]
        mergeSketch(left, sketchOf(others))
        mergeSketch(right, sketchOf(some))
        const all = sketchOf([...some, ...others])
        expect(quantilesOf(left)).toEqual(quantilesOf(all))
        expect(quantilesOf(right)).toEqual(quantilesOf(all))
        expect(left.total).toBe(all.total)
      }),
    )
  })

  it('are at most 1.7 % above the exact quantile', () => {
    fc.assert(
      fc.property(fc.array(ms, { minLength: 1, maxLength: 300 }), (values) => {
        const found = quantilesOf(sketchOf(values))
        for (const [name, q] of [
          ['p50', 0.5],
          ['p95', 0.95],
          ['p99', 0.99],
        ] as const) {
          const exact = sampleQuantile(values, q) as number
          expect((found?.[name] ?? 0) / exact).toBeGreaterThan(1 - 1e-9)
          expect((found?.[name] ?? 0) / exact).toBeLessThan(1.017)
        }
      }),
    )
  })

  it('survive being written and read', () => {
    fc.assert(
      fc.property(fc.array(ms), (values) => {
        const sketch = sketchOf(values)
        const read = decodeSketch(JSON.parse(JSON.stringify(encodeSketch(sketch))))
        expect(read?.total).toBe(sketch.total)
        expect(read === null ? null : quantilesOf(read)).toEqual(quantilesOf(sketch))
      }),
    )
  })

  it('are read from nothing that is no sketch', () => {
    for (const wrong of [
      null,
      {},
      'x',
      [1],
      [1, 0],
      [1, -1],
      [0, 1],
      [1.5, 1],
      [1, 'a'],
      [5, 1, 99_999, 1],
      [1, Number.NaN],
    ]) {
      expect(decodeSketch(wrong)).toBeNull()
    }
  })
})

const call = (totalMs: number): CallOutcome => ({
  isAnswered: true,
  ttftMs: null,
  totalMs,
  inputTokens: null,
  cachedInputTokens: null,
})

describe('windows of measurements (A7)', () => {
  it('give the same whether one replica measured or several', () => {
    const calls = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 10 * windowMs }), totalMs: ms, by: fc.nat(2) }))
    fc.assert(
      fc.property(calls, (list) => {
        const sorted = list.toSorted((a, b) => a.atMs - b.atMs)
        const one: LiveWindow[] = []
        const several: LiveWindow[][] = [[], [], []]
        for (const { atMs, totalMs, by } of sorted) {
          addCall(one, atMs, call(totalMs))
          addCall(several[by] as LiveWindow[], atMs, call(totalMs))
        }
        const now = 10 * windowMs
        expect(measureWindows(several.flat(), now)).toEqual(measureWindows(one, now))
      }),
    )
  })

  it('are kept for six minutes, longer only for want of answers, and never for more than an hour', () => {
    const busy: LiveWindow[] = []
    const seldom: LiveWindow[] = []
    for (let minute = 0; minute < 200; minute++) {
      for (let i = 0; i < 20; i++) addCall(busy, minute * windowMs, call(10))
      addCall(seldom, minute * windowMs, call(10))
    }
    expect(busy).toHaveLength(windowsKept)
    // Ten answers before the newest window began, and that one.
    expect(seldom).toHaveLength(11)
    expect(measureWindows(seldom, 199 * windowMs)).toMatchObject({ samples: windowsKept, totalMs: expect.anything() })
    expect(measureWindows(seldom, 240 * windowMs)).toMatchObject({ samples: 0, totalMs: expect.anything() })
    expect(measureWindows(seldom, 259 * windowMs)).toMatchObject({ samples: 0, totalMs: null })
  })

  it('count into the newest window when the clock steps back', () => {
    const windows: LiveWindow[] = []
    addCall(windows, 5 * windowMs, call(10))
    addCall(windows, 3 * windowMs, call(10))
    expect(windows.map(({ index, answered }) => [index, answered])).toEqual([[5, 2]])
  })
})
