import type { ColumnType, Generated } from 'kysely'

/** Tables of what requests say, what may be said, and what it costs. Column types as in tables.ts. */
type Json<T> = ColumnType<T, string, string>
type Time = ColumnType<Date, Date, Date>
type Big = ColumnType<string, string | number | bigint, string | number | bigint>

export interface PromptVersionsTable {
  name: string
  version: number
  messages: Json<{ role: string; content: string }[]>
  digest: string
  description: string
  created_by: string
  created_at: Time
}

export interface GuardrailsTable {
  version: number
  settings: Json<unknown>
  created_by: string
  created_at: Time
}

export interface PayloadSettingsTable {
  route: string
  sample_rate: number
  retention_ms: Big
  set_by: string
  set_at: Time
  /** Whether authors may make items of datasets of these texts. */
  for_datasets: Generated<boolean>
}

/** Where a version came from; versions of before have none. */
export interface DatasetOriginsTable {
  name: string
  version: number
  origin: Json<unknown>
}

export interface PayloadsTable {
  request_id: string
  route: string
  at: Time
  expires_at: Time
  /** sha256 of the user the request named; null: none. */
  user_hash: string | null
  payload: Json<unknown>
}

/** Micro-dollars per million tokens. `reasoning` is absent in rows of older versions. */
export interface StoredPrice {
  input: number
  cachedInput: number | null
  output: number
  reasoning?: number | null
}

export interface ModelPricesTable {
  provider: string
  model: string
  version: number
  price: ColumnType<StoredPrice | null, string | null, string | null>
  set_by: string
  set_at: Time
}

export interface ContentTables {
  prompt_versions: PromptVersionsTable
  guardrails: GuardrailsTable
  payload_settings: PayloadSettingsTable
  payloads: PayloadsTable
  dataset_origins: DatasetOriginsTable
  model_prices: ModelPricesTable
}
