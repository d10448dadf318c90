import { noteCoverage, noteMissing, noteNotApplicable, restartCoverage, startCoverage } from './coverage.ts'
import type { ArmHistograms, EngineState } from './engine-state.ts'
import type { Arm, MissingReason, Observation, Outcome } from './evidence.ts'
import {
  fastFailEValue,
  isHardFailure,
  noteCandidateAnswer,
  noteHardFailure,
  restartFastFail,
  startFastFail,
} from './fast-fail.ts'
import { type Check, checksOf, marginsOf, type Reading } from './gates.ts'
import { addToHistogram, halveHistogram, histogramQuantile, startHistogram } from './log-histogram.ts'
import { goodnessOf, type ReadValue, readValue } from './outcome-values.ts'
import { EvidenceMismatchError, policyDigest } from './policy-digest.ts'
import { engineVersion, type GatePolicy } from './promotion-types.ts'
import { noteAssignment, startSampleRatio } from './sample-ratio.ts'
import { type OnceKind, type OpenUnit, startStickyUnits, UnitSession } from './sticky-units.ts'
import { contribute, detectorValue, restartTrack, setThreshold, startTrack, type Track } from './track.ts'

/** Weight of the fast-fail guard in the evidence of harm; the checks share the rest. */
export const fastFailWeight = 0.3

const trailingLimit = 2000
/** Baseline values between two looks at the trailing quantile. */
const thresholdRefresh = 100

export function startEngine(): EngineState {
  return {
    version: engineVersion,
    policy: null,
    lastSeq: null,
    observed: 0,
    ignored: 0,
    unassigned: 0,
    baseline: 0,
    candidate: 0,
    sharesBp: [],
    scoredByStep: {},
    tracks: [],
    coverage: [],
    histograms: {},
    fastFail: startFastFail(),
    sampleRatio: { assigned: startSampleRatio(), scored: startSampleRatio() },
    rollback: { peak: 1, alarmSeq: null, driver: null },
    detector: { peak: 0, driver: null },
    units: null,
  }
}

/**
 * Takes observations into the evidence, in assignment order.
 *
 * Pure: the input state is not changed, and any split of the same observations into batches gives the same state. An
 * observation whose `seq` is not above the last one is left out and counted in `ignored` (a duplicate, or out of order).
 * Where units are split, a request without a unit is not randomised (it goes to the baseline): it is counted in
 * `unassigned` and says nothing.
 *
 * @throws EvidenceMismatchError the state was gathered under another policy or engine
 */
export function accumulate(state: EngineState, policy: GatePolicy, observations: readonly Observation[]): EngineState {
  if (observations.length === 0) return state
  const fold = new EvidenceFold(state, policy)
  for (const observation of observations) fold.take(observation)
  return fold.finish()
}

interface Channel {
  readonly check: Check
  readonly track: Track
}

/** A raw metric with the checks that read it. */
interface Metric {
  readonly reading: Reading
  readonly isEvaluator: boolean
  /** Places in `channels`. */
  readonly channels: readonly number[]
  readonly histograms: ArmHistograms | null
}

/**
 * One pass over observations: owns a copy of the state and changes it in place. `accumulate` is the pure way to use it; a
 * caller that looks after every observation saves the copies.
 */
export class EvidenceFold {
  readonly #state: EngineState
  readonly #channels: readonly Channel[]
  readonly #metrics: readonly Metric[]
  readonly #units: UnitSession | null
  readonly #hasEvaluators: boolean
  readonly #limit: number
  /** Tracks whose evidence of harm rolls back. */
  readonly #acting: readonly Track[]
  readonly #weight: number
  readonly #isBake: boolean
  #share = 0
  /** Scratch: values of the outcome at hand by channel, then missing and not-applicable flags by metric. */
  readonly #values: { baseline: number[]; candidate: number[] }

