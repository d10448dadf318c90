import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { alertsOf, grantOf, windowAt } from '#domain/budget.ts'

const at = (text: string) => Date.parse(text)

describe('windows of budgets (B5)', () => {
  test.each([
    ['daily', '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'],
    ['daily', '2026-03-01T23:59:59.999Z', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'],
    ['monthly', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['monthly', '2024-02-29T12:00:00Z', '2024-02-01T00:00:00Z', '2024-03-01T00:00:00Z'],
    ['monthly', '2026-12-31T23:59:59Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const)('%s at %s', (period, now, start, end) => {
    expect(windowAt(period, at(now))).toEqual({ startMs: at(start), endMs: at(end) })
  })

  it('is the window that holds the moment, and the next begins where it ends', () => {
    const moments = fc.integer({ min: 0, max: at('2100-01-01T00:00:00Z') })
    fc.assert(
      fc.property(fc.constantFrom('daily' as const, 'monthly' as const), moments, (period, now) => {
        const window = windowAt(period, now)
        expect(window.startMs).toBeLessThanOrEqual(now)
        expect(window.endMs).toBeGreaterThan(now)
        expect(windowAt(period, window.endMs).startMs).toBe(window.endMs)
        expect(windowAt(period, window.endMs - 1)).toEqual(window)
      }),
    )
  })
})

const microUsd = fc.integer({ min: 0, max: 1_000_000_000 })
const claims = fc
  .record({
    hardMicroUsd: microUsd,
    spentMicroUsd: microUsd,
    heldByOthersMicroUsd: microUsd,
    reservedMicroUsd: microUsd,
    extra: microUsd,
    neededMicroUsd: microUsd,
    holders: fc.integer({ min: 1, max: 50 }),
    isIdle: fc.boolean(),
  })
  .map(({ extra, ...claim }) => ({ ...claim, keptMicroUsd: claim.reservedMicroUsd + extra }))

describe('parts of a budget', () => {
  it('never sum up to more than the budget, whoever asks for what', () => {
    fc.assert(
      fc.property(claims, (claim) => {
        const { heldMicroUsd, leftMicroUsd } = grantOf(claim)
        const free = Math.max(0, claim.hardMicroUsd - claim.spentMicroUsd - claim.heldByOthersMicroUsd)
        expect(heldMicroUsd + leftMicroUsd).toBe(free)
        expect(heldMicroUsd).toBeGreaterThanOrEqual(0)
        expect(leftMicroUsd).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  it('cover what is waited for as far as there is any, and leave a newcomer half where nobody waits', () => {
    const claim = {
      hardMicroUsd: 1_000,
      spentMicroUsd: 0,
      heldByOthersMicroUsd: 0,
      reservedMicroUsd: 0,
      keptMicroUsd: 0,
      neededMicroUsd: 0,
      isIdle: false,
      holders: 1,
    }
    expect(grantOf(claim)).toEqual({ heldMicroUsd: 500, leftMicroUsd: 500 })
    expect(grantOf({ ...claim, holders: 2 })).toEqual({ heldMicroUsd: 250, leftMicroUsd: 750 })
    expect(grantOf({ ...claim, neededMicroUsd: 900 })).toEqual({ heldMicroUsd: 900, leftMicroUsd: 100 })
    expect(grantOf({ ...claim, neededMicroUsd: 5_000 })).toEqual({ heldMicroUsd: 1_000, leftMicroUsd: 0 })
    expect(grantOf({ ...claim, spentMicroUsd: 1_200 })).toEqual({ heldMicroUsd: 0, leftMicroUsd: 0 })
    expect(grantOf({ ...claim, spentMicroUsd: 960, isIdle: true })).toEqual({ heldMicroUsd: 0, leftMicroUsd: 40 })
    expect(grantOf({ ...claim, spentMicroUsd: 940, isIdle: true })).toEqual({ heldMicroUsd: 30, leftMicroUsd: 30 })
  })

  it('of holders that ask in turn, each for itself, stay within the limit however they spend what they hold', () => {
    const steps = fc.array(fc.tuple(fc.nat(3), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2_000)), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 10_000 }), (turns, hardMicroUsd) => {
        const holders = [0, 1, 2, 3].map(() => ({ spent: 0, held: 0 }))
        for (const [index, share, neededMicroUsd] of turns) {
          const me = holders[index] as { spent: number; held: number }
          const spends = Math.floor(me.held * share)
          me.spent += spends
          me.held -= spends
          const spentMicroUsd = holders.reduce((sum, one) => sum + one.spent, 0)
          const heldByOthersMicroUsd = holders.reduce((sum, one) => sum + (one === me ? 0 : one.held), 0)
          const part = {
            hardMicroUsd,
            spentMicroUsd,
            heldByOthersMicroUsd,
            neededMicroUsd,
            holders: 4,
            isIdle: spends === 0,
          }
          me.held = grantOf({ ...part, reservedMicroUsd: 0, keptMicroUsd: me.held }).heldMicroUsd
          expect(spentMicroUsd + heldByOthersMicroUsd + me.held).toBeLessThanOrEqual(hardMicroUsd)
        }
      }),
    )
  })
})

test('alerts: soft at its limit, hard at its own, none before', () => {
  const budget = { hardMicroUsd: 100, softMicroUsd: 80 }
  expect([0, 79, 80, 99, 100].map((spent) => alertsOf(budget, spent).join())).toEqual([
    '',
    '',
    'soft',
    'soft',
    'hard,soft',
  ])
  expect(alertsOf({ hardMicroUsd: 100, softMicroUsd: null }, 99)).toEqual([])
})
