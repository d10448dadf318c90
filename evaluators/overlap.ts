/**
 * F1 over the words two texts share, each counted as often as both have it (SQuAD, Rajpurkar et al. 2016).
 *
 * @returns 0 to 1; 0 when they share none, also when one is empty
 */
export function overlapF1(left: readonly string[], right: readonly string[]): number {
  const open = new Map<string, number>()
  for (const word of left) open.set(word, (open.get(word) ?? 0) + 1)
  let shared = 0
  for (const word of right) {
    const count = open.get(word) ?? 0
    if (count > 0) shared++
    open.set(word, count - 1)
  }
  return shared === 0 ? 0 : (2 * shared) / (left.length + right.length)
}
