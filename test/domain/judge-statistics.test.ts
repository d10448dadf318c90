import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agreementOf, kappaOf, type LabelledVerdict, shareOf } from '#domain/judge-statistics.ts'
import { correctedDifference, correctedRate, labelAllocation } from '#domain/judge-statistics-corrected.ts'
import { lengthControl } from '#domain/judge-statistics-length.ts'
import { poweredMean } from '#domain/judge-statistics-powered.ts'
import { driftOf, orderStability } from '#domain/judge-statistics-stability.ts'

const words = { positive: 'met', negative: 'not_met' }

/** As many labels of each kind as the table says: rows are the judge's words, columns people's. */
function labelsOf(table: readonly (readonly number[])[], names: readonly string[]): LabelledVerdict[] {
  return table.flatMap((row, i) =>
    row.flatMap((count, j) => Array.from({ length: count }, () => ({ judge: names[i]!, human: names[j]! }))),
  )
}

function errors(sensitivity: [number, number], specificity: [number, number]) {
  return {
    sensitivity: { count: sensitivity[0], of: sensitivity[1] },
    specificity: { count: specificity[0], of: specificity[1] },
  }
}

/** A small generator: the same numbers everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('agreement with people (C4)', () => {
  // statsmodels 0.14 proportion_confint(method='wilson')
  test.each([
    [0, 10, 0, 0.27753279986288926],
    [41, 50, 0.692039463256992, 0.902298073297658],
    [50, 50, 0.9286524008666412, 1],
    [7, 200, 0.01705554200856719, 0.07047061152229073],
  ])('the interval of %i out of %i is Wilson’s', (count, of, low, high) => {
    const { interval } = shareOf(count, of)
    expect(interval?.[0]).toBeCloseTo(low, 12)
    expect(interval?.[1]).toBeCloseTo(high, 12)
  })

  test('nothing counted is no share, and not a share of 0', () => {
    expect(shareOf(0, 0)).toEqual({ count: 0, of: 0, share: null, interval: null })
  })

  // statsmodels 0.14 cohens_kappa, kappa_low, kappa_upp
  test.each([
    [
      [
        [40, 9],
        [6, 45],
      ],
      0.6995192307692307,
      0.5595903407506923,
      0.8394481207877692,
    ],
    [
      [
        [30, 5, 2],
        [4, 10, 6],
        [3, 7, 33],
      ],
      0.5799626633478532,
      0.4493260026814549,
      0.7105993240142514,
    ],
  ])('kappa of %j is what statsmodels says', (table, value, low, high) => {
    const kappa = kappaOf(labelsOf(table, ['baseline', 'tie', 'candidate']))
    expect(kappa?.value).toBeCloseTo(value, 10)
    expect(kappa?.interval[0]).toBeCloseTo(low, 10)
    expect(kappa?.interval[1]).toBeCloseTo(high, 10)
  })

  test('a judge that always says the same agrees often and tells nothing', () => {
    const labels = labelsOf(
      [
        [90, 10],
        [0, 0],
      ],
      ['met', 'not_met'],
    )
    const { exact, kappa, sensitivity, specificity } = agreementOf(labels, words)
    expect(exact.share).toBe(0.9)
    expect(kappa?.value).toBeCloseTo(0, 12)
    expect([sensitivity.share, specificity.share]).toEqual([1, 0])
  })

  test('has no kappa where one word alone was ever used', () => {
    expect(kappaOf([])).toBeNull()
    expect(kappaOf([{ judge: 'met', human: 'met' }])).toBeNull()
  })

  test('ties count in kappa and not in sensitivity', () => {
    const labels = [
      { judge: 'candidate', human: 'candidate' },
      { judge: 'tie', human: 'candidate' },
      { judge: 'baseline', human: 'baseline' },
    ]
    const {
      sensitivity,
      specificity,
      labels: count,
    } = agreementOf(labels, {
      positive: 'candidate',
      negative: 'baseline',
    })
    expect([count, sensitivity.of, specificity.of]).toEqual([3, 1, 1])
  })

  test('kappa lies in its interval, within -1 and 1, and does not care who is the judge', () => {
    const word = fc.constantFrom('met', 'not_met', 'tie')
    fc.assert(
      fc.property(fc.array(fc.record({ judge: word, human: word }), { maxLength: 60 }), (labels) => {
        const kappa = kappaOf(labels)
        const mirrored = kappaOf(labels.map(({ judge, human }) => ({ judge: human, human: judge })))
        expect(mirrored?.value ?? null).toEqual(kappa === null ? null : expect.closeTo(kappa.value, 9))
        if (kappa === null) return
        expect(kappa.interval[0]).toBeLessThanOrEqual(kappa.value + 1e-12)
        expect(kappa.interval[1]).toBeGreaterThanOrEqual(Math.min(1, kappa.value) - 1e-12)
      }),
      { seed: 3, numRuns: 100 },
    )
  })
})

describe('rates corrected for the judge’s errors (C4)', () => {
  // The authors' calibration.py (arXiv:2511.21140): confidence_interval(p, q0, q1, n, m0, m1)
  test.each([
    [825, 1_000, errors([54, 60], [34, 40]), 0.8153075653676636, 1],
    [5_000, 10_000, errors([4_500, 5_000], [4_500, 5_000]), 0.4857088025790391, 0.514291197420961],
    [60, 200, errors([20, 25], [18, 25]), 0, 0.3336947884210752],
  ])('%i of %i has the published interval', (passed, judged, measured, low, high) => {
    const corrected = correctedRate(passed, judged, measured)
    if (corrected.kind !== 'corrected') throw new Error(corrected.reason)
    expect(corrected.interval[0]).toBeCloseTo(low, 9)
    expect(corrected.interval[1]).toBeCloseTo(high, 9)
  })

  test('a rate of 0.825 by a judge with 0.9 and 0.85 stands for 0.9', () => {
    expect(correctedRate(825, 1_000, errors([90, 100], [85, 100]))).toMatchObject({ rate: expect.closeTo(0.9, 12) })
  })

  test.each([
    ['a coin', 100, errors([25, 50], [30, 50]), 'near to a coin'],
    ['too few labels of one kind', 100, errors([50, 50], [9, 9]), '9 negative'],
    ['no label', 100, errors([0, 0], [0, 0]), '0 labels'],
    ['nothing judged', 0, errors([50, 50], [50, 50]), 'no verdict'],
  ])('%s corrects nothing and says why', (_title, judged, measured, words) => {
    expect(correctedRate(0, judged, measured)).toEqual({
      kind: 'not_correctable',
      reason: expect.stringContaining(words),
    })
  })

  test('covers the truth where the raw interval never does', () => {
    const random = seeded(11)
    const draw = (count: number, share: number) =>
      Array.from({ length: count }, () => random() < share).filter(Boolean).length
    let [corrected, naive] = [0, 0]
    for (let round = 0; round < 400; round++) {
      const truth = 0.9
      const passed = draw(1_000, truth * 0.9 + (1 - truth) * 0.15)
      const measured = errors([draw(50, 0.9), 50], [draw(50, 0.85), 50])
      const result = correctedRate(passed, 1_000, measured)
      if (result.kind === 'corrected' && result.interval[0] <= truth && truth <= result.interval[1]) corrected++
      const plain = shareOf(passed, 1_000).interval
      if (plain !== null && plain[0] <= truth && truth <= plain[1]) naive++
    }
    expect(corrected / 400).toBeGreaterThan(0.93)
    expect(naive / 400).toBeLessThan(0.01)
  })

  test('a judge that is kinder to the candidate invents a difference that each arm’s own errors take back', () => {
    const baseline = { passed: 700, judged: 1_000, errors: errors([1_800, 2_000], [1_600, 2_000]) }
    // The same true rate, but wrong answers of the candidate slip through more often.
    const truth = (0.7 + 0.8 - 1) / (0.9 + 0.8 - 1)
    const kind = { passed: Math.round(1_000 * (truth * 0.9 + (1 - truth) * 0.4)), judged: 1_000 }
    const own = correctedDifference(baseline, { ...kind, errors: errors([1_800, 2_000], [1_200, 2_000]) })
    const pooled = correctedDifference(baseline, { ...kind, errors: baseline.errors })
    expect(own).toMatchObject({ rate: expect.closeTo(0, 2) })
    expect(own.kind === 'corrected' && own.interval[0] < 0 && own.interval[1] > 0).toBe(true)
    expect(pooled.kind === 'corrected' && pooled.interval[0] > 0).toBe(true)
  })

  test('swapping the arms flips the sign', () => {
    const arm = fc.record({ passed: fc.integer({ min: 0, max: 300 }), right: fc.integer({ min: 35, max: 50 }) })
    const of = ({ passed, right }: { passed: number; right: number }) => ({
      passed,
      judged: 300,
      errors: errors([right, 50], [right, 50]),
    })
    fc.assert(
      fc.property(arm, arm, (a, b) => {
        const [there, back] = [correctedDifference(of(a), of(b)), correctedDifference(of(b), of(a))]
        if (there.kind !== 'corrected' || back.kind !== 'corrected') throw new Error('not corrected')
        expect(there.rate).toBeCloseTo(-back.rate, 9)
        expect(there.interval[0]).toBeCloseTo(-back.interval[1], 9)
      }),
      { seed: 5, numRuns: 100 },
    )
  })

  test('labels go where the judge errs and where the answers are', () => {
    expect(labelAllocation(100, 0.5, errors([90, 100], [90, 100]))).toEqual({ positive: 50, negative: 50 })
    expect(labelAllocation(100, 0.9, errors([90, 100], [90, 100])).positive).toBe(90)
    expect(labelAllocation(100, 0.5, errors([98, 100], [70, 100])).negative).toBeGreaterThan(70)
  })
})

describe('a prediction-powered mean (C4)', () => {
  const [n, others] = [40, 300]
  const judge = Array.from({ length: n + others }, (_, i) => ((i * 37) % 101) / 100)
  const human = judge.map((value, i) => (((i * 53) % 97) / 97 < value ? 1 : 0))
  const labelled = judge.slice(0, n).map((value, i) => ({ judge: value, human: human[i]! }))

  // ppi_python 0.2.3 ppi_mean_pointestimate and ppi_mean_ci(alpha=0.05)
  test('is what ppi_py says', () => {
    const powered = poweredMean(labelled, judge.slice(n))
    expect(powered?.mean).toBeCloseTo(0.5255057957207675, 9)
    expect(powered?.interval[0]).toBeCloseTo(0.3965348027299688, 9)
    expect(powered?.interval[1]).toBeCloseTo(0.6544767887115661, 9)
  })

  test('ignores a judge that tells nothing, and is narrower with one that does', () => {
    const constant = poweredMean(
      labelled.map((label) => ({ ...label, judge: 0.5 })),
      Array(300).fill(0.5),
    )
    expect(constant?.weight).toBe(0)
    expect(constant?.mean).toBeCloseTo(constant?.labelsOnly.mean ?? Number.NaN, 12)
    const good = poweredMean(
      labelled.map((label) => ({ ...label, judge: label.human })),
      human.slice(n),
    )
    const width = (interval: readonly [number, number] | undefined) => interval![1] - interval![0]
    expect(width(good?.interval)).toBeLessThan(width(good?.labelsOnly.interval) * 0.6)
  })

  test('is unbiased even when the judge is: a judge that passes everything changes nothing', () => {
    const powered = poweredMean(
      labelled.map((label) => ({ ...label, judge: 1 })),
      Array(300).fill(1),
    )
    expect(powered?.mean).toBeCloseTo(powered?.labelsOnly.mean ?? Number.NaN, 12)
  })

  test('needs 20 labels and 20 others', () => {
    expect(poweredMean(labelled.slice(0, 19), judge)).toBeNull()
    expect(poweredMean(labelled, judge.slice(0, 19))).toBeNull()
  })
})

describe('length control (C4)', () => {
  const pairs = Array.from({ length: 80 }, (_, i) => {
    const lengthDifference = (((i * 29) % 61) - 25) * 12
    const value = i % 3 === 0 ? (lengthDifference > 0 ? 1 : 0) : [0, 0.5, 1, 1, 0, 1][(i * 7) % 6]!
    return { lengthDifference, value }
  })

  // statsmodels 0.14 GLM(Binomial).fit(cov_type='HC0') on tanh(d / sd(d))
  test('is the fitted logistic regression with robust errors', () => {
    const fit = lengthControl(pairs)
    expect(fit?.rate).toBeCloseTo(0.6, 12)
    expect(fit?.slope).toBeCloseTo(1.0900777567944442, 8)
    expect(fit?.slopeInterval[0]).toBeCloseTo(0.4415520392581358, 7)
    expect(fit?.slopeInterval[1]).toBeCloseTo(1.7386034743307526, 7)
    expect(Math.log(fit!.controlled / (1 - fit!.controlled))).toBeCloseTo(0.28512690893423287, 8)
    expect(Math.log(fit!.controlledInterval[0] / (1 - fit!.controlledInterval[0]))).toBeCloseTo(-0.14280086906214468, 7)
  })

  test('takes a judge that only counts words back to even', () => {
    const random = seeded(4)
    const byLength = Array.from({ length: 400 }, () => {
      const lengthDifference = (random() - 0.2) * 1_000
      return { lengthDifference, value: random() < 1 / (1 + Math.exp(-lengthDifference / 150)) ? 1 : 0 }
    })
    const fit = lengthControl(byLength)!
    expect(fit.rate).toBeGreaterThan(0.7)
    expect(fit.slopeInterval[0]).toBeGreaterThan(1)
    expect(fit.controlledInterval[0]).toBeLessThan(0.5)
    expect(fit.controlledInterval[1]).toBeGreaterThan(0.5)
  })

  test('gives nothing where length alone separates, where all lengths agree, or below 20 pairs', () => {
    expect(lengthControl(pairs.slice(0, 19))).toBeNull()
    expect(lengthControl(pairs.map((pair) => ({ ...pair, lengthDifference: 5 })))).toBeNull()
    expect(lengthControl(pairs.map((pair) => ({ ...pair, value: pair.lengthDifference > 0 ? 1 : 0 })))).toBeNull()
  })

  test('swapping the arms mirrors the rate and keeps the slope', () => {
    const value = fc.constantFrom(0, 0.5, 1)
    const lengthDifference = fc.integer({ min: -2_000, max: 2_000 })
    fc.assert(
      fc.property(fc.array(fc.record({ value, lengthDifference }), { minLength: 20, maxLength: 80 }), (some) => {
        const fit = lengthControl(some)
        const swapped = lengthControl(
          some.map((pair) => ({ value: 1 - pair.value, lengthDifference: -pair.lengthDifference })),
        )
        expect(swapped === null).toBe(fit === null)
        if (fit === null || swapped === null) return
        expect(swapped.slope).toBeCloseTo(fit.slope, 6)
        expect(swapped.controlled).toBeCloseTo(1 - fit.controlled, 6)
      }),
      { seed: 9, numRuns: 100 },
    )
  })
})

describe('stability of a judge (C4)', () => {
  test('a judge that takes whatever comes first flips always and favours the first place always', () => {
    const { flips, firstPlace } = orderStability(
      Array.from({ length: 10 }, () => ({ baselineFirst: 'baseline', candidateFirst: 'candidate' })),
    )
    expect([flips.share, firstPlace.share]).toEqual([1, 1])
  })

  test('a steady judge favours no place', () => {
    const { flips, firstPlace } = orderStability([
      { baselineFirst: 'candidate', candidateFirst: 'candidate' },
      { baselineFirst: 'baseline', candidateFirst: 'baseline' },
      { baselineFirst: 'tie', candidateFirst: 'tie' },
    ])
    expect([flips.share, firstPlace.share]).toEqual([0, 0.5])
  })

  test('drift is a mean that moved, not a flip here and there', () => {
    const steady = Array.from({ length: 30 }, (_, i) => ({ before: i % 2, now: i === 3 ? 0 : i === 4 ? 1 : i % 2 }))
    expect(driftOf(steady)).toMatchObject({ retests: 30, hasDrifted: false, flips: { count: 2 } })
    const harsher = steady.map(({ before }, i) => ({ before, now: i % 3 === 0 ? before : 0 }))
    expect(driftOf(harsher)).toMatchObject({ hasDrifted: true })
    expect(driftOf(harsher).shift).toBeLessThan(-0.3)
    expect(driftOf([])).toMatchObject({ retests: 0, shift: null, hasDrifted: false })
  })
})
