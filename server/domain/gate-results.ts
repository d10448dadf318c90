import type { Gate } from './bar.ts'
import { confidenceSequence } from './difference-grid.ts'
import type { EngineState } from './engine-state.ts'
import { type Check, checksOf, marginAt, marginsOf } from './gates.ts'
import { histogramQuantile } from './log-histogram.ts'
import type { GatePolicy, GateResult, GateVerdict } from './promotion-types.ts'
import { isBreached, promotionPeak, type Track } from './track.ts'

/** A check of a live stage with all that a verdict needs to know about it. */
export interface GateStanding {
  readonly check: Check
  /** null before the first observation. */
  readonly track: Readonly<Track> | null
  /** Of the baseline and the candidate, in the metric's own unit; null without data. */
  readonly levels: readonly [baseline: number | null, candidate: number | null]
  readonly margin: number
  readonly eValue: number
  /** Why it cannot pass although its evidence might; null: nothing stands against it. */
  readonly veto: string | null
  readonly verdict: GateVerdict
  /** The candidate breaks an absolute limit, but so may the baseline. */
  readonly isBreached: boolean
}

/** Every check of the policy as it stands at a step. */
export function standingsOf(state: EngineState, policy: GatePolicy, step: number): GateStanding[] {
  return checksOf(policy.gates).map((check, i) =>
    standingOf({ state, policy, check, track: state.tracks[i] ?? null }, step),
  )
}

interface StandingInput {
  readonly state: EngineState
  readonly policy: GatePolicy
  readonly check: Check
  readonly track: Track | null
}

function standingOf({ state, policy, check, track }: StandingInput, step: number): GateStanding {
  const margin = marginAt(marginsOf(check, policy), step)
  const levels = levelsOf(state, check, track)
  if (track === null) {
    const veto = check.kind === 'unprovable' ? check.problem : null
    return { check, track, levels, margin, eValue: 1, veto, verdict: 'inconclusive', isBreached: false }
  }
  const eValue = check.kind === 'unprovable' ? 1 : promotionPeak(track, margin)
  const veto = vetoOf(check, track)
  const limit = 1 / policy.alphaRollback
  const isBroken = isBreached(track, limit)
  const isAlarm = state.rollback.peak >= limit
  const isOwn = track.harmPeak >= limit
  const isFailed = check.action === 'rollback' ? isAlarm && (state.rollback.driver === check.key || isOwn) : isOwn
  const isPassed = !isBroken && veto === null && eValue >= 1 / policy.alpha
  const verdict = isFailed ? 'fail' : isPassed ? 'pass' : 'inconclusive'
  return { check, track, levels, margin, eValue, veto, verdict, isBreached: isBroken }
}

/** Winsorised evidence does not see a few ruinous answers: the plain means must respect a cost limit too. */
function vetoOf(check: Check, track: Readonly<Track>): string | null {
  if (check.kind === 'unprovable') return check.problem
  if (check.reading.family !== 'cost') return null
  const candidate = meanOf(track.candidate)
  if (candidate === null) return null
  if (check.kind === 'absolute') return candidate > check.limit ? 'its mean is above the limit' : null
  const baseline = meanOf(track.baseline)
  if (check.kind !== 'relative' || baseline === null) return null
  return candidate > (1 + check.limit) * baseline ? 'its mean is above the allowed increase' : null
}

function meanOf(counts: { readonly samples: number; readonly sum: number }): number | null {
  return counts.samples === 0 ? null : counts.sum / counts.samples
}

export function gateResultOf(standing: GateStanding, state: EngineState, policy: GatePolicy, step: number): GateResult {
  const { check, track } = standing
  const [baseline, candidate] = standing.levels
  const coverage = state.coverage.find((entry) => entry.raw === check.reading.raw)
  return {
    stage: policy.stage,
    step,
    metric: check.reading.metric,
    baseline,
    candidate,
    difference: baseline === null || candidate === null ? null : candidate - baseline,
    interval: track === null ? null : intervalOf(check, track, policy.alpha),
    samples: track?.candidate.samples ?? 0,
    missing: coverage === undefined ? 0 : coverage.missing.baseline + coverage.missing.candidate,
    threshold: thresholdOf(check),
    verdict: standing.verdict,
    eValue: standing.eValue,
    harmEValue: track?.harmPeak ?? 1,
    margin: standing.margin,
    mde: null,
  }
}

export function thresholdOf(check: Check): Omit<Gate, 'metric'> {
  return { [check.requirement]: check.limit }
}

function levelsOf(
  state: EngineState,
  check: Check,
  track: Readonly<Track> | null,
): readonly [number | null, number | null] {
  if (track === null) return [null, null]
  const { quantile, raw } = check.reading
  if (quantile === null) return [meanOf(track.baseline), meanOf(track.candidate)]
  const histograms = state.histograms[raw]
  if (histograms === undefined) return [null, null]
  return [histogramQuantile(histograms.baseline, quantile), histogramQuantile(histograms.candidate, quantile)]
}

/** The confidence sequence is of goodness; turned to the metric's own direction where that is the opposite one. */
function intervalOf(check: Check, track: Readonly<Track>, alpha: number): [number, number] | null {
  const { family } = check.reading
  if (family === 'latency' || family === 'cost' || check.kind === 'relative' || check.kind === 'unprovable') return null
  const interval = confidenceSequence(track.grid, alpha)
  if (interval === null) return null
  const isTurned = check.kind === 'absolute' ? check.requirement === 'max' : family === 'rate'
  return isTurned ? [0 - interval[1], 0 - interval[0]] : interval
}
