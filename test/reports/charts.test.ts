import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { progressBar, trafficBar, winBar } from '#reports/bars.ts'
import { boundPlot, intervalPlot, plotBox } from '#reports/charts.ts'
import type { AttemptRow } from '#reports/decision-view.ts'
import { savingsBox, savingsChart } from '#reports/savings-chart.ts'
import { sequenceBox, sequenceChart } from '#reports/sequence-chart.ts'
import { waterfall, waterfallBox } from '#reports/waterfall.ts'

const units = fc.constantFrom('score', 'rate', 'ms', 'usd') as fc.Arbitrary<'score'>
const size = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e7, max: 1e7 })
const ordered = fc.tuple(size, size).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)

/** Every coordinate a drawing names, as [x, y] where both are known. */
function extent(svg: string): { xs: number[]; ys: number[] } {
  const xs: number[] = []
  const ys: number[] = []
  for (const [, d] of svg.matchAll(/ d="([^"]*)"/g)) {
    for (const [, command, rest] of (d ?? '').matchAll(/([MLHVZ])([^MLHVZ]*)/g)) {
      const numbers = (rest ?? '')
        .split(/[ ,]+/)
        .filter((part) => part !== '')
        .map(Number)
      if (command === 'H') xs.push(...numbers)
      else if (command === 'V') ys.push(...numbers)
      else for (const [index, number] of numbers.entries()) (index % 2 === 0 ? xs : ys).push(number)
    }
  }
  for (const [, cx, cy] of svg.matchAll(/cx="([^"]*)" cy="([^"]*)"/g)) {
    xs.push(Number(cx))
    ys.push(Number(cy))
  }
  return { xs, ys }
}

function expectInside(svg: string, width: number, height: number): void {
  const { xs, ys } = extent(svg)
  expect(xs.length + ys.length).toBeGreaterThan(0)
  for (const x of xs) expect(x >= 0 && x <= width).toBe(true)
  for (const y of ys) expect(y >= 0 && y <= height).toBe(true)
}

const plotInput = fc.record({
  metric: fc.constantFrom('llm_judge', 'error_rate', 'own'),
  unit: units,
  isLowerBetter: fc.boolean(),
  difference: fc.option(size),
  interval: fc.option(ordered),
  limit: fc.option(size),
  tone: fc.constant('good'),
})

describe('interval plots', () => {
  it('never draw outside their box, whatever the numbers', () => {
    fc.assert(
      fc.property(plotInput, (input) => {
        expectInside(String(intervalPlot(input)), plotBox.width, plotBox.height)
      }),
    )
  })

  it('say in words what they draw', () => {
    fc.assert(
      fc.property(plotInput, (input) => {
        expect(String(intervalPlot(input))).toMatch(/<title>[^<]+<\/title><desc>[^<]+<\/desc>/)
      }),
    )
  })

  it('put better to the right, also where lower is better', () => {
    const of = (isLowerBetter: boolean, difference: number) => {
      const input = { metric: 'm', unit: 'score', difference, interval: null, limit: null, tone: 'good' } as const
      return Number(/cx="([\d.]+)"/.exec(String(intervalPlot({ ...input, isLowerBetter })))?.[1])
    }
    expect(of(false, 0.1)).toBeGreaterThan(plotBox.width / 2)
    expect(of(true, 0.1)).toBeLessThan(plotBox.width / 2)
    expect(of(true, -0.1)).toBeGreaterThan(plotBox.width / 2)
  })

  it('end in an arrow where the interval leaves the box', () => {
    const input = {
      metric: 'm',
      unit: 'score',
      isLowerBetter: false,
      difference: 0,
      limit: -0.01,
      tone: 'warn',
    } as const
    expect(String(intervalPlot({ ...input, interval: [-0.9, 0.01] }))).toMatch(/plot-interval" d="[^"]*L9 15L/)
    expect(String(intervalPlot({ ...input, interval: [-0.02, 0.01] }))).not.toMatch(/plot-interval" d="[^"]*L9 15L/)
  })

  it('draw a hollow dot while there is no interval, and none without a difference', () => {
    const input = {
      metric: 'm',
      unit: 'score',
      isLowerBetter: false,
      limit: null,
      interval: null,
      tone: 'warn',
    } as const
    expect(String(intervalPlot({ ...input, difference: 0.1 }))).toContain('plot-dot-hollow')
    expect(String(intervalPlot({ ...input, difference: null }))).not.toContain('<circle')
  })

  it('against a bound stay in their box too', () => {
    const value = fc.option(fc.double({ noNaN: true, min: 0, max: 1e6 }))
    fc.assert(
      fc.property(
        value,
        value,
        fc.double({ noNaN: true, min: 0, max: 1e6 }),
        units,
        fc.boolean(),
        (baseline, candidate, bound, unit, isMin) => {
          const limits = isMin ? { min: bound, max: null } : { min: null, max: bound }
          const svg = boundPlot({
            metric: 'm',
            unit,
            isLowerBetter: !isMin,
            baseline,
            candidate,
            ...limits,
            tone: 'bad',
          })
          expectInside(String(svg), plotBox.width, plotBox.height)
        },
      ),
    )
  })
})

describe('the course of an interval', () => {
  const point = fc.record({ at: fc.nat(), samples: fc.nat(100_000), difference: size, low: size, high: size })

  it('never leaves its box', () => {
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 2, maxLength: 30 }),
        fc.option(size),
        fc.boolean(),
        (history, limit, isLowerBetter) => {
          const svg = sequenceChart({ metric: 'm', unit: 'score', isLowerBetter, limit, history, tone: 'info' })
          if (svg !== null) expectInside(String(svg), sequenceBox.width, sequenceBox.height)
        },
      ),
    )
  })

  it('is not drawn from fewer than two points', () => {
    const input = { metric: 'm', unit: 'score', isLowerBetter: false, limit: null, tone: 'info' } as const
    expect(sequenceChart({ ...input, history: [] })).toBeNull()
    expect(sequenceChart({ ...input, history: [{ at: 0, samples: 1, difference: 0, low: -1, high: 1 }] })).toBeNull()
  })
})

