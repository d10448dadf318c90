import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** Where a judge's score stands, and its place in the order in which labels are drawn. */
export interface JudgedScore {
  readonly runId: string
  readonly target: number
  readonly position: number
  readonly repeat: number
  readonly evaluator: string
  readonly version: string
  readonly value: number
  readonly details: unknown
  /** 16 hex digits. */
  readonly draw: string
}

/** Whose labels make a verdict closed. */
export interface OpenFor {
  /** null: anybody's. Else verdicts this person has labelled are closed, and those others have, but for one in eight. */
  readonly principal: string | null
}

export interface VerdictFilter extends OpenFor {
  readonly runId: string
  readonly evaluator?: string
  readonly version?: string
  /** Only verdicts in doubt. */
  readonly isDoubtful?: boolean
  readonly limit: number
}

const draw = sql<string>`substr(md5(s.run_id || '/' || s.target || '/' || s.position || '/' || s.repeat || '/' || s.evaluator), 1, 16)`

/** One verdict in eight is shown to a second person: how far people agree is what a judge is measured against. */
function isShared(ofDraw: string): boolean {
  return ofDraw.endsWith('0') || ofDraw.endsWith('8')
}

/** Names of a run's evaluators that ask judges. */
const judgeNames = sql`(select e ->> 'name' from jsonb_array_elements(r.evaluators) e
  where e -> 'config' ?| array['judge', 'judges'])`

/** Of a pair the baseline's row mirrors the other's: one of them is enough. */
const isMirror = sql`s.target = 0 and s.details ->> 'mode' = 'pairwise'`

const inDoubt = sql`(s.details @> '{"isUndecided": true}' or s.details @> '{"orderDisagreement": true}'
  or s.details @> '{"criteria": [{"verdict": "cannot_tell"}]}' or s.details @> '{"claims": [{"verdict": "cannot_tell"}]}'
  or s.details ? 'escalation')`

/**
 * Judges' scores of a run without a label, in drawing order: by hash, so that the first n are a random sample whoever comes
 * when. Equal answers, for which no judge was asked, are not among them.
 *
 * Labelled ones are left out here, not by the database: without statistics, which the embedded engine never gathers, joining
 * scores with labels goes over all pairs of rows (8 s for 10,000 items; this takes a tenth of one).
 */
export async function openVerdicts(db: Db, filter: VerdictFilter): Promise<JudgedScore[]> {
  const { runId } = filter
  const names = await judgeNamesOf(db, runId)
  if (names.length === 0) return []
  const closed = await closedDraws(db, runId, filter.principal)
  const conditions = [
    sql`s.run_id = ${runId}`,
    sql`s.status = 'scored'`,
    sql`s.evaluator = any(${names}::text[])`,
    sql`(s.details ?| array['winner', 'panel', 'criteria', 'claims'])`,
    sql`not (${isMirror})`,
    ...(filter.evaluator === undefined ? [] : [sql`s.evaluator = ${filter.evaluator}`]),
    ...(filter.version === undefined ? [] : [sql`s.evaluator_version = ${filter.version}`]),
    ...(filter.isDoubtful === true ? [inDoubt] : []),
  ]
  const { rows } = await sql<JudgedScore>`
    select s.run_id as "runId", s.target, s.position, s.repeat, s.evaluator, s.evaluator_version as version, s.value,
      ${draw} as draw
    from eval_scores s where ${sql.join(conditions, sql` and `)}
    order by ${draw} limit ${filter.limit + closed.size}`.execute(db)
  const open = rows.filter((row) => !closed.has(row.draw)).slice(0, filter.limit)
  return Promise.all(open.map(async (row) => ({ ...row, details: await readDetails(db, row) })))
}

