import { bets, cut, harmCapital } from './eprocess.ts'

/**
 * Blocks that pass on average before a bake without harm raises a false alarm; the chance of one within n blocks is at most
 * n over this.
 */
export const averageRunLength = 20_000

/**
 * A Shiryaev-Roberts e-detector: every block a new gambler of each kind starts with his share of 1, so that harm which begins
 * late is bet against by somebody who has lost nothing yet. Under "no worse than the margin" its value grows by 1 per block at
 * most on average, so an alarm at A comes after A blocks or more on average. (Shin, Ramdas & Rinaldo, arXiv 2203.03532.)
 */
export interface Detector {
  /** Capital of each kind of gambler, all starts together. */
  capital: number[]
  /** All of it. */
  value: number
}

export function startDetector(): Detector {
  return { capital: bets.map(() => 0), value: 0 }
}

/** Plays one block. @param stake evidence of harm, at least -1, whose mean is at most 0 where there is none */
export function playDetector(detector: Detector, stake: number): void {
  const x = stake < -1 ? -1 : stake
  let value = 0
  for (let k = 0; k < bets.length; k++) {
    const joined = (detector.capital[k] as number) + (harmCapital[k] as number)
    const kept = cut(joined * (1 + (bets[k] as number) * x))
    detector.capital[k] = kept
    value += kept
  }
  detector.value = value
}
