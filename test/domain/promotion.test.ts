import { describe, expect, it } from 'vitest'
import type { Observation, Outcome } from '#domain/evidence.ts'
import { accumulate, type GatePolicy, judge, startEngine } from '#domain/promotion.ts'
import { aPolicy, atStart, outcome, served } from './outcomes.ts'
import { seededRandom } from './seeded-random.ts'

/** A step at 50 % that alternates the arms. */
function alternating(count: number, answer: (arm: 'baseline' | 'candidate', i: number) => Outcome): Observation[] {
  return Array.from({ length: count }, (_, seq) => {
    const arm = seq % 2 === 0 ? 'baseline' : 'candidate'
    return served(seq, arm, answer(arm, seq))
  })
}

function verdictOf(policy: GatePolicy, observations: readonly Observation[], situation = atStart) {
  return judge(accumulate(startEngine(), policy, observations), policy, situation)
}

const good = outcome({ llm_judge: 1, error_rate: 0 })
const bad = outcome({ llm_judge: 0, error_rate: 0 })
const rules = (verdict: { reasons: readonly { rule: string }[] }) => verdict.reasons.map((reason) => reason.rule)

describe('order of decisions (D7)', () => {
  it('waits without any data, and says which evidence is missing', () => {
    const verdict = judge(startEngine(), aPolicy(), atStart)
    expect(verdict.action).toBe('wait')
    expect(rules(verdict)).toEqual(['min_samples', 'gate'])
    expect(verdict.gates).toMatchObject([{ samples: 0, verdict: 'inconclusive', baseline: null, interval: null }])
  })

  it('never advances without data, however long it ran: it ends inconclusive', () => {
    const late = { step: 0, elapsedInStageMs: 86_400_000, elapsedInStepMs: 86_400_000 }
    expect(judge(startEngine(), aPolicy(), late).action).toBe('inconclusive')
    const never = { step: 0, elapsedInStageMs: Number.NaN, elapsedInStepMs: Number.NaN }
    expect(judge(startEngine(), aPolicy(), never).action).toBe('inconclusive')
  })

  it('advances when samples, soak and every gate are there', () => {
    const verdict = verdictOf(
      aPolicy(),
      alternating(400, () => good),
    )
    expect(verdict.action).toBe('advance')
    expect(verdict.gates[0]).toMatchObject({
      verdict: 'pass',
      threshold: { maxDrop: 0.03 },
      margin: 0.03,
      difference: 0,
    })
    expect(verdict.gates[0]?.eValue).toBeGreaterThanOrEqual(20)
  })

  it('waits for the samples of this step, not of the steps before', () => {
    const verdict = verdictOf(
      aPolicy({ steps: 2, ladder: [2, 1] }),
      alternating(400, () => good),
      { ...atStart, step: 1 },
    )
    expect(verdict.action).toBe('wait')
    expect(verdict.reasons).toMatchObject([{ rule: 'min_samples', observed: 0, threshold: 20 }])
  })

  it('waits for the soak', () => {
    expect(
      rules(
        verdictOf(
          aPolicy({ minSoakMs: 5000 }),
          alternating(400, () => good),
        ),
      ),
    ).toEqual(['min_soak'])
  })

  it('rolls back before the minimum of samples is reached, and stays at it', () => {
    const policy = aPolicy({ minSamples: 100_000 })
    const harmful = alternating(200, (arm) => (arm === 'candidate' ? bad : good))
    const state = accumulate(startEngine(), policy, harmful)
    const verdict = judge(state, policy, atStart)
    expect(verdict.action).toBe('rollback')
    expect(verdict.gates[0]?.verdict).toBe('fail')
    const recovered = alternating(20_000, () => good).map((o) => ({ ...o, seq: o.seq + 1000 }))
    expect(judge(accumulate(state, policy, recovered), policy, atStart).action).toBe('rollback')
  })

  it('rolls back even where the data is untrustworthy or the time is over', () => {
    const holes = outcome({}, { llm_judge: 'infrastructure' })
    const observations = alternating(800, (arm, i) => (i % 5 < 2 ? holes : arm === 'candidate' ? bad : good))
    const late = { step: 0, elapsedInStageMs: 1e12, elapsedInStepMs: 1e12 }
    expect(verdictOf(aPolicy(), observations, late).action).toBe('rollback')
  })

  it('says inconclusive instead of waiting once the time is over, with what was missing', () => {
    const late = { step: 0, elapsedInStageMs: 86_400_000, elapsedInStepMs: 1 }
    const verdict = verdictOf(
      aPolicy(),
      alternating(10, () => good),
      late,
    )
    expect(verdict.action).toBe('inconclusive')
    expect(rules(verdict)).toEqual(['max_duration', 'min_samples', 'gate'])
  })

  it('does not advance where the bar has no gate for the stage', () => {
    const verdict = verdictOf(
      aPolicy({ gates: [] }),
      alternating(4000, () => good),
    )
    expect(verdict.action).toBe('wait')
    expect(rules(verdict)).toContain('no_gates')
  })

  it('never passes a limit that samples cannot show, and says so', () => {
    const policy = aPolicy({ gates: [{ metric: 'llm_judge', min: 1 }] })
    const verdict = verdictOf(
      policy,
      alternating(4000, () => good),
    )
    expect(verdict.action).toBe('wait')
    expect(verdict.reasons[0]?.message).toContain('cannot be shown by samples')
  })

  it('does not step up while harm is half shown, although the gate passed earlier', () => {
    const random = seededRandom(3)
    const policy = aPolicy({ minSamples: 1 })
    const first = alternating(1200, () => good)
    const then = Array.from({ length: 120 }, (_, i) => {
      const arm = i % 2 === 0 ? 'baseline' : 'candidate'
      return served(2000 + i, arm, arm === 'candidate' && random.isTrue(0.6) ? bad : good)
    })
    let state = accumulate(startEngine(), policy, first)
    expect(judge(state, policy, atStart).action).toBe('advance')
    const actions = then.map((observation) => {
      state = accumulate(state, policy, [observation])
      return judge(state, policy, atStart)
    })
    const turn = actions.findIndex((verdict) => verdict.action === 'rollback')
    const doubted = actions.slice(0, turn).findIndex((verdict) => rules(verdict).includes('doubt'))
    expect(doubted).toBeGreaterThan(0)
    expect(turn).toBeGreaterThan(doubted)
  })

  it('names engine, level, margin, sample and e-value of every gate in the evidence', () => {
    const { evidence } = verdictOf(
      aPolicy(),
      alternating(400, () => good),
    )
    expect(evidence).toMatchObject({
      engine: 'interlock-engine/2',
      stage: 'canary',
      step: 0,
      alpha: 0.05,
      alphaRollback: 0.01,
      observed: 400,
      candidate: 200,
      sharesBp: [5000],
      gates: [
        { key: 'llm_judge:maxDrop', limit: 0.03, margin: 0.03, eValueNeeded: 20, candidate: 200, verdict: 'pass' },
      ],
    })
  })
})