describe('bars', () => {
  it('stay in their box for any counts and times', () => {
    const amount = fc.double({ noNaN: true, min: 0, max: 1e9 })
    fc.assert(
      fc.property(amount, amount, fc.nat(10_000), (a, b, shareBp) => {
        const bars = [
          trafficBar({ shareBp, candidateRequests: Math.min(a, b), requests: Math.max(a, b) }),
          winBar({ wins: a, ties: b, losses: shareBp }),
          progressBar({ part: a, whole: b, label: 'x' }),
        ]
        for (const bar of bars) expectInside(String(bar), 1000, 10)
      }),
    )
  })

  it('show no candidate where none has traffic', () => {
    expect(String(trafficBar({ shareBp: 0, candidateRequests: 0, requests: 100 }))).not.toContain('bar-candidate')
    expect(String(trafficBar({ shareBp: 500, candidateRequests: 4, requests: 100 }))).toContain('4\u00a0% observed')
  })
})

describe('the waterfall of attempts (B7)', () => {
  const ms = fc.double({ noNaN: true, min: 0, max: 1e7 })
  const attempt = fc.record({ start: ms, length: ms, wait: ms, first: fc.option(ms), isFailed: fc.boolean() }).map(
    ({ start, length, wait, first, isFailed }): AttemptRow => ({
      model: 'provider/some-model-with-a-name-that-is-longer-than-its-place',
      provider: 'provider',
      waitMs: wait,
      startMs: start,
      endMs: start + length,
      firstTokenMs: first === null ? null : start + Math.min(first, length),
      status: null,
      errorClass: isFailed ? 'timeout' : null,
      isFallback: false,
      costMicroUsd: null,
    }),
  )

  it('stays in its box for any times, and gives every attempt a bar', () => {
    fc.assert(
      fc.property(fc.array(attempt, { minLength: 1, maxLength: 8 }), ms, (attempts, totalMs) => {
        const svg = String(waterfall(attempts, totalMs))
        const { width, top, row, bottom } = waterfallBox
        expectInside(svg, width, top + attempts.length * row + bottom)
        expect(svg.match(/class="bar-(candidate|lost)"/g)?.length).toBe(attempts.length)
      }),
    )
  })

  it('is not drawn where nobody was asked', () => {
    expect(waterfall([], 5)).toBeNull()
  })
})

describe('cost by day (E3)', () => {
  it('stays in its box for any amounts, and draws no bar for nothing', () => {
    const amount = fc.integer({ min: 0, max: 1e12 })
    const day = fc.record({ at: fc.constant(0), requests: fc.nat(), actualMicroUsd: amount, strongestMicroUsd: amount })
    fc.assert(
      fc.property(fc.array(day, { minLength: 1, maxLength: 92 }), (days) => {
        const svg = String(savingsChart(days))
        expectInside(svg, savingsBox.width, savingsBox.height)
        const drawn = days.flatMap((each) => [each.actualMicroUsd, each.strongestMicroUsd]).filter((value) => value > 0)
        expect(svg.match(/class="bar-(base|candidate)"/g)?.length ?? 0).toBe(drawn.length)
      }),
    )
    expect(savingsChart([])).toBeNull()
  })

  it('draws what was paid to the height of its amount', () => {
    const svg = String(savingsChart([{ at: 0, requests: 1, actualMicroUsd: 50, strongestMicroUsd: 100 }]))
    const [base, paid] = [...svg.matchAll(/class="bar-\w+" d="M[\d.]+ ([\d.]+)V([\d.]+)H/g)].map(
      (match) => Number(match[1]) - Number(match[2]),
    )
    expect((paid ?? 0) / (base ?? 1)).toBeCloseTo(0.5, 2)
  })
})
