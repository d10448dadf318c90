import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalDigest, canonicalJson, datasetDigest } from '#datasets/digest.ts'

const item = (id: string) => ({ id, messages: [{ role: 'user', content: 'x' }] })

describe('canonical JSON', () => {
  it.each<[unknown, string]>([
    [{ b: 1, a: [true, null] }, '{"a":[true,null],"b":1}'],
    [{ a: undefined, b: 2 }, '{"b":2}'],
    [-0, '0'],
    [1e21, '1e+21'],
    [0.1, '0.1'],
    ['é"\n\u2028', '"é\\"\\n\u2028"'],
    // RFC 8785, 3.2.3: keys sort by UTF-16 code unit, so the emoji (d83d) comes before U+FB33
    [{ '\ufb33': 1, '😀': 2, '1': 3, '\r': 4 }, '{"\\r":4,"1":3,"😀":2,"\ufb33":1}'],
  ])('writes %j one way', (value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, [undefined]])('refuses %s', (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  })

  it('parses back to the same value and does not depend on key order', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
        expect(canonicalJson(reverseKeys(value))).toBe(text)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('keeps a __proto__ key as data', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"x":1},"a":2}'))).toBe('{"__proto__":{"x":1},"a":2}')
  })
})

describe('dataset digest (C1: versions are immutable by content)', () => {
  it('is the sha256 of the canonical lines', () => {
    const line = '{"id":"a","messages":[{"content":"x","role":"user"}]}\n'
    expect(datasetDigest([item('a')])).toBe(createHash('sha256').update(line).digest('hex'))
  })

  it('ignores the order of fields and sees the order of items', () => {
    const turned = { messages: [{ content: 'x', role: 'user' }], id: 'a' }
    expect(datasetDigest([turned])).toBe(datasetDigest([item('a')]))
    expect(datasetDigest([item('a'), item('b')])).not.toBe(datasetDigest([item('b'), item('a')]))
  })

  it('changes with any changed value', () => {
    expect(canonicalDigest({ a: '1' })).not.toBe(canonicalDigest({ a: 1 }))
    expect(datasetDigest([item('a')])).not.toBe(datasetDigest([{ ...item('a'), reference: '' }]))
  })
})

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys)
  if (typeof value !== 'object' || value === null) return value
  // entries, not assignment: a __proto__ key must stay a key
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, reverseKeys(child)]),
  )
}