describe('health of the data (C6, D6)', () => {
  it('holds when more scores are missing than the bar allows, on both arms alike', () => {
    const holes = outcome({}, { llm_judge: 'infrastructure' })
    const verdict = verdictOf(
      aPolicy(),
      alternating(2000, (_, i) => (i % 20 < 2 ? holes : good)),
    )
    expect(verdict.action).toBe('hold')
    expect(verdict.reasons).toMatchObject([{ rule: 'coverage', metric: 'llm_judge', threshold: 0.05 }])
  })

  it('treats NaN, out-of-range and absent values as missing, never as a pass', () => {
    const faults = [Number.NaN, Number.POSITIVE_INFINITY, -0.5, 1.5].map((value) => outcome({ llm_judge: value }))
    const answers = [...faults, outcome({})]
    const verdict = verdictOf(
      aPolicy(),
      alternating(2000, (_, i) => answers[i % answers.length] as Outcome),
    )
    expect(verdict.action).toBe('hold')
    expect(verdict.gates[0]).toMatchObject({ samples: 0, missing: 2000, verdict: 'inconclusive' })
  })

  it('goes on once an outage is over and coverage is back', () => {
    const holes = outcome({}, { llm_judge: 'infrastructure' })
    const observations = alternating(4000, (_, i) => (i >= 400 && i < 500 ? holes : good))
    const during = accumulate(startEngine(), aPolicy(), observations.slice(0, 500))
    expect(judge(during, aPolicy(), atStart).action).toBe('hold')
    expect(judge(accumulate(during, aPolicy(), observations.slice(500)), aPolicy(), atStart).action).toBe('advance')
  })

  it('holds when the scores of one arm go missing more often, although few are missing in all', () => {
    const holes = outcome({}, { llm_judge: 'infrastructure' })
    const policy = aPolicy({ maxMissing: 0.2 })
    const verdict = verdictOf(
      policy,
      alternating(4000, (arm, i) => (arm === 'candidate' && i % 20 < 2 ? holes : good)),
    )
    expect(verdict.action).toBe('hold')
    expect(rules(verdict)).toEqual(['differential_missing'])
  })

  it('holds when a score does not apply equally often to both arms', () => {
    const silent = outcome({}, { llm_judge: 'not_applicable' })
    const verdict = verdictOf(
      aPolicy(),
      alternating(4000, (arm, i) => (arm === 'candidate' && i % 10 < 2 ? silent : good)),
    )
    expect(verdict.action).toBe('hold')
    expect(rules(verdict)).toEqual(['not_applicable_gap'])
  })

  it('does not count answers that were not drawn for scoring as missing', () => {
    const undrawn = outcome({}, { llm_judge: 'not_sampled' })
    const verdict = verdictOf(
      aPolicy(),
      alternating(4000, (_, i) => (i % 10 < 8 ? undrawn : good)),
    )
    expect(verdict.action).toBe('advance')
    expect(verdict.gates[0]).toMatchObject({ samples: 400, missing: 0 })
  })

  it('holds when the split is not the one in force', () => {
    const random = seededRandom(5)
    const observations = Array.from({ length: 12_000 }, (_, seq) =>
      served(seq, random.isTrue(0.03) ? 'candidate' : 'baseline', good, { shareBp: 500 }),
    )
    expect(rules(verdictOf(aPolicy(), observations))).toContain('sample_ratio')
  })

  it('holds when many observations came out of order', () => {
    const shuffled = alternating(1000, () => good).map((o, i) => ({ ...o, seq: i % 2 === 0 ? i : i - 500 }))
    expect(rules(verdictOf(aPolicy(), shuffled))).toContain('out_of_order')
  })

  it('leaves requests without a unit out where units are split: they are not randomised', () => {
    const policy = aPolicy({ isStickyUnit: true })
    const observations = Array.from({ length: 5000 }, (_, seq) => served(seq, 'baseline', good, { shareBp: 5000 }))
    const verdict = verdictOf(policy, observations)
    expect(verdict.action).toBe('wait')
    expect(verdict.evidence).toMatchObject({ unassigned: 5000, baseline: 0 })
  })
})

