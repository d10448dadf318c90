import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MissingReason, Observation, Outcome } from '#domain/evidence.ts'
import { EvidenceMismatchError } from '#domain/policy-digest.ts'
import { accumulate, judge, startEngine } from '#domain/promotion.ts'
import { aPolicy, atStart, outcome, served, shadowPair } from './outcomes.ts'

const fullPolicy = aPolicy({
  gates: [
    { metric: 'llm_judge', maxDrop: 0.03 },
    { metric: 'json_validity', min: 0.9 },
    { metric: 'error_rate', max: 0.05 },
    { metric: 'refusal_rate', maxIncrease: 0.5 },
    { metric: 'latency_p95_ms', max: 4000, maxIncrease: 0.25 },
    { metric: 'ttft_p95_ms', maxIncrease: 0 },
    { metric: 'cost_usd', max: 0.01, maxIncrease: 0 },
  ],
  steps: 3,
  ladder: [4, 2, 1],
  evaluatorMetrics: ['llm_judge', 'json_validity'],
})

const reason = fc.constantFrom<MissingReason>('infrastructure', 'not_applicable', 'not_sampled')
const wild = fc.oneof(
  fc.constantFrom(0, 1, Number.NaN, Number.POSITIVE_INFINITY, -1, 2, 1e308),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.integer({ min: 1, max: 9000 }),
)
const name = fc.constantFrom(
  'llm_judge',
  'json_validity',
  'error_rate',
  'refusal_rate',
  'latency_ms',
  'ttft_ms',
  'cost_usd',
  '__proto__',
  'constructor',
)
const wildOutcome: fc.Arbitrary<Outcome> = fc.record({
  values: fc.dictionary(name, wild, { maxKeys: 7, noNullPrototype: true }),
  missing: fc.dictionary(name, reason, { maxKeys: 3, noNullPrototype: true }),
})
const nullable = fc.option(wildOutcome, { nil: null, freq: 2 })

const wildObservations: fc.Arbitrary<Observation[]> = fc
  .array(
    fc.record({
      unit: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: null }),
      shareBp: fc.constantFrom(500, 2500, 5000),
      step: fc.constantFrom(0, 1, 2),
      baseline: nullable,
      candidate: nullable,
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((rows) => rows.map((row, seq) => ({ seq, ...row })))

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(frozen)
  }
  return value
}

describe.each([
  ['requests', false],
  ['units', true],
])('gathering evidence by %s (D7)', (_, isStickyUnit) => {
  const policy = { ...fullPolicy, isStickyUnit }

  it('gives the same state however the observations are split into batches', () => {
    fc.assert(
      fc.property(wildObservations, fc.array(fc.nat(80), { maxLength: 6 }), (observations, cuts) => {
        const whole = accumulate(startEngine(), policy, observations)
        const edges = [0, ...cuts.filter((cut) => cut < observations.length).sort((a, b) => a - b), observations.length]
        const pieces = edges.slice(1).map((edge, i) => observations.slice(edges[i], edge))
        const piecewise = pieces.reduce((state, piece) => accumulate(state, policy, piece), startEngine())
        expect(piecewise).toEqual(whole)
      }),
    )
  })

  it('is plain JSON: storing and reading back changes neither state nor verdict nor what follows', () => {
    fc.assert(
      fc.property(wildObservations, (observations) => {
        const half = Math.floor(observations.length / 2)
        const state = accumulate(startEngine(), policy, observations.slice(0, half))
        const stored = JSON.parse(JSON.stringify(state))
        expect(stored).toEqual(state)
        expect(judge(stored, policy, atStart)).toEqual(judge(state, policy, atStart))
        const rest = observations.slice(half)
        const verdict = judge(accumulate(stored, policy, rest), policy, atStart)
        expect(verdict).toEqual(judge(accumulate(state, policy, rest), policy, atStart))
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
      }),
    )
  })

  it('changes neither the state it was given nor the observations', () => {
    fc.assert(
      fc.property(wildObservations, (observations) => {
        const first = frozen(accumulate(startEngine(), policy, observations))
        const later = frozen(observations.map((observation) => ({ ...observation, seq: observation.seq + 1000 })))
        expect(() => accumulate(first, policy, later)).not.toThrow()
      }),
      { numRuns: 30 },
    )
  })

  it('never promotes on tables full of missing, NaN, late or lopsided data', () => {
    fc.assert(
      fc.property(wildObservations, fc.double(), (observations, elapsed) => {
        const state = accumulate(startEngine(), policy, observations)
        const situation = { step: 2, elapsedInStageMs: elapsed, elapsedInStepMs: elapsed }
        expect(judge(state, policy, situation).action).not.toBe('advance')
      }),
      { numRuns: 300 },
    )
  })
})

