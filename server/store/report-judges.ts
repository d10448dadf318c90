import { type Kysely, sql } from 'kysely'
import type { Measured } from '#domain/judge-calibration.ts'
import { conflictWords, judgeConflicts, judgesIn } from '#domain/judge-conflict.ts'
import { type Share, shareOf } from '#domain/judge-statistics.ts'
import {
  type Corrected,
  correctedDifference,
  correctedRate,
  type JudgeErrors,
} from '#domain/judge-statistics-corrected.ts'
import { lengthControl } from '#domain/judge-statistics-length.ts'
import { type LabelledValue, poweredMean } from '#domain/judge-statistics-powered.ts'
import { driftOf, orderStability } from '#domain/judge-statistics-stability.ts'
import { type UnitKind, verdictWords } from '#domain/judge-units.ts'
import type {
  JudgeCorrectedView,
  JudgeDriftView,
  JudgeOrdersView,
  JudgeRateView,
  JudgeView,
} from '#reports/judge-view.ts'
import type { EvalTarget } from './eval-work.ts'
import {
  countOrders,
  countVerdicts,
  listCalibrations,
  readLengths,
  type StoredCalibration,
} from './judge-calibrations.ts'
import { type EvaluatorVersion, labelsOf, type StoredLabel } from './judge-labels.ts'
import { lastRetests } from './judge-sentinels.ts'
import { type Pair, pairOf } from './report-eval-stats.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** What the judges of a run are read from. */
export interface JudgedRun {
  readonly id: string
  /** Its name. */
  readonly dataset: string
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly { readonly name: string; readonly config?: Readonly<Record<string, unknown>> }[]
}

/** Everything known of the judges behind a run's scores. Empty while none has scored. */
export async function readJudges(db: Db, run: JudgedRun, pair: Pair | null): Promise<JudgeView[]> {
  const named = run.evaluators.map(({ name, config = {} }) => ({ name, ...judgesIn(config) }))
  const asking = named.filter(({ judges }) => judges.length > 0)
  if (asking.length === 0) return []
  const [versions, models] = await Promise.all([readVersions(db, run.id), readModels(db, run.id)])
  const views: JudgeView[] = []
  for (const { name, panel, escalate, judges } of asking) {
    const scored = versions.get(name)
    if (scored === undefined) continue
    const conflicts = judgeConflicts([{ name, judges }], models).map(conflictWords)
    const facts = await readFacts(db, run, { evaluator: name, version: scored.version }, pair)
    views.push({
      evaluator: name,
      version: scored.version,
      judges: panel,
      escalate,
      conflicts,
      ...facts,
      costMicroUsd: scored.costMicroUsd,
      labelUrl: `/labels?${new URLSearchParams({ run: run.id, evaluator: name })}`,
    })
  }
  return views
}

