import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareOnMix,
  costAtPrice,
  meanDifference,
  minTaskRequests,
  qualityChange,
  type Sample,
  sampleOf,
  strongestModel,
} from '#domain/savings.ts'

const price = (input: number, output: number, cachedInput: number | null = null) => ({ input, output, cachedInput })
const tokens = { inputTokens: 1_000_000, cachedInputTokens: 0, outputTokens: 100_000 }
const scored = (mean: number, count = 400): Sample => ({ count, mean, variance: mean * (1 - mean) })
const model = (name: string, over: Partial<Parameters<typeof strongestModel>[0][number]> = {}) => ({
  model: name,
  price: price(1_000_000, 2_000_000),
  scores: new Map<string, Sample>(),
  ...over,
})

describe('the strongest model (E3)', () => {
  it('is the dearest of the pool while not every model has scores', () => {
    const found = strongestModel(
      [
        model('p/cheap', { scores: new Map([['numeric', scored(0.99)]]) }),
        model('p/dear', { price: price(5_000_000, 15_000_000) }),
      ],
      tokens,
    )
    expect(found).toMatchObject({ model: 'p/dear', by: 'price' })
    expect(found?.reason).toContain('not all of them have 30 scores of one evaluator')
  })

  it('is the one with the highest score where that is shown, even if it is cheaper', () => {
    const found = strongestModel(
      [
        model('p/dear', { price: price(5_000_000, 15_000_000), scores: new Map([['numeric', scored(0.7)]]) }),
        model('p/good', { scores: new Map([['numeric', scored(0.95)]]) }),
      ],
      tokens,
    )
    expect(found).toMatchObject({ model: 'p/good', by: 'quality' })
    expect(found?.reason).toContain('95.0 % over 400 scored answers')
  })

  it('is the dearest of those not shown to be worse than the best', () => {
    const found = strongestModel(
      [
        model('p/cheap', { scores: new Map([['numeric', scored(0.95)]]) }),
        model('p/dear', { price: price(5_000_000, 15_000_000), scores: new Map([['numeric', scored(0.94)]]) }),
        model('p/bad', { price: price(9_000_000, 9_000_000), scores: new Map([['numeric', scored(0.4)]]) }),
      ],
      tokens,
    )
    expect(found).toMatchObject({ model: 'p/dear', by: 'quality' })
    expect(found?.reason).toContain('not shown to be below the 95.0 % of p/cheap')
  })

  it('is never a model without a price, and none where none is priced', () => {
    const unpriced = model('p/free', { price: null, scores: new Map([['numeric', scored(1)]]) })
    expect(strongestModel([unpriced, model('p/paid')], tokens)?.model).toBe('p/paid')
    expect(strongestModel([unpriced], tokens)).toBeNull()
  })

  it('depends on input against output: the dearer of two changes with the tokens of the route', () => {
    const pool = [model('p/in', { price: price(10, 1) }), model('p/out', { price: price(1, 10) })]
    expect(strongestModel(pool, { inputTokens: 9, cachedInputTokens: 0, outputTokens: 1 })?.model).toBe('p/in')
    expect(strongestModel(pool, { inputTokens: 1, cachedInputTokens: 0, outputTokens: 9 })?.model).toBe('p/out')
  })
})

describe('the cost of tokens at another price', () => {
  it('bills cached input at its own price, and at the input price where there is none', () => {
    const cached = { inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 0 }
    expect(costAtPrice(price(10, 0, 1), cached)).toBeCloseTo(6.4, 12)
    expect(costAtPrice(price(10, 0), cached)).toBeCloseTo(10, 12)
  })

  it('is the sum of its parts: the cost of summed tokens is the sum of the costs', () => {
    const sums = fc.record({
      inputTokens: fc.nat(10_000),
      cachedInputTokens: fc.constant(0),
      outputTokens: fc.nat(10_000),
    })
    fc.assert(
      fc.property(fc.array(sums, { maxLength: 20 }), (parts) => {
        const at = price(150_000, 600_000)
        const all = {
          inputTokens: parts.reduce((sum, part) => sum + part.inputTokens, 0),
          cachedInputTokens: 0,
          outputTokens: parts.reduce((sum, part) => sum + part.outputTokens, 0),
        }
        expect(costAtPrice(at, all)).toBeCloseTo(
          parts.reduce((sum, part) => sum + costAtPrice(at, part), 0),
          6,
        )
      }),
    )
  })
})

