import { bets, inferiorityStake, nonInferiorityStake, startCapital } from './eprocess.ts'

/**
 * Block differences in [-1, 1] counted on a grid of half points, enough to compute a confidence sequence when someone
 * looks instead of at every block. Even cells are exact grid values, odd cells the open interval between two of them.
 */
export interface DifferenceGrid {
  first: number
  counts: number[]
  total: number
}

/** Grid steps per unit: half a point. */
const resolution = 200
const tolerance = 1e-9

export function startGrid(): DifferenceGrid {
  return { first: 0, counts: [], total: 0 }
}

export function addToGrid(grid: DifferenceGrid, difference: number): void {
  const position = difference * resolution
  const nearest = Math.round(position)
  const cell = Math.abs(position - nearest) < tolerance ? 2 * nearest + 0 : 2 * Math.floor(position) + 1
  const { counts } = grid
  if (counts.length === 0) grid.first = cell
  while (cell < grid.first) {
    counts.unshift(0)
    grid.first--
  }
  while (cell - grid.first >= counts.length) counts.push(0)
  counts[cell - grid.first] = (counts[cell - grid.first] as number) + 1
  grid.total++
}

/** Total capital of the gamblers after all counted blocks, cells taken at their lower or upper end, whichever bets less. */
function capitalAt(grid: Readonly<DifferenceGrid>, stakeOf: (difference: number) => number, isLower: boolean): number {
  const logs = bets.map(() => 0)
  for (let i = 0; i < grid.counts.length; i++) {
    const count = grid.counts[i] as number
    if (count === 0) continue
    const cell = grid.first + i
    const stake = Math.max(-1, stakeOf((isLower ? Math.floor(cell / 2) : Math.ceil(cell / 2)) / resolution))
    for (let k = 0; k < bets.length; k++)
      logs[k] = (logs[k] as number) + count * Math.log1p((bets[k] as number) * stake)
  }
  return logs.reduce((total, log, k) => total + Math.exp(Math.min(log, 600)) * (startCapital[k] as number), 0)
}

/**
 * Always-valid interval of the mean block difference: the grid values that neither one-sided process has refuted at
 * 2 / alpha. Capital is monotone in the value, so bisection finds the ends.
 *
 * @returns null without blocks; ends in [-1, 1]
 */
export function confidenceSequence(grid: Readonly<DifferenceGrid>, alpha: number): [number, number] | null {
  if (grid.total === 0) return null
  const limit = 2 / alpha
  const isAbove = (value: number) => capitalAt(grid, (d) => nonInferiorityStake(d, -value), true) >= limit
  const isBelow = (value: number) => capitalAt(grid, (d) => inferiorityStake(d, -value), false) >= limit
  return [lastWhere(isAbove), 0 - lastWhere((negated) => isBelow(-negated))]
}

/** Largest grid value in (-1, 1) where a claim holds that fails from some value on; -1 when it holds nowhere. */
function lastWhere(holds: (value: number) => boolean): number {
  let low = -resolution
  let high = resolution
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle / resolution)) low = middle
    else high = middle
  }
  return low / resolution
}
