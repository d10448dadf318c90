import { cut, type HarmWealth, restartHarm, startHarmWealth } from './eprocess.ts'
import type { Arm, Outcome } from './evidence.ts'

/**
 * The fast-fail guard: looks at hard failures only. If the candidate fails R times as often as the baseline, a failure
 * belongs to the candidate with probability theta(R) = share R / (share R + 1 - share); the baseline's own rate may wander
 * freely (Lindon & Malek, arXiv 2011.03567). The hypothesis bet against is R <= 2; the gamblers back R = 3 ... 128.
 */
export interface FastFail {
  wealth: HarmWealth
  /** Hard failures by arm. */
  baseline: number
  candidate: number
  /** Candidate answers since the last restart. */
  sinceRestart: number
}

const nullRatio = 2
const backedRatios: readonly number[] = [1.5, 2, 4, 8, 16, 32, 64].map((factor) => nullRatio * factor)
const equalShares: readonly number[] = backedRatios.map(() => 1 / backedRatios.length)
const restartEvery = 100

export function startFastFail(): FastFail {
  return { wealth: startHarmWealth(equalShares), baseline: 0, candidate: 0, sinceRestart: 0 }
}

/** A request that no user could use: an error, or JSON that cannot be parsed where JSON was judged. */
export function isHardFailure(outcome: Outcome): boolean {
  return outcome.values['error_rate'] === 1 || outcome.values['json_validity'] === 0
}

/** Advances the clock of the restarts. */
export function noteCandidateAnswer(guard: FastFail): void {
  guard.sinceRestart++
  if (guard.sinceRestart >= restartEvery) restartFastFail(guard)
}

export function restartFastFail(guard: FastFail): void {
  guard.sinceRestart = 0
  restartHarm(guard.wealth, equalShares)
}

/** @param share of the candidate when the failed request was assigned, in (0, 1); others say nothing and are skipped */
export function noteHardFailure(guard: FastFail, arm: Arm, share: number): void {
  guard[arm]++
  if (!(share > 0 && share < 1)) return
  const { capital } = guard.wealth
  const expected = theta(nullRatio, share)
  let total = guard.wealth.cash
  for (let k = 0; k < capital.length; k++) {
    const backed = theta(backedRatios[k] as number, share)
    const factor = arm === 'candidate' ? backed / expected : (1 - backed) / (1 - expected)
    capital[k] = cut((capital[k] as number) * factor)
    total += capital[k] as number
  }
  guard.wealth.total = total
}

export function fastFailEValue(guard: Readonly<FastFail>): number {
  return guard.wealth.total
}

function theta(ratio: number, share: number): number {
  return (share * ratio) / (share * ratio + 1 - share)
}
