import { clusteringOf } from './clustered.ts'
import type { Outcome } from './evidence.ts'
import { thresholdOf } from './gate-results.ts'
import { type Check, exceedanceTolerance, suiteProblem } from './gates.ts'
import { readValue } from './outcome-values.ts'
import type { GateResult, GateVerdict, OfflinePolicy, OutcomePair } from './promotion-types.ts'
import { signTest } from './sign-test.ts'
import {
  type MeanBounds,
  pairedMeanBounds,
  powerQuantile,
  sampleQuantile,
  studentQuantile,
  sumPairs,
} from './statistics.ts'
import { percent, plural } from './verdict-words.ts'

/** One check of a suite with what led to its verdict. */
export interface SuiteStanding {
  readonly check: Check
  readonly result: GateResult
  /** Bounds of the scaled mean difference that was compared with the margin; null for absolute limits. */
  readonly lower: number | null
  readonly upper: number | null
  readonly missingShare: number
  /** Why it is inconclusive whatever its values say. */
  readonly problem: { readonly rule: string; readonly message: string } | null
}

/** Values of one raw metric over the suite. */
interface SuiteValues {
  /** Pairs where both answers have a value. */
  readonly baseline: readonly number[]
  readonly candidate: readonly number[]
  /** Of each pair; null: independent of all others. */
  readonly clusters: readonly (string | null)[]
  /** All values of the candidate, paired or not. */
  readonly alone: readonly number[]
  readonly missing: number
  /** Of due values of both arms, or of the candidate alone if that is worse. */
  readonly missingShare: number
  /** Share of pairs where the metric applies to one answer only. */
  readonly lopsidedShare: number
  /** Pairs in which the metric is missing, or does not apply, for one answer only: of the baseline, of the candidate. */
  readonly missingAlone: readonly [number, number]
  readonly notApplicableAlone: readonly [number, number]
}

/**
 * From this many pairs on, `maxIncrease` passes without a bound where no single pair is beyond the limit: with a margin of
 * 0 no bound can ever show "not more" of two equal prices.
 */
const enoughPairs = 30
const exact = 1e-9
/** Chance of calling arms that lose values alike unequal, for each check and kind of loss. */
const gapAlpha = 0.01
const nothing: Outcome = { values: {}, missing: {} }

export function judgeSuiteGate(check: Check, pairs: readonly OutcomePair[], policy: OfflinePolicy): SuiteStanding {
  const values = readSuite(check, pairs)
  const problem = problemWith(check, values, policy)
  const judged = isAbsolute(check) ? judgeLimit(check, values) : judgeDifference(check, values, policy.alpha)
  const [baseline, candidate] = levels(check, values)
  return {
    check,
    lower: judged.lower,
    upper: judged.upper,
    missingShare: values.missingShare,
    problem,
    result: {
      stage: 'offline',
      step: -1,
      metric: check.reading.metric,
      baseline,
      candidate,
      difference: baseline === null || candidate === null ? null : candidate - baseline,
      interval: differenceInterval(check, values, policy.alpha),
      samples: values.alone.length,
      missing: values.missing,
      threshold: thresholdOf(check),
      verdict: problem === null ? judged.verdict : 'inconclusive',
      eValue: 0,
      harmEValue: 0,
      margin: judged.margin,
      mde: judged.mde,
    },
  }
}

function isAbsolute(check: Check): boolean {
  return check.requirement === 'min' || check.requirement === 'max'
}

