import { type HarmWealth, inferiorityStake, playHarm, restartBlocks, restartHarm, startHarmWealth } from './eprocess.ts'
import type { Arm, MissingReason } from './evidence.ts'

/** How complete the values of one raw metric are, by arm. */
export interface Coverage {
  raw: string
  /** Values that were due: not "not sampled" and not "not applicable". */
  due: ArmCounts
  missing: ArmCounts
  notApplicable: ArmCounts
  /** The same lately: halved when full. */
  recentDue: number
  recentMissing: number
  missingGap: Gap
  notApplicableGap: Gap
}

export interface ArmCounts {
  baseline: number
  candidate: number
}

/** Does one arm lack values more often than the other? Two one-sided processes over blocks, half the capital each. */
export interface Gap {
  open: { baseline: number; baselineSum: number; candidate: number; candidateSum: number }
  blocks: number
  candidateMore: HarmWealth
  baselineMore: HarmWealth
  peak: number
}

const missingMargin = 0.01
const notApplicableMargin = 0.02
const recentLimit = 400

export function startCoverage(raw: string): Coverage {
  return {
    raw,
    due: { baseline: 0, candidate: 0 },
    missing: { baseline: 0, candidate: 0 },
    notApplicable: { baseline: 0, candidate: 0 },
    recentDue: 0,
    recentMissing: 0,
    missingGap: startGap(),
    notApplicableGap: startGap(),
  }
}

function startGap(): Gap {
  return {
    open: { baseline: 0, baselineSum: 0, candidate: 0, candidateSum: 0 },
    blocks: 0,
    candidateMore: startHarmWealth(),
    baselineMore: startHarmWealth(),
    peak: 1,
  }
}

/** @param absence null where the value is there */
export function noteCoverage(coverage: Coverage, arm: Arm, absence: MissingReason | null): void {
  if (absence === 'not_sampled') return
  if (absence === 'not_applicable') {
    coverage.notApplicable[arm]++
    return
  }
  coverage.due[arm]++
  coverage.recentDue++
  if (absence !== null) {
    coverage.missing[arm]++
    coverage.recentMissing++
  }
  if (coverage.recentDue >= recentLimit) {
    coverage.recentDue /= 2
    coverage.recentMissing /= 2
  }
}

/** One missing-or-not in [0, 1] (a mean over a unit's requests where the split is sticky). */
export function noteMissing(coverage: Coverage, arm: Arm, rate: number): void {
  noteGap(coverage.missingGap, arm, rate, missingMargin)
}

export function noteNotApplicable(coverage: Coverage, arm: Arm, rate: number): void {
  noteGap(coverage.notApplicableGap, arm, rate, notApplicableMargin)
}

function noteGap(gap: Gap, arm: Arm, rate: number, margin: number): void {
  const { open } = gap
  if (arm === 'candidate') {
    open.candidate++
    open.candidateSum += rate
  } else {
    open.baseline++
    open.baselineSum += rate
  }
  if (open.baseline === 0 || open.candidate === 0) return
  const more = open.candidateSum / open.candidate - open.baselineSum / open.baseline
  open.baseline = 0
  open.baselineSum = 0
  open.candidate = 0
  open.candidateSum = 0
  gap.blocks++
  playHarm(gap.candidateMore, inferiorityStake(-more, margin))
  playHarm(gap.baselineMore, inferiorityStake(more, margin))
  gap.peak = Math.max(gap.peak, (gap.candidateMore.total + gap.baselineMore.total) / 2)
  if (gap.blocks % restartBlocks === 0) restartGap(gap)
}

function restartGap(gap: Gap): void {
  restartHarm(gap.candidateMore)
  restartHarm(gap.baselineMore)
}

/** At a change of share. */
export function restartCoverage(coverage: Coverage): void {
  restartGap(coverage.missingGap)
  restartGap(coverage.notApplicableGap)
}

/** Share of due values that are missing, 0..1: since the stage began or lately, whichever is worse; null: none was due. */
export function missingShare(coverage: Readonly<Coverage>): number | null {
  const due = coverage.due.baseline + coverage.due.candidate
  if (due === 0) return null
  const overall = (coverage.missing.baseline + coverage.missing.candidate) / due
  return Math.max(overall, coverage.recentMissing / coverage.recentDue)
}
