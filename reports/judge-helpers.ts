import { percent } from './format.ts'
import { fitnessWords, verdictWord } from './label-view.ts'

/** "12.0 to 15.5 %": an interval of a share. */
export function percentRange(interval: readonly [number, number]): string {
  return `${percent(interval[0]).replace(/\u00a0%$/, '')} to ${percent(interval[1])}`
}

/** What templates about judges may call. */
export const judgeTexts: Readonly<Record<string, (...values: never[]) => unknown>> = {
  percentRange,
  verdictWord,
  fitnessWords,
  /** Every word of a verdict, in an order that does not tell which is the judge's. */
  verdictChoices: (verdict: string, others: readonly string[]) => [verdict, ...others].sort(),
  plusOne: (index: number) => index + 1,
  at: (list: readonly number[], index: number) => list[index] ?? null,
}

export const judgeTests: Readonly<Record<string, (...values: never[]) => boolean>> = {
  leavesZero: (interval: readonly [number, number]) => interval[0] > 0 || interval[1] < 0,
}
