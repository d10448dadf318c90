import { sql } from 'kysely'
import type { Bar } from '#domain/bar.ts'
import { canonicalDigest } from '#domain/canonical.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import type { ProposalState } from '#domain/proposal.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { Caller, Role } from '#domain/snapshot.ts'
import { createLog } from '#infra/log.ts'
import type { Doorbell, RolloutDeps } from '#rollout/rollout-deps.ts'
import { type Database, inTransaction, json } from '#store/database.ts'
import { changeProposal, insertProposal, insertRouteVersion, readProposal } from '#store/proposals.ts'

export function aCaller(overrides: Partial<Caller> = {}): Caller {
  const name = overrides.name ?? 'grace'
  const role: Role = 'approver'
  return {
    keyId: `key_${name}`,
    name,
    principal: name,
    role,
    metadata: {},
    routes: null,
    models: null,
    expiresAtMs: null,
    ...overrides,
  }
}

export function aBar(overrides: Partial<Bar> = {}): Bar {
  return {
    evaluators: [{ name: 'json_validity' }],
    gates: [{ metric: 'json_validity', maxDrop: 0.05 }],
    ...overrides,
  }
}

export function aPlan(overrides: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    offline: { datasets: ['d@1'] },
    shadow: { sampleRate: 1, minSamples: 50, maxDuration: '10m' },
    canary: { steps: [20, 50], unit: 'request', minSamples: 50, maxDuration: '10m' },
    bake: { duration: '1m' },
    ...overrides,
  }
}

/** Rollout deps over a test database, with a clock that only moves when told and a record of what was rung. */
export function rolloutDeps(db: Database, startMs = Date.parse('2026-03-01T00:00:00Z')) {
  let nowMs = startMs
  let ids = 0
  const rung: Doorbell[] = []
  const deps: RolloutDeps = {
    db,
    clock: { nowMs: () => nowMs },
    newId: (prefix) => {
      ids += 1
      return `${prefix}_${String(ids).padStart(6, '0')}`
    },
    log: createLog(process.env['TEST_LOG'] ?? 'silent'),
    onChange: async () => undefined,
    ring: (job) => {
      rung.push(job)
    },
    gatewayGoneAfterMs: 30_000,
  }
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { deps, rung, pass }
}

