import { accumulate } from '#domain/accumulate.ts'
import type { Arm, Observation, Outcome } from '#domain/evidence.ts'
import { judge, startEngine } from '#domain/promotion.ts'
import type { GatePolicy, Verdict, VerdictAction } from '#domain/promotion-types.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** How one arm answers; `served` counts the candidate's answers so far, `at` all requests. */
export type Behaviour = (
  random: SeededRandom,
  arm: Arm,
  at: { readonly served: number; readonly total: number },
) => Outcome

export interface SimulatedPlan {
  readonly policy: GatePolicy
  /** Percent, one per canary step. */
  readonly shares: readonly number[]
  readonly behaviour: Behaviour
  readonly seed: number
  /** Requests between two looks at the evidence. */
  readonly tick: number
  readonly maxRequests: number
}

export interface SimulatedEnd {
  /** `advance`: reached 100 %. `wait`: ran out of requests. */
  readonly end: VerdictAction
  readonly total: number
  readonly served: number
  readonly step: number
  readonly verdict: Verdict
}

/** Drives a whole canary through the real engine, one randomised request after another. */
export function simulateRollout({ policy, shares, behaviour, seed, tick, maxRequests }: SimulatedPlan): SimulatedEnd {
  const random = seededRandom(seed)
  let state = startEngine()
  let step = 0
  let served = 0
  let total = 0
  let verdict = judge(state, policy, { step, elapsedInStageMs: 0, elapsedInStepMs: 0 })
  while (total < maxRequests) {
    const batch: Observation[] = []
    const share = shares[step] as number
    for (let i = 0; i < tick; i++, total++) {
      const isCandidate = random.isTrue(share / 100)
      const answer = behaviour(random, isCandidate ? 'candidate' : 'baseline', { served, total })
      if (isCandidate) served++
      const [baseline, candidate] = isCandidate ? [null, answer] : [answer, null]
      batch.push({ seq: total, unit: null, shareBp: share * 100, step, baseline, candidate })
    }
    state = accumulate(state, policy, batch)
    verdict = judge(state, policy, { step, elapsedInStageMs: total, elapsedInStepMs: total })
    if (verdict.action === 'advance') step++
    const isOver = step === shares.length || verdict.action === 'rollback' || verdict.action === 'inconclusive'
    if (isOver) break
  }
  const end = step === shares.length ? 'advance' : verdict.action
  return { end, total, served, step, verdict }
}

/** Exact (Clopper-Pearson) one-sided upper limit of a rate. */
export function upperLimit(hits: number, trials: number, level: number): number {
  if (hits >= trials) return 1
  let low = hits / trials
  let high = 1
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (binomialAtMost(hits, trials, middle) > 1 - level) low = middle
    else high = middle
  }
  return high
}

function binomialAtMost(hits: number, trials: number, rate: number): number {
  let log = trials * Math.log1p(-rate)
  let total = Math.exp(log)
  for (let k = 1; k <= hits; k++) {
    log += Math.log((trials - k + 1) / k) + Math.log(rate) - Math.log1p(-rate)
    total += Math.exp(log)
  }
  return total
}

export function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? Number.NaN
}
