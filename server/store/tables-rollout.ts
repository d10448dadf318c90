import type { ColumnType, Generated } from 'kysely'
import type { BigOrNull, Json, JsonOrNull, Time, TimeOrNull } from './column-types.ts'

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
  origin: JsonOrNull<unknown>
  created_at: Time
  stage_started_at: Time
  ended_at: TimeOrNull
}

export interface FreezeWindowsTable {
  id: string
  starts_at: Time
  ends_at: Time
  reason: string
  routes: JsonOrNull<string[]>
  created_by: string
  created_at: Time
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
