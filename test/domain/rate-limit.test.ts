import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { filledRatio, resetText, shareOf, taken, waitMsOf } from '#domain/rate-limit.ts'

/** What passes of requests of one unit at these times. */
function passing(perMinute: number, timesMs: readonly number[]): number[] {
  let fullAtMs = Number.NEGATIVE_INFINITY
  return timesMs.filter((now) => {
    if (waitMsOf(fullAtMs, now, 1, perMinute) > 0) return false
    fullAtMs = taken(fullAtMs, now, 1, perMinute)
    return true
  })
}

describe('a rate (B5)', () => {
  it('passes a minute of burst and then evenly', () => {
    expect(passing(3, [0, 0, 0, 0, 19_999, 20_000, 20_001, 40_000])).toEqual([0, 0, 0, 20_000, 40_000])
  })

  it('tells exactly how long to wait: not a millisecond sooner', () => {
    const fullAt = [1, 2, 3].reduce((state) => taken(state, 0, 1, 3), Number.NEGATIVE_INFINITY)
    expect(waitMsOf(fullAt, 0, 1, 3)).toBe(20_000)
    expect(waitMsOf(fullAt, 19_999, 1, 3)).toBe(1)
    expect(waitMsOf(fullAt, 20_000, 1, 3)).toBe(0)
  })

  it('never passes more than twice the limit in any minute, whatever comes when', () => {
    const times = fc.array(fc.nat(300_000), { maxLength: 300 }).map((all) => all.sort((a, b) => a - b))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), times, (limit, all) => {
        const passed = passing(limit, all)
        for (const start of passed) {
          const inMinute = passed.filter((time) => time >= start && time < start + 60_000).length
          expect(inMinute).toBeLessThanOrEqual(2 * limit)
        }
      }),
    )
  })

  it('lets a cost above the whole bucket pass only when full, and pays it off', () => {
    expect(waitMsOf(Number.NEGATIVE_INFINITY, 0, 500, 100)).toBe(0)
    const owing = taken(Number.NEGATIVE_INFINITY, 0, 500, 100)
    expect(waitMsOf(owing, 0, 1, 100)).toBe(240_600)
  })

  it('lets a request that takes the whole bucket pass whenever it is full, at any time of any day', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1.7e12, max: 1.9e12, noNaN: true }),
        fc.integer({ min: 1, max: 7 }),
        (now, limit) => {
          expect(waitMsOf(0, now, limit, limit)).toBe(0)
          expect(waitMsOf(now, now, limit, limit)).toBe(0)
        },
      ),
    )
  })

  it('keeps its filled fraction when the share changes, and is full again after what was given back', () => {
    const half = taken(Number.NEGATIVE_INFINITY, 0, 50, 100)
    expect(filledRatio(half, 0)).toBe(0.5)
    expect(filledRatio(taken(half, 0, -50, 100), 0)).toBe(1)
  })
})

const others = fc.array(fc.record({ share: fc.double({ min: 0, max: 100, noNaN: true }), isBusy: fc.boolean() }), {
  maxLength: 5,
})

describe('shares of a limit', () => {
  it('are all of it for one who is alone, busy or idle', () => {
    for (const use of ['busy', 'steady', 'idle'] as const)
      expect(shareOf({ limit: 7, others: [], use, isWhole: true })).toBe(7)
  })

  it('never pass what the others leave by more than half a fair part', () => {
    fc.assert(
      fc.property(fc.constantFrom('busy', 'steady', 'idle'), others, fc.boolean(), (use, all, isWhole) => {
        const limit = 100
        const share = shareOf({ limit, others: all, use, isWhole })
        const free = Math.max(0, limit - all.reduce((sum, one) => sum + one.share, 0))
        expect(share).toBeLessThanOrEqual(Math.max(free, limit / (all.length + 1) / 2) + 1e-9)
      }),
    )
  })

  it('settle within the limit once everybody has asked again, wherever they started', () => {
    const starts = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 2, maxLength: 5 })
    const uses = fc.array(fc.constantFrom('busy' as const, 'steady' as const, 'idle' as const), {
      minLength: 5,
      maxLength: 5,
    })
    fc.assert(
      fc.property(starts, uses, (start, use) => {
        const shares = [...start]
        for (let round = 0; round < 2; round += 1) {
          for (const index of shares.keys()) {
            const rest = shares
              .map((share, other) => ({ share, isBusy: use[other] === 'busy', other }))
              .filter(({ other }) => other !== index)
            shares[index] = shareOf({ limit: 100, others: rest, use: use[index] ?? 'idle', isWhole: false })
          }
        }
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(100 + 1e-6)
      }),
    )
  })

  it('of whole places go to the one who needs them when the other is idle', () => {
    expect(shareOf({ limit: 1, others: [{ share: 1, isBusy: false }], use: 'busy', isWhole: true })).toBe(0)
    expect(shareOf({ limit: 1, others: [{ share: 1, isBusy: false }], use: 'idle', isWhole: true })).toBe(0)
    expect(shareOf({ limit: 1, others: [{ share: 0, isBusy: false }], use: 'busy', isWhole: true })).toBe(1)
  })
})

test.each([
  [0, '0ms'],
  [120, '120ms'],
  [1_000, '1s'],
  [1_500, '1.5s'],
  [61_000, '1m1s'],
  [360_000, '6m0s'],
])('%d ms is told as %s, as OpenAI does', (ms, text) => {
  expect(resetText(ms)).toBe(text)
})
