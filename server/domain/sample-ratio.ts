/**
 * Sequential sample-ratio test: are requests split as the share says? Predicts each assignment from the split seen so far
 * under that share (Beta prior of strength 1,000 around it) and bets the difference to the share itself. Every factor uses
 * the share in force at assignment, so that a change of share is no alarm (method as in Lindon & Malek, arXiv 2011.03567).
 */
export interface SampleRatio {
  wealth: number
  peak: number
  /** Split by share: [basis points, all, candidate]. */
  phases: [number, number, number][]
}

/** Level of a false alarm. */
export const sampleRatioAlpha = 0.001
const priorStrength = 1000

export function startSampleRatio(): SampleRatio {
  return { wealth: 1, peak: 1, phases: [] }
}

/** @param shareBp share at assignment; 0 and 10,000 leave nothing to chance and are skipped */
export function noteAssignment(ratio: SampleRatio, isCandidate: boolean, shareBp: number): void {
  if (!(shareBp > 0 && shareBp < 10_000)) return
  const share = shareBp / 10_000
  let phase = ratio.phases.find((p) => p[0] === shareBp)
  if (phase === undefined) {
    phase = [shareBp, 0, 0]
    ratio.phases.push(phase)
  }
  const predicted = (priorStrength * share + phase[2]) / (priorStrength + phase[1])
  const factor = isCandidate ? predicted / share : (1 - predicted) / (1 - share)
  ratio.wealth = Math.min(ratio.wealth * factor, 1e250)
  if (ratio.wealth > ratio.peak) ratio.peak = ratio.wealth
  phase[1]++
  if (isCandidate) phase[2]++
}

export function hasSampleRatioAlarm(ratio: Readonly<SampleRatio>): boolean {
  return ratio.peak >= 1 / sampleRatioAlpha
}
