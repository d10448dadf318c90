import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bets,
  harmCapital,
  inferiorityStake,
  nonInferiorityStake,
  type PromotionWealth,
  playHarm,
  playPromotion,
  restartHarm,
  startHarmWealth,
  startPromotionWealth,
} from '#domain/eprocess.ts'

const total = (wealth: PromotionWealth) => wealth.capital.reduce((sum, capital) => sum + capital, 0)

/** All sequences of +1 and -1 of a length. */
function signs(length: number): number[][] {
  if (length === 0) return [[]]
  return signs(length - 1).flatMap((rest) => [
    [1, ...rest],
    [-1, ...rest],
  ])
}

describe('betting e-processes (D7)', () => {
  it('a fair game leaves the expected capital at 1, to the last digit of the enumeration', () => {
    const ends = signs(10).map((game) => {
      const wealth = startPromotionWealth()
      for (const stake of game) playPromotion(wealth, stake * 0.7)
      return total(wealth)
    })
    expect(ends.reduce((sum, end) => sum + end, 0) / ends.length).toBeCloseTo(1, 12)
  })

  it('a fair game with restarts leaves the expected e-value at 1', () => {
    const ends = signs(10).map((game) => {
      const wealth = startHarmWealth()
      for (const [round, stake] of game.entries()) {
        if (round % 3 === 2) restartHarm(wealth)
        playHarm(wealth, stake * 0.5)
      }
      return wealth.total
    })
    expect(ends.reduce((sum, end) => sum + end, 0) / ends.length).toBeCloseTo(1, 12)
  })

  it('six sums with restarts equal the mixture over every restart, written out', () => {
    const stakes = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(stakes, fc.integer({ min: 1, max: 7 }), (game, every) => {
        const wealth = startHarmWealth()
        const starts = [0]
        for (const [round, stake] of game.entries()) {
          if (round > 0 && round % every === 0) {
            restartHarm(wealth)
            starts.push(round)
          }
          playHarm(wealth, stake)
        }
        const component = (start: number) =>
          bets.reduce((sum, bet, k) => {
            const product = game.slice(start).reduce((capital, stake) => capital * (1 + bet * stake), 1)
            return sum + (harmCapital[k] as number) * product
          }, 0)
        const weight = (j: number) => (j === 0 ? 0.5 : 0.5 / (j * (j + 1)))
        const cash = 0.5 / starts.length
        const mixture = starts.reduce((sum, start, j) => sum + weight(j) * component(start), cash)
        expect(wealth.total).toBeCloseTo(mixture, 8)
      }),
    )
  })

  it('capital stays finite and never negative, whatever is played', () => {
    const anything = fc.array(fc.double({ min: -50, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 400 })
    fc.assert(
      fc.property(anything, (game) => {
        const wealth = startPromotionWealth()
        for (const stake of game) playPromotion(wealth, stake)
        expect(wealth.capital.every((capital) => capital >= 0 && Number.isFinite(capital))).toBe(true)
        expect(Number.isFinite(wealth.peak) && wealth.peak >= total(wealth)).toBe(true)
      }),
    )
  })

  it('the stakes of a difference are fair exactly at the margin and stay above -1', () => {
    const difference = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(difference, fc.double({ min: 0, max: 0.9, noNaN: true }), (d, margin) => {
        expect(nonInferiorityStake(d, margin)).toBeGreaterThanOrEqual(-1 - 1e-9)
        expect(inferiorityStake(d, margin)).toBeGreaterThanOrEqual(-1 - 1e-9)
      }),
    )
    expect(nonInferiorityStake(-0.03, 0.03)).toBeCloseTo(0, 15)
    expect(inferiorityStake(-0.03, 0.03)).toBeCloseTo(0, 15)
  })
})
