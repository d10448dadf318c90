export interface DiffPart {
  readonly isChanged: boolean
  readonly text: string
}

export interface WordDiff {
  readonly before: readonly DiffPart[]
  readonly after: readonly DiffPart[]
}

/** Work and node limits: texts that differ by more tokens are shown unmarked, since marks everywhere mark nothing. */
const maxTokens = 4000
const maxEdits = 220
const maxParts = 32

/**
 * What differs between two texts, word by word, for showing them side by side.
 *
 * Shortest edit script (Myers 1986, "An O(ND) difference algorithm"). Joining the parts of a side gives its text back.
 *
 * @returns null when the texts are equal, too long or too different to be worth marking
 */
export function wordDiff(before: string, after: string): WordDiff | null {
  if (before === after) return null
  const a = tokens(before)
  const b = tokens(after)
  if (a.length > maxTokens || b.length > maxTokens) return null
  const kept = commonTokens(a, b)
  if (kept === null || kept.length < Math.max(a.length, b.length) * 0.3) return null
  const diff = {
    before: parts(a, new Set(kept.map((pair) => pair[0]))),
    after: parts(b, new Set(kept.map((pair) => pair[1]))),
  }
  return Math.max(diff.before.length, diff.after.length) > maxParts ? null : diff
}

/** Words with the space after them; every other sign alone. */
function tokens(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+\s*|[^\p{L}\p{N}_]\s*/gu) ?? []
}

/** Index pairs of the tokens both sides share, in order; null when more than `maxEdits` edits are needed. */
function commonTokens(a: readonly string[], b: readonly string[]): [number, number][] | null {
  const reached = new Map<number, number>([[1, 0]])
  const trace: Map<number, number>[] = []
  for (let edits = 0; edits <= maxEdits; edits += 1) {
    trace.push(new Map(reached))
    for (let k = -edits; k <= edits; k += 2) {
      let x = isDown(reached, k, edits) ? at(reached, k + 1) : at(reached, k - 1) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1
      reached.set(k, x)
      if (x >= a.length && x - k >= b.length) return backtrack(trace, a.length, b.length)
    }
  }
  return null
}

function backtrack(trace: readonly Map<number, number>[], endA: number, endB: number): [number, number][] {
  const pairs: [number, number][] = []
  let x = endA
  let y = endB
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reached = trace[edits] ?? new Map<number, number>()
    const k = x - y
    const from = isDown(reached, k, edits) ? k + 1 : k - 1
    const fromX = at(reached, from)
    const fromY = fromX - from
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      x -= 1
      y -= 1
      pairs.push([x, y])
    }
    x = fromX
    y = fromY
  }
  return pairs.reverse()
}

function isDown(reached: ReadonlyMap<number, number>, k: number, edits: number): boolean {
  return k === -edits || (k !== edits && at(reached, k - 1) < at(reached, k + 1))
}

function at(reached: ReadonlyMap<number, number>, k: number): number {
  return reached.get(k) ?? 0
}

function parts(all: readonly string[], kept: ReadonlySet<number>): DiffPart[] {
  const result: { isChanged: boolean; text: string }[] = []
  all.forEach((token, index) => {
    const isChanged = !kept.has(index)
    const last = result.at(-1)
    if (last?.isChanged === isChanged) last.text += token
    else result.push({ isChanged, text: token })
  })
  return result
}
