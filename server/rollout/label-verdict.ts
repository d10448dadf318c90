import type { DatasetItem } from '#datasets/item.ts'
import { InterlockError } from '#domain/errors.ts'
import { calibrate } from '#domain/judge-calibration.ts'
import { type JudgedUnit, judgedUnits, unitFor } from '#domain/judge-units.ts'
import {
  humanWord,
  isCandidateFirst,
  type LabelTask,
  type Mark,
  otherWords,
  parseTaskId,
  sayingsShown,
  shownWord,
  taskId,
} from '#domain/label-task.ts'
import type { Caller } from '#domain/snapshot.ts'
import { promptText } from '#domain/tokens.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { appendAudit } from '#store/audit.ts'
import { type Database, inTransaction, type Tx } from '#store/database.ts'
import { putCalibration, type StoredCalibration } from '#store/judge-calibrations.ts'
import { countLabels, type EvaluatorVersion, labelsOf, putLabel } from '#store/judge-labels.ts'
import {
  findVerdict,
  type JudgedScore,
  type LabelledRun,
  openVerdicts,
  readVerdictTexts,
  runsWithJudges,
} from '#store/judge-verdicts.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** Runs whose verdicts are offered where none is named: older ones are rarely of a judge still in use. */
const recentRuns = 5
/** Longest text shown, in characters. */
const maxText = 20_000

export interface QueueFilter {
  readonly runId?: string
  readonly evaluator?: string
  /** `drawn`: at random; `doubt`: where judges or orders disagreed or could not tell; `mixed`: one in three in doubt. */
  readonly sample: 'drawn' | 'doubt' | 'mixed'
  readonly limit: number
}

/** The next verdicts for this person, blind to the arms. */
export async function nextVerdicts(db: Database, caller: Caller, filter: QueueFilter): Promise<LabelTask[]> {
  const runs = await runsWithJudges(db, recentRuns, filter.runId)
  const inDoubt = await offered(db, caller, runs, filter, true)
  const drawn = filter.sample === 'doubt' ? [] : await offered(db, caller, runs, filter, false)
  if (filter.sample !== 'mixed') return tasksOf(db, runs, filter.sample === 'doubt' ? inDoubt : drawn)
  const own = (await countLabels(db, caller.principal)).reduce((sum, { own: count }) => sum + count, 0)
  return tasksOf(db, runs, mix(drawn, inDoubt, own).slice(0, filter.limit))
}

async function offered(
  db: Database,
  { principal }: Caller,
  runs: readonly LabelledRun[],
  { evaluator, limit, sample }: QueueFilter,
  isDoubtful: boolean,
): Promise<JudgedScore[]> {
  if (isDoubtful && sample === 'drawn') return []
  const found: JudgedScore[] = []
  for (const run of runs) {
    const left = limit - found.length
    if (left <= 0) break
    const named = evaluator === undefined ? {} : { evaluator }
    found.push(...(await openVerdicts(db, { runId: run.id, principal, isDoubtful, limit: left, ...named })))
  }
  return found
}

/** Every third from those in doubt, counted over all a person has labelled; when one kind runs out the other goes on. */
function mix(drawn: readonly JudgedScore[], inDoubt: readonly JudgedScore[], labelled: number): JudgedScore[] {
  const [rest, doubts] = [[...drawn], [...inDoubt]]
  const mixed = new Map<string, JudgedScore>()
  for (let turn = labelled; rest.length + doubts.length > 0; turn += 1) {
    const next = turn % 3 === 2 ? (doubts.shift() ?? rest.shift()) : (rest.shift() ?? doubts.shift())
    if (next !== undefined) mixed.set(`${next.runId} ${next.draw}`, next)
  }
  return [...mixed.values()]
}

async function tasksOf(
  db: Database,
  runs: readonly LabelledRun[],
  scores: readonly JudgedScore[],
): Promise<LabelTask[]> {
  const tasks: LabelTask[] = []
  for (const score of scores) {
    const run = runs.find(({ id }) => id === score.runId)
    const unit = unitFor(score.draw, judgedUnits(score.value, score.details))
    if (run === undefined || unit === null) continue
    const task = await taskOf(db, run, score, unit)
    if (task !== null) tasks.push(task)
  }
  return tasks
}

