import type { Bar, GateStage } from './bar.ts'
import { durationMs, type RolloutPlan } from './plan.ts'
import type { GatePolicy, LiveStage } from './promotion-types.ts'
import { canarySteps } from './proposal.ts'

const hourMs = 3_600_000

/** Widest default multiplier: 3 points become 20. */
const widestMultiplier = 20 / 3

/**
 * Multiplier of `maxDrop` for the gate that admits a share, so that share x margin stays about constant: few users may meet
 * what is only roughly known. @param sharePercent 0 < share <= 100
 */
function defaultMultiplier(sharePercent: number): number {
  return sharePercent > 0 ? Math.max(1, Math.min(100 / sharePercent, widestMultiplier)) : widestMultiplier
}

/** The gate at the end of step k admits the share of step k + 1; the last admits all. */
export function defaultLadder(steps: readonly number[]): number[] {
  return steps.map((_, step) => defaultMultiplier(steps[step + 1] ?? 100))
}

/** What a stage of a proposal is judged by: the bar's gates for that stage, the plan's limits, defaults where both are silent. */
export function policyOf(bar: Bar, plan: RolloutPlan, stage: LiveStage): GatePolicy {
  const steps = canarySteps(plan)
  return {
    gates: gatesOf(bar, stage),
    stage,
    steps: steps.length,
    ladder: plan.canary?.ladder?.slice(0, steps.length) ?? defaultLadder(steps),
    shadowMultiplier: defaultMultiplier(steps[0] ?? 100),
    alpha: bar.alpha ?? 0.05,
    alphaRollback: 0.01,
    maxMissing: bar.maxMissing ?? 0.05,
    isStickyUnit: stage !== 'shadow' && plan.canary?.unit !== undefined && plan.canary.unit !== 'request',
    evaluatorMetrics: bar.evaluators.map((evaluator) => evaluator.name),
    ...limitsOf(plan, stage),
  }
}

/** The bar's gates that a stage judges. */
export function gatesOf(bar: Bar, stage: GateStage): Bar['gates'] {
  return bar.gates.filter((gate) => gate.stages === undefined || gate.stages.includes(stage))
}

function limitsOf(plan: RolloutPlan, stage: LiveStage): Pick<GatePolicy, 'minSamples' | 'maxDurationMs' | 'minSoakMs'> {
  if (stage === 'shadow') {
    const maxDurationMs = lengthMs(plan.shadow?.maxDuration, 2 * hourMs)
    return { minSamples: plan.shadow?.minSamples ?? 100, maxDurationMs, minSoakMs: 0 }
  }
  const minSamples = plan.canary?.minSamples ?? 200
  if (stage === 'canary') {
    return { minSamples, maxDurationMs: lengthMs(plan.canary?.maxDuration, 24 * hourMs), minSoakMs: 0 }
  }
  const soakMs = lengthMs(plan.bake?.duration, 24 * hourMs)
  // A short bake of a quiet route has time for its samples.
  return { minSamples, maxDurationMs: soakMs + Math.max(soakMs, hourMs), minSoakMs: soakMs }
}

/** Plans are validated at the edge; a text that is no duration means the default here. */
function lengthMs(text: string | undefined, otherwise: number): number {
  return (text === undefined ? null : durationMs(text)) ?? otherwise
}
