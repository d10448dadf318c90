import { addToBlock, closeBlock, type OpenBlock, startBlock } from './block.ts'
import { type Detector, playDetector, startDetector } from './detector.ts'
import { addToGrid, type DifferenceGrid, startGrid } from './difference-grid.ts'
import {
  aboveFloorStake,
  belowFloorStake,
  type HarmWealth,
  inferiorityStake,
  nonInferiorityStake,
  type PromotionWealth,
  playHarm,
  playPromotion,
  restartBlocks,
  restartHarm,
  startHarmWealth,
  startPromotionWealth,
} from './eprocess.ts'
import type { Arm } from './evidence.ts'
import type { Check } from './gates.ts'
import type { LiveStage } from './promotion-types.ts'

/** What one check has gathered. Goodness is what gates.ts reduces every metric to. */
export interface Track {
  key: string
  /** Latency threshold or cost cap in force, from the baseline's past only; null: not known yet, or none needed. */
  threshold: number | null
  /** Baseline values seen when the threshold was taken. */
  thresholdAge: number
  open: OpenBlock
  blocks: number
  /** Answers with a value, and their raw sum, by arm. */
  baseline: { samples: number; sum: number }
  candidate: { samples: number; sum: number }
  /** By distinct margin, same order as `margins`. */
  margins: number[]
  promotion: PromotionWealth[]
  /** Difference worse than the margin; for absolute checks worse than the baseline at all. */
  harm: HarmWealth
  /** Absolute checks only: candidate alone against the floor. */
  breach: HarmWealth | null
  breachRounds: number
  /** E-value of harm after the last round, and its largest. */
  harmNow: number
  harmPeak: number
  /** Bake only: watches for harm that begins late. The second one, of absolute checks, watches the candidate alone. */
  detector: Detector | null
  breachDetector: Detector | null
  /** Absolute checks: goodness lately against the floor, halved when full: is a breach still going on? */
  recent: { samples: number; sum: number }
  grid: DifferenceGrid
}

const recentLimit = 200

export function startTrack(check: Check, margins: readonly number[], stage: LiveStage): Track {
  const distinct = [...new Set(margins)]
  const isBake = stage === 'bake'
  return {
    key: check.key,
    threshold: null,
    thresholdAge: 0,
    open: startBlock(),
    blocks: 0,
    baseline: { samples: 0, sum: 0 },
    candidate: { samples: 0, sum: 0 },
    margins: distinct,
    promotion: distinct.map(startPromotionWealth),
    harm: startHarmWealth(),
    breach: check.kind === 'absolute' ? startHarmWealth() : null,
    breachRounds: 0,
    harmNow: 1,
    harmPeak: 1,
    detector: isBake ? startDetector() : null,
    breachDetector: isBake && check.kind === 'absolute' ? startDetector() : null,
    recent: { samples: 0, sum: 0 },
    grid: startGrid(),
  }
}

/** One goodness (of an answer, or a unit's mean) on its way into the evidence. */
export interface Contribution {
  readonly arm: Arm
  /** Goodness in [0, 1]; for absolute checks goodness - floor. */
  readonly value: number
  /** Candidate share in force, 0..1. */
  readonly share: number
}

export function contribute(track: Track, check: Check, { arm, value, share }: Contribution): void {
  const isBet = arm === 'candidate' && check.kind === 'absolute'
  if (isBet) betAgainstFloor(track, check.floor, value)
  addToBlock(track.open, arm, value)
  const difference = closeBlock(track.open, share)
  if (difference !== null) playBlock(track, check, difference)
  if (difference === null && !isBet) return
  track.harmNow = harmOf(track)
  if (track.harmNow > track.harmPeak) track.harmPeak = track.harmNow
}

function playBlock(track: Track, check: Check, difference: number): void {
  track.blocks++
  addToGrid(track.grid, difference)
  if (check.kind !== 'absolute') {
    for (let i = 0; i < track.margins.length; i++) {
      const stake = nonInferiorityStake(difference, track.margins[i] as number)
      playPromotion(track.promotion[i] as PromotionWealth, stake)
    }
  }
  const stake = inferiorityStake(difference, harmMargin(check))
  playHarm(track.harm, stake)
  if (track.detector !== null) playDetector(track.detector, stake)
  if (track.blocks % restartBlocks === 0) restartHarm(track.harm)
}

/** The bar's own margin: a ladder widens what may advance, never what rolls back. */
function harmMargin(check: Check): number {
  return check.kind === 'difference' || check.kind === 'exceedance' ? check.margin : 0
}

function betAgainstFloor(track: Track, floor: number, excess: number): void {
  for (const wealth of track.promotion) playPromotion(wealth, aboveFloorStake(excess, floor))
  const stake = belowFloorStake(excess, floor)
  if (track.breach !== null) playHarm(track.breach, stake)
  if (track.breachDetector !== null) playDetector(track.breachDetector, stake)
  track.breachRounds++
  if (track.breach !== null && track.breachRounds % restartBlocks === 0) restartHarm(track.breach)
  track.recent.samples++
  track.recent.sum += excess
  if (track.recent.samples >= recentLimit) {
    track.recent.samples /= 2
    track.recent.sum /= 2
  }
}

/**
 * E-value of harm. An absolute limit rolls back only where the candidate breaks it and is worse than the baseline too: the
 * smaller of two e-values is an e-value for "either is fine". An incident that hits both arms is no harm of the candidate's.
 */
function harmOf(track: Track): number {
  return track.breach === null ? track.harm.total : Math.min(track.harm.total, track.breach.total)
}

/**
 * Sets the latency threshold or cost cap. Answers still waiting were judged by the old one and are dropped: which depends
 * on counts only.
 */
export function setThreshold(track: Track, threshold: number | null): void {
  track.threshold = threshold
  track.thresholdAge = track.baseline.samples
  track.open = startBlock()
}

export function restartTrack(track: Track): void {
  restartHarm(track.harm)
  if (track.breach !== null) restartHarm(track.breach)
}

/** Largest evidence for "good enough" at a margin; 1 when that margin was never played. */
export function promotionPeak(track: Readonly<Track>, margin: number): number {
  return track.promotion[track.margins.indexOf(margin)]?.peak ?? 1
}

/** True while the candidate provably breaks an absolute limit and still does lately. */
export function isBreached(track: Readonly<Track>, limit: number): boolean {
  return track.breach !== null && track.breach.total >= limit && track.recent.sum < 0
}

/** What the bake's detectors say: of an absolute check the smaller of the two, for the same reason as in `harmOf`. */
export function detectorValue({ detector, breachDetector }: Readonly<Track>): number {
  if (detector === null) return 0
  return breachDetector === null ? detector.value : Math.min(detector.value, breachDetector.value)
}
