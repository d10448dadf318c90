import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { hashFraction, sampleItems, splitItems } from '#datasets/sample.ts'

const items = (count: number, language: (index: number) => string = () => 'en'): DatasetItem[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `item-${index}`,
    messages: [{ role: 'user', content: 'x' }],
    slice: { language: language(index) },
  }))

const byLanguage = (item: DatasetItem) => item.slice?.['language'] ?? ''

describe('sample', () => {
  it('is the same for the same seed, another for another, and in the order of the items', () => {
    const all = items(200)
    const sample = sampleItems(all, { count: 50, seed: 's' })
    expect(sample).toEqual(sampleItems(all, { count: 50, seed: 's' }))
    expect(sample).not.toEqual(sampleItems(all, { count: 50, seed: 't' }))
    expect(sample).toEqual(all.filter((item) => sample.includes(item)))
  })

  it('gives each stratum its share and leaves none empty', () => {
    const all = items(1_000, (index) => (index < 900 ? 'en' : index < 998 ? 'fr' : 'ja'))
    const counts = Map.groupBy(sampleItems(all, { count: 100, seed: 's', by: byLanguage }), byLanguage)
    expect(counts.get('ja')?.length).toBeGreaterThanOrEqual(1)
    expect(counts.get('en')?.length).toBeGreaterThanOrEqual(88)
    expect(counts.get('en')?.length).toBeLessThanOrEqual(90)
  })

  it('has exactly the size asked for, for any strata', () => {
    const strata = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 60 })
    fc.assert(
      fc.property(strata, fc.integer({ min: -3, max: 80 }), (languages, count) => {
        const all = items(languages.length, (index) => languages[index] ?? '')
        const sample = sampleItems(all, { count, seed: 'p', by: byLanguage })
        expect(sample.length).toBe(Math.max(0, Math.min(count, all.length)))
        if (count >= new Set(languages).size) expect(new Set(sample.map(byLanguage)).size).toBe(new Set(languages).size)
      }),
    )
  })

  it('keeps its members when items are added to other strata', () => {
    const all = items(100)
    const small = sampleItems(all, { count: 10, seed: 's' })
    const ids = new Set(sampleItems(all, { count: 20, seed: 's' }).map(({ id }) => id))
    expect(small.every(({ id }) => ids.has(id))).toBe(true)
  })
})

describe('split', () => {
  it('puts every item in exactly one part, near its share, whatever else is in the dataset', () => {
    const all = items(2_000)
    const parts = splitItems(all, { tune: 0.7, holdout: 0.3 }, 's')
    expect(parts.tune.length + parts.holdout.length).toBe(2_000)
    expect(parts.tune.length / 2_000).toBeCloseTo(0.7, 1)
    const fewer = splitItems(all.slice(500), { tune: 0.7, holdout: 0.3 }, 's')
    expect(fewer.tune.every((item) => parts.tune.includes(item))).toBe(true)
  })

  it('never fills a part of share 0', () => {
    expect(splitItems(items(500), { all: 1, none: 0 }, 's').none).toEqual([])
  })

  it.each<Record<string, number>>([{ a: 0.5 }, { a: 1.5, b: -0.5 }, { a: Number.NaN, b: 1 }])(
    'refuses shares %j',
    (shares) => {
      expect(() => splitItems(items(1), shares, 's')).toThrow(RangeError)
    },
  )

  it('hashes seed and id without mixing them up', () => {
    expect(hashFraction('a', 'bc')).not.toBe(hashFraction('ab', 'c'))
    expect(hashFraction('1:a', 'b')).not.toBe(hashFraction('1', 'a:b'))
  })
})