function readSuite(check: Check, pairs: readonly OutcomePair[]): SuiteValues {
  const baseline: number[] = []
  const candidate: number[] = []
  const clusters: (string | null)[] = []
  const alone: number[] = []
  const due = { baseline: 0, candidate: 0 }
  const missing = { baseline: 0, candidate: 0 }
  const missingAlone: [number, number] = [0, 0]
  const notApplicableAlone: [number, number] = [0, 0]
  for (const pair of pairs) {
    const before = readValue(pair.baseline ?? nothing, check.reading)
    const after = readValue(pair.candidate ?? nothing, check.reading)
    for (const [arm, value] of [
      ['baseline', before],
      ['candidate', after],
    ] as const) {
      if (typeof value === 'number' || value === 'infrastructure') due[arm]++
      if (value === 'infrastructure') missing[arm]++
    }
    countAlone(missingAlone, before === 'infrastructure', after === 'infrastructure')
    countAlone(notApplicableAlone, before === 'not_applicable', after === 'not_applicable')
    if (typeof after === 'number') alone.push(after)
    if (typeof before !== 'number' || typeof after !== 'number') continue
    baseline.push(before)
    candidate.push(after)
    clusters.push(pair.cluster ?? null)
  }
  const share = (count: number, of: number) => (of === 0 ? 0 : count / of)
  const all = missing.baseline + missing.candidate
  return {
    baseline,
    candidate,
    clusters,
    alone,
    missing: all,
    missingShare: Math.max(share(all, due.baseline + due.candidate), share(missing.candidate, due.candidate)),
    lopsidedShare: share(notApplicableAlone[0] + notApplicableAlone[1], pairs.length),
    missingAlone,
    notApplicableAlone,
  }
}

function countAlone(counts: [number, number], ofBaseline: boolean, ofCandidate: boolean): void {
  if (ofBaseline && !ofCandidate) counts[0]++
  if (ofCandidate && !ofBaseline) counts[1]++
}

function problemWith(check: Check, values: SuiteValues, policy: OfflinePolicy): SuiteStanding['problem'] {
  const problem = suiteProblem(check)
  if (problem !== null) return { rule: 'unprovable', message: problem }
  const { missingShare, lopsidedShare } = values
  if (!(missingShare <= policy.maxMissing)) {
    const message = `${percent(missingShare)} of its values are missing, at most ${percent(policy.maxMissing)} may be`
    return { rule: 'coverage', message }
  }
  if (!isAbsolute(check) && !(lopsidedShare <= policy.maxMissing)) {
    const message = `it applies to one of the two answers only in ${percent(lopsidedShare)} of items`
    return { rule: 'not_applicable_gap', message }
  }
  const gap = unequalLoss(values)
  if (gap !== null) return gap
  if ((isAbsolute(check) ? values.alone : values.candidate).length > 0) return null
  return { rule: 'no_data', message: 'no item has a value' }
}

/** Values that one arm loses more often than chance: what is lost may be what is bad, also where few are lost in all. */
function unequalLoss({ missingAlone, notApplicableAlone }: SuiteValues): SuiteStanding['problem'] {
  const counts = ([baseline, candidate]: readonly [number, number]) =>
    `for the candidate alone in ${plural(candidate, 'item')}, for the baseline alone in ${baseline}`
  if (signTest(...missingAlone) < gapAlpha) {
    return {
      rule: 'differential_missing',
      message: `it is missing ${counts(missingAlone)}: what is missing may be what is bad`,
    }
  }
  if (signTest(...notApplicableAlone) < gapAlpha) {
    const message = `it does not apply ${counts(notApplicableAlone)}: the arms are judged on different answers`
    return { rule: 'not_applicable_gap', message }
  }
  return null
}

interface Judged {
  readonly verdict: GateVerdict
  readonly margin: number
  readonly lower: number | null
  readonly upper: number | null
  readonly mde: number | null
}

function judgeLimit(check: Check, { alone }: SuiteValues): Judged {
  const level = levelOf(check, alone)
  const { requirement, limit } = check
  const isKept = level !== null && (requirement === 'min' ? level >= limit - exact : level <= limit + exact)
  const verdict = level === null ? 'inconclusive' : isKept ? 'pass' : 'fail'
  return {
    verdict,
    margin: 0,
    lower: null,
    upper: null,
    mde: check.reading.quantile === null ? mdeOfMean(alone) : null,
  }
}

