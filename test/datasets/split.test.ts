import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { parseSplit, withSplit } from '#datasets/split.ts'

const items = (count: number): DatasetItem[] =>
  Array.from({ length: count }, (_, i) => ({ id: `i${i}`, messages: [{ role: 'user', content: 'x' }] }))

describe('splits (C1)', () => {
  it('put items into parts of about the shares asked for, and adding items never moves old ones', () => {
    const shares = { tune: 0.7, holdout: 0.3 }
    const all = withSplit(items(2_000), shares)
    const held = all.filter(({ slice }) => slice?.['split'] === 'holdout').length
    expect(held).toBeGreaterThan(540)
    expect(held).toBeLessThan(660)
    expect(withSplit(items(500), shares)).toEqual(all.slice(0, 500))
  })

  it('leave alone what names its part itself, and keep other slices', () => {
    const [own] = withSplit([{ ...items(1)[0]!, slice: { split: 'mine', language: 'en' } }], { a: 0.5, b: 0.5 })
    expect(own?.slice).toEqual({ split: 'mine', language: 'en' })
    const [given] = withSplit([{ ...items(1)[0]!, slice: { language: 'en' } }], { a: 0.5, b: 0.5 })
    expect(given?.slice).toEqual({ language: 'en', split: expect.stringMatching(/^[ab]$/) })
  })

  it('are read with spaces, and refused with what is wrong', () => {
    expect(parseSplit('tune:0.7, holdout:.3')).toEqual({ shares: { tune: 0.7, holdout: 0.3 } })
    for (const [text, message] of [
      ['', 'needs 2 to 10 parts'],
      ['all:1', 'needs 2 to 10 parts'],
      ['a:0.5,b', 'not NAME:SHARE: b'],
      ['a:0.5,a:0.5', 'names "a" twice'],
      ['a:0.5,b:0.4', 'sum to 0.9'],
      ['a:1,b:0', 'not NAME:SHARE'],
      ['a:-1,b:2', 'not NAME:SHARE'],
      ['a b:0.5,c:0.5', 'not NAME:SHARE'],
    ] as const) {
      expect(parseSplit(text)).toMatchObject({ message: expect.stringContaining(message) })
    }
  })

  it('never throw, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseSplit(text)
        if ('shares' in parsed) withSplit(items(3), parsed.shares)
      }),
      { seed: 2 },
    )
  })
})
