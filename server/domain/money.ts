/** Micro-dollars as dollars with the six digits that matter. */
export function dollars(microUsd: number): string {
  return (microUsd / 1_000_000).toFixed(6)
}
