import type { ColumnType, Generated, Insertable, Selectable } from 'kysely'
import type { BudgetTables } from './budget-tables.ts'
import type { ContentTables, StoredPrice } from './content-tables.ts'
import type { LiveTables } from './live-tables.ts'

/** jsonb: read parsed, written as text by `json()` so that both database engines agree. */
type Json<T> = ColumnType<T, string, string>
type JsonOrNull<T> = ColumnType<T | null, string | null, string | null>
/** timestamptz: read and written as Date. */
type Time = ColumnType<Date, Date, Date>
type TimeOrNull = ColumnType<Date | null, Date | null | undefined, Date | null>
/** bigint: read as text by both drivers. */
type Big = ColumnType<string, string | number | bigint, string | number | bigint>
type BigOrNull = ColumnType<string | null, string | number | null | undefined, string | number | null>

export interface ProvidersTable {
  name: string
  kind: string
  base_url: string
  credential: string | null
  region: string | null
  data_policies: Json<string[]>
  limits: Json<Record<string, number>>
  updated_at: Time
}

export interface ModelsTable {
  provider: string
  model: string
  context_window: number | null
  max_output_tokens: number | null
  capabilities: Json<string[]>
  price: JsonOrNull<StoredPrice>
  price_version: Generated<number>
  updated_at: Time
}

export interface RoutesTable {
  name: string
  owner: string
  purpose: string
  risk: string
  stable_version: number
  previous_version: number | null
  bar_version: number
  created_by: string
  created_at: Time
}

export interface RouteVersionsTable {
  route: string
  version: number
  spec: Json<unknown>
  digest: string
  created_by: string
  created_at: Time
}

export interface BarsTable {
  route: string
  version: number
  bar: Json<unknown>
  created_by: string
  created_at: Time
}

export interface SnapshotStateTable {
  id: number
  epoch: Big
  engine_seen_at: TimeOrNull
}

export interface GatewaysTable {
  id: string
  boot_id: string
  epoch: Big
  digest: string
  started_at: Time
  seen_at: Time
}

export interface ProposalsTable {
  id: string
  route: string
  version: number
  base_version: number
  title: string
  description: string
  author: string
  author_principal: string
  plan: Json<unknown>
  bar: Json<unknown>
  bar_version: number
  status: string
  step: Generated<number>
  share_bp: Generated<number>
  is_paused: Generated<boolean>
  waiting_for: string | null
  salt: string
  revision: Generated<number>
  engine_state: JsonOrNull<unknown>
  folded_tx: ColumnType<string, string | number | undefined, string | number>
  folded_seq: ColumnType<string, string | number | undefined, string | number>
  gates: ColumnType<unknown[], string | undefined, string>
  end_reason: string | null
  ended_inconclusive: Generated<boolean>
  impact: JsonOrNull<unknown>
  created_at: Time
  stage_started_at: Time
  ended_at: TimeOrNull
}

export interface ProposalEventsTable {
  seq: Generated<string>
  proposal_id: string
  at: Time
  from_status: string | null
  to_status: string
  by: string
  reason: string
  share_bp: number
}

export interface PromotionDecisionsTable {
  seq: Generated<string>
  proposal_id: string
  at: Time
  stage: string
  step: number
  action: string
  reasons: Json<unknown[]>
  gates: Json<unknown[]>
  evidence: Json<unknown>
  engine: string
}

export interface ApprovalsTable {
  proposal_id: string
  before: string
  by: string
  principal: string
  reason: string
  digest: string
  at: Time
}

export interface ObservationsTable {
  seq: Generated<string>
  tx: Generated<string>
  proposal_id: string
  request_id: string
  stage: string
  step: number
  share_bp: number
  arm: 'baseline' | 'candidate' | 'pair'
  unit: string | null
  boot_id: string
  assigned_at: Time
  deadline_at: Time
  is_answered: Generated<boolean>
  is_scored: Generated<boolean>
  /** Outcome as the gateway saw it; null: that arm did not serve, or has not answered yet. */
  baseline: JsonOrNull<unknown>
  candidate: JsonOrNull<unknown>
  /** Outcome of the evaluators; merged over the gateway's. */
  baseline_scores: JsonOrNull<unknown>
  candidate_scores: JsonOrNull<unknown>
}

export interface LiveSamplesTable {
  id: Generated<string>
  proposal_id: string
  request_id: string
  arm: 'baseline' | 'candidate' | 'pair'
  payload: Json<unknown>
  created_at: Time
  expires_at: Time
  claimed_until: TimeOrNull
  attempts: Generated<number>
}

