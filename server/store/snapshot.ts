import type { PoolClient } from 'pg'
import type { Bar } from '#domain/bar.ts'
import { canonicalDigest } from '#domain/canonical.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import { promptKey } from '#domain/prompt.ts'
import { liveStageOf, openStatuses, type ProposalState } from '#domain/proposal.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import type { LiveRollout, RouteEntry, Snapshot } from '#domain/snapshot.ts'
import { readBudgets } from './budgets.ts'
import { readCallers } from './callers.ts'
import type { Database, OpenDatabase, Tx } from './database.ts'
import { epochChannel } from './epoch.ts'
import { readLimits } from './limits.ts'
import { readPayloadSettings } from './payloads.ts'
import { readPrompts } from './prompts.ts'
import { readCatalogueIn } from './submission.ts'

/** Where a gateway gets its snapshots from, and says that it lives. */
export interface SnapshotSource {
  /** Cheap: asked at every poll. */
  readState(): Promise<SnapshotState>
  load(): Promise<Snapshot>
  /** Notes that this gateway is alive and what it serves. */
  record(snapshot: Snapshot): Promise<void>
  /** Hears of newer epochs until the returned function is called. Notifications can be lost: poll as well. */
  listen(listener: EpochListener): Promise<() => Promise<void>>
}

export interface EpochListener {
  onChange(): void
  /** The connection is gone; listen again. */
  onLost(): void
}

export interface SnapshotState {
  readonly epoch: number
  /** When the promotion engine last ran, milliseconds since the epoch; null: never. */
  readonly engineSeenAtMs: number | null
}

export interface GatewayIdentity {
  /** Stable name of the replica. */
  readonly id: string
  /** Another at every start. */
  readonly bootId: string
  readonly startedAtMs: number
}

export function createSnapshotSource(
  opened: Pick<OpenDatabase, 'db' | 'pool'>,
  identity: GatewayIdentity,
  clock: { nowMs(): number },
): SnapshotSource {
  return {
    readState: () => readSnapshotState(opened.db),
    load: () => loadSnapshot(opened.db),
    record: (snapshot) => recordGateway(opened.db, { ...identity, ...snapshot, seenAtMs: clock.nowMs() }),
    listen: (listener) => listenForEpochs(opened.pool, listener),
  }
}

export async function readSnapshotState(db: Database): Promise<SnapshotState> {
  const row = await db.selectFrom('snapshot_state').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
  return { epoch: Number(row.epoch), engineSeenAtMs: row.engine_seen_at?.getTime() ?? null }
}

export async function recordGateway(
  db: Database,
  gateway: GatewayIdentity & { readonly epoch: number; readonly digest: string; readonly seenAtMs: number },
): Promise<void> {
  const seen = {
    boot_id: gateway.bootId,
    epoch: gateway.epoch,
    digest: gateway.digest,
    started_at: new Date(gateway.startedAtMs),
    seen_at: new Date(gateway.seenAtMs),
  }
  await db
    .insertInto('gateways')
    .values({ id: gateway.id, ...seen })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(seen))
    .execute()
}

/** Everything a gateway serves from, read at one moment. @throws when a rollout names a version that does not exist */
export function loadSnapshot(db: Database): Promise<Snapshot> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      const state = await tx.selectFrom('snapshot_state').select('epoch').where('id', '=', 1).executeTakeFirstOrThrow()
      const { models, providers, guardrails } = await readCatalogueIn(tx)
      const routes = await readRoutes(tx)
      const callers = await readCallers(tx)
      const payloads = await readPayloadSettings(tx)
      return {
        epoch: Number(state.epoch),
        digest: digestOf({ providers, models, routes, guardrails, payloads }),
        providers,
        models,
        routes,
        prompts: await readPrompts(tx, promptKeysOf(routes)),
        guardrails,
        payloads,
        callers,
        budgets: await readBudgets(tx),
        limits: await readLimits(tx),
      }
    })
}

/** Of every version that may be served. */
function promptKeysOf(routes: ReadonlyMap<string, RouteEntry>): string[] {
  const versions = [...routes.values()].flatMap(({ stable, rollout }) =>
    rollout === null ? [stable] : [stable, rollout.baseline, rollout.candidate],
  )
  return versions.flatMap(({ spec }) => (spec.prompt === undefined ? [] : [promptKey(spec.prompt)]))
}

