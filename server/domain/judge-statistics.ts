/**
 * How well a judge's verdicts agree with people's. Fixed-sample intervals at level 95 %, for reading and for correcting rates
 * (docs/judges.md); no gate peeks at them.
 */

/** 97.5 % quantile of the standard normal distribution. */
export const normalReach = 1.959963984540054

export type Interval = readonly [number, number]

/** A share with its 95 % interval; null where there is nothing to count. */
export interface Share {
  readonly count: number
  readonly of: number
  readonly share: number | null
  readonly interval: Interval | null
}

/**
 * A share and Wilson's score interval.
 *
 * Assumes independent draws. Wilson, JASA 22 (1927), doi:10.1080/01621459.1927.10502953; keeps its coverage for small counts
 * and near 0 and 1, where the plain interval does not.
 *
 * @param count  0..of
 */
export function shareOf(count: number, of: number): Share {
  if (of === 0) return { count, of, share: null, interval: null }
  const share = count / of
  const z2 = normalReach * normalReach
  const centre = (share + z2 / (2 * of)) / (1 + z2 / of)
  const half = (normalReach * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of))) / (1 + z2 / of)
  return { count, of, share, interval: [Math.max(0, centre - half), Math.min(1, centre + half)] }
}

/** A verdict of the judge beside a person's on the same thing, in the same words. */
export interface LabelledVerdict {
  readonly judge: string
  readonly human: string
}

/** The two words that correction works with; any other word (a tie) counts in kappa only. */
export interface VerdictWords {
  readonly positive: string
  readonly negative: string
}

export interface Agreement {
  readonly labels: number
  readonly exact: Share
  /** Agreement beyond chance, -1..1; null when one word alone was ever used. */
  readonly kappa: { readonly value: number; readonly interval: Interval } | null
  /** Share of what people call positive that the judge calls positive too, where both decided. */
  readonly sensitivity: Share
  /** The same for negative. */
  readonly specificity: Share
}

/**
 * Agreement of a judge with people. Labels must be drawn without regard to the verdicts: a sample of doubtful cases makes any
 * judge look bad, and its sensitivity and specificity belong to no population.
 *
 * Agreement as a share flatters where one word is rare: read kappa beside it.
 */
export function agreementOf(labels: readonly LabelledVerdict[], { positive, negative }: VerdictWords): Agreement {
  const decided = labels.filter(({ judge, human }) => [judge, human].every((w) => w === positive || w === negative))
  const share = (word: string) => {
    const called = decided.filter(({ human }) => human === word)
    return shareOf(called.filter(({ judge }) => judge === word).length, called.length)
  }
  return {
    labels: labels.length,
    exact: shareOf(labels.filter(({ judge, human }) => judge === human).length, labels.length),
    kappa: kappaOf(labels),
    sensitivity: share(positive),
    specificity: share(negative),
  }
}

/**
 * Cohen's kappa with a large-sample 95 % interval.
 *
 * kappa = (po - pe) / (1 - pe); variance of Fleiss, Cohen & Everitt, Psychological Bulletin 72 (1969),
 * doi:10.1037/h0028106, the one that does not suppose kappa = 0.
 *
 * @returns null when chance alone would agree always: one word, or no label
 */
export function kappaOf(labels: readonly LabelledVerdict[]): { value: number; interval: Interval } | null {
  const words = [...new Set(labels.flatMap(({ judge, human }) => [judge, human]))]
  const n = labels.length
  if (n === 0) return null
  const cell = (judge: string, human: string) =>
    labels.filter((label) => label.judge === judge && label.human === human).length / n
  const cells = words.map((judge) => words.map((human) => cell(judge, human)))
  const rows = cells.map((row) => sum(row))
  const columns = words.map((_, column) => sum(cells.map((row) => row[column] ?? 0)))
  const observed = sum(words.map((_, i) => cells[i]?.[i] ?? 0))
  const chance = sum(words.map((_, i) => (rows[i] ?? 0) * (columns[i] ?? 0)))
  if (chance >= 1) return null
  const value = (observed - chance) / (1 - chance)
  let spread = -((observed * chance - 2 * chance + observed) ** 2)
  for (const [i, row] of cells.entries()) {
    for (const [j, share] of row.entries()) {
      spread +=
        i === j
          ? share * (1 - chance - ((rows[i] ?? 0) + (columns[i] ?? 0)) * (1 - observed)) ** 2
          : (1 - observed) ** 2 * share * ((columns[i] ?? 0) + (rows[j] ?? 0)) ** 2
    }
  }
  const half = (normalReach * Math.sqrt(Math.max(0, spread) / n)) / (1 - chance) ** 2
  return { value, interval: [Math.max(-1, value - half), Math.min(1, value + half)] }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
