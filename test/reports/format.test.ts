import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as format from '#reports/format.ts'
import { path, safeUrl } from '#reports/helpers.ts'
import { differenceLimit, requirementWords } from '#reports/requirement.ts'
import { aThreshold } from '#test/reports/factories.ts'

/** A no-break space as the pages write it. */
const nb = (text: string) => text.replaceAll('~', '\u00a0')

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [12_345_678, '12,345,678'],
  ])('counts %d as %s', (value, text) => {
    expect(format.count(value)).toBe(text)
  })

  it.each([
    [0, '0~%'],
    [50, '0.5~%'],
    [2500, '25~%'],
    [3333, '33.33~%'],
    [10_000, '100~%'],
  ])('shows %d basis points as %s', (value, text) => {
    expect(format.share(value)).toBe(nb(text))
  })

  it.each([
    [0, '0~ms'],
    [840.4, '840~ms'],
    [1240, '1.24~s'],
    [31_240, '31.2~s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
    [null, '–'],
  ])('shows %s ms as %s', (value, text) => {
    expect(format.duration(value)).toBe(nb(text))
  })

  it.each([
    [0, '$0'],
    [12.4, '$12.40'],
    [1234.567, '$1,234.57'],
    [0.999_999, '$1.00'],
    [0.0042, '$0.0042'],
    [0.31, '$0.31'],
    [0.5, '$0.50'],
    [0.1001, '$0.10'],
    [-0.0055, '−$0.0055'],
    [0.000_000_39, '$0.00000039'],
  ])('shows %d dollars as %s', (value, text) => {
    expect(format.dollars(value)).toBe(text)
  })

  it.each([
    [0.018, 'score', '+1.8~pts'],
    [-0.0004, 'score', '−0.04~pts'],
    [0, 'rate', '±0~pts'],
    [-0.000_001, 'rate', '±0~pts'],
    [-880, 'ms', '−880~ms'],
    [0.0004, 'usd', '+$0.0004'],
    [null, 'usd', '–'],
  ] as const)('shows a difference of %s %s as %s', (value, unit, text) => {
    expect(format.metricDifference(value, unit)).toBe(nb(text))
  })

  it('writes an interval with its sign and unit once', () => {
    expect(format.metricInterval([-0.004, 0.04], 'score')).toBe(nb('−0.4 to +4.0~pts'))
    expect(format.metricInterval(null, 'score')).toBe('–')
  })

  it.each([
    [48.23, '48.2'],
    [9100.4, '9,100'],
    [0.001_234, '0.00123'],
    [1.5e12, '1.5e12'],
    [Number.POSITIVE_INFINITY, '∞'],
    [Number.NaN, '–'],
    [null, '–'],
  ])('shortens %s to %s', (value, text) => {
    expect(format.shortNumber(value)).toBe(text)
  })

  it('never shows a number that is there as absent, nor an absent one as a number', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })
    fc.assert(
      fc.property(finite, fc.constantFrom('score', 'rate', 'ms', 'usd'), (value, unit) => {
        const text = format.metricDifference(value, unit as 'score')
        expect(text).toMatch(/\d/)
        expect(text).not.toMatch(/NaN|undefined|Infinity|e[+-]\d/)
      }),
    )
  })

  it('gives a difference and its opposite the same size and the other sign', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1, noNaN: true }), (value) => {
        const swap = (text: string) => (text.startsWith('+') ? `−${text.slice(1)}` : text)
        expect(swap(format.metricDifference(value, 'score'))).toBe(format.metricDifference(-value, 'score'))
      }),
    )
  })

  it.each([
    [0, 'just now'],
    [42_000, '42 s ago'],
    [-7_200_000, 'in 2 h'],
    [3 * 86_400_000, '3 d ago'],
  ])('tells an age of %d ms as %s', (ageMs, text) => {
    expect(format.relativeTime(1_000_000_000_000 - ageMs, 1_000_000_000_000)).toBe(text)
  })

  it('dates in UTC', () => {
    expect(format.dateTime(Date.UTC(2026, 10, 23, 4, 5, 9))).toBe('23 Nov 2026, 04:05:09 UTC')
  })
})

describe('safeUrl', () => {
  it.each(['/proposals/1', '/', 'https://example.org/a?b=c', 'http://127.0.0.1:8080/'])('lets %s through', (url) => {
    expect(safeUrl(url)).toBe(url)
  })

  it.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JaVaScRiPt:x',
    'data:text/html,x',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/ /evil.example',
    'vbscript:x',
    '',
  ])('turns %s into a dead link', (url) => {
    expect(safeUrl(url)).toBe('#')
  })

  it('makes paths whose parts cannot leave their place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const made = path('routes', name)
        expect(made.split('/').length).toBe(3)
        expect(decodeURIComponent(made.slice('/routes/'.length))).toBe(name)
        expect(safeUrl(made)).toBe(made)
      }),
    )
  })
})

describe('requirements', () => {
  it.each([
    ['score', { min: 0.98 }, 'at least 98.0~%'],
    ['rate', { max: 0.02 }, 'at most 2.0~%'],
    ['ms', { max: 4000, maxIncrease: 0.25 }, 'at most 4.00~s and at most 25.0~% above the baseline'],
    ['usd', { maxIncrease: 0 }, 'not above the baseline'],
    ['score', { maxDrop: 0 }, 'not behind the baseline'],
  ] as const)('reads %s %o as "%s"', (unit, threshold, text) => {
    expect(requirementWords({ unit, threshold: aThreshold(threshold) })).toBe(nb(text))
  })

  it('says so when a step is judged with a wider margin than the bar', () => {
    const gate = { unit: 'score', threshold: aThreshold({ maxDrop: 0.03 }), margin: 0.2 } as const
    expect(requirementWords(gate)).toBe(nb('at most 3.0~pts behind the baseline (20.0~pts at this step)'))
  })

  it('draws the limit on the worse side of no difference', () => {
    const gate = { unit: 'score', baseline: 0.5, margin: 0.1 } as const
    expect(differenceLimit({ ...gate, isLowerBetter: false, threshold: aThreshold({ maxDrop: 0.03 }) })).toBe(-0.1)
    expect(differenceLimit({ ...gate, isLowerBetter: true, threshold: aThreshold({ maxDrop: 0.03 }) })).toBe(0.1)
    expect(differenceLimit({ ...gate, isLowerBetter: true, threshold: aThreshold({ maxIncrease: 0.5 }) })).toBe(0.25)
    expect(differenceLimit({ ...gate, isLowerBetter: false, threshold: aThreshold({ min: 0.9 }) })).toBeNull()
  })
})
