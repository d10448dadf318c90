import { describe, expect, it } from 'vitest'
import { defaultLadder, policyOf } from '#domain/gate-policy.ts'
import { checksOf, gateProblem, marginAt, marginsOf } from '#domain/gates.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import { aPolicy } from './outcomes.ts'

const bar = {
  evaluators: [{ name: 'llm_judge' }],
  gates: [
    { metric: 'llm_judge', maxDrop: 0.03 },
    { metric: 'error_rate', max: 0.02, stages: ['canary' as const] },
  ],
}

describe('gates as checks', () => {
  it('reads a gate with two limits as two checks', () => {
    const checks = checksOf([{ metric: 'latency_p95_ms', max: 4000, maxIncrease: 0.25 }])
    expect(checks.map((check) => check.key)).toEqual(['latency_p95_ms:max', 'latency_p95_ms:maxIncrease'])
    expect(checks.map((check) => check.reading.raw)).toEqual(['latency_ms', 'latency_ms'])
  })

  it('keeps the same limit given twice once and two different limits both', () => {
    const gates = [0.03, 0.03, 0.01].map((maxDrop) => ({ metric: 'llm_judge', maxDrop }))
    expect(checksOf(gates).map((check) => check.limit)).toEqual([0.03, 0.01])
  })

  it.each([
    ['llm_judge', 'min', 1],
    ['llm_judge', 'maxIncrease', 0.1],
    ['error_rate', 'max', 0],
    ['error_rate', 'maxDrop', 1],
    ['latency_p95_ms', 'maxDrop', 0.1],
    ['latency_p95_ms', 'min', 10],
    ['cost_usd', 'max', 0],
    ['cost_usd', 'maxIncrease', Number.NaN],
    ['llm_judge', 'maxDrop', -0.1],
  ] as const)('says why %s %s %d can never be shown on live traffic', (metric, requirement, limit) => {
    expect(gateProblem(metric, requirement, limit)).toContain(metric)
  })

  it('widens only maxDrop on the ladder, and never past half the scale', () => {
    const policy = aPolicy({ steps: 3, ladder: [50, 2, 1] })
    const [drop, limit] = checksOf([
      { metric: 'llm_judge', maxDrop: 0.03 },
      { metric: 'error_rate', max: 0.02 },
    ])
    expect(drop && marginsOf(drop, policy)).toEqual([0.5, 0.06, 0.03])
    expect(limit && marginsOf(limit, policy)).toEqual([0, 0, 0])
  })

  it('never narrows a margin by a ladder below 1 and takes the strictest for an unknown step', () => {
    const [check] = checksOf([{ metric: 'llm_judge', maxDrop: 0.03 }])
    const margins = check === undefined ? [] : marginsOf(check, aPolicy({ steps: 2, ladder: [Number.NaN, 0.1] }))
    expect(margins).toEqual([0.03, 0.03])
    expect([-1, 0, 1, 2, 0.5, Number.NaN].map((step) => marginAt([0.2, 0.03], step))).toEqual([
      0.03, 0.2, 0.03, 0.03, 0.03, 0.03,
    ])
  })
})

describe('policy of a stage', () => {
  const plan: RolloutPlan = { canary: { steps: [5, 25, 50], unit: 'session' }, bake: { duration: '12h' } }

  it('keeps next share times margin about constant by default: 4, 2, 1 for steps of 5, 25, 50', () => {
    expect(defaultLadder([5, 25, 50])).toEqual([4, 2, 1])
    expect(defaultLadder([1, 5, 25, 50])).toEqual([20 / 3, 4, 2, 1])
    expect(policyOf(bar, plan, 'shadow').shadowMultiplier).toBe(20 / 3)
  })

  it('judges a stage by its own gates and the plan by defaults where it is silent', () => {
    expect(policyOf(bar, plan, 'shadow')).toMatchObject({
      minSamples: 100,
      maxDurationMs: 7_200_000,
      gates: [bar.gates[0]],
    })
    expect(policyOf(bar, plan, 'canary')).toMatchObject({
      alpha: 0.05,
      alphaRollback: 0.01,
      maxMissing: 0.05,
      minSamples: 200,
      maxDurationMs: 86_400_000,
      gates: bar.gates,
      isStickyUnit: true,
      evaluatorMetrics: ['llm_judge'],
    })
    expect(policyOf(bar, plan, 'bake')).toMatchObject({ minSoakMs: 43_200_000, maxDurationMs: 86_400_000 })
  })

  it('counts by request in shadow and where the plan splits requests', () => {
    expect(policyOf(bar, plan, 'shadow').isStickyUnit).toBe(false)
    expect(policyOf(bar, { canary: { steps: [5], unit: 'request' } }, 'canary').isStickyUnit).toBe(false)
  })
})
