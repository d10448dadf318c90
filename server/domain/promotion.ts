import { fastFailWeight } from './accumulate.ts'
import { healthProblems } from './data-health.ts'
import { averageRunLength } from './detector.ts'
import type { EngineState } from './engine-state.ts'
import { fastFailEValue } from './fast-fail.ts'
import { type GateStanding, gateResultOf, standingsOf } from './gate-results.ts'
import { policyDigest } from './policy-digest.ts'
import {
  engineVersion,
  type GatePolicy,
  type LiveEvidence,
  type Reason,
  type Situation,
  type Verdict,
  type VerdictAction,
} from './promotion-types.ts'
import { sampleRatioAlpha } from './sample-ratio.ts'
import { amount, demand, evidence, plural } from './verdict-words.ts'

// The engine's whole face in one place: callers need no other file.
export { accumulate, EvidenceFold, startEngine } from './accumulate.ts'
export type { EngineState } from './engine-state.ts'
export { defaultLadder, policyOf } from './gate-policy.ts'
export { judgeOffline, offlinePolicyOf } from './offline.ts'
export type * from './promotion-types.ts'
export { engineVersion }

/**
 * Decides what a live stage does next. Pure: same state, policy and situation give the same verdict, bit for bit.
 *
 * The order is fixed (docs/statistics.md, decision order): evidence of harm rolls back whatever else is true; then
 * untrustworthy data holds; then samples, soak and every gate must be there to advance; time alone never advances.
 * advance: the step (shadow: the stage) is shown good enough. wait: not yet. hold: keep the share and do not advance until
 * the cause is gone. rollback: shown to be harmful. inconclusive: the stage's time is over without an answer.
 */
export function judge(state: EngineState, policy: GatePolicy, situation: Situation): Verdict {
  const standings = standingsOf(state, policy, situation.step)
  const { action, reasons } = decide(state, policy, { situation, standings })
  return {
    action,
    reasons,
    gates: standings.map((standing) => gateResultOf(standing, state, policy, situation.step)),
    evidence: evidenceOf(state, policy, { situation, standings }),
  }
}

/** The decision of `judge` without its gate results and evidence: the same action and reasons at a hundredth of the cost. */
export function decideOnly(state: EngineState, policy: GatePolicy, situation: Situation): Decision {
  return decide(state, policy, { situation, standings: standingsOf(state, policy, situation.step) })
}

interface Standing {
  readonly situation: Situation
  readonly standings: readonly GateStanding[]
}

export interface Decision {
  readonly action: VerdictAction
  readonly reasons: readonly Reason[]
}

function decide(state: EngineState, policy: GatePolicy, now: Standing): Decision {
  const mismatch = mismatchProblem(state, policy)
  if (mismatch !== null) return { action: 'hold', reasons: [mismatch] }
  const harm = harmReasons(state, policy, now.standings)
  if (harm.length > 0) return { action: 'rollback', reasons: harm }
  const health = [
    ...healthProblems(state, policy),
    ...commonCauseProblems(now.standings),
    ...heldHarmProblems(policy, now.standings),
  ]
  if (health.length > 0) return stopOrTimeOut('hold', health, policy, now.situation)
  const lacking = whatIsLacking(state, policy, now)
  if (lacking.length > 0) return stopOrTimeOut('wait', lacking, policy, now.situation)
  return { action: 'advance', reasons: now.standings.filter(isNeeded).map((standing) => passReason(standing, policy)) }
}

/** Written so that a duration that is no number counts as over. */
function stopOrTimeOut(
  action: 'hold' | 'wait',
  reasons: readonly Reason[],
  policy: GatePolicy,
  { elapsedInStageMs }: Situation,
): Decision {
  if (elapsedInStageMs < policy.maxDurationMs) return { action, reasons }
  const hours = policy.maxDurationMs / 3_600_000
  const timeOut = {
    rule: 'max_duration',
    metric: null,
    observed: Number.isFinite(elapsedInStageMs) ? elapsedInStageMs : null,
    threshold: policy.maxDurationMs,
    samples: reasons[0]?.samples ?? 0,
    message: `${policy.stage} has run its ${Number(hours.toPrecision(3))} h without an answer; time alone never advances`,
  }
  return { action: 'inconclusive', reasons: [timeOut, ...reasons] }
}

function mismatchProblem(state: EngineState, policy: GatePolicy): Reason | null {
  const isSame = state.version === engineVersion && (state.policy === null || state.policy === policyDigest(policy))
  if (isSame) return null
  const message = 'the evidence was gathered under another bar, plan or engine and says nothing about this one'
  return { rule: 'engine_mismatch', metric: null, observed: null, threshold: null, samples: state.candidate, message }
}

