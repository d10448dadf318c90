/** What the progress of a run is told from. */
export interface RunCounts {
  readonly planned: number
  readonly answered: number
  readonly errored: number
  readonly skipped: number
  readonly scored: number
  /** Answers that came in during the last minute, and when the first of all did. */
  readonly doneLastMinute: number
  readonly firstDoneAt: number | null
}

export interface RunProgress {
  /** Of all answers and scores that are due, 0..1. */
  readonly share: number
  readonly perMinute: number
  /** At the speed of the last minute, or of the time since the first answer where that is less; null: nothing came in lately. */
  readonly secondsLeft: number | null
}

const minuteMs = 60_000

/** An answer counts half when it is there, and whole when it is scored: a judge takes about as long as an answer. */
export function progressOf(run: RunCounts, nowMs: number): RunProgress {
  const settled = run.errored + run.skipped
  const done = settled + (run.answered + run.scored) / 2
  const share = run.planned === 0 ? 1 : Math.min(1, done / run.planned)
  const windowMs = run.firstDoneAt === null ? 0 : Math.min(minuteMs, Math.max(1_000, nowMs - run.firstDoneAt))
  const perMinute = windowMs === 0 ? 0 : Math.round((run.doneLastMinute * minuteMs) / windowMs)
  const left = run.planned - run.answered - settled
  const secondsLeft = left === 0 ? 0 : perMinute === 0 ? null : Math.ceil((left / perMinute) * 60)
  return { share, perMinute, secondsLeft }
}