describe('absolute limits (D2)', () => {
  const policy = aPolicy({ gates: [{ metric: 'error_rate', max: 0.05 }], evaluatorMetrics: [] })
  const failing = (rate: { baseline: number; candidate: number }, seed: number) => {
    const random = seededRandom(seed)
    return alternating(6000, (arm) => outcome({ error_rate: random.isTrue(rate[arm]) ? 1 : 0 }))
  }

  it('passes a candidate well below its limit', () => {
    expect(verdictOf(policy, failing({ baseline: 0.01, candidate: 0.01 }, 1)).action).toBe('advance')
  })

  it('rolls back a candidate that breaks the limit and is worse than the baseline', () => {
    const verdict = verdictOf(policy, failing({ baseline: 0.01, candidate: 0.09 }, 2))
    expect(verdict.action).toBe('rollback')
  })

  it('holds where both arms break the limit alike: an incident of the provider is not the candidate’s', () => {
    const verdict = verdictOf(policy, failing({ baseline: 0.3, candidate: 0.3 }, 3))
    expect(verdict.action).toBe('hold')
    expect(rules(verdict)).toEqual(['common_cause'])
  })

  it('does not roll back a candidate that is worse than the baseline but within the limit', () => {
    const verdict = verdictOf(policy, failing({ baseline: 0.005, candidate: 0.01 }, 4))
    expect(verdict.action).toBe('advance')
  })
})