  constructor(from: EngineState, policy: GatePolicy) {
    const digest = policyDigest(policy)
    if (from.version !== engineVersion) throw new EvidenceMismatchError(from.version, engineVersion)
    if (from.policy !== null && from.policy !== digest) throw new EvidenceMismatchError(from.policy, digest)
    const state: EngineState = structuredClone(from)
    const checks = checksOf(policy.gates)
    if (from.policy === null) begin(state, policy, checks, digest)
    this.#state = state
    this.#channels = checks.map((check, i) => ({ check, track: state.tracks[i] as Track }))
    this.#metrics = metricsOf(state, policy, checks)
    this.#hasEvaluators = this.#metrics.some((metric) => metric.isEvaluator)
    this.#units = state.units === null ? null : new UnitSession(state.units)
    this.#limit = 1 / policy.alphaRollback
    this.#acting = this.#channels.filter(({ check }) => check.action === 'rollback').map(({ track }) => track)
    this.#weight = this.#acting.length === 0 ? 0 : (1 - fastFailWeight) / this.#acting.length
    this.#isBake = policy.stage === 'bake'
    const size = checks.length + 2 * this.#metrics.length
    this.#values = { baseline: new Array(size).fill(Number.NaN), candidate: new Array(size).fill(Number.NaN) }
  }

  /** The state under way: good for judging now, not for keeping (the next `take` changes it). */
  get current(): EngineState {
    return this.#state
  }

  finish(): EngineState {
    if (this.#units !== null) this.#state.units = this.#units.freeze()
    return this.#state
  }

  take(observation: Observation): void {
    const state = this.#state
    if (!(observation.seq > (state.lastSeq ?? Number.NEGATIVE_INFINITY))) {
      state.ignored++
      return
    }
    state.lastSeq = observation.seq
    state.observed++
    this.#share = observation.shareBp / 10_000
    this.#noteShare(observation.shareBp)
    this.#units?.expire(state.observed, (unit) => this.#deliverUnit(unit))
    const { baseline, candidate } = observation
    if (baseline !== null && candidate !== null) this.#takePair(observation, baseline, candidate)
    else if (candidate !== null) this.#takeOne(observation, 'candidate', candidate)
    else if (baseline !== null) this.#takeOne(observation, 'baseline', baseline)
    this.#watchHarm(observation.seq)
    if (this.#isBake) this.#watchDetectors()
  }

  /** A share never met before lets the restarting processes restart. */
  #noteShare(shareBp: number): void {
    const state = this.#state
    if (state.sharesBp.includes(shareBp)) return
    state.sharesBp.push(shareBp)
    if (state.sharesBp.length === 1) return
    for (const track of state.tracks) restartTrack(track)
    for (const coverage of state.coverage) restartCoverage(coverage)
    restartFastFail(state.fastFail)
  }

  #takePair(observation: Observation, baseline: Outcome, candidate: Outcome): void {
    const before = this.#read('baseline', baseline)
    const after = this.#read('candidate', candidate)
    this.#keepPairsOnly()
    this.#deliver('baseline', this.#values.baseline)
    this.#deliver('candidate', this.#values.candidate)
    this.#noteHistograms('baseline', baseline)
    this.#noteHistograms('candidate', candidate)
    this.#noteScored(observation.step, before.isScored && after.isScored)
    this.#state.baseline++
    const [isBaselineDown, isCandidateDown] = [isHardFailure(baseline), isHardFailure(candidate)]
    if (isBaselineDown !== isCandidateDown) {
      noteHardFailure(this.#state.fastFail, isCandidateDown ? 'candidate' : 'baseline', 0.5)
    }
  }

  #takeOne(observation: Observation, arm: Arm, outcome: Outcome): void {
    const { unit, shareBp } = observation
    const state = this.#state
    if (this.#units !== null && unit === null) {
      state.unassigned++
      return
    }
    const { isScored, isSampled } = this.#read(arm, outcome)
    if (unit !== null && this.#units !== null) this.#deliverByUnit(observation, unit, arm)
    else this.#deliver(arm, this.#values[arm])
    this.#noteHistograms(arm, outcome)
    if (arm === 'candidate') this.#noteScored(observation.step, isScored)
    else state.baseline++
    const isCandidate = arm === 'candidate'
    if (this.#isFirst('assigned', unit)) noteAssignment(state.sampleRatio.assigned, isCandidate, shareBp)
    if (isSampled && this.#isFirst('scored', unit)) noteAssignment(state.sampleRatio.scored, isCandidate, shareBp)
    if (isHardFailure(outcome) && this.#isFirst('failed', unit)) {
      noteHardFailure(state.fastFail, arm, shareBp / 10_000)
    }
  }

  /** Every request counts where requests are split, every unit once where units are. */
  #isFirst(kind: OnceKind, unit: string | null): boolean {
    return this.#units === null || unit === null || this.#units.isFirst(kind, unit)
  }

  #noteScored(step: number, isScored: boolean): void {
    const state = this.#state
    state.candidate++
    noteCandidateAnswer(state.fastFail)
    if (isScored) state.scoredByStep[step] = (state.scoredByStep[step] ?? 0) + 1
  }

  /** Fills the scratch values of an arm and counts what is missing. */
  #read(arm: Arm, outcome: Outcome): { isScored: boolean; isSampled: boolean } {
    const values = this.#values[arm].fill(Number.NaN)
    let isScored = false
    let isSampled = false
    for (let m = 0; m < this.#metrics.length; m++) {
      const metric = this.#metrics[m] as Metric
      const value = readValue(outcome, metric.reading)
      if (value === 'left_out') continue
      this.#noteAbsence(m, arm, value)
      if (metric.isEvaluator && value !== 'not_sampled') isSampled = true
      if (typeof value !== 'number') continue
      if (metric.isEvaluator || !this.#hasEvaluators) isScored = true
      for (const c of metric.channels) values[c] = this.#goodness(c, arm, value)
    }
    return { isScored, isSampled }
  }

  #goodness(channel: number, arm: Arm, value: number): number {
    const { check, track } = this.#channels[channel] as Channel
    const counts = track[arm]
    counts.samples++
    if (value < Number.POSITIVE_INFINITY) counts.sum += value
    return goodnessOf(check, arm, value, track.threshold) ?? Number.NaN
  }