/** Mean, or the quantile the metric names; null when empty. */
function levelOf(check: Check, values: readonly number[]): number | null {
  const { quantile } = check.reading
  if (quantile !== null) return sampleQuantile(values, quantile)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

function mdeOfMean(values: readonly number[]): number | null {
  if (values.length < 2) return null
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const error = Math.sqrt(squares / (values.length - 1) / values.length)
  return (studentQuantile(0.95, values.length - 1) + powerQuantile) * error
}

function judgeDifference(check: Check, values: SuiteValues, alpha: number): Judged {
  const { differences, margin, unit } = contrastOf(check, values)
  const bounds = boundsOf(differences, values, alpha)
  if (bounds === null) return { verdict: 'inconclusive', margin, lower: null, upper: null, mde: null }
  const isWithin = check.requirement === 'maxIncrease' && differences.every((difference) => difference >= 0)
  const isCertain = isWithin && differences.length >= enoughPairs
  const isPassed = (isCertain || bounds.lower > -margin) && isMeanKept(check, values)
  const verdict = isPassed ? 'pass' : bounds.upper < -margin ? 'fail' : 'inconclusive'
  return { verdict, margin, lower: bounds.lower, upper: bounds.upper, mde: unit === null ? null : bounds.mde * unit }
}

function boundsOf(
  differences: readonly number[],
  { clusters }: Pick<SuiteValues, 'clusters'>,
  alpha: number,
): MeanBounds | null {
  const sums = sumPairs(differences)
  if (clusters.every((cluster) => cluster === null)) return pairedMeanBounds(sums, alpha)
  const clustering = clusteringOf(differences.map((value, i) => ({ value, cluster: clusters[i] ?? null })))
  return pairedMeanBounds(sums, alpha, clustering)
}

interface Contrast {
  /** By pair, positive = candidate better, in [-1, 1]. */
  readonly differences: readonly number[]
  readonly margin: number
  /** Size of 1 in the metric's own unit; null: it has none there. */
  readonly unit: number | null
}

function contrastOf(check: Check, values: SuiteValues): Contrast {
  const { baseline, candidate } = values
  const paired = (contrast: (before: number, after: number) => number): readonly number[] =>
    baseline.map((before, i) => contrast(before, candidate[i] as number))
  const { limit, reading } = check
  if (reading.quantile !== null) {
    const threshold = sampleQuantile(baseline, reading.quantile) ?? Number.POSITIVE_INFINITY
    const raised = (1 + limit) * threshold
    const differences = paired((before, after) => Number(before > threshold) - Number(after > raised))
    return { differences, margin: exceedanceTolerance(reading.quantile), unit: null }
  }
  if (check.requirement === 'maxDrop') {
    const sign = reading.family === 'rate' ? -1 : 1
    return { differences: paired((before, after) => sign * (after - before)), margin: limit, unit: 1 }
  }
  const cap = reading.family === 'rate' ? 1 : Math.max(...baseline)
  const scale = (1 + limit) * cap
  if (!(scale > 0)) return { differences: paired((_, after) => (after > 0 ? -1 : 0)), margin: 0, unit: null }
  const differences = paired((before, after) => ((1 + limit) * before - Math.min(after, scale)) / scale)
  return { differences, margin: 0, unit: scale }
}

/** Costs are capped in the contrast: the plain means must keep the limit too. */
function isMeanKept(check: Check, { baseline, candidate }: SuiteValues): boolean {
  if (check.reading.family !== 'cost') return true
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  return total(candidate) <= (1 + check.limit) * total(baseline) * (1 + exact)
}

function levels(check: Check, values: SuiteValues): readonly [number | null, number | null] {
  const candidate = isAbsolute(check) ? values.alone : values.candidate
  return [finite(levelOf(check, values.baseline)), finite(levelOf(check, candidate))]
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null
}

/** Of candidate - baseline at level 1 - 2 alpha, in the metric's own unit; null for quantiles. */
function differenceInterval(
  check: Check,
  { baseline, candidate, clusters }: SuiteValues,
  alpha: number,
): [number, number] | null {
  if (check.reading.quantile !== null) return null
  const unit = check.reading.family === 'cost' ? Math.max(0, ...baseline, ...candidate) : 1
  if (unit === 0) return null
  const differences = baseline.map((before, i) => ((candidate[i] as number) - before) / unit)
  const bounds = boundsOf(differences, { clusters }, alpha)
  return bounds === null ? null : [bounds.lower * unit, bounds.upper * unit]
}
