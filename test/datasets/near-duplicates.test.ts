import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { samplingOrder, textOfMessages } from '#datasets/from-traffic.ts'
import { NearDuplicates } from '#datasets/near-duplicates.ts'

const kept = (texts: readonly string[]) => {
  const seen = new NearDuplicates()
  return texts.filter((text) => seen.add(text))
}
const sentence = (from: number, count: number) =>
  Array.from(
    { length: count },
    (_, i) => `w${String.fromCharCode(97 + ((from + i) % 26))}${'abcdefghij'[Math.floor((from + i) / 26) % 10]}`,
  ).join(' ')

describe('near duplicates (C1)', () => {
  it.each([
    ['numbers', 'Where is order 1001?', 'Where is order 2,002?'],
    ['case, punctuation and white space', 'Where is my order?', '  where IS my\norder!! '],
    ['one word in sixty', sentence(0, 60), sentence(0, 59)],
  ])('are texts that differ in %s', (_title, left, right) => {
    expect(kept([left, right])).toEqual([left])
  })

  it.each([
    ['another question', 'Where is my order?', 'How do I return my order?'],
    ['half of the words', sentence(0, 60), `${sentence(0, 30)} ${sentence(100, 30)}`],
    ['a name in a short text', 'Who is Ann Miller?', 'Who is Bob Miller?'],
    ['another script', 'Привет, как дела?', 'Пока, до завтра, друг'],
  ])('are not texts that differ by %s', (_title, left, right) => {
    expect(kept([left, right])).toEqual([left, right])
  })

  it('are dropped whatever order they come in: one of each kind stays', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), (order) => {
        const texts = order.map((index) => `${sentence((index % 4) * 50, 20)} ${index}`)
        expect(kept(texts)).toHaveLength(4)
      }),
      { seed: 3, numRuns: 50 },
    )
  })

  it('never drop a text that stands alone, nor keep one twice', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 20 }), (texts) => {
        const once = kept(texts)
        if (texts.length > 0) expect(once[0]).toBe(texts[0])
        expect(kept([...once, ...once])).toEqual(once)
      }),
      { seed: 4 },
    )
  })

  it('cost time in proportion: 20,000 texts that all differ are told apart', () => {
    const texts = Array.from(
      { length: 20_000 },
      (_, i) => `${sentence(i, 5)} ${i.toString(36).replace(/\d/g, 'q')} ${sentence(i * 7, 5)}`,
    )
    expect(kept(texts).length).toBeGreaterThan(5_000)
  })
})

describe('the order of a sample', () => {
  const keys = (sizes: Record<string, number>) =>
    Object.entries(sizes).flatMap(([stratum, size]) =>
      Array.from({ length: size }, (_, i) => ({ requestId: `${stratum}-${i}`, stratum })),
    )

  it('holds every request once, whatever the strata', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 3 }), fc.integer({ min: 1, max: 20 }), { maxKeys: 6 }),
        (sizes) => {
          const all = keys(sizes)
          const order = samplingOrder(all, 'seed')
          expect(order.map(({ requestId }) => requestId).sort()).toEqual(all.map(({ requestId }) => requestId).sort())
        },
      ),
      { seed: 5, numRuns: 50 },
    )
  })

  it('is stratified wherever it is cut', () => {
    const order = samplingOrder(keys({ a: 800, b: 150, c: 49, d: 1 }), 'seed')
    for (const count of [4, 20, 100, 500]) {
      const cut = order.slice(0, count)
      const share = (stratum: string) => cut.filter((key) => key.stratum === stratum).length
      expect(share('d')).toBe(1)
      expect(Math.abs(share('a') - count * 0.8)).toBeLessThanOrEqual(3)
      expect(Math.abs(share('b') - count * 0.15)).toBeLessThanOrEqual(3)
    }
  })

  it('depends on the seed and on nothing else', () => {
    const all = keys({ a: 30, b: 10 })
    expect(samplingOrder([...all].reverse(), 'x')).toEqual(samplingOrder(all, 'x'))
    expect(samplingOrder(all, 'y')).not.toEqual(samplingOrder(all, 'x'))
  })
})

describe('what requests are compared by', () => {
  it('leaves the system’s words out where anyone else has spoken', () => {
    const system = { role: 'system', content: 'shared' }
    expect(
      textOfMessages([system, { role: 'user', content: [{ type: 'text', text: 'mine' }, { type: 'image_url' }] }]),
    ).toBe('mine\n')
    expect(textOfMessages([system])).toBe('shared')
  })
})
