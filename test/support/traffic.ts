import { sql } from 'kysely'
import type { Database } from '#store/database.ts'

/** A request of the decision log, as far as reports look at it. Everything has a default. */
export interface SeededRequest {
  readonly requestId: string
  readonly atMs: number
  readonly route: string
  readonly version: number | null
  readonly model: string | null
  readonly task: string | null
  readonly rule: string | null
  readonly promptVersion: string | null
  readonly arm: 'baseline' | 'candidate'
  readonly status: number
  readonly errorCode: string | null
  readonly inputTokens: number | null
  readonly cachedInputTokens: number
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly totalMs: number
  readonly keyId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly excluded: readonly object[]
  readonly attempts: readonly object[]
  readonly isFallback: boolean
  readonly endpoint: string
}

const defaults: Omit<SeededRequest, 'requestId'> = {
  atMs: Date.parse('2026-02-27T12:00:00Z'),
  route: 'support',
  version: 1,
  model: 'p/strong',
  task: null,
  rule: null,
  promptVersion: null,
  arm: 'baseline',
  status: 200,
  errorCode: null,
  inputTokens: 1000,
  cachedInputTokens: 0,
  outputTokens: 100,
  costMicroUsd: 1200,
  totalMs: 400,
  keyId: 'key_app',
  metadata: {},
  excluded: [],
  attempts: [],
  isFallback: false,
  endpoint: 'chat',
}

/** Writes requests, one statement for all. */
export async function seedRequests(
  db: Database,
  requests: readonly (Partial<SeededRequest> & { readonly requestId: string })[],
): Promise<void> {
  const rows = requests.map((over) => {
    const row = { ...defaults, ...over }
    return {
      request_id: row.requestId,
      at: new Date(row.atMs).toISOString(),
      route: row.route,
      version: row.version,
      model: row.model,
      provider: row.model?.split('/')[0] ?? null,
      task: row.task,
      rule: row.rule,
      prompt_version: row.promptVersion,
      arm: row.arm,
      status: row.status,
      error_code: row.errorCode,
      input_tokens: row.inputTokens,
      cached_input_tokens: row.cachedInputTokens,
      output_tokens: row.outputTokens,
      cost_micro_usd: row.costMicroUsd,
      total_ms: row.totalMs,
      key_id: row.keyId,
      metadata: row.metadata,
      excluded: row.excluded,
      attempts: row.attempts,
      is_fallback: row.isFallback,
      endpoint: row.endpoint,
      reason: 'priority: first of the pool',
      random: 0.5,
      snapshot_epoch: 1,
      eligible: row.model === null ? [] : [row.model],
      is_stream: false,
      facts: {
        inputTokens: row.inputTokens ?? 0,
        maxOutputTokens: null,
        hasTools: false,
        hasImages: false,
        wantsJson: false,
        capabilities: [],
        patterns: {},
      },
      warnings: [],
    }
  })
  await sql`insert into decisions select * from json_populate_recordset(null::decisions, ${JSON.stringify(rows)}::json)`.execute(
    db,
  )
}

/** The same request many times, each with its own id. */
export function times(count: number, over: Partial<SeededRequest> & { readonly requestId: string }) {
  return Array.from({ length: count }, (_, index) => ({ ...over, requestId: `${over.requestId}-${index}` }))
}