describe('gathering evidence', () => {
  const good = outcome({ llm_judge: 1 })
  const bad = outcome({ llm_judge: 0 })

  it('leaves out what came twice or out of order, and counts it', () => {
    const observations = [served(5, 'baseline', good), served(6, 'candidate', good)]
    const once = accumulate(startEngine(), aPolicy(), observations)
    const twice = accumulate(once, aPolicy(), observations)
    expect(twice).toEqual({ ...once, ignored: 2 })
    expect(accumulate(once, aPolicy(), [served(Number.NaN, 'candidate', bad)]).ignored).toBe(1)
  })

  it('refuses to mix evidence of two bars, stages or engines', () => {
    const state = accumulate(startEngine(), aPolicy(), [served(1, 'candidate', good)])
    const others = [
      aPolicy({ gates: [{ metric: 'llm_judge', maxDrop: 0.05 }] }),
      aPolicy({ stage: 'bake' }),
      aPolicy({ ladder: [2] }),
    ]
    for (const other of others) {
      expect(() => accumulate(state, other, [served(2, 'candidate', good)])).toThrow(EvidenceMismatchError)
      expect(judge(state, other, atStart)).toMatchObject({ action: 'hold', reasons: [{ rule: 'engine_mismatch' }] })
    }
    const old = { ...state, version: 'interlock-engine/0' }
    expect(() => accumulate(old, aPolicy(), [served(2, 'candidate', good)])).toThrow(EvidenceMismatchError)
  })

  it('may be judged with other levels and limits than it was gathered under', () => {
    const state = accumulate(startEngine(), aPolicy(), [served(1, 'candidate', good)])
    const longer = aPolicy({ maxDurationMs: 1, minSamples: 1, alpha: 0.01 })
    expect(judge(state, longer, atStart).reasons[0]?.rule).toBe('max_duration')
  })

  it('turns every difference round when the arms are swapped', () => {
    const sample = fc.array(fc.record({ b: fc.constantFrom(0, 0.5, 1), c: fc.constantFrom(0, 0.5, 1) }), {
      minLength: 5,
      maxLength: 60,
    })
    fc.assert(
      fc.property(sample, (pairs) => {
        const policy = aPolicy({ stage: 'shadow' })
        const run = (swap: boolean) => {
          const observations = pairs.map(({ b, c }, seq) =>
            shadowPair(seq, outcome({ llm_judge: swap ? c : b }), outcome({ llm_judge: swap ? b : c })),
          )
          return judge(accumulate(startEngine(), policy, observations), policy, atStart).gates[0]
        }
        const [straight, swapped] = [run(false), run(true)]
        expect(swapped?.difference).toBeCloseTo(-(straight?.difference ?? Number.NaN), 12)
        expect(swapped?.interval?.[0]).toBeCloseTo(-(straight?.interval?.[1] ?? Number.NaN), 9)
      }),
    )
  })

  it('compares shadow answers in pairs: half a pair says nothing and is counted as missing', () => {
    const policy = aPolicy({ stage: 'shadow' })
    const state = accumulate(startEngine(), policy, [
      shadowPair(1, good, null),
      shadowPair(2, good, outcome({}, { llm_judge: 'infrastructure' })),
      shadowPair(3, good, bad),
    ])
    expect(state.tracks[0]?.blocks).toBe(1)
    expect(state.coverage[0]?.missing).toEqual({ baseline: 0, candidate: 1 })
  })

  it('scores 0 where a failed answer was due a score, and nothing where it was not drawn', () => {
    const failed = outcome({ error_rate: 1 })
    const undrawn = outcome({ error_rate: 1 }, { llm_judge: 'not_sampled' })
    const state = accumulate(startEngine(), aPolicy(), [
      served(1, 'candidate', failed),
      served(2, 'candidate', undrawn),
    ])
    expect(state.tracks[0]?.candidate).toEqual({ samples: 1, sum: 0 })
  })

  it('stays bounded: 40,000 observations of 8,000 units need no more than 150 kB', () => {
    const policy = { ...fullPolicy, isStickyUnit: true }
    const observations = Array.from({ length: 40_000 }, (_, seq) => {
      const unit = `u${(seq * 7919) % 8000}`
      const answer = outcome({
        llm_judge: (seq % 97) / 97,
        json_validity: seq % 50 === 0 ? 0 : 1,
        error_rate: seq % 60 === 0 ? 1 : 0,
        refusal_rate: 0,
        latency_ms: 10 + (seq % 5000),
        ttft_ms: 1 + (seq % 500),
        cost_usd: (seq % 100) / 1e5,
      })
      return served(seq, seq % 3 === 0 ? 'candidate' : 'baseline', answer, { unit })
    })
    expect(JSON.stringify(accumulate(startEngine(), policy, observations)).length).toBeLessThan(150_000)
  })
})
