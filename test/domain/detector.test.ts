import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { averageRunLength, playDetector, startDetector } from '#domain/detector.ts'
import { accumulate, judge, startEngine } from '#domain/promotion.ts'
import { aPolicy, outcome, served } from './outcomes.ts'
import { seededRandom } from './seeded-random.ts'

/** Block differences of a bake: one holdback answer against the mean of 19 others. */
function blocks(seed: number, drop: number) {
  const random = seededRandom(seed)
  const of = (quality: number) => (random.isTrue(quality) ? 1 : 0)
  return () => {
    let many = 0
    for (let i = 0; i < 19; i += 1) many += of(0.9 - drop)
    return many / 19 - of(0.9)
  }
}

/** Blocks until the alarm; the limit when there is none. */
function runLength(difference: () => number, limit: number): number {
  const detector = startDetector()
  for (let block = 1; block <= limit; block += 1) {
    playDetector(detector, -difference())
    if (detector.value >= averageRunLength) return block
  }
  return limit
}

describe('the detector of late harm (D10)', () => {
  it('alarms in at most 6 of 100 bakes of 1,000 blocks without harm: n over the average run length, and chance', () => {
    const alarms = Array.from({ length: 100 }, (_, seed) => runLength(blocks(seed + 1, 0), 1_000)).filter(
      (n) => n < 1_000,
    )
    expect(alarms.length).toBeLessThanOrEqual(6)
  })

  it('finds 10 points within 150 blocks in the median, however long all was well before', () => {
    const delays = Array.from({ length: 60 }, (_, seed) => {
      const [well, ill] = [blocks(seed + 1, 0), blocks(seed + 500, 0.1)]
      const detector = startDetector()
      for (let block = 0; block < 2_000 && detector.value < averageRunLength / 10; block += 1)
        playDetector(detector, -well())
      for (let block = 1; ; block += 1) {
        playDetector(detector, -ill())
        if (detector.value >= averageRunLength) return block
      }
    })
    expect(delays.toSorted((a, b) => a - b)[30]).toBeLessThanOrEqual(150)
  })

  it('grows by 1 per block at most where the evidence is exactly none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (count) => {
        const detector = startDetector()
        for (let block = 0; block < count; block += 1) playDetector(detector, 0)
        expect(detector.value).toBeCloseTo(count, 6)
      }),
    )
  })

  it('is never below 0 and always finite, whatever it is fed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 1, noNaN: true })), (stakes) => {
        const detector = startDetector()
        for (const stake of stakes) playDetector(detector, stake)
        expect(detector.value).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(detector.value)).toBe(true)
      }),
    )
  })

  it('rolls a bake back for harm that begins after thousands of good answers, and names it', () => {
    const policy = aPolicy({ stage: 'bake', gates: [{ metric: 'llm_judge', maxDrop: 0.01 }] })
    const random = seededRandom(5)
    const observations = Array.from({ length: 60_000 }, (_, seq) => {
      const arm = random.isTrue(0.95) ? 'candidate' : 'baseline'
      const quality = arm === 'candidate' && seq > 40_000 ? 0.8 : 0.9
      return served(seq, arm, outcome({ llm_judge: random.isTrue(quality) ? 1 : 0 }), { shareBp: 9_500 })
    })
    const situation = { step: 0, elapsedInStageMs: 0, elapsedInStepMs: 0 }
    const good = judge(accumulate(startEngine(), policy, observations.slice(0, 40_000)), policy, situation)
    expect(good.action).not.toBe('rollback')
    const verdict = judge(accumulate(startEngine(), policy, observations), policy, situation)
    expect(verdict.action).toBe('rollback')
    expect(verdict.evidence).toMatchObject({ detector: { driver: 'llm_judge:maxDrop', limit: averageRunLength } })
  })
})

describe('what a gate does on evidence of harm', () => {
  const gates = [
    { metric: 'error_rate', max: 0.05 },
    { metric: 'llm_judge', maxDrop: 0.03 },
  ]
  const situation = { step: 0, elapsedInStageMs: 0, elapsedInStepMs: 0 }
  const answers = (count: number) =>
    Array.from({ length: count }, (_, seq) => {
      const arm = seq % 2 === 0 ? 'baseline' : 'candidate'
      return served(seq, arm, outcome({ error_rate: 0, llm_judge: arm === 'candidate' ? 0 : 1 }))
    })
  const verdictOf = (action: 'rollback' | 'hold' | 'observe') => {
    const [first, second] = gates
    const policy = aPolicy({ gates: [first!, { ...second!, action }] })
    return judge(accumulate(startEngine(), policy, answers(3_000)), policy, situation)
  }

  it('rolls back by default', () => {
    const verdict = verdictOf('rollback')
    expect([verdict.action, verdict.reasons[0]?.metric]).toEqual(['rollback', 'llm_judge'])
  })

  it('holds for a person where the bar says so, and never advances', () => {
    const verdict = verdictOf('hold')
    expect(verdict).toMatchObject({ action: 'hold', reasons: [{ rule: 'held_harm', metric: 'llm_judge' }] })
    expect(verdict.gates.find((gate) => gate.metric === 'llm_judge')?.verdict).toBe('fail')
  })

  it('only shows it where the bar says observe: the other gates decide', () => {
    const verdict = verdictOf('observe')
    expect(verdict.action).toBe('advance')
    expect(verdict.gates.find((gate) => gate.metric === 'llm_judge')?.verdict).toBe('fail')
    expect(verdict.reasons.map((reason) => reason.metric)).toEqual(['error_rate'])
  })
})
