/**
 * Betting e-processes (Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting",
 * arXiv 2010.09686). A gambler bets against a hypothesis with capital 1; under the hypothesis the capital reaches 1/alpha
 * with probability alpha at most, whenever and however often one looks (Ville's inequality). docs/statistics.md has the
 * whole method.
 *
 * Capital is kept as such, not as its logarithm: it needs only + and *, so a replay is the same bit for bit on every
 * machine. It is cut at `capitalLimit`; money thrown away keeps the guarantee.
 */

/** Fractions of the largest safe stake: six gamblers, geometric between careful and bold. */
export const bets: readonly number[] = [0.1, 0.157, 0.246, 0.386, 0.606, 0.95]

/** Capital each starts with. The middle has more: with equal shares most cases took 3 to 6 % more answers. */
export const startCapital: readonly number[] = [1, 2, 3, 4, 3, 2].map((parts) => parts / 15)

/** The same where harm is sought: the bold have more, since great harm is what must be found fast. */
export const harmCapital: readonly number[] = [1, 2, 2, 3, 4, 4].map((parts) => parts / 16)

const gamblers = bets.length
const capitalLimit = 1e250
/** Below this a gambler is broke; avoids slow denormal numbers. */
const broke = 1e-250

/** Blocks between two restarts of a harm process. */
export const restartBlocks = 100

/** Evidence that the candidate is good enough. */
export interface PromotionWealth {
  /** Capital of each gambler; about 1 together at the start. */
  capital: number[]
  /** Largest total so far. */
  peak: number
}

/**
 * Evidence of harm, with restarts: capital u_j joins the table at the j-th restart, u_0 = 1/2, u_j = 1/(2j(j+1)), which sum
 * to 1; what has not joined is cash. Since every gambler k uses the same stake whenever he joined, the mixture over all
 * restarts is six sums: nothing has to be pruned or merged.
 */
export interface HarmWealth {
  /** The e-value: cash and capital together, after the last round. */
  total: number
  cash: number
  capital: number[]
  restarts: number
}

export function startPromotionWealth(): PromotionWealth {
  return { capital: [...startCapital], peak: 1 }
}

/** @param shares of the gamblers, 1 together */
export function startHarmWealth(shares: readonly number[] = harmCapital): HarmWealth {
  return { total: 1, cash: 0.5, capital: shares.map((share) => 0.5 * share), restarts: 0 }
}

/** Keeps capital finite and normal. */
export function cut(capital: number): number {
  return capital > capitalLimit ? capitalLimit : capital < broke ? 0 : capital
}

/**
 * Plays one round. @param stake evidence in [-1, infinity) whose mean is at most 0 under the hypothesis bet against
 * @returns the total capital
 */
function play(capital: number[], stake: number): number {
  const x = stake < -1 ? -1 : stake
  let total = 0
  for (let k = 0; k < gamblers; k++) {
    const kept = cut((capital[k] as number) * (1 + (bets[k] as number) * x))
    capital[k] = kept
    total += kept
  }
  return total
}

export function playPromotion(wealth: PromotionWealth, stake: number): void {
  const total = play(wealth.capital, stake)
  if (total > wealth.peak) wealth.peak = total
}

export function playHarm(wealth: HarmWealth, stake: number): void {
  wealth.total = wealth.cash + play(wealth.capital, stake)
}

/** Lets the next part of the cash join, which leaves the total as it is: call at fixed block counts and at changes of share, never because of outcomes. */
export function restartHarm(wealth: HarmWealth, shares: readonly number[] = harmCapital): void {
  const j = wealth.restarts + 1
  const joining = 0.5 / (j * (j + 1))
  wealth.restarts = j
  wealth.cash = 0.5 / (j + 1)
  const { capital } = wealth
  for (let k = 0; k < capital.length; k++) capital[k] = (capital[k] as number) + joining * (shares[k] as number)
}

/** Stake against "candidate - baseline <= -margin". @param difference block difference in [-1, 1], positive = candidate better */
export function nonInferiorityStake(difference: number, margin: number): number {
  return (difference + margin) / (1 - margin)
}

/** Stake against "candidate - baseline >= -margin". */
export function inferiorityStake(difference: number, margin: number): number {
  return -(difference + margin) / (1 + margin)
}

/** Stake against "mean <= floor". @param excess value - floor, value in [0, 1] */
export function aboveFloorStake(excess: number, floor: number): number {
  return excess / floor
}

/** Stake against "mean >= floor". */
export function belowFloorStake(excess: number, floor: number): number {
  return -excess / (1 - floor)
}
