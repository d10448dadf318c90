/**
 * The pairing of rows and columns with the least total cost, each used at most once (Hungarian method in the form with
 * potentials, O(rows² × columns); Kuhn 1955, Munkres 1957). Ties go to the lower index, so the result is stable.
 *
 * @param costs  rows of equal length, finite, no more rows than columns
 * @returns column of each row
 */
export function assign(costs: readonly (readonly number[])[]): number[] {
  const columns = costs[0]?.length ?? 0
  const rowPotential = new Array<number>(costs.length + 1).fill(0)
  const potential = new Array<number>(columns + 1).fill(0)
  const rowOf = new Array<number>(columns + 1).fill(0)
  for (let row = 1; row <= costs.length; row++) {
    rowOf[0] = row
    const path = shortestPath(costs, { rowPotential, potential, rowOf })
    for (let column = path.end; column !== 0; ) {
      const before = path.before[column] ?? 0
      rowOf[column] = rowOf[before] ?? 0
      column = before
    }
  }
  const columnOf = new Array<number>(costs.length).fill(-1)
  for (let column = 1; column <= columns; column++) {
    const row = rowOf[column] ?? 0
    if (row > 0) columnOf[row - 1] = column - 1
  }
  return columnOf
}

interface Potentials {
  readonly rowPotential: number[]
  readonly potential: number[]
  /** Row paired with a column, from 1; 0: none. Entry 0 is the row that is looking for a column. */
  readonly rowOf: readonly number[]
}

/** Cheapest way from the row that looks for a column to a column that is free; raises the potentials on the way. */
function shortestPath(costs: readonly (readonly number[])[], { rowPotential, potential, rowOf }: Potentials) {
  const size = potential.length
  const least = new Array<number>(size).fill(Number.POSITIVE_INFINITY)
  const before = new Array<number>(size).fill(0)
  const isUsed = new Array<boolean>(size).fill(false)
  let column = 0
  while ((rowOf[column] ?? 0) !== 0) {
    isUsed[column] = true
    const row = rowOf[column] ?? 0
    let next = 0
    let delta = Number.POSITIVE_INFINITY
    for (let other = 1; other < size; other++) {
      if (isUsed[other]) continue
      const reduced = (costs[row - 1]?.[other - 1] ?? 0) - (rowPotential[row] ?? 0) - (potential[other] ?? 0)
      if (reduced < (least[other] ?? 0)) {
        least[other] = reduced
        before[other] = column
      }
      if ((least[other] ?? 0) < delta) {
        delta = least[other] ?? 0
        next = other
      }
    }
    for (let other = 0; other < size; other++) {
      if (isUsed[other]) {
        const held = rowOf[other] ?? 0
        rowPotential[held] = (rowPotential[held] ?? 0) + delta
        potential[other] = (potential[other] ?? 0) - delta
      } else least[other] = (least[other] ?? 0) - delta
    }
    column = next
  }
  return { end: column, before }
}
