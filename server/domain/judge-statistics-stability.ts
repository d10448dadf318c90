import { type Share, shareOf } from './judge-statistics.ts'
import { pairedMeanBounds, sumPairs } from './statistics.ts'

/** Who won, in one order each. */
export interface TwoOrders {
  readonly baselineFirst: string
  readonly candidateFirst: string
}

export interface OrderStability {
  /** Pairs whose verdict changes when the answers change places. */
  readonly flips: Share
  /** Decided verdicts, over both orders, for the answer shown first: 0.5 is fair. */
  readonly firstPlace: Share
}

/** @param orders  winners in the words `baseline`, `candidate`, anything else is no decision */
export function orderStability(orders: readonly TwoOrders[]): OrderStability {
  const flips = orders.filter((pair) => pair.baselineFirst !== pair.candidateFirst).length
  const decided = (winner: string) => winner === 'baseline' || winner === 'candidate'
  const places = orders.flatMap(({ baselineFirst, candidateFirst }) => [
    ...(decided(baselineFirst) ? [baselineFirst === 'baseline'] : []),
    ...(decided(candidateFirst) ? [candidateFirst === 'candidate'] : []),
  ])
  return { flips: shareOf(flips, orders.length), firstPlace: shareOf(places.filter(Boolean).length, places.length) }
}

/** The value a frozen case had when it was frozen, and the one it got now. */
export interface Retest {
  readonly before: number
  readonly now: number
}

export interface Drift {
  readonly retests: number
  /** Cases with another value than before. */
  readonly flips: Share
  /** Mean change in score points; null below 2 cases. */
  readonly shift: number | null
  /** The mean has moved, and not by chance (both one-sided bounds at 0.5 %). */
  readonly hasDrifted: boolean
}

/** One look in two hundred at a steady judge cries wolf: sentinels are looked at in every run. */
const driftAlpha = 0.005

/** Whether a judge still says what it said, on the same frozen cases. */
export function driftOf(retests: readonly Retest[]): Drift {
  const flips = retests.filter(({ before, now }) => before !== now).length
  const bounds = pairedMeanBounds(sumPairs(retests.map(({ before, now }) => now - before)), driftAlpha)
  return {
    retests: retests.length,
    flips: shareOf(flips, retests.length),
    shift: bounds === null ? null : bounds.mean,
    hasDrifted: bounds !== null && (bounds.lower > 0 || bounds.upper < 0),
  }
}