describe('two versions on one task mix (E3)', () => {
  const each = (value: number, count: number, variance = 1): Sample => ({ count, mean: value, variance })

  it('does not tell an easier mix as a saving', () => {
    // Both versions cost 10 for easy and 100 for hard requests; only the mix changed.
    const current = new Map([
      ['easy', each(10, 90)],
      ['hard', each(100, 10)],
    ])
    const other = new Map([
      ['easy', each(10, 10)],
      ['hard', each(100, 90)],
    ])
    const compared = compareOnMix(current, other)
    expect(compared?.savedEach).toBeCloseTo(0, 12)
    expect(compared?.currentEach).toBeCloseTo(19, 12)
    expect(compared?.coverage).toBe(1)
  })

  it('has the interval that the stratified formula gives', () => {
    // The same formula in Python with statistics.NormalDist: half width 0.72883587
    const current = new Map([
      ['a', each(5, 300, 4)],
      ['b', each(20, 100, 16)],
    ])
    const other = new Map([
      ['a', each(9, 50, 9)],
      ['b', each(50, 80, 25)],
    ])
    const compared = compareOnMix(current, other)
    const error = Math.sqrt(0.75 ** 2 * (4 / 300 + 9 / 50) + 0.25 ** 2 * (16 / 100 + 25 / 80)) * 1.959963984540054
    expect(compared?.savedEach).toBeCloseTo(0.75 * 4 + 0.25 * 30, 12)
    expect(compared?.interval[0]).toBeCloseTo(10.5 - error, 12)
    expect(compared?.interval[1]).toBeCloseTo(10.5 + error, 12)
  })

  it('leaves out tasks that one side hardly had, and says how much is left', () => {
    const current = new Map([
      ['a', each(5, 30)],
      ['new', each(50, 70)],
    ])
    const compared = compareOnMix(
      current,
      new Map([
        ['a', each(8, 30)],
        ['new', each(50, minTaskRequests - 1)],
      ]),
    )
    expect(compared).toMatchObject({ requests: 30, otherRequests: 30, coverage: 0.3 })
    expect(compared?.savedEach).toBeCloseTo(3, 12)
    expect(compareOnMix(current, new Map([['other', each(1, 100)]]))).toBeNull()
    expect(compareOnMix(new Map(), new Map())).toBeNull()
  })

  it('flips its sign when the versions are swapped on one mix', () => {
    const sample = fc.record({
      count: fc.integer({ min: 5, max: 500 }),
      mean: fc.nat(10_000),
      variance: fc.nat(10_000),
    })
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const one = compareOnMix(new Map([[null, a]]), new Map([[null, b]]))
        const two = compareOnMix(new Map([[null, b]]), new Map([[null, a]]))
        expect(one?.savedEach).toBeCloseTo(-(two?.savedEach ?? 0), 9)
        expect(one?.interval[0]).toBeCloseTo(-(two?.interval[1] ?? 0), 9)
      }),
    )
  })
})

describe('a change of quality', () => {
  it('is only told where the interval leaves zero out, in the direction that counts', () => {
    expect(qualityChange([-0.1, -0.01], false)).toBe('fell')
    expect(qualityChange([0.01, 0.1], false)).toBe('rose')
    expect(qualityChange([0.01, 0.1], true)).toBe('fell')
    expect(qualityChange([-0.1, 0.01], false)).toBe('not_shown')
    expect(qualityChange(null, false)).toBe('not_shown')
  })

  it('has sums and means that agree with the values themselves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 50 }), (values) => {
        const mean = values.reduce((a, b) => a + b, 0) / values.length
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
        const sums = [values.reduce((a, b) => a + b, 0), values.reduce((a, b) => a + b * b, 0)] as const
        const sample = sampleOf(values.length, ...sums)
        expect(sample.mean).toBeCloseTo(mean, 9)
        expect(sample.variance).toBeCloseTo(variance, 4)
        expect(meanDifference(sample, sample).difference).toBe(0)
      }),
    )
  })
})
