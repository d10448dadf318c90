import { Ajv } from 'ajv'
import { durationMs } from '#domain/plan.ts'

export type ProcessRole = 'all' | 'gateway' | 'control' | 'worker'

/** How this process runs; frozen at start. The only place that reads the environment. */
export interface Config {
  readonly host: string
  /** 0 lets the system choose (tests). */
  readonly port: number
  /** null: embedded database in `dataDirectory`. */
  readonly databaseUrl: string | null
  /** null: the queue runs on the database. */
  readonly redisUrl: string | null
  readonly dataDirectory: string
  readonly adminKey: string | null
  /** CIDRs of private addresses that providers may live on. */
  readonly upstreamAllow: readonly string[]
  readonly role: ProcessRole
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** How often open proposals are looked at. */
  readonly tickMs: number
  /** How long a gateway may serve a candidate without having heard from the control plane. */
  readonly leaseMs: number
  /** How long decisions, their feedback and the ledger of mirrored calls are kept. */
  readonly decisionRetentionMs: number
  /** Who may read `/metrics`. */
  readonly metrics: 'loopback' | 'open' | 'key'
  /** Base address of an OTLP/HTTP collector of traces; null: none. */
  readonly traceEndpoint: string | null
  /** Share of traces begun here that are recorded, 0..1. */
  readonly traceRatio: number
}

const schema = {
  type: 'object',
  properties: {
    HOST: { type: 'string', minLength: 1 },
    PORT: { type: 'string', pattern: '^[0-9]{1,5}$' },
    DATABASE_URL: { type: 'string', pattern: '^postgres(ql)?://' },
    REDIS_URL: { type: 'string', pattern: '^rediss?://' },
    INTERLOCK_DATA_DIR: { type: 'string', minLength: 1 },
    INTERLOCK_ADMIN_KEY: { type: 'string', minLength: 32 },
    INTERLOCK_UPSTREAM_ALLOW: { type: 'string' },
    INTERLOCK_ROLE: { enum: ['all', 'gateway', 'control', 'worker'] },
    INTERLOCK_LOG_LEVEL: { enum: ['debug', 'info', 'warn', 'error', 'silent'] },
    INTERLOCK_TICK_MS: { type: 'string', pattern: '^[0-9]{2,6}$' },
    INTERLOCK_LEASE_MS: { type: 'string', pattern: '^[0-9]{3,6}$' },
    INTERLOCK_RETENTION_DECISIONS: { type: 'string', pattern: '^[1-9][0-9]{0,3}(h|d)$' },
    INTERLOCK_METRICS: { enum: ['loopback', 'open', 'key'] },
    OTEL_EXPORTER_OTLP_ENDPOINT: { type: 'string', pattern: '^https?://' },
    OTEL_TRACES_SAMPLER_ARG: { type: 'string', pattern: '^(0(\\.[0-9]{1,9})?|1(\\.0{1,9})?)$' },
  },
} as const

const expectations: Readonly<Record<string, string>> = {
  HOST: 'a host name or address',
  PORT: 'a port number from 0 to 65535',
  DATABASE_URL: 'a URL such as postgres://user:password@host:5432/name',
  REDIS_URL: 'a URL such as redis://host:6379/0',
  INTERLOCK_ADMIN_KEY: 'a string of 32 characters or more',
  INTERLOCK_ROLE: 'one of all, gateway, control, worker',
  INTERLOCK_LOG_LEVEL: 'one of debug, info, warn, error, silent',
  INTERLOCK_TICK_MS: 'milliseconds, 10 to 999999',
  INTERLOCK_LEASE_MS: 'milliseconds, 100 to 999999',
  INTERLOCK_RETENTION_DECISIONS: 'a time such as 48h or 90d, at least 1h',
  INTERLOCK_METRICS: 'one of loopback, open, key',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'a URL such as http://collector:4318',
  OTEL_TRACES_SAMPLER_ARG: 'a share from 0 to 1',
}

/** An environment that this process cannot run with. The message never shows a value: it may be a secret. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  constructor(problems: readonly string[]) {
    super(`the environment is not usable: ${problems.join('; ')}`)
    this.name = 'ConfigError'
  }
}

/**
 * Reads the configuration of a process. Empty variables count as absent.
 *
 * @throws ConfigError naming every variable at fault and what it should look like
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const known = Object.keys(schema.properties)
  const set = Object.fromEntries(known.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
  const validate = new Ajv({ allErrors: true }).compile(schema)
  const problems = validate(set)
    ? []
    : (validate.errors ?? []).map((error) => {
        const name = error.instancePath.slice(1)
        return `${name} must be ${expectations[name] ?? 'a non-empty string'}`
      })
  const port = Number(set['PORT'] ?? 8080)
  if (port > 65_535) problems.push('PORT must be a port number from 0 to 65535')
  const role = (set['INTERLOCK_ROLE'] ?? 'all') as ProcessRole
  if (role !== 'all' && set['DATABASE_URL'] === undefined) {
    problems.push(`INTERLOCK_ROLE=${role} needs DATABASE_URL: the embedded database serves one process only`)
  }
  if (problems.length > 0) throw new ConfigError([...new Set(problems)])
  return Object.freeze({
    host: set['HOST'] ?? '127.0.0.1',
    port,
    databaseUrl: set['DATABASE_URL'] ?? null,
    redisUrl: set['REDIS_URL'] ?? null,
    dataDirectory: set['INTERLOCK_DATA_DIR'] ?? './.interlock',
    adminKey: set['INTERLOCK_ADMIN_KEY'] ?? null,
    upstreamAllow: (set['INTERLOCK_UPSTREAM_ALLOW'] ?? '')
      .split(',')
      .map((cidr) => cidr.trim())
      .filter((cidr) => cidr !== ''),
    role,
    logLevel: (set['INTERLOCK_LOG_LEVEL'] ?? 'info') as Config['logLevel'],
    tickMs: Number(set['INTERLOCK_TICK_MS'] ?? 1_000),
    leaseMs: Number(set['INTERLOCK_LEASE_MS'] ?? 15_000),
    decisionRetentionMs: durationMs(set['INTERLOCK_RETENTION_DECISIONS'] ?? '90d') ?? 0,
    metrics: (set['INTERLOCK_METRICS'] ?? 'loopback') as Config['metrics'],
    traceEndpoint: set['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? null,
    traceRatio: Number(set['OTEL_TRACES_SAMPLER_ARG'] ?? 1),
  })
}

/** Resolves a credential reference for the provider room: `env:NAME` reads the environment at each call, so rotation needs no restart. */
export function readEnvironmentSecret(name: string): string | null {
  return process.env[name] || null
}
