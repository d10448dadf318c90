import { describe, expect, it } from 'vitest'
import { defaultLadder } from '#domain/gate-policy.ts'
import { aPolicy, outcome } from './outcomes.ts'
import { boundaryLaws, boundaryRun } from './rollout-laws.ts'
import { simulateRollout, upperLimit } from './simulated-rollout.ts'

const shares = [5, 25, 50]
const policy = aPolicy({ steps: shares.length, ladder: defaultLadder(shares), minSamples: 50 })

/** A whole canary 5 -> 25 -> 50 -> 100 % of a candidate that is so many points worse than a baseline of 0.9. */
function rollout(points: number, seed: number) {
  return simulateRollout({
    policy,
    shares,
    seed,
    tick: 500,
    maxRequests: 60_000,
    behaviour: (random, arm) => {
      const quality = arm === 'candidate' ? 0.9 - points / 100 : 0.9
      return outcome({ llm_judge: random.isTrue(quality) ? 1 : 0, error_rate: random.isTrue(0.01) ? 1 : 0 })
    },
  })
}

const seeds = Array.from({ length: 300 }, (_, i) => i + 1)

describe('whole rollouts through the real engine, 300 seeds (D6, D7, D8)', () => {
  it('promotes an equal candidate to 100 % in at least 99 % of rollouts', () => {
    const promoted = seeds.filter((seed) => rollout(0, seed).end === 'advance')
    expect(promoted.length / seeds.length).toBeGreaterThanOrEqual(0.99)
  }, 120_000)

  it('never takes a candidate that is 10 points worse through the last gate, and rolls it back', () => {
    const ends = seeds.map((seed) => rollout(10, seed))
    expect(ends.filter((end) => end.end === 'advance')).toHaveLength(0)
    expect(ends.filter((end) => end.end === 'rollback')).toHaveLength(seeds.length)
  }, 120_000)
})

describe('level at the margin, looked at after every observation, 2,000 replicates (D7)', () => {
  const replicates = 2000

  it.each(['two levels', 'rare error'])(
    '%s: false promotion and false rollback stay within 1.12 alpha',
    (name) => {
      const law = boundaryLaws.find((candidate) => candidate.name === name)
      if (law === undefined) throw new Error(`no law "${name}"`)
      const runs = Array.from({ length: replicates }, (_, i) => boundaryRun(law, 1000 + i, 1600))
      const promoted = runs.filter((run) => run.isPromoted).length
      const rolledBack = runs.filter((run) => run.isRolledBack).length
      expect(upperLimit(promoted, replicates, 0.99)).toBeLessThanOrEqual(1.12 * 0.05)
      expect(upperLimit(rolledBack, replicates, 0.99)).toBeLessThanOrEqual(1.12 * 0.05)
    },
    120_000,
  )
})