async function taskOf(db: Database, run: LabelledRun, score: JudgedScore, unit: JudgedUnit): Promise<LabelTask | null> {
  const texts = await readVerdictTexts(db, score)
  if (texts === null) return null
  const item = texts.item as DatasetItem
  const { draw } = score
  const pair = [texts.output, texts.baselineOutput ?? '']
  const responses = unit.kind === 'pair' ? (isCandidateFirst(draw) ? pair : pair.toReversed()) : [texts.output]
  return {
    id: taskId(run.id, draw, unit.unit),
    runId: run.id,
    evaluator: score.evaluator,
    version: score.version,
    dataset: run.dataset,
    kind: unit.kind,
    question: questionOf(run, score, unit),
    request: item.messages.map((message) => ({ role: message.role, text: cut(promptText([message])) })),
    context: (item.context ?? []).map(cut),
    reference: item.reference === undefined ? null : cut(item.reference),
    responses: responses.map(cut),
    verdict: shownWord(unit.kind, unit.verdict, draw),
    others: otherWords(unit, draw),
    says: sayingsShown(unit, draw),
    doubt: unit.doubt,
  }
}

/** The criterion in the evaluator's words; where this Interlock no longer knows the evaluator, its id. */
function questionOf(run: LabelledRun, { evaluator }: JudgedScore, unit: JudgedUnit): readonly string[] {
  if (unit.statement !== null) return [unit.statement]
  const ref = run.evaluators.find(({ name }) => name === evaluator)
  const resolved = ref === undefined ? null : resolveEvaluators([ref])
  const known = resolved !== null && 'evaluators' in resolved ? resolved.evaluators[0]?.questions : undefined
  if (unit.kind === 'pair') return (known?.comparison ?? []).map(({ text }) => text)
  return [known?.rubric?.find(({ id }) => id === unit.unit)?.text ?? unit.unit]
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText)}… (${text.length - maxText} more characters)` : text
}

export interface LabelInput extends Mark {
  /** Id of the task. */
  readonly task: string
  readonly comment?: string
}

/**
 * Stores what a person says of a judge's verdict and measures the judge anew, in one transaction with the audit entry. A second
 * label by the same person takes the place of the first.
 *
 * @throws InterlockError NOT_FOUND (task), VALIDATION_FAILED when a wrong verdict leaves open what is right
 */
export async function labelVerdict(
  deps: RolloutDeps,
  caller: Caller,
  input: LabelInput,
): Promise<EvaluatorVersion & { readonly judge: string; readonly human: string }> {
  const { run, score, unit } = await findTask(deps.db, input.task)
  const said = humanWord(unit, score.draw, input)
  if ('problem' in said) {
    throw new InterlockError('VALIDATION_FAILED', `/instead ${said.problem}; nothing was stored`, [
      { path: '/instead', message: said.problem },
    ])
  }
  const at = deps.clock.nowMs()
  const { evaluator, version } = score
  await inTransaction(deps.db, async (tx) => {
    await putLabel(tx, {
      id: deps.newId('label'),
      ...score,
      dataset: run.datasetName,
      unit: unit.unit,
      kind: unit.kind,
      arm: run.arms[score.target] ?? 'model',
      doubt: unit.doubt,
      judge: unit.verdict,
      human: said.word,
      comment: input.comment ?? null,
      by: caller.name,
      principal: caller.principal,
      at,
    })
    await recalibrate(tx, { evaluator, version }, at)
    const details = { verdict: input.task, evaluator, version, mark: input.mark }
    await appendAudit(tx, { at, actor: caller.name, action: 'label.put', subject: `eval-run:${run.id}`, details })
  })
  return { evaluator, version, judge: unit.verdict, human: said.word }
}

async function findTask(db: Database, id: string): Promise<{ run: LabelledRun; score: JudgedScore; unit: JudgedUnit }> {
  const place = parseTaskId(id)
  const [run] = place === null ? [] : await runsWithJudges(db, 1, place.runId)
  const score = place === null || run === undefined ? null : await findVerdict(db, place.runId, place.draw)
  const unit =
    score === null ? undefined : judgedUnits(score.value, score.details).find(({ unit: u }) => u === place?.unit)
  if (run === undefined || score === null || unit === undefined) {
    throw new InterlockError('NOT_FOUND', 'there is no verdict with this task id', [
      { path: '/task', message: 'names no verdict; take one from /api/labels/queue' },
    ])
  }
  return { run, score, unit }
}

/** Measures an evaluator version from all its labels, on each dataset and over all. */
export async function recalibrate(tx: Tx, { evaluator, version }: EvaluatorVersion, nowMs: number): Promise<void> {
  const labels = await labelsOf(tx, { evaluator, version })
  const all: Pick<StoredCalibration, 'evaluator' | 'version' | 'computedAt'> = { evaluator, version, computedAt: nowMs }
  for (const dataset of ['', ...new Set(labels.map((label) => label.dataset))]) {
    const own = dataset === '' ? labels : labels.filter((label) => label.dataset === dataset)
    await putCalibration(tx, { ...all, dataset, record: calibrate(own), labels: own.length })
  }
}
