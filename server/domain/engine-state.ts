import type { Coverage } from './coverage.ts'
import type { FastFail } from './fast-fail.ts'
import type { LogHistogram } from './log-histogram.ts'
import type { SampleRatio } from './sample-ratio.ts'
import type { StickyUnits } from './sticky-units.ts'
import type { Track } from './track.ts'

/** Evidence of harm, all gates and the guard together. */
export interface RollbackWealth {
  /** Largest value so far: an alarm stays one. */
  peak: number
  /** Place in the order where it first reached 1 / alphaRollback; null: never. */
  alarmSeq: number | null
  /** What weighed most at the peak: a check's key or `fast_fail`. */
  driver: string | null
}

/**
 * Everything the engine remembers of one stage: plain JSON, bounded, the same for any split of the observations into
 * batches. Opaque to everyone else.
 */
export interface EngineState {
  readonly version: string
  /** Digest of the policy it was gathered under; null before the first observation. */
  policy: string | null
  lastSeq: number | null
  observed: number
  ignored: number
  /** Requests without a unit where units are split. */
  unassigned: number
  baseline: number
  candidate: number
  /** Candidate shares met so far, basis points, in order of appearance. */
  sharesBp: number[]
  /** Scored candidate answers by step. */
  scoredByStep: Record<string, number>
  tracks: Track[]
  coverage: Coverage[]
  /** By raw metric, for quantiles and caps. */
  histograms: Record<string, ArmHistograms>
  fastFail: FastFail
  sampleRatio: { assigned: SampleRatio; scored: SampleRatio }
  rollback: RollbackWealth
  /** Bake only: the detectors of all gates together. */
  detector: { peak: number; driver: string | null }
  units: StickyUnits | null
}

export interface ArmHistograms {
  /** The baseline's recent values, the source of thresholds. */
  trailing: LogHistogram
  baseline: LogHistogram
  candidate: LogHistogram
}
