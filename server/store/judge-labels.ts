import { type Kysely, sql } from 'kysely'
import type { Label } from '#domain/judge-calibration.ts'
import type { Doubt, UnitKind } from '#domain/judge-units.ts'
import { openVerdicts } from './judge-verdicts.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface NewLabel {
  readonly id: string
  readonly runId: string
  readonly target: number
  readonly position: number
  readonly repeat: number
  readonly evaluator: string
  readonly version: string
  readonly dataset: string
  readonly unit: string
  readonly kind: UnitKind
  readonly arm: string
  readonly draw: string
  readonly doubt: Doubt | null
  readonly judge: string
  readonly human: string
  readonly comment: string | null
  readonly by: string
  readonly principal: string
  readonly at: number
}

/** Stores a person's label; a second one by the same person on the same verdict takes the place of the first. */
export async function putLabel(db: Db, label: NewLabel): Promise<void> {
  const said = { human_verdict: label.human, comment: label.comment, labelled_at: new Date(label.at) }
  await db
    .insertInto('judge_labels')
    .values({
      id: label.id,
      run_id: label.runId,
      target: label.target,
      position: label.position,
      repeat: label.repeat,
      evaluator: label.evaluator,
      evaluator_version: label.version,
      dataset: label.dataset,
      unit: label.unit,
      kind: label.kind,
      arm: label.arm,
      draw: label.draw,
      doubt: label.doubt,
      judge_verdict: label.judge,
      labelled_by: label.by,
      principal: label.principal,
      ...said,
    })
    .onConflict((conflict) =>
      conflict.columns(['run_id', 'target', 'position', 'repeat', 'evaluator', 'unit', 'principal']).doUpdateSet(said),
    )
    .execute()
}

export interface EvaluatorVersion {
  readonly evaluator: string
  readonly version: string
}

/** A stored label with where it belongs. */
export interface StoredLabel extends Label {
  readonly runId: string
  readonly dataset: string
}

/**
 * Every label on an evaluator version. `isDrawn` is decided here: within a run, the verdicts up to the first one without a label
 * are a random sample; those labelled out of turn (in doubt) join it when the drawing order has reached them.
 */
export async function labelsOf(db: Db, { evaluator, version }: EvaluatorVersion): Promise<StoredLabel[]> {
  const rows = await db
    .selectFrom('judge_labels')
    .selectAll()
    .where('evaluator', '=', evaluator)
    .where('evaluator_version', '=', version)
    .orderBy('labelled_at')
    .orderBy('id')
    .execute()
  const reached = new Map<string, string | null>()
  for (const runId of new Set(rows.map((row) => row.run_id))) {
    const [open] = await openVerdicts(db, { runId, evaluator, version, principal: null, limit: 1 })
    reached.set(runId, open?.draw ?? null)
  }
  return rows.map((row) => {
    const firstOpen = reached.get(row.run_id) ?? null
    return {
      verdictId: `${row.run_id}/${row.target}/${row.position}/${row.repeat}/${row.unit}`,
      kind: row.kind,
      arm: row.arm,
      judge: row.judge_verdict,
      human: row.human_verdict,
      person: row.principal,
      isDoubtful: row.doubt !== null,
      isDrawn: firstOpen === null || row.draw < firstOpen,
      runId: row.run_id,
      dataset: row.dataset,
    }
  })
}

/** Labels per evaluator version, newest first. */
export interface LabelCount extends EvaluatorVersion {
  readonly labels: number
  readonly people: number
  readonly own: number
  readonly lastAt: number
}

export async function countLabels(db: Db, principal: string): Promise<LabelCount[]> {
  const { rows } = await sql<{
    evaluator: string
    version: string
    labels: number
    people: number
    own: number
    last_at: Date
  }>`
    select evaluator, evaluator_version as version, count(*)::int as labels, count(distinct principal)::int as people,
      count(*) filter (where principal = ${principal})::int as own, max(labelled_at) as last_at
    from judge_labels group by evaluator, evaluator_version order by max(labelled_at) desc limit 50`.execute(db)
  return rows.map(({ last_at, ...row }) => ({ ...row, lastAt: last_at.getTime() }))
}
