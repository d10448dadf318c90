import { sql } from 'kysely'
import type { DecisionRecord } from '#domain/decision.ts'
import type { Arm, MissingReason, Outcome } from '#domain/evidence.ts'
import { type Database, inTransaction, json, type Tx } from './database.ts'
import { type PayloadRow, writePayloads } from './payloads.ts'

/** A request that became evidence of a rollout, written when it was assigned, before any answer. */
export interface AssignmentRow {
  readonly proposalId: string
  readonly requestId: string
  readonly stage: string
  readonly step: number
  readonly shareBp: number
  /** `pair`: shadow, both arms answer. */
  readonly arm: Arm | 'pair'
  /** Hash of the split unit; null when the request carried none. */
  readonly unit: string | null
  readonly bootId: string
  readonly assignedAtMs: number
  /** After this an unanswered request counts against its arm. */
  readonly deadlineAtMs: number
}

/** What evaluators would find. `failed`: nothing was answered, so every evaluator scores worst. */
export interface SettledScores {
  readonly values: Readonly<Record<string, number>>
  readonly missing: Readonly<Record<string, MissingReason>>
  readonly failed?: true
}

/** What came of an assignment. */
export interface CompletionRow {
  readonly proposalId: string
  readonly requestId: string
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
  /** False: a sample of the same batch waits to be scored. */
  readonly isScored: boolean
  readonly baselineScores: SettledScores | null
  readonly candidateScores: SettledScores | null
}