/** A provider, two models, and a route whose version 1 is stable. */
export async function seedRoute(db: Database, name = 'support', bar: Bar = aBar()): Promise<void> {
  const at = new Date('2026-02-01T00:00:00Z')
  await db
    .insertInto('providers')
    .values({
      name: 'p',
      kind: 'openai',
      base_url: 'http://127.0.0.1:1/v1',
      credential: null,
      region: 'eu',
      data_policies: json([]),
      limits: json({}),
      updated_at: at,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  for (const model of ['strong', 'cheap']) {
    await db
      .insertInto('models')
      .values({
        provider: 'p',
        model,
        context_window: 128_000,
        max_output_tokens: 8_000,
        capabilities: json(['streaming', 'json_schema']),
        price: json({ input: 1_000_000, cachedInput: null, output: 2_000_000 }),
        updated_at: at,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  await inTransaction(db, async (tx) => {
    await tx
      .insertInto('routes')
      .values({
        name,
        owner: 'team',
        purpose: 'tests',
        risk: 'low',
        stable_version: 1,
        previous_version: null,
        bar_version: 1,
        created_by: 'admin',
        created_at: at,
      })
      .execute()
    const spec = { models: ['p/strong'] }
    await insertRouteVersion(tx, { route: name, spec, digest: canonicalDigest(spec), by: 'admin', at: at.getTime() })
    await tx
      .insertInto('bars')
      .values({ route: name, version: 1, bar: json(bar), created_by: 'admin', created_at: at })
      .execute()
  })
}

/** An open proposal of the route, put into a state directly. @returns its id */
export async function seedProposal(
  deps: RolloutDeps,
  options: {
    readonly route?: string
    readonly plan?: RolloutPlan
    readonly bar?: Bar
    readonly state?: Partial<ProposalState>
    readonly spec?: RouteSpec
  } = {},
): Promise<string> {
  const { route = 'support', plan = aPlan(), bar = aBar(), state = {} } = options
  const id = deps.newId('prop')
  await inTransaction(deps.db, async (tx) => {
    const at = deps.clock.nowMs()
    const pointer = await tx
      .selectFrom('routes')
      .select('stable_version')
      .where('name', '=', route)
      .executeTakeFirstOrThrow()
    const { spec = { models: ['p/cheap'] } } = options
    const version = await insertRouteVersion(tx, { route, spec, digest: canonicalDigest(spec), by: 'ada', at })
    await insertProposal(tx, {
      id,
      route,
      version,
      base: pointer.stable_version,
      title: 'cheaper',
      description: '',
      author: 'ada',
      authorPrincipal: 'ada',
      plan,
      bar,
      barVersion: 1,
      salt: deps.newId('salt'),
      impact: null,
      origin: null,
      at,
    })
    const proposal = await readProposal(tx, id)
    if (proposal === null) throw new Error('not stored')
    await changeProposal(tx, proposal, { state: { ...proposal.state, ...state } })
  })
  return id
}

/** One canary answer as the gateway and the scorer would have stored it. */
export interface SeededAnswer {
  readonly arm: 'baseline' | 'candidate'
  readonly jsonValidity?: number | null
  readonly errorRate?: 0 | 1
  readonly isOpen?: boolean
}

/** Inserts observations in order, settled unless `isOpen`. */
export async function seedObservations(
  deps: RolloutDeps,
  proposalId: string,
  answers: readonly SeededAnswer[],
  options: {
    readonly stage?: 'shadow' | 'canary' | 'bake'
    readonly step?: number
    readonly shareBp?: number
    readonly bootId?: string
    readonly deadlineInMs?: number
  } = {},
): Promise<void> {
  const { stage = 'canary', step = 0, shareBp = 2_000, bootId = 'boot', deadlineInMs = 60_000 } = options
  const now = deps.clock.nowMs()
  const rows = answers.map((answer) => {
    const live = json({
      values: { error_rate: answer.errorRate ?? 0, latency_ms: 100, cost_usd: 0.001, refusal_rate: 0 },
      missing: {},
    })
    const scores =
      answer.jsonValidity === null
        ? json({ values: {}, missing: { json_validity: 'infrastructure' } })
        : json({ values: { json_validity: answer.jsonValidity ?? 1 }, missing: {} })
    const isDone = answer.isOpen !== true
    return {
      proposal_id: proposalId,
      request_id: deps.newId('req'),
      stage,
      step,
      share_bp: shareBp,
      arm: answer.arm,
      unit: null,
      boot_id: bootId,
      assigned_at: new Date(now),
      deadline_at: new Date(now + deadlineInMs),
      is_answered: isDone,
      is_scored: isDone,
      baseline: isDone && answer.arm === 'baseline' ? live : null,
      candidate: isDone && answer.arm === 'candidate' ? live : null,
      baseline_scores: isDone && answer.arm === 'baseline' ? scores : null,
      candidate_scores: isDone && answer.arm === 'candidate' ? scores : null,
    }
  })
  for (let start = 0; start < rows.length; start += 500) {
    await deps.db
      .insertInto('observations')
      .values(rows.slice(start, start + 500))
      .execute()
  }
  await whenReadable(deps.db, proposalId)
}

/** Evidence becomes readable when every transaction older than it has ended, those of other tests on the server included. */
async function whenReadable(db: Database, proposalId: string): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ ready: boolean }>`
      select coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint as ready
      from observations where proposal_id = ${proposalId}`.execute(db)
    if (rows[0]?.ready) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
