import type { Attempt } from '#domain/decision.ts'
import { type Database, json } from '#store/database.ts'

/** The moment the seeded rows hang on. */
export const seedMs = Date.parse('2026-03-01T00:00:00Z')

export interface SeededItem {
  readonly baseline: number | null
  /** null: the evaluator failed; 'timeout': the candidate gave no answer. */
  readonly candidate: number | null | 'timeout'
  readonly slice?: string
}

/** A finished eval run of two targets under one evaluator, one item per entry. */
export async function seedEvalRun(
  db: Database,
  run: {
    readonly id: string
    readonly proposalId: string | null
    readonly items: readonly SeededItem[]
    readonly status?: string
  },
): Promise<void> {
  const at = new Date(seedMs)
  const sha256 = `sha-${run.id}`
  await db.insertInto('dataset_contents').values({ sha256, item_count: run.items.length, created_at: at }).execute()
  await db
    .insertInto('dataset_versions')
    .values({ name: run.id, version: 1, sha256, created_by: 'ada', created_at: at })
    .execute()
  await chunked(run.items, async (items, from) => {
    await db
      .insertInto('dataset_items')
      .values(
        items.map((item, index) => ({
          sha256,
          position: from + index,
          item_id: `i${from + index}`,
          item: json(itemOf(item, from + index)),
        })),
      )
      .execute()
  })
  await db
    .insertInto('eval_runs')
    .values({
      id: run.id,
      proposal_id: run.proposalId,
      dataset_name: run.id,
      dataset_version: 1,
      sha256,
      targets: json([
        { kind: 'baseline', label: 'support v1', route: 'support', version: 1 },
        { kind: 'candidate', label: 'support v2', route: 'support', version: 2 },
      ]),
      evaluators: json([{ name: 'json_validity' }]),
      status: run.status ?? 'completed',
      planned: run.items.length * 2,
      summary: null,
      error: null,
      created_by: 'engine',
      created_at: at,
      finished_at: run.status === 'running' ? null : at,
    })
    .execute()
  await chunked(run.items, (items, from) => seedAnswers(db, run.id, items, from))
}

function itemOf(item: SeededItem, position: number): object {
  return {
    id: `i${position}`,
    messages: [{ role: 'user', content: `question ${position}` }],
    reference: 'yes',
    ...(item.slice !== undefined && { slice: { language: item.slice } }),
  }
}

async function seedAnswers(db: Database, runId: string, items: readonly SeededItem[], from: number): Promise<void> {
  const places = items.flatMap((item, index) =>
    [item.baseline, item.candidate].map((value, target) => ({ run_id: runId, target, position: from + index, value })),
  )
  await db
    .insertInto('eval_answers')
    .values(
      places.map(({ value, ...place }) => ({
        ...place,
        item_id: `i${place.position}`,
        status: value === 'timeout' ? 'errored' : 'answered',
        is_scored: true,
        attempts: 1,
        model: place.target === 0 ? 'p/strong' : 'p/cheap',
        output: value === 'timeout' ? null : `answer ${place.position} of target ${place.target}`,
        error_class: value === 'timeout' ? 'timeout' : null,
        error: value === 'timeout' ? 'no token within 10 s' : null,
        input_tokens: 100,
        output_tokens: 20,
        cost_micro_usd: place.target === 0 ? 1000 : 100,
        latency_ms: 100 + place.position,
      })),
    )
    .execute()
  await db
    .insertInto('eval_scores')
    .values(
      places
        .filter(({ value }) => value !== 'timeout')
        .map(({ value, ...place }) => ({
          ...place,
          evaluator: 'json_validity',
          evaluator_version: 'v1',
          status: value === null ? 'errored' : 'scored',
          value: value as number | null,
          reason: value === null ? 'the scorer failed' : 'seeded',
          details: json({ level: 2, errors: [{ path: '/a', keyword: 'type', message: 'must be string' }] }),
          cost_micro_usd: null,
        })),
    )
    .execute()
}

async function chunked<T>(all: readonly T[], work: (part: readonly T[], from: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += 1000) await work(all.slice(from, from + 1000), from)
}

const attempt: Attempt = {
  model: 'p/strong',
  provider: 'p',
  startMs: 1,
  endMs: 400,
  firstTokenMs: 120,
  status: 200,
  errorClass: null,
  isFallback: false,
}

/** A row of the decision log. */
export async function seedDecision(
  db: Database,
  over: {
    readonly id: string
    readonly arm?: string
    readonly status?: number
    readonly proposalId?: string
    readonly version?: number
    readonly agoMs?: number
    readonly model?: string | null
  },
): Promise<void> {
  const { id, arm = 'baseline', status = 200, proposalId = null, version = 1, agoMs = 1000, model = 'p/strong' } = over
  await db
    .insertInto('decisions')
    .values({
      request_id: id,
      at: new Date(seedMs - agoMs),
      route: 'support',
      version,
      version_digest: 'digest',
      prompt_version: null,
      proposal_id: proposalId,
      arm,
      bucket: 12,
      rule: null,
      task: null,
      reason: 'priority: first of the pool',
      random: 0.5,
      snapshot_epoch: 1,
      model,
      provider: 'p',
      eligible: json(['p/strong', 'p/cheap']),
      excluded: json([{ model: 'p/far', by: 'region', detail: 'eu is required' }]),
      attempts: json(model === null ? [] : [attempt]),
      is_fallback: false,
      status,
      error_code: status >= 400 ? 'upstream_error' : null,
      is_stream: false,
      input_tokens: 100,
      cached_input_tokens: 0,
      output_tokens: 20,
      reasoning_tokens: 0,
      is_usage_estimated: false,
      cost_micro_usd: 500,
      ttft_ms: 120,
      total_ms: 400,
      key_id: 'key_1',
      metadata: json({ team: 'support' }),
      facts: json({}),
    })
    .execute()
}
