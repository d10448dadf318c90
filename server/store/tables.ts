import type { ColumnType, Generated, Insertable, Selectable } from 'kysely'
import type { BudgetTables } from './budget-tables.ts'
import type { Big, BigOrNull, Json, JsonOrNull, Time, TimeOrNull } from './column-types.ts'
import type { ContentTables, StoredPrice } from './content-tables.ts'
import type { LiveTables } from './live-tables.ts'
import type { EvalAnswersTable, EvalRunsTable, EvalScoresTable } from './tables-eval.ts'
import type { JudgeTables } from './tables-judges.ts'
import type {
  ApprovalsTable,
  DatasetContentsTable,
  DatasetItemsTable,
  DatasetVersionsTable,
  FreezeWindowsTable,
  LiveSamplesTable,
  ObservationsTable,
  PromotionDecisionsTable,
  ProposalEventsTable,
  ProposalsTable,
  ShadowCallsTable,
} from './tables-rollout.ts'

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

export interface Tables extends BudgetTables, ContentTables, JudgeTables, LiveTables {
  providers: ProvidersTable
  models: ModelsTable
  routes: RoutesTable
  route_versions: RouteVersionsTable
  bars: BarsTable
  snapshot_state: SnapshotStateTable
  gateways: GatewaysTable
  proposals: ProposalsTable
  proposal_events: ProposalEventsTable
  freeze_windows: FreezeWindowsTable
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
