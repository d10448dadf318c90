import type { ColumnType, Generated } from 'kysely'
import type { BigOrNull, Json, JsonOrNull, Time, TimeOrNull } from './column-types.ts'

/** Rows of eval runs; the conventions are those of tables.ts. */
export interface EvalRunsTable {
  id: string
  proposal_id: string | null
  dataset_name: string
  dataset_version: number
  sha256: string
  targets: Json<unknown[]>
  evaluators: Json<unknown[]>
  status: string
  /** Answers to fetch over all targets and repeats. */
  planned: number
  repeats: Generated<number>
  /** null: no cap. */
  max_cost_micro_usd: BigOrNull
  /** What it was expected to cost before it began (domain/eval-estimate.ts). */
  estimate: JsonOrNull<unknown>
  /** Answers fetched and judges paid so far; what came from the cache cost nothing. */
  spent_micro_usd: ColumnType<string, string | number | undefined, string | number>
  /** Answers given since then, by any run, may be used again; null: those of this run only. */
  cache_since: TimeOrNull
  summary: JsonOrNull<unknown>
  error: string | null
  created_by: string
  created_at: Time
  finished_at: TimeOrNull
}

export interface EvalAnswersTable {
  run_id: string
  target: number
  position: number
  repeat: Generated<number>
  item_id: string
  status: string
  is_scored: Generated<boolean>
  /** Times it was sent, those lost in a crash included. */
  attempts: Generated<number>
  claimed_by: string | null
  claimed_until: TimeOrNull
  score_claimed_by: string | null
  score_claimed_until: TimeOrNull
  cache_key: string | null
  is_cached: Generated<boolean>
  model: string | null
  output: string | null
  finish_reason: string | null
  tool_calls: JsonOrNull<unknown[]>
  error_class: string | null
  error: string | null
  input_tokens: number | null
  output_tokens: number | null
  cost_micro_usd: BigOrNull
  latency_ms: number | null
  answered_at: TimeOrNull
}

export interface EvalScoresTable {
  run_id: string
  target: number
  position: number
  repeat: Generated<number>
  evaluator: string
  evaluator_version: string
  status: string
  value: number | null
  reason: string | null
  details: JsonOrNull<unknown>
  cost_micro_usd: BigOrNull
}
