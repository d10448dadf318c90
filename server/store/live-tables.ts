import type { ColumnType } from 'kysely'

/** Rows of live statistics and quality scores; the conventions are those of tables.ts. */

type Json<T> = ColumnType<T, string, string>
type Time = ColumnType<Date, Date, Date>
type Big = ColumnType<string, string | number | bigint, string | number | bigint>

export interface LiveStatisticsTable {
  boot_id: string
  model: string
  region: string
  window_index: Big
  ttft: Json<unknown>
  total: Json<unknown>
  answered: number
  failed: number
  input_tokens: Big
  cached_input_tokens: Big
  updated_at: Time
}

export interface QualityScoresTable {
  model: string
  metric: string
  /** '': the item or request named none. */
  task: string
  source: 'eval' | 'live'
  samples: number
  sum: number
}

export interface QualityStateTable {
  id: number
  eval_runs: string
  computed_at: Time
  revision: Big
}

export interface LiveTables {
  live_statistics: LiveStatisticsTable
  quality_scores: QualityScoresTable
  quality_state: QualityStateTable
}
