import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Bar, builtInMetrics, type Gate, type GateStage, isLowerBetter } from '#domain/bar.ts'
import { checkBar, checkPlan, gateStages } from '#domain/bar-check.ts'
import type { RolloutPlan } from '#domain/plan.ts'

const evaluators = [
  { name: 'json_validity', needsReference: false },
  { name: 'exact', needsReference: true },
]
const bar = (overrides: Partial<Bar> = {}): Bar => ({
  evaluators: [{ name: 'json_validity' }, { name: 'exact' }],
  gates: [{ metric: 'json_validity', min: 0.9 }],
  ...overrides,
})
const gates = (...all: Gate[]) => bar({ gates: all })
const paths = (problems: readonly { path: string }[]) => problems.map(({ path }) => path)

describe('a bar', () => {
  test('of the contract is accepted', () => {
    const full = gates(
      { metric: 'json_validity', min: 0.98, maxDrop: 0.03 },
      { metric: 'error_rate', max: 0.02 },
      { metric: 'latency_p95_ms', max: 4000, maxIncrease: 0.25 },
      { metric: 'cost_usd', maxIncrease: 0 },
      { metric: 'exact', min: 0.5, stages: ['offline'] },
    )
    expect(checkBar({ ...full, alpha: 0.05, maxMissing: 0.05, required: ['offline'] }, evaluators)).toEqual([])
  })

  test.each<[string, Bar, string]>([
    ['no gate', gates(), '/gates'],
    ['an unknown metric', gates({ metric: 'vibes', min: 0.5 }), '/gates/0/metric'],
    ['an evaluator that is not listed', gates({ metric: 'grounding', min: 0.5 }), '/gates/0/metric'],
    ['a gate without a limit', gates({ metric: 'error_rate' }), '/gates/0'],
    ['a drop of what should be small', gates({ metric: 'error_rate', maxDrop: 0.1 }), '/gates/0/maxDrop'],
    ['a minimum of what should be small', gates({ metric: 'cost_usd', min: 1 }), '/gates/0/min'],
    ['an increase of a score', gates({ metric: 'json_validity', maxIncrease: 0.1 }), '/gates/0/maxIncrease'],
    ['a maximum of a score', gates({ metric: 'json_validity', max: 0.9 }), '/gates/0/max'],
    ['a score above 1', gates({ metric: 'json_validity', min: 98 }), '/gates/0/min'],
    ['a drop above 1', gates({ metric: 'json_validity', maxDrop: 3 }), '/gates/0/maxDrop'],
    ['a rate above 1', gates({ metric: 'refusal_rate', max: 2 }), '/gates/0/max'],
    ['no number', gates({ metric: 'json_validity', min: Number.NaN }), '/gates/0/min'],
    [
      'two gates of one metric',
      gates({ metric: 'exact', min: 0.5 }, { metric: 'exact', maxDrop: 0.1, stages: ['offline'] }),
      '/gates/1',
    ],
    ['an alpha of 0', bar({ alpha: 0 }), '/alpha'],
    ['an alpha above 0.2', bar({ alpha: 0.21 }), '/alpha'],
    ['missing above 1', bar({ maxMissing: 1.1 }), '/maxMissing'],
    ['a stage required twice', bar({ required: ['shadow', 'shadow'] }), '/required/1'],
    ['an evaluator listed twice', bar({ evaluators: [{ name: 'exact' }, { name: 'exact' }] }), '/evaluators/1/name'],
    ['a built-in metric as evaluator', bar({ evaluators: [{ name: 'cost_usd' }] }), '/evaluators/0/name'],
  ])('with %s is refused at its place', (_name, faulty, path) => {
    expect(paths(checkBar(faulty, evaluators))).toEqual([path])
  })

  test('may judge one metric twice where no stage sees both', () => {
    const split = gates(
      { metric: 'exact', min: 0.5, stages: ['offline'] },
      { metric: 'exact', min: 0.4, stages: ['bake'] },
    )
    expect(checkBar(split, evaluators)).toEqual([])
  })

  test('an unknown metric names the known ones', () => {
    const [problem] = checkBar(gates({ metric: 'vibes', min: 1 }), evaluators)
    for (const name of [...builtInMetrics, 'json_validity', 'exact']) expect(problem?.message).toContain(name)
  })

  test('accepts one direction of a limit for every metric, never both', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...builtInMetrics, 'exact'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (metric, limit) => {
          const isFine = (gate: Gate) => checkBar(gates(gate), evaluators).length === 0
          expect(isFine({ metric, max: limit })).toBe(isLowerBetter(metric))
          expect(isFine({ metric, min: limit })).toBe(!isLowerBetter(metric))
          expect(isFine({ metric, maxIncrease: limit })).toBe(isLowerBetter(metric))
          expect(isFine({ metric, maxDrop: limit })).toBe(!isLowerBetter(metric))
        },
      ),
      { seed: 61 },
    )
  })
})