/** Redacted texts of an answer, kept until it is scored. */
export interface SampleRow {
  readonly proposalId: string
  readonly requestId: string
  readonly arm: Arm | 'pair'
  /** JSON text. */
  readonly payload: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** The ledger of mirrored calls: never in the decision log. */
export interface ShadowCallRow {
  readonly requestId: string
  readonly proposalId: string
  readonly atMs: number
  readonly model: string | null
  readonly status: number | null
  readonly errorClass: string | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly latencyMs: number
}

export interface LiveBatch {
  readonly assignments: readonly AssignmentRow[]
  readonly completions: readonly CompletionRow[]
  readonly samples: readonly SampleRow[]
  readonly decisions: readonly DecisionRecord[]
  readonly shadowCalls: readonly ShadowCallRow[]
  readonly payloads: readonly PayloadRow[]
}

export interface LiveLog {
  /** Writes a batch in one transaction. Writing it again changes nothing: every row is known by its request. */
  write(batch: LiveBatch): Promise<void>
}

/** The live log on a database. One statement per kind of row, whatever their number. */
export function createLiveLog(db: Database): LiveLog {
  return {
    write: (batch) =>
      inTransaction(db, async (tx) => {
        if (batch.assignments.length > 0) await writeAssignments(tx, batch.assignments)
        if (batch.completions.length > 0) await writeCompletions(tx, batch.completions)
        if (batch.samples.length > 0) await writeSamples(tx, batch.samples)
        if (batch.decisions.length > 0) await writeDecisions(tx, batch.decisions)
        if (batch.shadowCalls.length > 0) await writeShadowCalls(tx, batch.shadowCalls)
        if (batch.payloads.length > 0) await writePayloads(tx, batch.payloads)
      }),
  }
}

async function writeAssignments(tx: Tx, rows: readonly AssignmentRow[]): Promise<void> {
  const stored = rows.map((row) => ({
    proposal_id: row.proposalId,
    request_id: row.requestId,
    stage: row.stage,
    step: row.step,
    share_bp: row.shareBp,
    arm: row.arm,
    unit: row.unit,
    boot_id: row.bootId,
    assigned_at: timeOf(row.assignedAtMs),
    deadline_at: timeOf(row.deadlineAtMs),
  }))
  await sql`
    insert into observations
      (proposal_id, request_id, stage, step, share_bp, arm, unit, boot_id, assigned_at, deadline_at)
    select r.proposal_id, r.request_id, r.stage, r.step, r.share_bp, r.arm, r.unit, r.boot_id, r.assigned_at, r.deadline_at
    from json_populate_recordset(null::observations, ${json(stored)}::json) r
    on conflict (proposal_id, request_id) do nothing`.execute(tx)
}

async function writeCompletions(tx: Tx, rows: readonly CompletionRow[]): Promise<void> {
  const stored = rows.map((row) => ({
    proposal_id: row.proposalId,
    request_id: row.requestId,
    is_scored: row.isScored,
    baseline: row.baseline,
    candidate: row.candidate,
    baseline_scores: row.baselineScores,
    candidate_scores: row.candidateScores,
  }))
  await sql`
    update observations o set
      is_answered = true,
      is_scored = r.is_scored,
      baseline = r.baseline,
      candidate = r.candidate,
      baseline_scores = r.baseline_scores,
      candidate_scores = r.candidate_scores
    from jsonb_to_recordset(${json(stored)}::jsonb) as r(proposal_id text, request_id text, is_scored boolean,
      baseline jsonb, candidate jsonb, baseline_scores jsonb, candidate_scores jsonb)
    where o.proposal_id = r.proposal_id and o.request_id = r.request_id and not o.is_answered`.execute(tx)
}

/** A sample is only of use to an observation that still waits for its scores. */
async function writeSamples(tx: Tx, rows: readonly SampleRow[]): Promise<void> {
  const stored = rows.map((row) => ({
    proposal_id: row.proposalId,
    request_id: row.requestId,
    arm: row.arm,
    payload: row.payload,
    created_at: timeOf(row.createdAtMs),
    expires_at: timeOf(row.expiresAtMs),
  }))
  await sql`
    insert into live_samples (proposal_id, request_id, arm, payload, created_at, expires_at)
    select r.proposal_id, r.request_id, r.arm, r.payload::jsonb, r.created_at, r.expires_at
    from json_to_recordset(${json(stored)}::json) as r(proposal_id text, request_id text, arm text, payload text,
      created_at timestamptz, expires_at timestamptz)
    join observations o on o.proposal_id = r.proposal_id and o.request_id = r.request_id and not o.is_scored
    where not exists (
      select 1 from live_samples s where s.proposal_id = r.proposal_id and s.request_id = r.request_id
    )`.execute(tx)
}

async function writeDecisions(tx: Tx, rows: readonly DecisionRecord[]): Promise<void> {
  await sql`
    insert into decisions
    select * from json_populate_recordset(null::decisions, ${json(rows.map(storedDecision))}::json)
    on conflict (request_id) do nothing`.execute(tx)
}

function storedDecision(row: DecisionRecord) {
  return {
    request_id: row.requestId,
    at: timeOf(row.at),
    route: row.route,
    version: row.version,
    version_digest: row.versionDigest,
    prompt_version: row.promptVersion,
    proposal_id: row.proposal,
    arm: row.arm,
    bucket: row.bucket,
    rule: row.rule,
    task: row.task,
    reason: row.reason,
    random: row.random,
    snapshot_epoch: row.snapshotEpoch,
    model: row.model,
    provider: row.provider,
    eligible: row.eligible,
    excluded: row.excluded,
    attempts: row.attempts,
    is_fallback: row.isFallback,
    status: row.status,
    error_code: row.errorCode,
    is_stream: row.isStream,
    input_tokens: row.usage?.inputTokens ?? null,
    cached_input_tokens: row.usage?.cachedInputTokens ?? null,
    output_tokens: row.usage?.outputTokens ?? null,
    reasoning_tokens: row.usage?.reasoningTokens ?? null,
    is_usage_estimated: row.usage?.isEstimated ?? null,
    cost_micro_usd: row.costMicroUsd,
    ttft_ms: wholeOrNull(row.ttftMs),
    total_ms: Math.round(row.totalMs),
    key_id: row.keyId,
    metadata: row.metadata,
    facts: row.facts,
    endpoint: row.endpoint,
    classification: row.classification,
    live: row.live,
    warnings: row.warnings,
    price_version: row.priceVersion,
  }
}

async function writeShadowCalls(tx: Tx, rows: readonly ShadowCallRow[]): Promise<void> {
  const stored = rows.map((row) => ({
    request_id: row.requestId,
    proposal_id: row.proposalId,
    at: timeOf(row.atMs),
    model: row.model,
    status: row.status,
    error_class: row.errorClass,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cost_micro_usd: row.costMicroUsd,
    latency_ms: Math.round(row.latencyMs),
  }))
  await sql`
    insert into shadow_calls
    select * from json_populate_recordset(null::shadow_calls, ${json(stored)}::json)
    on conflict (proposal_id, request_id) do nothing`.execute(tx)
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function wholeOrNull(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}
