import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketCount, bucketOf, drawOf, unitHash } from '#domain/bucket.ts'

const unit = fc.string({ minLength: 1, maxLength: 40 })
const share = fc.integer({ min: 0, max: bucketCount })

describe('the sticky split (A14)', () => {
  it('never moves a unit back to the baseline when the share rises', () => {
    fc.assert(
      fc.property(fc.string(), unit, share, share, (salt, value, one, other) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)]
        const bucket = bucketOf(salt, value)
        if (bucket < small) expect(bucket).toBeLessThan(large)
        expect(bucket).toBeGreaterThanOrEqual(0)
        expect(bucket).toBeLessThan(bucketCount)
      }),
    )
  })

  it.each([1, 100, 500, 2_500, 5_000, 9_500])('gives the candidate its share of %i basis points', (shareBp) => {
    const count = 40_000
    let hits = 0
    for (let index = 0; index < count; index += 1) if (bucketOf('salt-a', `session-${index}`) < shareBp) hits += 1
    const expected = (count * shareBp) / bucketCount
    // Five standard deviations of a binomial: fails by chance once in two million.
    const bound = 5 * Math.sqrt(expected * (1 - shareBp / bucketCount)) + 1
    expect(Math.abs(hits - expected)).toBeLessThan(bound)
  })

  it('sends nobody at share 0 and everybody at 10,000', () => {
    fc.assert(
      fc.property(unit, (value) => {
        expect(bucketOf('s', value) < 0).toBe(false)
        expect(bucketOf('s', value) < bucketCount).toBe(true)
      }),
    )
  })

  it('draws other units first under another salt', () => {
    const first = (salt: string) => Array.from({ length: 400 }, (_, i) => bucketOf(salt, `u${i}`) < 1_000)
    expect(first('a')).not.toEqual(first('b'))
  })

  it('draws for mirroring and for scoring independently', () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `req_${i}`)
    const both = ids.filter((id) => drawOf('mirror', id) < 0.5 && drawOf('score', id) < 0.5).length
    expect(Math.abs(both - 1_000)).toBeLessThan(5 * Math.sqrt(4_000 * 0.25 * 0.75))
  })

  it('keeps a hash of a unit that differs by salt and does not hold the unit', () => {
    expect(unitHash('a', 'ann@example.com')).toMatch(/^[0-9a-f]{16}$/)
    expect(unitHash('a', 'ann@example.com')).not.toBe(unitHash('b', 'ann@example.com'))
  })
})