  #noteAbsence(m: number, arm: Arm, value: ReadValue): void {
    if (value === 'not_sampled' || value === 'left_out') return
    const absence: MissingReason | null = typeof value === 'number' ? null : value
    const coverage = this.#state.coverage[m]
    if (coverage !== undefined) noteCoverage(coverage, arm, absence)
    const first = this.#channels.length + 2 * m
    if (absence !== 'not_applicable') this.#values[arm][first] = absence === null ? 0 : 1
    this.#values[arm][first + 1] = absence === 'not_applicable' ? 1 : 0
  }

  /** In shadow a value counts only beside its twin. */
  #keepPairsOnly(): void {
    const { baseline, candidate } = this.#values
    for (let c = 0; c < this.#channels.length; c++) {
      if (!Number.isNaN((baseline[c] as number) + (candidate[c] as number))) continue
      baseline[c] = Number.NaN
      candidate[c] = Number.NaN
    }
  }

  #deliverByUnit(observation: Observation, unit: string, arm: Arm): void {
    const request = { unit, step: observation.step, arm, values: this.#values[arm] }
    const closed = this.#units?.add(request, this.#state.observed) ?? null
    if (closed !== null) this.#deliverUnit(closed)
  }

  #deliverUnit(unit: OpenUnit): void {
    this.#deliver(
      unit.arm,
      unit.sums.map((sum, i) => sum / (unit.counts[i] as number)),
    )
  }

  /** @param values by channel; NaN: nothing */
  #deliver(arm: Arm, values: readonly number[]): void {
    const checks = this.#channels.length
    for (let c = 0; c < checks; c++) {
      const value = values[c] as number
      if (Number.isNaN(value)) continue
      const { check, track } = this.#channels[c] as Channel
      contribute(track, check, { arm, value, share: this.#share })
    }
    for (let m = 0; m < this.#metrics.length; m++) {
      const coverage = this.#state.coverage[m]
      if (coverage === undefined) continue
      const missing = values[checks + 2 * m] as number
      const notApplicable = values[checks + 2 * m + 1] as number
      if (!Number.isNaN(missing)) noteMissing(coverage, arm, missing)
      if (!Number.isNaN(notApplicable)) noteNotApplicable(coverage, arm, notApplicable)
    }
  }

  #noteHistograms(arm: Arm, outcome: Outcome): void {
    for (const { reading, histograms, channels } of this.#metrics) {
      if (histograms === null) continue
      const value = readValue(outcome, reading)
      if (typeof value !== 'number' || value === Number.POSITIVE_INFINITY) continue
      addToHistogram(histograms[arm], value)
      if (arm === 'candidate') continue
      addToHistogram(histograms.trailing, value)
      if (histograms.trailing.total >= trailingLimit) halveHistogram(histograms.trailing)
      for (const c of channels) this.#refreshThreshold(c, histograms)
    }
  }

  /** From values already seen: a threshold never depends on the answers it judges. */
  #refreshThreshold(channel: number, histograms: ArmHistograms): void {
    const { check, track } = this.#channels[channel] as Channel
    if (check.kind !== 'exceedance' && check.kind !== 'relative') return
    const quantile = check.kind === 'exceedance' ? check.quantile : 0.99
    const seen = track.baseline.samples
    const isDue = track.threshold === null ? seen >= warmUp(quantile) : seen - track.thresholdAge >= thresholdRefresh
    if (!isDue) return
    setThreshold(track, histogramQuantile(histograms.trailing, quantile))
  }

  /** Σ v_j E_j over all checks that roll back and the guard: an e-process under any dependence between them. */
  #watchHarm(seq: number): void {
    const { rollback, fastFail } = this.#state
    const tracks = this.#acting
    const guard = (this.#weight === 0 ? 1 : fastFailWeight) * fastFailEValue(fastFail)
    let total = guard
    for (const track of tracks) total += this.#weight * track.harmNow
    if (total <= rollback.peak) return
    rollback.peak = total
    let most = guard
    rollback.driver = 'fast_fail'
    for (const track of tracks) {
      if (this.#weight * track.harmNow <= most) continue
      most = this.#weight * track.harmNow
      rollback.driver = track.key
    }
    if (rollback.alarmSeq === null && total >= this.#limit) rollback.alarmSeq = seq
  }

  /** The mean over all checks that roll back is a detector again, with the same average run length. */
  #watchDetectors(): void {
    const { detector } = this.#state
    const tracks = this.#acting
    let total = 0
    let most = 0
    let driver: string | null = null
    for (const track of tracks) {
      const value = detectorValue(track)
      total += value
      if (value > most) [most, driver] = [value, track.key]
    }
    const mean = tracks.length === 0 ? 0 : total / tracks.length
    if (mean <= detector.peak) return
    detector.peak = mean
    detector.driver = driver
  }
}

