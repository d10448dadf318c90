import { describe, expect, it } from 'vitest'
import type { Outcome } from '#domain/evidence.ts'
import { accumulate, judge, startEngine } from '#domain/promotion.ts'
import { aPolicy, atStart, outcome, served } from './outcomes.ts'
import { detectionRun, incidentRun, sixMetricsRun, stickyRun } from './rollout-laws.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'
import { quantileOf } from './simulated-rollout.ts'

/** Each is a way in which a correct test is fooled by its data (docs/statistics.md, hazards); few replicates, fixed seeds. */

const seedsOf = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

/** Verdict after a step at 50 %. */
function verdictOf(
  policy: ReturnType<typeof aPolicy>,
  seed: number,
  requests: number,
  draw: (random: SeededRandom, isCandidate: boolean, at: number) => Outcome,
) {
  const random = seededRandom(seed)
  const observations = Array.from({ length: requests }, (_, seq) => {
    const isCandidate = random.isTrue(0.5)
    return served(seq, isCandidate ? 'candidate' : 'baseline', draw(random, isCandidate, seq))
  })
  return judge(accumulate(startEngine(), policy, observations), policy, atStart)
}

describe('hazards (D6, D7)', () => {
  it('heavy users at the margin: by unit both errors stay below 5 %, by request they would not', () => {
    const byUnit = seedsOf(100).map((seed) => stickyRun(seed, true, 8000))
    expect(byUnit.filter((run) => run.isPromoted).length).toBeLessThanOrEqual(6)
    expect(byUnit.filter((run) => run.isRolledBack).length).toBeLessThanOrEqual(6)
    const byRequest = seedsOf(40).map((seed) => stickyRun(seed, false, 8000))
    expect(byRequest.filter((run) => run.isPromoted || run.isRolledBack).length).toBeGreaterThan(8)
  }, 60_000)

  it('daily drift and an incident that costs both arms 40 points roll back at most 1 in 60 equal candidates', () => {
    const runs = seedsOf(60).map((seed) => incidentRun(seed, 8000))
    expect(runs.filter((run) => run.isRolledBack).length).toBeLessThanOrEqual(1)
  }, 60_000)

  it('six metrics at their margins roll back at most 5 in 100, and none is promoted by all six by luck', () => {
    const runs = seedsOf(100).map((seed) => sixMetricsRun(seed, 3000))
    expect(runs.filter((run) => run.isRolledBack).length).toBeLessThanOrEqual(5)
    expect(runs.filter((run) => run.isPromoted).length).toBeLessThanOrEqual(1)
  }, 60_000)

  it('a judge that cannot read most of the failures: dropped they hold the rollout, scored 0 they stop it', () => {
    const failing = (isCandidate: boolean, points: number) => (isCandidate ? 0.2 + points / 100 : 0.2)
    const dropped = verdictOf(aPolicy({ maxMissing: 0.3 }), 1, 20_000, (random, isCandidate) => {
      const isFailure = random.isTrue(failing(isCandidate, 5))
      return isFailure && random.isTrue(0.6)
        ? outcome({}, { llm_judge: 'infrastructure' })
        : outcome({ llm_judge: isFailure ? 0 : 1 })
    })
    expect(dropped.action).toBe('hold')
    const scored = verdictOf(aPolicy(), 1, 20_000, (random, isCandidate) =>
      outcome({ llm_judge: random.isTrue(failing(isCandidate, 10)) ? 0 : 1 }),
    )
    expect(scored.action).toBe('rollback')
  })

  it('a judge that is down for 20 % of both arms: excluded within the limit of the bar, held beyond it', () => {
    const draw = (random: SeededRandom) =>
      random.isTrue(0.2)
        ? outcome({}, { llm_judge: 'infrastructure' })
        : outcome({ llm_judge: random.isTrue(0.9) ? 1 : 0 })
    expect(verdictOf(aPolicy({ maxMissing: 0.3 }), 3, 12_000, draw).action).toBe('advance')
    expect(verdictOf(aPolicy({ maxMissing: 0.05 }), 3, 12_000, draw).action).toBe('hold')
  })

  it('harm that begins after 3,000 good answers is found within 800 more in the median', () => {
    const late = { policy: aPolicy(), share: 0.25, requests: 24_000 }
    const found = seedsOf(21).map((seed) =>
      detectionRun(
        {
          ...late,
          draw: (random, arm, count) => {
            const quality = arm === 'candidate' && count > 3000 ? 0.75 : 0.9
            return outcome({ llm_judge: random.isTrue(quality) ? 1 : 0 })
          },
        },
        seed,
      ),
    )
    expect(quantileOf(found, 0.5)).toBeGreaterThan(3000)
    expect(quantileOf(found, 0.5)).toBeLessThanOrEqual(3800)
  }, 60_000)

  it.each([
    { percent: 100, median: 6, p90: 10 },
    { percent: 50, median: 12, p90: 24 },
    { percent: 20, median: 40, p90: 90 },
  ])(
    'a candidate that fails $percent in 100 requests, served to one in 20, is gone after $median of its own in the median',
    ({ percent, median, p90 }) => {
      const policy = aPolicy({ gates: [{ metric: 'error_rate', max: 0.02 }], evaluatorMetrics: [] })
      const found = seedsOf(60).map((seed) =>
        detectionRun(
          {
            policy,
            share: 0.05,
            requests: 4000,
            draw: (random, arm) =>
              outcome({ error_rate: random.isTrue(arm === 'candidate' ? percent / 100 : 0.01) ? 1 : 0 }),
          },
          seed,
        ),
      )
      expect(quantileOf(found, 0.5)).toBeLessThanOrEqual(median)
      expect(quantileOf(found, 0.9)).toBeLessThanOrEqual(p90)
    },
  )

  it('an outage of the provider hits both arms: hard failures alone do not roll back an equal candidate', () => {
    const policy = aPolicy({ gates: [{ metric: 'error_rate', max: 0.02 }], evaluatorMetrics: [] })
    const verdicts = seedsOf(40).map((seed) =>
      verdictOf(policy, seed, 4000, (random, _, at) => {
        const isOutage = at > 1000 && at < 2500
        return outcome({ error_rate: random.isTrue(isOutage ? 0.6 : 0.005) ? 1 : 0 })
      }),
    )
    expect(verdicts.filter((verdict) => verdict.action === 'rollback')).toHaveLength(0)
  })

  it('invalid JSON counts as a hard failure: a candidate that breaks it is gone within 8 answers in the median', () => {
    const gates = [
      { metric: 'json_validity', min: 0.95 },
      { metric: 'llm_judge', maxDrop: 0.03 },
      { metric: 'cost_usd', maxIncrease: 0 },
    ]
    const policy = aPolicy({ gates, evaluatorMetrics: ['json_validity', 'llm_judge'] })
    const found = seedsOf(41).map((seed) =>
      detectionRun(
        {
          policy,
          share: 0.05,
          requests: 4000,
          draw: (random, arm) => {
            const isBroken = arm === 'candidate' && random.isTrue(0.8)
            return outcome({ json_validity: isBroken ? 0 : 1, llm_judge: 0.9, cost_usd: 0.001, error_rate: 0 })
          },
        },
        seed,
      ),
    )
    expect(quantileOf(found, 0.5)).toBeLessThanOrEqual(8)
  })
})
