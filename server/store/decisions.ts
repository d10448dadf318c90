import { type Kysely, type Selectable, sql } from 'kysely'
import type { Attempt, DecisionRecord, EndpointName, Exclusion, Warning } from '#domain/decision.ts'
import type { Arm } from '#domain/evidence.ts'
import { quietRecord, type RecordedLive } from '#domain/live.ts'
import type { RecordedFacts } from '#domain/request-facts.ts'
import type { TaskLabel } from '#domain/task.ts'
import { type DecisionFilter, type DecisionPlace, pageSql } from './decision-search.ts'
import type { DecisionsTable, Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface DecisionsPage extends DecisionFilter {
  readonly limit: number
  readonly after?: DecisionPlace
}

/** The decision log, newest first. */
export async function listDecisions(db: Db, { limit, after, ...filter }: DecisionsPage): Promise<DecisionRecord[]> {
  const { rows } = await sql<Selectable<DecisionsTable>>`
    select d.* from (${pageSql(filter, limit, after ?? null)}) page join decisions d on d.request_id = page.request_id
    order by d.at desc, d.request_id desc`.execute(db)
  return rows.map(toDecision)
}

export async function readDecision(db: Db, requestId: string): Promise<DecisionRecord | null> {
  const row = await db.selectFrom('decisions').selectAll().where('request_id', '=', requestId).executeTakeFirst()
  return row === undefined ? null : toDecision(row)
}

function toDecision(row: Selectable<DecisionsTable>): DecisionRecord {
  return {
    requestId: row.request_id,
    at: row.at.getTime(),
    route: row.route,
    version: row.version,
    versionDigest: row.version_digest,
    promptVersion: row.prompt_version,
    proposal: row.proposal_id,
    arm: row.arm as Arm,
    bucket: row.bucket,
    rule: row.rule,
    task: row.task,
    reason: row.reason,
    random: row.random,
    snapshotEpoch: Number(row.snapshot_epoch),
    model: row.model,
    provider: row.provider,
    eligible: row.eligible,
    excluded: row.excluded as Exclusion[],
    attempts: row.attempts as Attempt[],
    isFallback: row.is_fallback,
    status: row.status,
    errorCode: row.error_code,
    isStream: row.is_stream,
    usage: usageOf(row),
    costMicroUsd: row.cost_micro_usd === null ? null : Number(row.cost_micro_usd),
    ttftMs: row.ttft_ms,
    totalMs: row.total_ms,
    keyId: row.key_id,
    metadata: row.metadata,
    facts: factsOf(row),
    endpoint: row.endpoint as EndpointName,
    classification: row.classification as TaskLabel | null,
    // null: from before it was kept.
    live: { ...quietRecord, ...(row.live as Partial<RecordedLive> | null) },
    warnings: row.warnings as Warning[],
    priceVersion: row.price_version,
  }
}

/** Older rows lack what was not kept yet: nothing was asked for then. */
function factsOf({ facts, input_tokens }: Selectable<DecisionsTable>): RecordedFacts {
  return {
    inputTokens: input_tokens ?? 0,
    maxOutputTokens: null,
    hasTools: false,
    hasImages: false,
    wantsJson: false,
    capabilities: [],
    patterns: {},
    ...(facts as Partial<RecordedFacts>),
  }
}

function usageOf(row: Selectable<DecisionsTable>): DecisionRecord['usage'] {
  if (row.input_tokens === null || row.output_tokens === null) return null
  return {
    inputTokens: row.input_tokens,
    cachedInputTokens: row.cached_input_tokens ?? 0,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens ?? 0,
    isEstimated: row.is_usage_estimated ?? false,
  }
}
