import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { bootstrapAdminKey } from '#control/bootstrap.ts'
import type { ControlDeps } from '#control/control-deps.ts'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { type LexicalModel, readLexicalModel } from '#domain/lexical.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { Allowances } from '#gateway/allowances.ts'
import { DecisionBuffer } from '#gateway/decision-buffer.ts'
import { RouteTable } from '#gateway/route-table.ts'
import { createAuthenticator } from '#http/auth.ts'
import { type Config, readEnvironmentSecret } from '#infra/config.ts'
import { idMaker } from '#infra/ids.ts'
import { createLog, type Log } from '#infra/log.ts'
import { type JobQueue, openQueue, type QueueBacking } from '#infra/queue.ts'
import { createTokenCounter, type TokenCounter } from '#infra/token-counter.ts'
import type { Tracing } from '#infra/trace-context.ts'
import { openTracing } from '#infra/tracing.ts'
import { baseUrlQueryOf, createProviderRegistry, type ProviderRegistry, providerKinds } from '#providers/registry.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'
import { createAllowanceSource } from '#store/allowance-source.ts'
import { type OpenDatabase, openEmbedded, openPostgres, openQueuePool } from '#store/database.ts'
import { releaseAllClaims } from '#store/eval-claims.ts'
import { createLiveLog, type LiveLog } from '#store/live-log.ts'
import { migrate } from '#store/migrate.ts'
import { createSnapshotSource, type GatewayIdentity } from '#store/snapshot.ts'

export interface Clock {
  nowMs(): number
  monotonicMs(): number
}

/** Everything a process holds open. The only place that makes clients, the clock and the random source. */
export interface Deps {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly newId: (prefix: string) => string
  readonly identity: GatewayIdentity
  readonly database: OpenDatabase
  readonly queue: JobQueue
  readonly providers: ProviderRegistry
  readonly tokens: TokenCounter
  readonly lexical: LexicalModel
  readonly table: RouteTable
  readonly allowances: Allowances
  readonly buffer: DecisionBuffer
  readonly tracing: Tracing
  readonly rollout: RolloutDeps
  readonly control: ControlDeps
  /** The admin key that was made at this first start, to be shown once; null when one exists. */
  readonly firstKey: string | null
  close(): Promise<void>
}

/** A gateway unheard for this long counts as gone: its open requests are missing evidence, not failures. */
const gatewayGoneAfterMs = 15_000

/**
 * Opens a process's dependencies in order: database and its migrations, queue, providers, the route table. Whatever was
 * opened is closed again, in reverse, when a later step fails.
 */
