import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addToHistogram, halveHistogram, histogramQuantile, startHistogram } from '#domain/log-histogram.ts'
import { sampleQuantile } from '#domain/statistics.ts'

const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true })

describe('histogram of positive numbers', () => {
  it('gives a quantile at most one bucket (1.6 %) above the exact one', () => {
    fc.assert(
      fc.property(
        fc.array(positive, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (values, quantile) => {
          const histogram = startHistogram()
          for (const value of values) addToHistogram(histogram, value)
          const exact = sampleQuantile(values, quantile) as number
          const found = histogramQuantile(histogram, quantile) as number
          expect(found / exact).toBeGreaterThan(1 - 1e-9)
          expect(found / exact).toBeLessThan(1.017)
        },
      ),
    )
  })

  it('follows the recent past after halving', () => {
    const histogram = startHistogram()
    for (let i = 0; i < 1000; i++) addToHistogram(histogram, 100)
    for (let i = 0; i < 4; i++) halveHistogram(histogram)
    for (let i = 0; i < 200; i++) addToHistogram(histogram, 400)
    expect(histogramQuantile(histogram, 0.5)).toBeGreaterThan(390)
  })

  it('is empty without a value and bounded by extreme ones', () => {
    expect(histogramQuantile(startHistogram(), 0.5)).toBeNull()
    const histogram = startHistogram()
    for (const value of [0, 1e-300, 1e300, 5]) addToHistogram(histogram, value)
    expect(histogram.counts.length).toBeLessThan(4000)
  })
})
