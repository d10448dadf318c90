import { type Kysely, sql } from 'kysely'
import type { DatasetItem, Message } from '#datasets/item.ts'
import type { AnswerView, CaseView, Excerpt, ScoreCell, ScoreStatus } from '#reports/view-parts.ts'
import { type Pair, pairedItems } from './report-eval-stats.ts'
import { scoreDetails } from './report-score-details.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const maxRegressions = 20
const maxImprovements = 3
const maxOutputChars = 800
const maxInputChars = 500
const maxContextChars = 250
const maxMessages = 2
const maxPassages = 3

export interface Cases {
  readonly regressions: readonly CaseView[]
  readonly regressionCount: number
  readonly improvements: readonly CaseView[]
  readonly improvementCount: number
}

/**
 * Items on which the candidate lost or won, the largest loss first. An item counts once: a loss under any evaluator outweighs a
 * win under another, and an answer the candidate failed to give where the baseline gave one is a loss of everything.
 */
export async function readCases(
  db: Db,
  run: { readonly id: string; readonly sha256: string },
  pair: Pair,
): Promise<Cases> {
  const { rows } = await sql<{ position: number; kind: 'worse' | 'better'; total: number }>`
    with paired as (${pairedItems(run.id, pair)}), scored as (
      select position, min(c - b) as worst, max(c - b) as best, sum(c - b) as sum from paired group by position
    ), lost as (
      select position, -1::float8 as worst, 0::float8 as best, -1::float8 as sum from eval_answers
      where run_id = ${run.id} and target in (${pair.baseline}, ${pair.candidate})
      group by position
      having bool_or(target = ${pair.candidate} and status = 'errored')
        and bool_or(target = ${pair.baseline} and status = 'answered')
    ), changed as (
      select *, case when worst < 0 then 'worse' else 'better' end as kind
      from (select * from scored union all select * from lost) s where worst < 0 or best > 0
    ), ranked as (
      select position, kind, count(*) over (partition by kind)::int as total,
        row_number() over (partition by kind order by case when kind = 'worse' then worst else -best end,
          case when kind = 'worse' then sum else -sum end, position) as place
      from changed
    )
    select position, kind, total from ranked
    where place <= case when kind = 'worse' then ${maxRegressions}::int else ${maxImprovements}::int end
    order by kind, place`.execute(db)
  const cases = await readCasesAt(db, run, pair, [...new Set(rows.map((row) => row.position))])
  const of = (kind: 'worse' | 'better') =>
    rows.filter((row) => row.kind === kind).flatMap((row) => cases.get(row.position) ?? [])
  const total = (kind: 'worse' | 'better') => rows.find((row) => row.kind === kind)?.total ?? 0
  return {
    regressions: of('worse'),
    regressionCount: total('worse'),
    improvements: of('better'),
    improvementCount: total('better'),
  }
}

interface AnswerRow {
  position: number
  target: number
  item_id: string
  output: string | null
  output_chars: number | null
  error_class: string | null
  error: string | null
  model: string | null
  finish_reason: string | null
  input_tokens: number | null
  output_tokens: number | null
  cost_micro_usd: string | null
  latency_ms: number | null
}

interface ScoreRow {
  position: number
  target: number
  evaluator: string
  status: string
  value: number | null
  reason: string | null
  details: unknown
}

