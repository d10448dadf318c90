/**
 * Exact two-sided sign test (McNemar's test on paired yes/no): the probability that a fair coin, thrown `left + right` times,
 * falls at least as unevenly.
 *
 * Assumption: pairs are independent, and which arm a difference falls on is even where the arms are alike. p = 2 P(X <= min),
 * X ~ Binomial(left + right, 1/2), at most 1. Source: Conover, Practical Nonparametric Statistics, 3.4. Value: 1 against 9
 * gives 0.021484375 (R: binom.test(1, 10)).
 *
 * @param left  pairs in which only one arm has it, @param right  pairs in which only the other has it; whole, 0 or more
 */
export function signTest(left: number, right: number): number {
  const count = left + right
  const few = Math.min(left, right)
  if (left === right) return 1
  let log = -count * Math.LN2
  for (let at = 1; at <= few; at++) log += Math.log((count - at + 1) / at)
  let sum = 0
  let term = 1
  for (let at = few; at >= 0 && term > 1e-18; at--) {
    sum += term
    term *= at / (count - at + 1)
  }
  return Math.min(1, 2 * Math.exp(log) * sum)
}