describe('a plan', () => {
  const known = { evaluators, datasets: new Set(['support@1', 'support@2']) }
  const plan = (overrides: Partial<RolloutPlan> = {}): RolloutPlan => ({
    offline: { datasets: ['support@1'] },
    shadow: { sampleRate: 0.5, minSamples: 100, maxDuration: '2h' },
    canary: { steps: [5, 25, 50], unit: 'session', ladder: [3, 2, 1] },
    bake: { duration: '24h' },
    approvals: [{ before: 'canary' }, { before: 'promotion' }],
    ...overrides,
  })
  const without = (...stages: GateStage[]) =>
    Object.fromEntries(Object.entries(plan()).filter(([name]) => !stages.includes(name as GateStage)))

  test('of the contract is accepted, and so is one that says 100 % as its last step', () => {
    expect(checkPlan(plan(), bar(), known)).toEqual([])
    expect(checkPlan(plan({ canary: { steps: [5, 50, 100], ladder: [2, 1] } }), bar(), known)).toEqual([])
  })

  test.each<[string, RolloutPlan, string]>([
    ['a dataset nobody uploaded', plan({ offline: { datasets: ['support@3'] } }), '/offline/datasets/0'],
    ['a dataset twice', plan({ offline: { datasets: ['support@1', 'support@1'] } }), '/offline/datasets/1'],
    ['no dataset', plan({ offline: { datasets: [] } }), '/offline/datasets'],
    ['falling steps', plan({ canary: { steps: [25, 5] } }), '/canary/steps/1'],
    ['equal steps', plan({ canary: { steps: [5, 5] } }), '/canary/steps/1'],
    ['a step of 0', plan({ canary: { steps: [0, 5] } }), '/canary/steps/0'],
    ['a step above 100', plan({ canary: { steps: [5, 101] } }), '/canary/steps/1'],
    ['a step that is no number', plan({ canary: { steps: [5, Number.NaN] } }), '/canary/steps/1'],
    ['no step below 100', plan({ canary: { steps: [100] } }), '/canary/steps'],
    ['a ladder of another length', plan({ canary: { steps: [5, 25], ladder: [3, 2, 1] } }), '/canary/ladder'],
    ['a ladder that rises', plan({ canary: { steps: [5, 25, 50], ladder: [1, 2, 1] } }), '/canary/ladder/1'],
    ['a ladder that ends above 1', plan({ canary: { steps: [5, 25], ladder: [3, 2] } }), '/canary/ladder/1'],
    ['a duration that is none', plan({ shadow: { maxDuration: 'soon' } }), '/shadow/maxDuration'],
    ['a duration of 0', plan({ bake: { duration: '0s' } }), '/bake/duration'],
    ['a duration of years', plan({ bake: { duration: '999999d' } }), '/bake/duration'],
    ['an approval twice', plan({ approvals: [{ before: 'canary' }, { before: 'canary' }] }), '/approvals/1/before'],
    ['no shadow', without('shadow'), '/shadow'],
  ])('with %s is refused at its place', (_name, faulty, path) => {
    expect(paths(checkPlan(faulty, bar(), known))).toEqual([path])
  })

  test('may leave out what the bar does not require, but not everything', () => {
    expect(checkPlan(without('offline', 'shadow', 'bake'), bar({ required: ['canary'] }), known)).toEqual([])
    expect(paths(checkPlan({}, bar({ required: [] }), known))).toEqual([''])
  })

  test.each(gateStages)('cannot have the stage %s when no gate judges it: it would pass unseen', (stage) => {
    const others = gateStages.filter((other) => other !== stage)
    const blind = gates({ metric: 'json_validity', min: 0.9, stages: others })
    expect(paths(checkPlan(plan(), blind, known))).toEqual([`/${stage}`])
  })

  test('with a gate that needs a reference is refused in every live stage, unless the gate is for offline only', () => {
    const live = checkPlan(plan(), gates({ metric: 'exact', min: 0.5 }), known)
    expect(paths(live)).toEqual(['/shadow', '/canary', '/bake'])
    const offline = gates({ metric: 'json_validity', min: 0.9 }, { metric: 'exact', min: 0.5, stages: ['offline'] })
    expect(checkPlan(plan(), offline, known)).toEqual([])
  })
})
