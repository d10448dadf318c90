import { type LiveView, liveOfRecord, type QualityScore, type RecordedLive, unknownTarget } from './live.ts'
import type { ModelRef } from './route.ts'

/** Scores of one model's answers by one metric: how many and their sum, each score in [0, 1]. */
export interface ScoreTally {
  readonly samples: number
  readonly sum: number
}

/** Scores by model, metric and task, as they were counted. A task of null: the item named none. */
export interface TallyRow extends ScoreTally {
  readonly model: string
  readonly metric: string
  readonly task: string | null
}

/** How many answers of other tasks a task's own score is mixed with, so that three lucky answers make no champion. */
const priorAnswers = 10
/** Normal quantile of a two-sided 95 % interval. */
const z = 1.959963984540054

/**
 * A score with its uncertainty: the task's own answers, shrunk towards the model's answers of all tasks as if ten of those had
 * been asked; interval by Wilson, which is too wide, never too narrow, for scores between 0 and 1 (their variance is at most
 * p(1-p)). Wilson (1927), doi:10.1080/01621459.1927.10502953. The ten count in the score, not in the interval's width.
 *
 * @returns null when the task has no answer of its own: other tasks say nothing about it, and missing never passes
 */
export function scoreOf(own: ScoreTally, all: ScoreTally): QualityScore | null {
  if (own.samples <= 0) return null
  const others = all.samples > own.samples ? (all.sum - own.sum) / (all.samples - own.samples) : null
  const prior = others === null ? 0 : priorAnswers
  const score = clamp((own.sum + prior * (others ?? 0)) / (own.samples + prior))
  return { score, ...wilson(score, own.samples), samples: own.samples }
}

function wilson(p: number, n: number): { readonly low: number; readonly high: number } {
  const spread = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  const centre = p + (z * z) / (2 * n)
  const scale = 1 + (z * z) / n
  return { low: clamp((centre - spread) / scale), high: clamp((centre + spread) / scale) }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value))
}

/** What is known of every model's quality, ready to be asked by task. */
export type QualityBook = ReadonlyMap<string, ReadonlyMap<string | null, Readonly<Record<string, QualityScore>>>>

/**
 * Scores by model and task. `null` holds those for a request without a task: all answers together. A task that was never
 * scored has no entry of its own; `qualityFor` then falls back on answers to items that named no task, which were about none
 * in particular.
 */
export function bookOf(rows: readonly TallyRow[]): QualityBook {
  const book = new Map<string, Map<string | null, Record<string, QualityScore>>>()
  for (const [model, ofModel] of Map.groupBy(rows, (row) => row.model)) {
    const tasks = new Map<string | null, Record<string, QualityScore>>()
    for (const [metric, ofMetric] of Map.groupBy(ofModel, (row) => row.metric)) {
      const all = tally(ofMetric)
      put(tasks, null, metric, scoreOf(all, all))
      const untagged = tally(ofMetric.filter((row) => row.task === null))
      put(tasks, anyTask, metric, scoreOf(untagged, all))
      for (const row of ofMetric) {
        if (row.task !== null && row.task !== anyTask) put(tasks, row.task, metric, scoreOf(row, all))
      }
    }
    book.set(model, tasks)
  }
  return book
}

/** Entry of answers to items that named no task; no task has this name. */
const anyTask = '\u0000'

function tally(rows: readonly ScoreTally[]): ScoreTally {
  return rows.reduce((sum, row) => ({ samples: sum.samples + row.samples, sum: sum.sum + row.sum }), {
    samples: 0,
    sum: 0,
  })
}

function put(
  tasks: Map<string | null, Record<string, QualityScore>>,
  task: string | null,
  metric: string,
  score: QualityScore | null,
): void {
  if (score === null) return
  const scores = tasks.get(task) ?? {}
  scores[metric] = score
  tasks.set(task, scores)
}

const none: Readonly<Record<string, QualityScore>> = {}

/** Scores of a model for a request's task, by metric: the task's own, else those of items without a task, else none. */
export function qualityFor(
  book: QualityBook,
  model: string,
  task: string | null,
): Readonly<Record<string, QualityScore>> {
  const tasks = book.get(model)
  if (tasks === undefined) return none
  if (task === null) return tasks.get(null) ?? none
  const [own, general] = [tasks.get(task), tasks.get(anyTask)]
  if (own === undefined || general === undefined) return own ?? general ?? none
  return { ...general, ...own }
}

/** A recorded view with the scores of now where it says nothing of them: for decisions that are only thought through. */
export function liveWithScores(
  record: RecordedLive,
  book: QualityBook,
  models: readonly ModelRef[],
  task: string | null,
): LiveView {
  const view = liveOfRecord(record)
  if (book.size === 0) return view
  const targets = new Map(view.targets)
  for (const model of models) {
    if (record.targets[model]?.quality !== undefined) continue
    targets.set(model, { ...unknownTarget, ...view.targets.get(model), quality: qualityFor(book, model, task) })
  }
  return { ...view, targets }
}
