import { type Interval, normalReach, type Share } from './judge-statistics.ts'

/** What labels say about a judge: its errors on what people call positive and on what they call negative. */
export interface JudgeErrors {
  readonly sensitivity: Pick<Share, 'count' | 'of'>
  readonly specificity: Pick<Share, 'count' | 'of'>
}

export type Corrected =
  | { readonly kind: 'corrected'; readonly rate: number; readonly interval: Interval }
  | { readonly kind: 'not_correctable'; readonly reason: string }

/** Below this many labels of either kind nothing is corrected; below `goodLabels` the interval is wide and says so. */
export const fewestLabels = 10
export const goodLabels = 50
/** Sensitivity and specificity together: at 1 a judge is a coin, and below this the correction blows up. */
const leastInformed = 1.2

/**
 * The true rate behind a judge's rate, with an interval that carries the uncertainty of both samples.
 *
 * rate = (p + q0 - 1) / (q0 + q1 - 1), Rogan & Gladen, American Journal of Epidemiology 107 (1978),
 * doi:10.1093/oxfordjournals.aje.a112510; 95 % interval of Lee, Zeng, Jeong, Sohn & Lee, "How to Correctly Report
 * LLM-as-a-Judge Evaluations" (2025), arXiv:2511.21140: shrunken shares and a shift of the centre. Assumes independent
 * verdicts, and that the judge errs on these answers as it did on the labelled ones: another arm, dataset or judge is another
 * correction.
 *
 * @param passed  positive verdicts among `judged`
 */
export function correctedRate(passed: number, judged: number, errors: JudgeErrors): Corrected {
  const refusal = refusalOf(judged, errors)
  if (refusal !== null) return { kind: 'not_correctable', reason: refusal }
  const { rate, error, shift } = smoothed(passed, judged, errors)
  const plain = clip(plainRate(passed / judged, errors))
  return {
    kind: 'corrected',
    rate: plain,
    interval: [clip(rate + shift - normalReach * error), clip(rate + shift + normalReach * error)],
  }
}

/** One arm of a comparison: its positive verdicts, and the judge's errors on answers of this arm. */
export interface ArmVerdicts {
  readonly passed: number
  readonly judged: number
  readonly errors: JudgeErrors
}

/**
 * Candidate's corrected rate minus the baseline's. The errors are each arm's own: a judge that is kinder to one model would
 * bias the difference through pooled ones. The two intervals' widths are added in squares (independent samples).
 */
export function correctedDifference(baseline: ArmVerdicts, candidate: ArmVerdicts): Corrected {
  for (const arm of [baseline, candidate]) {
    const refusal = refusalOf(arm.judged, arm.errors)
    if (refusal !== null) return { kind: 'not_correctable', reason: refusal }
  }
  const [from, to] = [baseline, candidate].map((arm) => smoothed(arm.passed, arm.judged, arm.errors)) as [Rate, Rate]
  const centre = to.rate + to.shift - from.rate - from.shift
  const half = normalReach * Math.hypot(to.error, from.error)
  const plain = (arm: ArmVerdicts) => clip(plainRate(arm.passed / arm.judged, arm.errors))
  return {
    kind: 'corrected',
    rate: plain(candidate) - plain(baseline),
    interval: [Math.max(-1, centre - half), Math.min(1, centre + half)],
  }
}

/**
 * How to share out `total` labels between what people call positive and negative, so that the corrected interval is narrowest:
 * positive = total / (1 + (1/p - 1) sqrt(kappa)), kappa = (1 - q0) / (1 - q1) (Lee et al. 2025, section 5).
 *
 * @param rate  expected positive rate, 0..1
 */
export function labelAllocation(
  total: number,
  rate: number,
  errors: JudgeErrors,
): { readonly positive: number; readonly negative: number } {
  const [q1, q0] = [shrunken(errors.sensitivity), shrunken(errors.specificity)]
  const ratio = Math.sqrt((1 - q0) / (1 - q1))
  const p = Math.min(0.99, Math.max(0.01, rate))
  const positive = Math.round(total / (1 + (1 / p - 1) * ratio))
  return { positive, negative: total - positive }
}

function refusalOf(judged: number, { sensitivity, specificity }: JudgeErrors): string | null {
  if (judged === 0) return 'there is no verdict to correct'
  const fewest = Math.min(sensitivity.of, specificity.of)
  if (fewest < fewestLabels) {
    return `${sensitivity.of} labels are positive and ${specificity.of} negative: each needs ${fewestLabels} at least`
  }
  const informed = sensitivity.count / sensitivity.of + specificity.count / specificity.of
  if (informed > leastInformed) return null
  return `sensitivity and specificity add up to ${informed.toFixed(2)}: a judge that near to a coin (1.00) cannot be corrected`
}

interface Rate {
  readonly rate: number
  readonly error: number
  readonly shift: number
}

function smoothed(passed: number, judged: number, { sensitivity, specificity }: JudgeErrors): Rate {
  const z2 = normalReach * normalReach
  const [p, n] = [(passed + z2 / 2) / (judged + z2), judged + z2]
  const [q1, m1] = [shrunken(sensitivity), sensitivity.of + 2]
  const [q0, m0] = [shrunken(specificity), specificity.of + 2]
  const rate = (p + q0 - 1) / (q0 + q1 - 1)
  const [noise0, noise1] = [(q0 * (1 - q0)) / m0, (q1 * (1 - q1)) / m1]
  const error = Math.sqrt((p * (1 - p)) / n + (1 - rate) ** 2 * noise0 + rate ** 2 * noise1) / (q0 + q1 - 1)
  return { rate, error, shift: 2 * z2 * (rate * noise1 - (1 - rate) * noise0) }
}

function plainRate(p: number, { sensitivity, specificity }: JudgeErrors): number {
  const [q1, q0] = [sensitivity.count / sensitivity.of, specificity.count / specificity.of]
  return (p + q0 - 1) / (q0 + q1 - 1)
}

function shrunken({ count, of }: { readonly count: number; readonly of: number }): number {
  return (count + 1) / (of + 2)
}

function clip(value: number): number {
  return Math.max(0, Math.min(1, value))
}