export async function openDeps(config: Config): Promise<Deps> {
  const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const log = createLog(config.logLevel)
  const newId = idMaker(clock.nowMs, randomBytes)
  const closers: (() => Promise<void>)[] = []
  try {
    return await open(config, { clock, log, newId, closers })
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

interface Base {
  readonly clock: Clock
  readonly log: Log
  readonly newId: (prefix: string) => string
  /** In order of opening. */
  readonly closers: (() => Promise<void>)[]
}

async function open(config: Config, base: Base): Promise<Deps> {
  const { clock, log, newId, closers } = base
  const database = await openDatabase(config, log)
  closers.push(() => database.close())
  await migrate(database.db)
  if (database.isEmbedded) await releaseAllClaims(database.db)
  const firstKey = await bootstrapAdminKey({ db: database.db, clock, newId, randomBytes }, config.adminKey)
  const queue = await openQueue(queueBacking(config, base, database), log)
  closers.push(() => queue.close())
  const providers = createProviderRegistry({
    upstreamAllow: config.upstreamAllow,
    readEnvironment: readEnvironmentSecret,
    clock,
  })
  closers.push(() => providers.close())
  const tokens = createTokenCounter(log)
  closers.push(() => tokens.close())
  const identity = identityOf(config, newId('boot'), clock.nowMs())
  const allowances = openAllowances(config, base, database, identity)
  const table = new RouteTable({
    source: createSnapshotSource(database, identity, clock),
    clock,
    random: Math.random,
    log,
    leaseMs: config.leaseMs,
    ...(isGateway(config) && { prepare: (snapshot) => allowances.prepare(snapshot) }),
  })
  const buffer = new DecisionBuffer(liveLogAfter(allowances, database), log)
  closers.push(() => buffer.close())
  const tracing = await openTracing({ endpoint: config.traceEndpoint, ratio: config.traceRatio })
  closers.push(() => tracing.close())
  const rollout = rolloutDepsOf(base, { database, table, queue })
  const control = controlDepsOf(rollout, providers, config)
  const close = () => closeAll(closers)
  const random = Math.random
  return {
    config,
    log,
    clock,
    random,
    newId,
    identity,
    database,
    queue,
    providers,
    tokens,
    lexical: readLexicalModel(lexicalModelDocument()),
    table,
    allowances,
    buffer,
    tracing,
    rollout,
    control,
    firstKey,
    close,
  }
}

/** A port that the system chooses names nobody: two processes of a host would take each other for gone. */
function identityOf({ port }: Config, bootId: string, startedAtMs: number): GatewayIdentity {
  return { id: `${hostname()}:${port === 0 ? bootId : port}`, bootId, startedAtMs }
}

function rolloutDepsOf(
  { clock, newId, log }: Base,
  { database, table, queue }: Pick<Deps, 'database' | 'table' | 'queue'>,
): RolloutDeps {
  return {
    db: database.db,
    clock,
    newId,
    log,
    onChange: () => table.refresh().catch(() => log.warn('the route table could not be refreshed after a change')),
    ring: (job) => queue.ring(job.name, job.id),
    gatewayGoneAfterMs,
  }
}

function queueBacking(config: Config, { log, closers }: Base, database: OpenDatabase): QueueBacking {
  if (config.redisUrl !== null) return { redisUrl: config.redisUrl }
  if (config.databaseUrl === null) return { pool: database.pool }
  const pool = openQueuePool(config.databaseUrl, (error) =>
    log.warn({ reason: error.message }, 'a connection of the queue was lost'),
  )
  closers.push(() => pool.end())
  return { pool }
}

function openAllowances(
  config: Config,
  { clock, log, closers }: Base,
  { db }: OpenDatabase,
  { bootId }: GatewayIdentity,
): Allowances {
  const allowances = new Allowances({ source: createAllowanceSource(db, bootId, clock), clock, log })
  closers.push(() => allowances.stop().catch(() => log.warn('what was held of budgets could not be given back')))
  if (isGateway(config)) allowances.start()
  return allowances
}

/** Spending is durable before the decisions that tell of it: a budget never counts less than the log shows. */
function liveLogAfter(allowances: Allowances, { db }: OpenDatabase): LiveLog {
  const liveLog = createLiveLog(db)
  return {
    async write(batch) {
      await allowances.reportSpend()
      await liveLog.write(batch)
    },
  }
}

function isGateway({ role }: Config): boolean {
  return role === 'all' || role === 'gateway'
}

function controlDepsOf(rollout: RolloutDeps, providers: ProviderRegistry, config: Config): ControlDeps {
  return {
    ...rollout,
    authenticator: createAuthenticator(rollout.db, rollout.clock),
    randomBytes,
    providerKinds,
    baseUrlProblem: (baseUrl, kind) => providers.guard.problemOf(baseUrl, baseUrlQueryOf(kind)),
    resolveEvaluators,
    leaseMs: config.leaseMs,
  }
}

function openDatabase(config: Config, log: Log): Promise<OpenDatabase> {
  if (config.databaseUrl === null) return openEmbedded(config.dataDirectory)
  const opened = openPostgres(config.databaseUrl, (error) =>
    log.warn({ reason: error.message }, 'a database connection was lost'),
  )
  return Promise.resolve(opened)
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}
