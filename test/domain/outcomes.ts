import type { MissingReason, Observation, Outcome } from '#domain/evidence.ts'
import type { GatePolicy, Situation } from '#domain/promotion-types.ts'

/** Factories of evidence: everything has a default, a test shows only what matters. */

export function outcome(
  values: Readonly<Record<string, number>> = {},
  missing: Readonly<Record<string, MissingReason>> = {},
): Outcome {
  return { values, missing }
}

export function shadowPair(seq: number, baseline: Outcome | null, candidate: Outcome | null): Observation {
  return { seq, unit: null, shareBp: 0, step: -1, baseline, candidate }
}

export function served(
  seq: number,
  arm: 'baseline' | 'candidate',
  answer: Outcome,
  where: Partial<Pick<Observation, 'unit' | 'shareBp' | 'step'>> = {},
): Observation {
  const { unit = null, shareBp = 5000, step = 0 } = where
  return {
    seq,
    unit,
    shareBp,
    step,
    baseline: arm === 'baseline' ? answer : null,
    candidate: arm === 'candidate' ? answer : null,
  }
}

export function aPolicy(changes: Partial<GatePolicy> = {}): GatePolicy {
  return {
    gates: [{ metric: 'llm_judge', maxDrop: 0.03 }],
    stage: 'canary',
    steps: 1,
    ladder: [1],
    shadowMultiplier: 1,
    alpha: 0.05,
    alphaRollback: 0.01,
    maxMissing: 0.05,
    minSamples: 20,
    maxDurationMs: 86_400_000,
    minSoakMs: 0,
    isStickyUnit: false,
    evaluatorMetrics: ['llm_judge'],
    ...changes,
  }
}

export const atStart: Situation = { step: 0, elapsedInStageMs: 1000, elapsedInStepMs: 1000 }
