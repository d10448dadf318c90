import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lru } from '#providers/lru.ts'

describe('what is kept of what was used last', () => {
  it('is what a list of uses says: the newest distinct keys, each with its last value', () => {
    const use = fc.tuple(fc.constantFrom('set', 'get', 'delete'), fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(9))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(use), (capacity, uses) => {
        const lru = new Lru<number>(capacity)
        // The model: oldest first.
        let kept: [string, number][] = []
        for (const [act, key, value] of uses) {
          const known = kept.find(([name]) => name === key)
          if (act === 'get') expect(lru.get(key)).toBe(known?.[1])
          if (act === 'set') lru.set(key, value)
          if (act === 'delete') lru.delete(key)
          const others = kept.filter(([name]) => name !== key)
          if (act === 'set') kept = [...others, [key, value] as [string, number]].slice(-capacity)
          else if (act === 'delete') kept = others
          else if (known !== undefined) kept = [...others, known]
          expect(lru.size).toBe(kept.length)
        }
        for (const [key, value] of kept) expect(lru.get(key)).toBe(value)
      }),
    )
  })
})
