import { type Share, shareOf } from './judge-statistics.ts'
import { pairedMeanBounds, sumPairs } from './statistics.ts'

/** Who won, in one order each; `count`: how many pairs came out like this, default 1. */
export interface TwoOrders {
  readonly baselineFirst: string
  readonly candidateFirst: string
  readonly count?: number
}

export interface OrderStability {
  /** Pairs whose verdict changes when the answers change places. */
  readonly flips: Share
  /** Decided verdicts, over both orders, for the answer shown first: 0.5 is fair. */
  readonly firstPlace: Share
}

/** @param orders  winners in the words `baseline`, `candidate`, anything else is no decision */
export function orderStability(orders: readonly TwoOrders[]): OrderStability {
  let [pairs, flips, decided, first] = [0, 0, 0, 0]
  for (const { baselineFirst, candidateFirst, count = 1 } of orders) {
    pairs += count
    if (baselineFirst !== candidateFirst) flips += count
    const places = [
      [baselineFirst, 'baseline'],
      [candidateFirst, 'candidate'],
    ] as const
    for (const [winner, shownFirst] of places) {
      if (winner === 'baseline' || winner === 'candidate') decided += count
      if (winner === shownFirst) first += count
    }
  }
  return { flips: shareOf(flips, pairs), firstPlace: shareOf(first, decided) }
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