/** The judges of a run by its id, as they are known now: labels come in long after a run has ended. */
export async function readJudgesOfRun(db: Db, id: string): Promise<JudgeView[]> {
  const row = await db
    .selectFrom('eval_runs')
    .select(['id', 'dataset_name', 'targets', 'evaluators'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return []
  const targets = row.targets as EvalTarget[]
  const evaluators = row.evaluators as JudgedRun['evaluators']
  return readJudges(db, { id, dataset: row.dataset_name, targets, evaluators }, pairOf(targets))
}

async function readVersions(
  db: Db,
  runId: string,
): Promise<ReadonlyMap<string, { version: string; costMicroUsd: number | null }>> {
  const { rows } = await sql<{ evaluator: string; version: string; cost: string | null; unpriced: number }>`
    select evaluator, min(evaluator_version) as version, sum(cost_micro_usd)::text as cost,
      count(*) filter (where details -> 'costMicroUsd' = 'null')::int as unpriced
    from eval_scores where run_id = ${runId} group by evaluator`.execute(db)
  return new Map(
    rows.map(({ evaluator, version, cost, unpriced }) => [
      evaluator,
      { version, costMicroUsd: unpriced > 0 ? null : Number(cost ?? 0) },
    ]),
  )
}

/** Models whose answers were judged, as they really answered. */
async function readModels(db: Db, runId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('eval_answers')
    .select('model')
    .distinct()
    .where('run_id', '=', runId)
    .where('model', 'is not', null)
    .orderBy('model')
    .execute()
  return rows.flatMap(({ model }) => (model === null ? [] : [model]))
}

type Facts = Pick<JudgeView, 'calibration' | 'expired' | 'orders' | 'drift' | 'rates' | 'difference' | 'length'>

async function readFacts(db: Db, run: JudgedRun, of: EvaluatorVersion, pair: Pair | null): Promise<Facts> {
  const stored = await listCalibrations(db, { ...of, limit: 200 })
  const orders = ordersOf(await countOrders(db, run.id, of.evaluator))
  const counts = await readCounts(db, run, of.evaluator)
  const kind = kindOf(counts)
  const found = kind === null ? null : calibrationFor(stored, run.dataset, kind)
  const labels = stored.length === 0 ? [] : (await labelsOf(db, of)).filter((label) => label.runId === run.id)
  const rates = kind === null ? [] : ratesOf(run.targets, kind, { counts, measured: found?.measured ?? null, labels })
  return {
    calibration: found === null ? null : calibrationView(found),
    expired: stored.length > 0 ? null : await readExpired(db, of),
    orders,
    drift: driftView(driftOf(await lastRetests(db, of))),
    rates,
    difference: pair === null || kind !== 'criterion' ? null : differenceOf(counts, pair, found?.measured ?? null),
    length: pair === null ? null : await readLengthControl(db, run.id, of.evaluator, pair),
  }
}

type Counts = readonly ReadonlyMap<string, number>[]

function readCounts(db: Db, run: JudgedRun, evaluator: string): Promise<Counts> {
  return Promise.all(run.targets.map((_, target) => countVerdicts(db, { runId: run.id, evaluator, target })))
}

/** Which kind of verdict a run's scores are made of; null: of none. */
function kindOf(counts: Counts): UnitKind | null {
  const kinds: readonly UnitKind[] = ['pair', 'criterion', 'claim']
  const has = (kind: UnitKind) =>
    counts.some((words) => words.has(verdictWords[kind].positive) || words.has(verdictWords[kind].negative))
  return kinds.find(has) ?? null
}

interface Found {
  readonly stored: StoredCalibration
  readonly measured: Measured
}

/** Measured on this dataset where that is enough to correct by, else on all together. */
function calibrationFor(stored: readonly StoredCalibration[], dataset: string, kind: UnitKind): Found | null {
  const found = [dataset, ''].flatMap((name) => {
    const calibration = stored.find((each) => each.dataset === name)
    const measured = calibration?.record.measured.find((each) => each.kind === kind)
    return calibration === undefined || measured === undefined ? [] : [{ stored: calibration, measured }]
  })
  return found.find(({ measured }) => measured.fitness !== 'none') ?? found.at(-1) ?? null
}

function calibrationView({ stored, measured }: Found): NonNullable<JudgeView['calibration']> {
  const { kind, labels, people, contested, kappa, exact, sensitivity, specificity, doubtful, betweenPeople, fitness } =
    measured
  const agreement = { kappa, exact, sensitivity, specificity, doubtful, betweenPeople }
  return {
    kind,
    dataset: stored.dataset,
    labels,
    people,
    contested,
    ...agreement,
    fitness,
    computedAt: stored.computedAt,
  }
}

async function readExpired(db: Db, { evaluator, version }: EvaluatorVersion): Promise<JudgeView['expired']> {
  const others = await listCalibrations(db, { evaluator, dataset: '', limit: 5 })
  const last = others.find((other) => other.version !== version)
  return last === undefined ? null : { version: last.version, labels: last.labels, at: last.computedAt }
}

function ordersOf(counts: Awaited<ReturnType<typeof countOrders>>): JudgeOrdersView[] {
  return [...Map.groupBy(counts, ({ judge }) => judge)].map(([judge, rows]) => ({ judge, ...orderStability(rows) }))
}

function driftView(drift: JudgeDriftView): JudgeDriftView | null {
  return drift.retests === 0 ? null : drift
}

const whatIsCounted = {
  criterion: 'criteria met',
  claim: 'statements supported',
  pair: 'decided pairs won',
} as const

interface RateBasis {
  readonly counts: Counts
  readonly measured: Measured | null
  readonly labels: readonly StoredLabel[]
}

/** Of a pair the baseline's rate is what is left of 1: it is not shown twice. */
function ratesOf(
  targets: readonly EvalTarget[],
  kind: UnitKind,
  { counts, measured, labels }: RateBasis,
): JudgeRateView[] {
  return targets.flatMap((target, index) => {
    const words = counts[index] ?? new Map<string, number>()
    const raw = rateOf(kind, words)
    if (raw.of === 0 || (kind === 'pair' && index === 0)) return []
    const own = labels.filter((label) => label.isDrawn && label.kind === kind && label.arm === target.kind)
    return [
      {
        target: target.label,
        what: whatIsCounted[kind],
        raw,
        corrected: correctedView(raw, errorsFor(measured, target.kind)),
        powered: poweredView(kind, raw, own),
      },
    ]
  })
}

function rateOf(kind: UnitKind, words: ReadonlyMap<string, number>): Share {
  const positive = words.get(verdictWords[kind].positive) ?? 0
  return shareOf(positive, positive + (words.get(verdictWords[kind].negative) ?? 0))
}

interface Errors {
  readonly errors: JudgeErrors
  readonly note: string
}

/** An arm's own errors where there are labels enough: a judge may be kinder to one arm. */
function errorsFor(measured: Measured | null, arm: string): Errors | null {
  if (measured === null) return null
  const own = measured.byArm.find((each) => each.arm === arm)
  const isEnough = own !== undefined && Math.min(own.sensitivity.of, own.specificity.of) >= 10
  return isEnough
    ? { errors: own, note: 'by its errors on this arm' }
    : { errors: measured, note: 'by its errors on both arms' }
}

function correctedView(raw: Share, by: Errors | null): JudgeCorrectedView {
  if (by === null) return { rate: null, interval: null, note: 'nobody has labelled this judge’s verdicts' }
  return viewOf(correctedRate(raw.count, raw.of, by.errors), by.note)
}

function viewOf(corrected: Corrected, note: string): JudgeCorrectedView {
  if (corrected.kind === 'not_correctable') return { rate: null, interval: null, note: corrected.reason }
  return { rate: corrected.rate, interval: corrected.interval, note }
}

function differenceOf(counts: Counts, pair: Pair, measured: Measured | null): JudgeCorrectedView | null {
  const [from, to] = [pair.baseline, pair.candidate].map((index) => rateOf('criterion', counts[index] ?? new Map()))
  const [own, other] = [errorsFor(measured, 'baseline'), errorsFor(measured, 'candidate')]
  if (from === undefined || to === undefined || own === null || other === null) return null
  const arm = (raw: Share, by: Errors) => ({ passed: raw.count, judged: raw.of, errors: by.errors })
  return viewOf(correctedDifference(arm(from, own), arm(to, other)), own.note === other.note ? own.note : other.note)
}

/** The run's drawn labels with the judge's verdicts on everything else. */
function poweredView(kind: UnitKind, raw: Share, labels: readonly StoredLabel[]): JudgeRateView['powered'] {
  const { positive, negative } = verdictWords[kind]
  const asNumber = (word: string) => (word === positive ? 1 : word === negative ? 0 : null)
  const once = new Map(labels.map((label) => [label.verdictId, label]))
  const labelled = [...once.values()].flatMap(({ judge, human }): LabelledValue[] => {
    const [said, truth] = [asNumber(judge), asNumber(human)]
    return said === null || truth === null ? [] : [{ judge: said, human: truth }]
  })
  const labelledPositive = labelled.filter(({ judge }) => judge === 1).length
  const rest = [
    ...Array<number>(Math.max(0, raw.count - labelledPositive)).fill(1),
    ...Array<number>(Math.max(0, raw.of - raw.count - (labelled.length - labelledPositive))).fill(0),
  ]
  const powered = poweredMean(labelled, rest)
  return powered === null ? null : { mean: powered.mean, interval: powered.interval, labels: powered.labels }
}

/** Who is preferred on an item, and by how much its answer is longer. */
async function readLengthControl(db: Db, runId: string, evaluator: string, pair: Pair): Promise<JudgeView['length']> {
  const rows = await readLengths(db, { runId, evaluator, ...pair })
  const preference = (difference: number) => (difference > 0 ? 1 : difference < 0 ? 0 : 0.5)
  return lengthControl(
    rows.map((row) => ({ value: preference(row.candidate - row.baseline), lengthDifference: row.lengthDifference })),
  )
}