/** Prompts need no part in it: a spec names an immutable version. */
function digestOf(served: Pick<Snapshot, 'providers' | 'models' | 'routes' | 'guardrails' | 'payloads'>): string {
  const { providers, models, routes, guardrails, payloads } = served
  const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  return canonicalDigest([sorted(providers), sorted(models), sorted(routes), guardrails, sorted(payloads)])
}

async function readRoutes(tx: Tx): Promise<Map<string, RouteEntry>> {
  const rows = await tx.selectFrom('routes').select(['name', 'owner', 'stable_version']).orderBy('name').execute()
  const proposals = await tx
    .selectFrom('proposals')
    .select(['id', 'route', 'version', 'base_version', 'status', 'step', 'share_bp', 'is_paused', 'waiting_for'])
    .select(['salt', 'plan', 'bar'])
    .where('status', 'in', [...openStatuses])
    .execute()
  const versions = await readVersions(tx, [
    ...rows.map((row) => ({ route: row.name, version: row.stable_version })),
    ...proposals.flatMap(({ route, version, base_version }) => [
      { route, version },
      { route, version: base_version },
    ]),
  ])
  const versionOf = (route: string, version: number): RouteVersion => {
    const found = versions.get(`${route} ${version}`)
    if (found === undefined) throw new Error(`route "${route}" has no version ${version}`)
    return found
  }
  return new Map(
    rows.map((row) => {
      // A proposal whose ground has moved (its base is stable no more) touches no traffic, whatever its state says.
      const proposal = proposals.find(
        ({ route, status, version, base_version }) =>
          route === row.name && row.stable_version === (status === 'bake' ? version : base_version),
      )
      const stable = versionOf(row.name, row.stable_version)
      const rollout =
        proposal === undefined
          ? null
          : rolloutOf(proposal, versionOf(row.name, proposal.base_version), versionOf(row.name, proposal.version))
      return [row.name, { name: row.name, owner: row.owner, stable, rollout }]
    }),
  )
}

async function readVersions(
  tx: Tx,
  wanted: readonly { readonly route: string; readonly version: number }[],
): Promise<Map<string, RouteVersion>> {
  if (wanted.length === 0) return new Map()
  const rows = await tx
    .selectFrom('route_versions')
    .select(['route', 'version', 'spec', 'digest'])
    .where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('route', 'version'),
        'in',
        wanted.map(({ route, version }) => tuple(route, version)),
      ),
    )
    .execute()
  return new Map(rows.map((row) => [`${row.route} ${row.version}`, { ...row, spec: row.spec as RouteSpec }]))
}

interface ProposalRow {
  readonly id: string
  readonly status: string
  readonly step: number
  readonly share_bp: number
  readonly is_paused: boolean
  readonly waiting_for: string | null
  readonly salt: string
  readonly plan: unknown
  readonly bar: unknown
}

/** What gateways do for a proposal; null while it does not touch live traffic. */
function rolloutOf(row: ProposalRow, baseline: RouteVersion, candidate: RouteVersion): LiveRollout | null {
  const state: ProposalState = {
    status: row.status as ProposalState['status'],
    step: row.step,
    shareBp: row.share_bp,
    isPaused: row.is_paused,
    waitingFor: row.waiting_for as ProposalState['waitingFor'],
  }
  const stage = liveStageOf(state)
  if (stage === null) return null
  const plan = row.plan as RolloutPlan
  return {
    proposal: row.id,
    stage,
    step: stage === 'shadow' ? -1 : row.step,
    baseline,
    candidate,
    shareBp: stage === 'shadow' ? 0 : row.share_bp,
    mirrorRate: stage === 'shadow' ? (plan.shadow?.sampleRate ?? 1) : 0,
    scoreRate: plan.canary?.scoreRate ?? 1,
    unit: plan.canary?.unit ?? 'session',
    salt: row.salt,
    hasEvaluators: (row.bar as Bar).evaluators.length > 0,
  }
}

/** A dedicated connection: a pooled one would stop listening when it is given back. */
async function listenForEpochs(pool: OpenDatabase['pool'], listener: EpochListener): Promise<() => Promise<void>> {
  const client = (await pool.connect()) as PoolClient
  let isOver = false
  const lost = () => {
    if (isOver) return
    isOver = true
    client.release(true)
    listener.onLost()
  }
  client.on('notification', () => listener.onChange())
  client.on('error', lost)
  client.on('end', lost)
  try {
    await client.query(`listen ${epochChannel}`)
  } catch (error) {
    isOver = true
    client.release(true)
    throw error
  }
  return async () => {
    if (isOver) return
    isOver = true
    client.release(true)
  }
}