async function judgeNamesOf(db: Db, runId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select e ->> 'name' as name from eval_runs r cross join jsonb_array_elements(r.evaluators) e
    where r.id = ${runId} and e -> 'config' ?| array['judge', 'judges']`.execute(db)
  return rows.map(({ name }) => name)
}

/** Draws of a run that are not offered to this person; to nobody in particular: those with any label. */
async function closedDraws(db: Db, runId: string, principal: string | null): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('judge_labels').select(['draw', 'principal']).where('run_id', '=', runId).execute()
  const closed = rows.filter((row) => principal === null || row.principal === principal || !isShared(row.draw))
  return new Set(closed.map((row) => row.draw))
}

async function readDetails(db: Db, of: JudgedScore): Promise<unknown> {
  const row = await db
    .selectFrom('eval_scores')
    .select('details')
    .where('run_id', '=', of.runId)
    .where('target', '=', of.target)
    .where('position', '=', of.position)
    .where('repeat', '=', of.repeat)
    .where('evaluator', '=', of.evaluator)
    .executeTakeFirst()
  return row?.details ?? null
}

/** The score with this draw in a run; null when there is none. */
export async function findVerdict(db: Db, runId: string, ofDraw: string): Promise<JudgedScore | null> {
  const names = await judgeNamesOf(db, runId)
  if (names.length === 0) return null
  const { rows } = await sql<JudgedScore>`
    select s.run_id as "runId", s.target, s.position, s.repeat, s.evaluator, s.evaluator_version as version, s.value,
      s.details, ${draw} as draw
    from eval_scores s
    where s.run_id = ${runId} and s.status = 'scored' and s.evaluator = any(${names}::text[]) and ${draw} = ${ofDraw}
      and not (${isMirror})
    limit 1`.execute(db)
  return rows[0] ?? null
}

/** A run whose judges' verdicts may be labelled. */
export interface LabelledRun {
  readonly id: string
  /** `name@version`. */
  readonly dataset: string
  readonly datasetName: string
  readonly arms: readonly string[]
  readonly evaluators: readonly { readonly name: string; readonly config?: Readonly<Record<string, unknown>> }[]
}

/** Ended runs with judges, newest first. @param runId  only this one */
export async function runsWithJudges(db: Db, limit: number, runId?: string): Promise<LabelledRun[]> {
  const { rows } = await sql<{
    id: string
    dataset_name: string
    dataset_version: number
    targets: readonly { kind: string }[]
    evaluators: LabelledRun['evaluators']
  }>`
    select r.id, r.dataset_name, r.dataset_version, r.targets, r.evaluators from eval_runs r
    where r.status in ('completed', 'capped') and exists (select 1 from ${judgeNames} as names)
      ${runId === undefined ? sql`` : sql`and r.id = ${runId}`}
    order by r.created_at desc, r.id desc limit ${limit}`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    dataset: `${row.dataset_name}@${row.dataset_version}`,
    datasetName: row.dataset_name,
    arms: row.targets.map(({ kind }) => kind),
    evaluators: row.evaluators,
  }))
}

/** What a person needs to see of a verdict. */
export interface VerdictTexts {
  readonly item: unknown
  /** The answer judged. */
  readonly output: string
  /** The baseline's, which a pair is compared with; null when it is missing. */
  readonly baselineOutput: string | null
}

export async function readVerdictTexts(db: Db, score: JudgedScore): Promise<VerdictTexts | null> {
  const { rows } = await sql<{ item: unknown; output: string | null; baseline: string | null }>`
    select i.item, a.output, b.output as baseline
    from eval_answers a join eval_runs r on r.id = a.run_id
      join dataset_items i on i.sha256 = r.sha256 and i.position = a.position
      left join eval_answers b on b.run_id = a.run_id and b.target = 0 and b.position = a.position and b.repeat = a.repeat
    where a.run_id = ${score.runId} and a.target = ${score.target} and a.position = ${score.position}
      and a.repeat = ${score.repeat}`.execute(db)
  const [row] = rows
  return row === undefined ? null : { item: row.item, output: row.output ?? '', baselineOutput: row.baseline }
}