async function readCasesAt(
  db: Db,
  run: { readonly id: string; readonly sha256: string },
  pair: Pair,
  positions: readonly number[],
): Promise<ReadonlyMap<number, CaseView>> {
  if (positions.length === 0) return new Map()
  const at = sql.join([...positions])
  const arms = sql.join([pair.baseline, pair.candidate])
  const [items, answers, scores] = await Promise.all([
    sql<{ position: number; item: DatasetItem }>`
      select position, item from dataset_items where sha256 = ${run.sha256} and position in (${at})`.execute(db),
    sql<AnswerRow>`
      select position, target, item_id, left(output, ${maxOutputChars}) as output, length(output) as output_chars, error_class,
        left(error, 300) as error, model, finish_reason, input_tokens, output_tokens, cost_micro_usd::text as cost_micro_usd, latency_ms
      from eval_answers where run_id = ${run.id} and position in (${at}) and target in (${arms}) and repeat = 0`.execute(
      db,
    ),
    sql<ScoreRow>`
      select position, target, evaluator, status, value, left(reason, 300) as reason, details
      from eval_scores where run_id = ${run.id} and position in (${at}) and target in (${arms}) and repeat = 0
      order by evaluator`.execute(db),
  ])
  const views = items.rows.map(({ position, item }): [number, CaseView] => {
    const answer = (target: number) => answers.rows.find((row) => row.position === position && row.target === target)
    const mine = scores.rows.filter((row) => row.position === position)
    return [position, caseView({ position, item, answer, scores: mine, pair })]
  })
  return new Map(views)
}

function caseView(of: {
  position: number
  item: DatasetItem
  answer: (target: number) => AnswerRow | undefined
  scores: readonly ScoreRow[]
  pair: Pair
}): CaseView {
  const { position, item, answer, scores, pair } = of
  const evaluators = [...new Set(scores.map((row) => row.evaluator))]
  return {
    itemId: item.id,
    position,
    tags: (item.tags ?? []).slice(0, 6),
    slice: Object.entries(item.slice ?? {})
      .slice(0, 6)
      .map(([name, value]) => ({ name, value: String(value) })),
    input: item.messages
      .slice(-maxMessages)
      .map((message) => ({ role: message.role, content: cut(contentText(message), maxInputChars) })),
    context: (item.context ?? []).slice(0, maxPassages).map((passage) => cut(passage, maxContextChars)),
    reference: item.reference === undefined ? null : cut(item.reference, maxInputChars),
    baseline: answerView(answer(pair.baseline)),
    candidate: answerView(answer(pair.candidate)),
    scores: evaluators.map((evaluator) => {
      const cell = (target: number) =>
        scoreCell(scores.find((row) => row.evaluator === evaluator && row.target === target))
      const [baseline, candidate] = [cell(pair.baseline), cell(pair.candidate)]
      const isPaired = baseline?.value != null && candidate?.value != null
      return {
        evaluator,
        baseline,
        candidate,
        difference: isPaired ? (candidate.value ?? 0) - (baseline.value ?? 0) : null,
      }
    }),
  }
}

/** Text of a message; parts that are no text are named, not shown. */
function contentText(message: Message): string {
  if (typeof message.content === 'string') return message.content
  if (message.content === null) return message['tool_calls'] === undefined ? '' : JSON.stringify(message['tool_calls'])
  return message.content
    .map((part) => {
      const { type, text } = part as { type?: unknown; text?: unknown }
      return typeof text === 'string' ? text : `[${typeof type === 'string' ? type : 'part'}]`
    })
    .join('\n')
}

function cut(text: string, maxChars: number): Excerpt {
  return { text: text.slice(0, maxChars), isCut: text.length > maxChars, totalChars: text.length }
}

function answerView(row: AnswerRow | undefined): AnswerView {
  const chars = row?.output_chars ?? 0
  return {
    output:
      row?.output == null
        ? null
        : { text: row.output, isCut: chars > row.output.length, totalChars: Math.max(chars, row.output.length) },
    errorClass: row?.error_class ?? null,
    error: row?.error ?? null,
    model: row?.model ?? null,
    finishReason: row?.finish_reason ?? null,
    inputTokens: row?.input_tokens ?? null,
    outputTokens: row?.output_tokens ?? null,
    costMicroUsd: row?.cost_micro_usd == null ? null : Number(row.cost_micro_usd),
    latencyMs: row?.latency_ms ?? null,
  }
}

function scoreCell(row: ScoreRow | undefined): ScoreCell | null {
  if (row === undefined) return null
  return { status: row.status as ScoreStatus, value: row.value, reason: row.reason, details: scoreDetails(row.details) }
}