export interface ShadowCallsTable {
  request_id: string
  proposal_id: string
  at: Time
  model: string | null
  status: number | null
  error_class: string | null
  input_tokens: number | null
  output_tokens: number | null
  cost_micro_usd: BigOrNull
  latency_ms: number
}

export interface DatasetContentsTable {
  sha256: string
  item_count: number
  created_at: Time
}

export interface DatasetItemsTable {
  sha256: string
  position: number
  item_id: string
  item: Json<unknown>
}

export interface DatasetVersionsTable {
  name: string
  version: number
  sha256: string
  created_by: string
  created_at: Time
}

export interface EvalRunsTable {
  id: string
  proposal_id: string | null
  dataset_name: string
  dataset_version: number
  sha256: string
  targets: Json<unknown[]>
  evaluators: Json<unknown[]>
  status: string
  planned: number
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
  item_id: string
  status: string
  is_scored: Generated<boolean>
  attempts: Generated<number>
  claimed_by: string | null
  claimed_until: TimeOrNull
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
  evaluator: string
  evaluator_version: string
  status: string
  value: number | null
  reason: string | null
  details: JsonOrNull<unknown>
  cost_micro_usd: BigOrNull
}

export interface DecisionsTable {
  request_id: string
  at: Time
  route: string
  version: number | null
  version_digest: string | null
  prompt_version: string | null
  proposal_id: string | null
  arm: string
  bucket: number | null
  rule: string | null
  task: string | null
  reason: string
  random: number
  snapshot_epoch: Big
  model: string | null
  provider: string | null
  eligible: Json<string[]>
  excluded: Json<unknown[]>
  attempts: Json<unknown[]>
  is_fallback: boolean
  status: number
  error_code: string | null
  is_stream: boolean
  input_tokens: number | null
  cached_input_tokens: number | null
  output_tokens: number | null
  reasoning_tokens: number | null
  is_usage_estimated: boolean | null
  cost_micro_usd: BigOrNull
  ttft_ms: number | null
  total_ms: number
  key_id: string
  metadata: Json<Record<string, string>>
  facts: Json<unknown>
  endpoint: Generated<string>
  classification: JsonOrNull<unknown>
  live: JsonOrNull<unknown>
  warnings: ColumnType<unknown[], string | undefined, string>
  price_version: number | null
}

export interface FeedbackTable {
  id: string
  request_id: string
  signal: string
  value: number | null
  comment: string | null
  by: string
  at: Time
}

export interface ApiKeysTable {
  id: string
  name: string
  hash: string
  principal: string
  role: string
  metadata: Json<Record<string, string>>
  routes: JsonOrNull<string[]>
  budgets: JsonOrNull<unknown>
  created_by: string
  created_at: Time
  revoked_at: TimeOrNull
  models: JsonOrNull<string[]>
  expires_at: TimeOrNull
  rotated_at: TimeOrNull
  previous_hash: ColumnType<string | null, string | null | undefined, string | null>
  previous_until: TimeOrNull
}

export interface SessionsTable {
  id_hash: string
  key_id: string
  csrf: string
  created_at: Time
  expires_at: Time
}

export interface AuditEntriesTable {
  seq: Big
  at: Time
  actor: string
  action: string
  subject: string
  details: Json<unknown>
  prev_hash: string
  hash: string
}

export interface IdempotencyKeysTable {
  key: string
  caller: string
  fingerprint: string
  status: number | null
  body: JsonOrNull<unknown>
  created_at: Time
}

export interface Tables extends BudgetTables, ContentTables, LiveTables {
  providers: ProvidersTable
  models: ModelsTable
  routes: RoutesTable
  route_versions: RouteVersionsTable
  bars: BarsTable
  snapshot_state: SnapshotStateTable
  gateways: GatewaysTable
  proposals: ProposalsTable
  proposal_events: ProposalEventsTable
  promotion_decisions: PromotionDecisionsTable
  approvals: ApprovalsTable
  observations: ObservationsTable
  live_samples: LiveSamplesTable
  shadow_calls: ShadowCallsTable
  dataset_contents: DatasetContentsTable
  dataset_items: DatasetItemsTable
  dataset_versions: DatasetVersionsTable
  eval_runs: EvalRunsTable
  eval_answers: EvalAnswersTable
  eval_scores: EvalScoresTable
  decisions: DecisionsTable
  feedback: FeedbackTable
  api_keys: ApiKeysTable
  sessions: SessionsTable
  audit_entries: AuditEntriesTable
  idempotency_keys: IdempotencyKeysTable
}

export type ProposalRow = Selectable<ProposalsTable>
export type NewProposalRow = Insertable<ProposalsTable>
