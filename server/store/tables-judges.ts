import type { BigOrNull, Json, Time } from './column-types.ts'

/** Rows about judges; the conventions are those of tables.ts. */
export interface JudgeLabelsTable {
  id: string
  run_id: string
  /** Whose verdict it is; of a pair the target compared with the baseline. */
  target: number
  position: number
  repeat: number
  evaluator: string
  evaluator_version: string
  dataset: string
  /** Id of the criterion, place of the claim, or `pair`. */
  unit: string
  kind: 'criterion' | 'claim' | 'pair'
  arm: string
  draw: string
  doubt: 'disagreement' | 'uncertainty' | null
  judge_verdict: string
  human_verdict: string
  comment: string | null
  labelled_by: string
  principal: string
  labelled_at: Time
}

export interface JudgeCalibrationsTable {
  evaluator: string
  evaluator_version: string
  dataset: string
  record: Json<unknown>
  labels: number
  computed_at: Time
}

export interface JudgeSentinelsTable {
  evaluator: string
  evaluator_version: string
  place: number
  run_id: string
  target: number
  position: number
  repeat: number
  value: number
  frozen_at: Time
}

export interface JudgeRetestsTable {
  evaluator: string
  evaluator_version: string
  place: number
  run_id: string
  /** null: no score this time. */
  value: number | null
  cost_micro_usd: BigOrNull
  at: Time
}

export interface JudgeRepliesTable {
  key: string
  model: string
  reply: string
  kept_at: Time
}

export interface JudgeTables {
  judge_labels: JudgeLabelsTable
  judge_calibrations: JudgeCalibrationsTable
  judge_sentinels: JudgeSentinelsTable
  judge_retests: JudgeRetestsTable
  judge_replies: JudgeRepliesTable
}
