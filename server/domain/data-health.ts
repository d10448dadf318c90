import { type Coverage, missingShare } from './coverage.ts'
import type { EngineState } from './engine-state.ts'
import type { GatePolicy, Reason } from './promotion-types.ts'
import { hasSampleRatioAlarm, type SampleRatio, sampleRatioAlpha } from './sample-ratio.ts'
import { percent, plural } from './verdict-words.ts'

/** Below this many values a missing share is noise: it delays, but is no alarm. */
const fewValues = 50
const fewIgnored = 20

/** What makes the evidence itself untrustworthy. Any of these holds the rollout where it is. */
export function healthProblems(state: EngineState, policy: GatePolicy): Reason[] {
  return [
    ...sampleRatioProblem(state, 'assigned', 'requests are'),
    ...sampleRatioProblem(state, 'scored', 'scored answers are'),
    ...state.coverage.flatMap((coverage) => coverageProblems(state, policy, coverage)),
    ...orderProblem(state, policy),
  ]
}

function sampleRatioProblem(state: EngineState, kind: 'assigned' | 'scored', subject: string): Reason[] {
  const ratio: SampleRatio = state.sampleRatio[kind]
  if (!hasSampleRatioAlarm(ratio)) return []
  return [
    {
      rule: 'sample_ratio',
      metric: null,
      observed: ratio.peak,
      threshold: 1 / sampleRatioAlpha,
      samples: state.candidate,
      message: `${subject} not split as the share says (${phasesOf(ratio)}): one arm loses records, so no comparison is fair`,
    },
  ]
}

function phasesOf(ratio: SampleRatio): string {
  return ratio.phases
    .map(([shareBp, all, candidate]) => `${percent(candidate / all)} of ${all} instead of ${percent(shareBp / 10_000)}`)
    .join('; ')
}

function coverageProblems(state: EngineState, policy: GatePolicy, coverage: Coverage): Reason[] {
  const tests = 2 * state.coverage.length
  const limit = tests / policy.alphaRollback
  const problems: Reason[] = []
  const { due, missing, notApplicable } = coverage
  const share = worstMissingShare(coverage)
  if (share !== null && share > policy.maxMissing) problems.push(missingReason(coverage, share, policy.maxMissing))
  if (coverage.missingGap.peak >= limit) {
    const rates = `${rate(missing.candidate, due.candidate)} of the candidate's, ${rate(missing.baseline, due.baseline)} of the baseline's`
    const message = `${coverage.raw} is missing more often on one arm (${rates}): what is missing may be what is bad`
    problems.push(gapReason('differential_missing', coverage, { observed: coverage.missingGap.peak, limit, message }))
  }
  if (coverage.notApplicableGap.peak >= limit) {
    const [candidate, baseline] = [notApplicable.candidate, notApplicable.baseline]
    const rates = `${rate(candidate, candidate + due.candidate)} of the candidate's, ${rate(baseline, baseline + due.baseline)} of the baseline's`
    const message = `${coverage.raw} does not apply equally often (${rates}): the arms are judged on different answers`
    problems.push(
      gapReason('not_applicable_gap', coverage, { observed: coverage.notApplicableGap.peak, limit, message }),
    )
  }
  return problems
}

/** Of both arms together, lately or overall, and of each arm overall, where there are enough values to say. */
function worstMissingShare(coverage: Coverage): number | null {
  const { due, missing } = coverage
  const shares: number[] = []
  if (due.baseline + due.candidate >= fewValues) shares.push(missingShare(coverage) ?? 0)
  if (due.baseline >= fewValues) shares.push(missing.baseline / due.baseline)
  if (due.candidate >= fewValues) shares.push(missing.candidate / due.candidate)
  return shares.length === 0 ? null : Math.max(...shares)
}

function missingReason(coverage: Coverage, observed: number, threshold: number): Reason {
  const message = `${coverage.raw} is missing for ${percent(observed)} of answers; at most ${percent(threshold)} may be`
  return { rule: 'coverage', metric: coverage.raw, observed, threshold, samples: coverage.due.candidate, message }
}

function gapReason(
  rule: string,
  coverage: Coverage,
  { observed, limit, message }: { observed: number; limit: number; message: string },
): Reason {
  return { rule, metric: coverage.raw, observed, threshold: limit, samples: coverage.due.candidate, message }
}

function orderProblem(state: EngineState, policy: GatePolicy): Reason[] {
  const { ignored, observed } = state
  const share = ignored / (ignored + observed)
  if (ignored < fewIgnored || share <= policy.maxMissing) return []
  const message = `${plural(ignored, 'observation')} came twice or out of order and were left out`
  return [
    {
      rule: 'out_of_order',
      metric: null,
      observed: share,
      threshold: policy.maxMissing,
      samples: state.candidate,
      message,
    },
  ]
}

function rate(count: number, of: number): string {
  return of === 0 ? 'none' : percent(count / of)
}