function harmReasons(state: EngineState, policy: GatePolicy, standings: readonly GateStanding[]): Reason[] {
  const { rollback, fastFail, detector } = state
  const threshold = 1 / policy.alphaRollback
  if (rollback.peak < threshold) return detector.peak < averageRunLength ? [] : [detectorReason(state)]
  const failed = standings
    .filter((standing) => standing.verdict === 'fail' && standing.check.action === 'rollback')
    .map((standing) => failReason(standing, policy))
  const guard = `${plural(fastFail.candidate, 'hard failure')} of the candidate, ${fastFail.baseline} of the baseline`
  const isGuard = rollback.driver === 'fast_fail'
  const all = {
    rule: isGuard ? 'fast_fail' : 'rollback',
    metric: null,
    observed: rollback.peak,
    threshold,
    samples: state.candidate,
    message: isGuard
      ? `the candidate fails outright more than twice as often as the baseline (${guard})`
      : `evidence of harm over all gates is ${evidence(rollback.peak)}, ${threshold} rolls back`,
  }
  return isGuard ? [all, ...failed] : [...failed, all]
}

/** Harm that began after the promotion, too late or too slight for the evidence since its start. */
function detectorReason({ detector, candidate }: EngineState): Reason {
  const whose = detector.driver === null ? 'a gate' : detector.driver
  return {
    rule: 'late_harm',
    metric: detector.driver?.split(':')[0] ?? null,
    observed: detector.peak,
    threshold: averageRunLength,
    samples: candidate,
    message: `the candidate has become worse than the version before since its promotion (${whose}: detector ${evidence(detector.peak)}, ${averageRunLength} rolls back)`,
  }
}

/** Gates that hold for a person instead of rolling back. */
function heldHarmProblems(policy: GatePolicy, standings: readonly GateStanding[]): Reason[] {
  const threshold = 1 / policy.alphaRollback
  return standings
    .filter(({ check, track }) => check.action === 'hold' && (track?.harmPeak ?? 0) >= threshold)
    .map(({ check, track }) => {
      const { metric } = check.reading
      const samples = track?.candidate.samples ?? 0
      const message = `${metric} must be ${demand(check, check.limit)}, and is shown not to be: held for a person, as the bar says`
      return { rule: 'held_harm', metric, observed: track?.harmPeak ?? null, threshold, samples, message }
    })
}

function failReason({ check, track, levels }: GateStanding, policy: GatePolicy): Reason {
  const { metric } = check.reading
  const samples = track?.candidate.samples ?? 0
  const [baseline, candidate] = levels.map((level) => amount(check, level))
  const found = `${candidate} against ${baseline} on the baseline, ${plural(samples, 'answer')} of the candidate`
  const message = `${metric} must be ${demand(check, check.limit)}, and is shown not to be (${found})`
  const threshold = 1 / policy.alphaRollback
  return { rule: 'gate', metric, observed: track?.harmPeak ?? null, threshold, samples, message }
}

function commonCauseProblems(standings: readonly GateStanding[]): Reason[] {
  return standings
    .filter((standing) => standing.isBreached && standing.check.action !== 'observe')
    .map(({ check, track }) => {
      const { metric } = check.reading
      const message = `${metric} must be ${demand(check, 0)} and the candidate breaks that, but is not shown to be worse than the baseline: a common cause is likely`
      const samples = track?.candidate.samples ?? 0
      return { rule: 'common_cause', metric, observed: null, threshold: check.limit, samples, message }
    })
}

function whatIsLacking(state: EngineState, policy: GatePolicy, { situation, standings }: Standing): Reason[] {
  return [
    ...(standings.every(({ check }) => check.action === 'observe') ? [noGates(state, policy)] : []),
    ...samplesLacking(state, policy, situation),
    ...soakLacking(state, policy, situation),
    ...(policy.stage === 'bake' ? [] : standings.filter(isOpen).map((standing) => openReason(standing, policy))),
    ...doubtLacking(state, policy, standings),
  ]
}

function isNeeded(standing: GateStanding): boolean {
  return standing.check.action !== 'observe'
}

function isOpen(standing: GateStanding): boolean {
  return isNeeded(standing) && standing.verdict !== 'pass'
}

function noGates(state: EngineState, policy: GatePolicy): Reason {
  const message = `the bar has no gate for ${policy.stage}: nothing can show that the candidate is good enough`
  return { rule: 'no_gates', metric: null, observed: 0, threshold: 1, samples: state.candidate, message }
}

/** Scored candidate answers since the step began; bake has no steps, shadow one. */
function scoredSince(state: EngineState, policy: GatePolicy, step: number): number {
  if (policy.stage === 'canary') return state.scoredByStep[step] ?? 0
  return Object.values(state.scoredByStep).reduce((sum, count) => sum + count, 0)
}

function samplesLacking(state: EngineState, policy: GatePolicy, { step }: Situation): Reason[] {
  const observed = scoredSince(state, policy, step)
  const threshold = Math.max(1, policy.minSamples)
  if (observed >= threshold) return []
  const message = `${plural(observed, 'scored answer')} of the candidate so far, ${threshold} needed`
  return [{ rule: 'min_samples', metric: null, observed, threshold, samples: observed, message }]
}

