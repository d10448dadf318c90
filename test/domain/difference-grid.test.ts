import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addToGrid, confidenceSequence, startGrid } from '#domain/difference-grid.ts'
import { bets, inferiorityStake, nonInferiorityStake, startCapital } from '#domain/eprocess.ts'
import { seededRandom } from './seeded-random.ts'

function gridOf(differences: readonly number[]) {
  const grid = startGrid()
  for (const difference of differences) addToGrid(grid, difference)
  return grid
}

function capital(differences: readonly number[], stake: (difference: number) => number): number {
  return bets.reduce((sum, bet, k) => {
    return sum + (startCapital[k] as number) * differences.reduce((product, d) => product * (1 + bet * stake(d)), 1)
  }, 0)
}

describe('confidence sequence of block differences', () => {
  it('has no interval without a block', () => {
    expect(confidenceSequence(startGrid(), 0.05)).toBeNull()
  })

  it('ends where the e-processes of the margin reach 2 / alpha, on the half-point grid', () => {
    const random = seededRandom(11)
    const differences = Array.from({ length: 400 }, () => Number(random.isTrue(0.8)) - Number(random.isTrue(0.7)))
    const interval = confidenceSequence(gridOf(differences), 0.05)
    const refutedBelow = (value: number) => capital(differences, (d) => nonInferiorityStake(d, -value)) >= 40
    const refutedAbove = (value: number) => capital(differences, (d) => inferiorityStake(d, -value)) >= 40
    const [lower, upper] = interval as [number, number]
    expect([refutedBelow(lower), refutedBelow(lower + 0.005)]).toEqual([true, false])
    expect([refutedAbove(upper), refutedAbove(upper - 0.005)]).toEqual([true, false])
  })

  it('turns round when the arms are swapped', () => {
    const difference = fc.integer({ min: -20, max: 20 }).map((n) => n / 20)
    fc.assert(
      fc.property(fc.array(difference, { minLength: 1, maxLength: 120 }), (differences) => {
        const [lower, upper] = confidenceSequence(gridOf(differences), 0.05) as [number, number]
        const [turnedLower, turnedUpper] = confidenceSequence(gridOf(differences.map((d) => -d)), 0.05) as [
          number,
          number,
        ]
        expect(turnedLower).toBeCloseTo(-upper, 9)
        expect(turnedUpper).toBeCloseTo(-lower, 9)
      }),
    )
  })

  it('covers the true difference at every one of 2,000 looks in at least 95 % of 200 runs', () => {
    let missed = 0
    for (let seed = 0; seed < 200; seed++) {
      const random = seededRandom(seed)
      const grid = startGrid()
      let isMissed = false
      for (let block = 1; block <= 2000 && !isMissed; block++) {
        addToGrid(grid, Number(random.isTrue(0.7)) - Number(random.isTrue(0.8)))
        if (block % 50 !== 0) continue
        const [lower, upper] = confidenceSequence(grid, 0.05) as [number, number]
        isMissed = lower > -0.1 || upper < -0.1
      }
      if (isMissed) missed++
    }
    expect(missed).toBeLessThanOrEqual(10)
  })
})