describe('latency and cost (D2)', () => {
  const run = (gates: GatePolicy['gates'], factor: { latency?: number; cost?: number }, count = 6000) => {
    const random = seededRandom(9)
    const observations = alternating(count, (arm) => {
      const by = (value: number | undefined) => (arm === 'candidate' ? (value ?? 1) : 1)
      const latency = 600 * Math.exp(0.5 * random.normal()) * by(factor.latency)
      const cost = 0.002 * Math.exp(0.8 * random.normal()) * by(factor.cost)
      return outcome({ latency_ms: latency, cost_usd: cost })
    })
    return verdictOf(aPolicy({ gates, evaluatorMetrics: [] }), observations)
  }
  const latencyGate = [{ metric: 'latency_p95_ms', maxIncrease: 0.25 }]
  const costGate = [{ metric: 'cost_usd', maxIncrease: 0.1 }]

  it('passes equal latency within 25 % and rolls back a doubled one', () => {
    const equal = run(latencyGate, {})
    expect(equal.action).toBe('advance')
    expect(equal.gates[0]?.baseline).toBeGreaterThan(1200)
    expect(equal.gates[0]?.baseline).toBeLessThan(1500)
    expect(run(latencyGate, { latency: 2 }).action).toBe('rollback')
  })

  it('passes equal latency where no increase is allowed, with the tolerance the method states', () => {
    expect(run([{ metric: 'latency_p95_ms', maxIncrease: 0 }], {}, 12_000).action).toBe('advance')
  })

  it('passes a cheaper candidate where no increase is allowed, and rolls back one that costs half more', () => {
    expect(run([{ metric: 'cost_usd', maxIncrease: 0 }], { cost: 0.6 }).action).toBe('advance')
    expect(run(costGate, { cost: 1.5 }).action).toBe('rollback')
  })

  it('lets time-outs count as slow, even where their recorded time is short', () => {
    const policy = aPolicy({ gates: latencyGate, evaluatorMetrics: [] })
    const observations = alternating(4000, (arm, i) => {
      const isFailed = arm === 'candidate' && i % 8 < 2
      return outcome({ latency_ms: isFailed ? 5 : 500 + (i % 100), error_rate: isFailed ? 1 : 0 })
    })
    expect(verdictOf(policy, observations).action).toBe('rollback')
  })

  it('does not let a few ruinous answers hide behind the cap: the plain mean must keep the limit', () => {
    const policy = aPolicy({ gates: [{ metric: 'cost_usd', maxIncrease: 0 }], evaluatorMetrics: [] })
    const observations = alternating(8000, (arm, i) => {
      const isRuinous = arm === 'candidate' && i % 400 === 1
      return outcome({ cost_usd: isRuinous ? 5 : arm === 'candidate' ? 0.001 : 0.002 })
    })
    const verdict = verdictOf(policy, observations)
    expect(verdict.action).not.toBe('advance')
    expect(verdict.gates[0]?.verdict).not.toBe('pass')
  })

  it('passes free against free and rolls back what suddenly costs', () => {
    const policy = aPolicy({ gates: costGate, evaluatorMetrics: [] })
    const free = alternating(2000, () => outcome({ cost_usd: 0 }))
    expect(verdictOf(policy, free).action).toBe('advance')
    const paid = alternating(2000, (arm) => outcome({ cost_usd: arm === 'candidate' ? 0.01 : 0 }))
    expect(verdictOf(policy, paid).action).toBe('rollback')
  })

  it('never passes a cost that is unknown', () => {
    const policy = aPolicy({ gates: costGate, evaluatorMetrics: [] })
    const verdict = verdictOf(
      policy,
      alternating(4000, () => outcome({ error_rate: 0 })),
    )
    expect(verdict).toMatchObject({ action: 'hold', reasons: [{ rule: 'coverage', metric: 'cost_usd' }] })
  })
})

describe('bake (D10)', () => {
  const policy = aPolicy({ stage: 'bake', minSoakMs: 10_000 })
  const over = { step: 0, elapsedInStageMs: 20_000, elapsedInStepMs: 20_000 }

  it('ends well when its time is over, answers were scored and no harm was found', () => {
    const observations = alternating(100, () => good)
    expect(verdictOf(policy, observations).action).toBe('wait')
    expect(verdictOf(policy, observations, over).action).toBe('advance')
  })

  it('does not end well without scored answers', () => {
    expect(judge(startEngine(), policy, over).action).toBe('wait')
  })

  it('rolls back when the promoted version turns bad late', () => {
    const random = seededRandom(21)
    const observations = alternating(8000, (arm, i) => {
      const quality = arm === 'candidate' && i > 4000 ? 0.75 : 0.9
      return outcome({ llm_judge: random.isTrue(quality) ? 1 : 0 })
    })
    expect(verdictOf(policy, observations, over).action).toBe('rollback')
  })
})