/** Baseline values needed before a quantile can serve as a threshold. */
function warmUp(quantile: number): number {
  return quantile >= 0.99 ? 100 : quantile >= 0.95 ? 40 : 20
}

function begin(state: EngineState, policy: GatePolicy, checks: readonly Check[], digest: string): void {
  state.policy = digest
  state.tracks = checks.map((check) => startTrack(check, marginsOf(check, policy), policy.stage))
  state.coverage = [...new Set(checks.map((check) => check.reading.raw))].map(startCoverage)
  if (policy.isStickyUnit) state.units = startStickyUnits()
  for (const { reading, kind } of checks) {
    const isNeeded = reading.family === 'latency' || (reading.family === 'cost' && kind === 'relative')
    if (!isNeeded || Object.hasOwn(state.histograms, reading.raw)) continue
    state.histograms[reading.raw] = {
      trailing: startHistogram(),
      baseline: startHistogram(),
      candidate: startHistogram(),
    }
  }
}

function metricsOf(state: EngineState, policy: GatePolicy, checks: readonly Check[]): Metric[] {
  return state.coverage.map(({ raw }) => {
    const channels = checks.flatMap((check, i) => (check.reading.raw === raw ? [i] : []))
    const reading = (checks[channels[0] ?? 0] as Check).reading
    const isEvaluator = policy.evaluatorMetrics.includes(raw)
    return { reading, isEvaluator, channels, histograms: state.histograms[raw] ?? null }
  })
}
