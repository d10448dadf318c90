/**
 * pass^k: the chance that k independent tries of one task all succeed, mean over the tasks (Yao et al. 2024, τ-bench, section 3).
 * Unbiased for each task: C(c, k) / C(n, k) with c successes in n tries.
 *
 * @param outcomes  tries of each task, true: success. Tasks with fewer than k tries say nothing and are left out
 * @param k  >= 1
 * @returns null when no task has k tries
 */
export function passHatK(outcomes: readonly (readonly boolean[])[], k: number): number | null {
  const usable = outcomes.filter((tries) => tries.length >= k)
  if (usable.length === 0 || k < 1) return null
  const sum = usable.reduce((total, tries) => total + allSucceed(tries, k), 0)
  return sum / usable.length
}

/** C(c, k) / C(n, k) as a product, so that nothing overflows. */
function allSucceed(tries: readonly boolean[], k: number): number {
  const successes = tries.filter(Boolean).length
  let share = 1
  for (let taken = 0; taken < k; taken++) share *= Math.max(0, successes - taken) / (tries.length - taken)
  return share
}