function soakLacking(state: EngineState, policy: GatePolicy, { elapsedInStepMs }: Situation): Reason[] {
  if (elapsedInStepMs >= policy.minSoakMs) return []
  const observed = Number.isFinite(elapsedInStepMs) ? elapsedInStepMs : null
  const seconds = Math.round(policy.minSoakMs / 1000)
  const message = `has to run for ${seconds} s before it may go on`
  return [{ rule: 'min_soak', metric: null, observed, threshold: policy.minSoakMs, samples: state.candidate, message }]
}

function openReason({ check, track, margin, eValue, veto }: GateStanding, policy: GatePolicy): Reason {
  const { metric } = check.reading
  const samples = track?.candidate.samples ?? 0
  const needed = 1 / policy.alpha
  const why = veto ?? `evidence ${evidence(eValue)} of the ${evidence(needed)} needed`
  const message = `${metric} is not yet shown to be ${demand(check, margin)}: ${why}`
  return { rule: 'gate', metric, observed: eValue, threshold: needed, samples, message }
}

function passReason({ check, track, margin, eValue }: GateStanding, policy: GatePolicy): Reason {
  const { metric } = check.reading
  const samples = track?.candidate.samples ?? 0
  const message =
    policy.stage === 'bake'
      ? `${metric}: no harm shown in ${plural(samples, 'answer')} since promotion`
      : `${metric} is shown to be ${demand(check, margin)} (${plural(samples, 'answer')} of the candidate)`
  return { rule: 'gate', metric, observed: eValue, threshold: 1 / policy.alpha, samples, message }
}

/** No step up while harm is half shown (on the scale of the logarithm): a candidate may worsen after its gates have passed. */
function doubtLacking(state: EngineState, policy: GatePolicy, standings: readonly GateStanding[]): Reason[] {
  const observed = harmNow(state, standings)
  const threshold = Math.sqrt(1 / policy.alphaRollback)
  if (observed < threshold) return []
  const message = `evidence of harm stands at ${evidence(observed)}; no step up above ${evidence(threshold)}`
  return [{ rule: 'doubt', metric: null, observed, threshold, samples: state.candidate, message }]
}

function harmNow(state: EngineState, standings: readonly GateStanding[]): number {
  const tracks = standings.flatMap(({ check, track }) => (check.action === 'rollback' && track !== null ? [track] : []))
  if (tracks.length === 0) return fastFailEValue(state.fastFail)
  const mean = tracks.reduce((sum, track) => sum + track.harmNow, 0) / tracks.length
  return fastFailWeight * fastFailEValue(state.fastFail) + (1 - fastFailWeight) * mean
}

function evidenceOf(state: EngineState, policy: GatePolicy, { situation, standings }: Standing): LiveEvidence {
  return {
    engine: engineVersion,
    stage: policy.stage,
    step: situation.step,
    alpha: policy.alpha,
    alphaRollback: policy.alphaRollback,
    observed: state.observed,
    baseline: state.baseline,
    candidate: state.candidate,
    scoredInStep: scoredSince(state, policy, situation.step),
    ignored: state.ignored,
    unassigned: state.unassigned,
    lastSeq: state.lastSeq,
    sharesBp: [...state.sharesBp],
    rollback: {
      now: harmNow(state, standings),
      peak: state.rollback.peak,
      limit: 1 / policy.alphaRollback,
      driver: state.rollback.driver,
    },
    detector: policy.stage === 'bake' ? { ...state.detector, limit: averageRunLength } : null,
    fastFail: {
      eValue: fastFailEValue(state.fastFail),
      baseline: state.fastFail.baseline,
      candidate: state.fastFail.candidate,
    },
    sampleRatio: {
      assigned: state.sampleRatio.assigned.peak,
      scored: state.sampleRatio.scored.peak,
      limit: 1 / sampleRatioAlpha,
    },
    gates: standings.map((standing) => gateEvidence(standing, policy)),
  }
}

function gateEvidence({ check, track, margin, eValue, verdict }: GateStanding, policy: GatePolicy) {
  const candidate = track?.candidate.samples ?? 0
  return {
    key: check.key,
    verdict,
    limit: check.limit,
    margin,
    eValue,
    eValueNeeded: 1 / policy.alpha,
    harmNow: track?.harmNow ?? 1,
    harmPeak: track?.harmPeak ?? 1,
    blocks: track?.blocks ?? 0,
    baseline: track?.baseline.samples ?? 0,
    candidate,
    /** Latency threshold or cost cap in force. */
    threshold: track?.threshold ?? null,
    expectedSamples: verdict === 'inconclusive' ? expectedSamples(eValue, candidate, policy.alpha) : null,
  }
}

/** Candidate answers still needed if evidence keeps growing as it did; null when it does not grow. */
function expectedSamples(eValue: number, samples: number, alpha: number): number | null {
  if (eValue <= 1 || samples === 0) return null
  const missing = Math.log(1 / alpha) - Math.log(eValue)
  return missing <= 0 ? null : Math.ceil((missing * samples) / Math.log(eValue))
}
