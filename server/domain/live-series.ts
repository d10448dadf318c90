import type { Quantiles } from './live.ts'
import { addToHistogram, startHistogram } from './log-histogram.ts'
import { mergeSketch, type QuantileSketch, quantilesOf } from './quantile-sketch.ts'

/** Measurements are kept by windows of this length, cut at the same wall-clock times on every replica, milliseconds. */
export const windowMs = 60_000
/** Windows that count, the current one included: six minutes. */
export const windowsKept = 6
/** Older windows count as long as there are too few answers since: a target that is seldom called is not forgotten at once. */
export const windowsRemembered = 60
/** A window counts half as much as the one after it, so that an old slowness fades while new answers come in. */
const fading = 0.5
/** Fewer answers than this make no quantile. */
const fewestSamples = 10

/** What was measured of one target in one window. */
export interface LiveWindow {
  /** Wall-clock time divided by `windowMs`, whole. */
  readonly index: number
  /** Milliseconds to the first token, of streams only. Never divided by anything. */
  readonly ttft: QuantileSketch
  /** Milliseconds to the whole answer; an answer that never came counts with the time it was waited for. */
  readonly total: QuantileSketch
  answered: number
  failed: number
  inputTokens: number
  cachedInputTokens: number
}

/** How one call of a target ended. */
export interface CallOutcome {
  readonly isAnswered: boolean
  /** Milliseconds from the call; null: no stream, or no token came. */
  readonly ttftMs: number | null
  /** Milliseconds from the call to its end; null: says nothing about the target's speed (a fast refusal, a client that left). */
  readonly totalMs: number | null
  /** Prompt tokens the provider counted; null: not told. */
  readonly inputTokens: number | null
  readonly cachedInputTokens: number | null
}

/** What is known of a target's recent past. */
export interface SeriesMeasure {
  /** Answers of the last six minutes; the quantiles may stand on older ones. */
  readonly samples: number
  readonly ttftSamples: number
  readonly ttftMs: Quantiles | null
  readonly totalMs: Quantiles | null
  /** Share of calls that failed, 0 to 1; null: none ended. */
  readonly errorRate: number | null
  /** Share of prompt tokens billed at the cached price, 0 to 1; null: no provider told. */
  readonly cachedShare: number | null
}

export const nothingMeasured: SeriesMeasure = {
  samples: 0,
  ttftSamples: 0,
  ttftMs: null,
  totalMs: null,
  errorRate: null,
  cachedShare: null,
}

export function startWindow(index: number): LiveWindow {
  return {
    index,
    ttft: startHistogram(),
    total: startHistogram(),
    answered: 0,
    failed: 0,
    inputTokens: 0,
    cachedInputTokens: 0,
  }
}

export function windowIndex(nowMs: number): number {
  return Math.floor(nowMs / windowMs)
}

/**
 * Counts a call in the current window and drops the windows that are no longer needed. A clock that steps back counts into the
 * newest.
 *
 * @param windows oldest first; changed in place
 */
export function addCall(windows: LiveWindow[], nowMs: number, call: CallOutcome): LiveWindow {
  const index = windowIndex(nowMs)
  let newest = windows.at(-1)
  if (newest === undefined || newest.index < index) {
    newest = startWindow(index)
    windows.push(newest)
    const oldest = oldestNeeded(windows, index)
    while ((windows[0]?.index ?? index) < oldest) windows.shift()
  }
  if (call.isAnswered) newest.answered++
  else newest.failed++
  if (call.ttftMs !== null) addToHistogram(newest.ttft, call.ttftMs)
  if (call.totalMs !== null) addToHistogram(newest.total, call.totalMs)
  if (call.inputTokens !== null) {
    newest.inputTokens += call.inputTokens
    newest.cachedInputTokens += Math.min(call.cachedInputTokens ?? 0, call.inputTokens)
  }
  return newest
}

/**
 * Index of the oldest window that counts: the last six, and before them as many as it takes to have ten answers and, where there
 * were streams, ten first tokens.
 */
export function oldestNeeded(windows: readonly Readonly<LiveWindow>[], newest: number): number {
  let [samples, ttftSamples, oldest] = [0, 0, newest]
  for (const { index, total, ttft } of windows.toSorted((a, b) => b.index - a.index)) {
    const age = newest - index
    const isLacking = samples < fewestSamples || (ttftSamples < fewestSamples && ttft.total > 0)
    // All replicas' windows of one minute count, or none.
    if (age >= windowsRemembered || (age >= windowsKept && !isLacking && index < oldest)) break
    oldest = Math.min(oldest, index)
    samples += total.total
    ttftSamples += ttft.total
  }
  return oldest
}

/**
 * The recent past in numbers: every window with half the weight of the one after it. The order of the windows, and whether they
 * are one replica's or several's, makes no difference.
 */
export function measureWindows(windows: readonly Readonly<LiveWindow>[], nowMs: number): SeriesMeasure {
  const newest = windowIndex(nowMs)
  const oldest = oldestNeeded(windows, newest)
  const [ttft, total] = [startHistogram(), startHistogram()]
  const sums = { samples: 0, ttftSamples: 0, allSamples: 0, allTtft: 0, answered: 0, failed: 0, input: 0, cached: 0 }
  for (const window of windows) {
    if (window.index < oldest) continue
    const age = Math.max(0, newest - window.index)
    const weight = fading ** age
    mergeSketch(ttft, window.ttft, weight)
    mergeSketch(total, window.total, weight)
    sums.allSamples += window.total.total
    sums.allTtft += window.ttft.total
    sums.answered += window.answered * weight
    sums.failed += window.failed * weight
    sums.input += window.inputTokens * weight
    sums.cached += window.cachedInputTokens * weight
    if (age >= windowsKept) continue
    sums.samples += window.total.total
    sums.ttftSamples += window.ttft.total
  }
  const ended = sums.answered + sums.failed
  return {
    samples: sums.samples,
    ttftSamples: sums.ttftSamples,
    ttftMs: sums.allTtft < fewestSamples ? null : quantilesOf(ttft),
    totalMs: sums.allSamples < fewestSamples ? null : quantilesOf(total),
    errorRate: ended === 0 ? null : sums.failed / ended,
    cachedShare: sums.input === 0 ? null : sums.cached / sums.input,
  }
}
