import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RateLimit } from '#http/rate-limit.ts'

test('never more than the burst at once, then one per interval, however attempts are spread', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat({ max: 400 }), { maxLength: 60 }), (burst, gaps) => {
      const limit = new RateLimit({ burst, everyMs: 100 })
      const passed: number[] = []
      let nowMs = 0
      for (const gap of gaps) {
        nowMs += gap
        if (limit.take('a', nowMs) === 0) passed.push(nowMs)
      }
      for (const [index, at] of passed.entries()) {
        const windowEnd = at + 1_000
        const inWindow = passed.slice(index).filter((time) => time < windowEnd).length
        expect(inWindow).toBeLessThanOrEqual(burst + 10)
      }
    }),
    { seed: 31 },
  )
})

test('the wait it names is exactly long enough', () => {
  const limit = new RateLimit({ burst: 2, everyMs: 100 })
  expect([limit.take('a', 0), limit.take('a', 0)]).toEqual([0, 0])
  const waitMs = limit.take('a', 0)
  expect(limit.take('a', waitMs - 1)).toBeGreaterThan(0)
  expect(limit.take('a', waitMs)).toBe(0)
})

test('names do not disturb each other, forgiving clears one of them, and memory is bounded', () => {
  const limit = new RateLimit({ burst: 1, everyMs: 1_000, maxNames: 2 })
  expect(limit.take('a', 0)).toBe(0)
  expect(limit.take('b', 0)).toBe(0)
  expect(limit.take('a', 0)).toBeGreaterThan(0)
  limit.forgive('a')
  expect(limit.take('a', 0)).toBe(0)
  expect(limit.take('c', 0)).toBe(0)
  expect(limit.take('b', 0)).toBe(0)
})
