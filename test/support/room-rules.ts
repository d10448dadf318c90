import type { ImportEdge, SourceFile } from './source-tree.ts'

/** What a room may import. docs/architecture.md shows the same table; test/architecture.test.ts compares the two. */
export interface RoomRule {
  readonly name: string
  /** Rooms whose files may be imported. */
  readonly rooms: readonly string[]
  /** Rooms of which only types may be imported: the leaf states a shape, this room fulfils it. */
  readonly typesOf?: readonly string[]
  /** npm packages and the builtins that reach outside the process or its memory. */
  readonly packages: readonly string[]
}

/** Builtins that only compute, wait or name things: every room but `server/domain` may use them. */
export const plainBuiltins: readonly string[] = [
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:path',
  'node:stream',
  'node:stream/promises',
  'node:timers',
  'node:timers/promises',
  'node:url',
  'node:util',
]

/** From the leaves up. `runners/entry` is the part of runners/ that starts processes; see docs/decisions. */
export const roomRules: readonly RoomRule[] = [
  { name: 'datasets', rooms: [], packages: ['node:fs', 'ajv', 'yaml'] },
  { name: 'reports', rooms: [], packages: ['node:fs', 'handlebars', 'd3-scale', 'd3-shape'] },
  { name: 'migrations', rooms: [], packages: ['kysely'] },
  { name: 'server/domain', rooms: [], packages: ['node:crypto'] },
  { name: 'evaluators', rooms: ['datasets'], packages: ['node:fs', 'ajv', 'ajv-formats', 're2js'] },
  {
    name: 'server/infra',
    rooms: ['server/domain'],
    packages: [
      'ajv',
      'bullmq',
      'ioredis',
      'pino',
      'prom-client',
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace',
      'gpt-tokenizer',
      'node:worker_threads',
    ],
  },
  { name: 'server/providers', rooms: ['server/domain'], packages: ['node:dns', 'node:fs', 'node:net', 'undici'] },
  {
    name: 'server/store',
    rooms: ['server/domain', 'migrations'],
    typesOf: ['datasets', 'evaluators', 'reports'],
    packages: ['node:fs', 'kysely', 'pg', '@electric-sql/pglite', 'node:worker_threads'],
  },
  {
    name: 'server/http',
    rooms: ['server/domain', 'server/infra', 'server/store'],
    packages: ['node:http', 'node:async_hooks', 'ajv', 'express'],
  },
  {
    name: 'server/rollout',
    rooms: ['server/domain', 'server/infra', 'server/store', 'evaluators', 'datasets'],
    packages: [],
  },
  {
    name: 'server/gateway',
    rooms: ['server/domain', 'server/infra', 'server/store', 'server/providers', 'server/http'],
    packages: ['node:http', 'express', 'ioredis'],
  },
  {
    name: 'server/control',
    rooms: [
      'server/domain',
      'server/infra',
      'server/rollout',
      'server/store',
      'server/http',
      'evaluators',
      'reports',
      'datasets',
    ],
    packages: ['express'],
  },
  { name: 'server/cli', rooms: ['server/domain', 'evaluators', 'datasets'], packages: ['node:fs'] },
  {
    name: 'server',
    rooms: [
      'server/domain',
      'server/infra',
      'server/providers',
      'server/store',
      'server/http',
      'server/rollout',
      'server/gateway',
      'server/control',
      'evaluators',
      'datasets',
    ],
    packages: ['node:http', 'node:os', 'express'],
  },
  {
    name: 'runners',
    rooms: [
      'server/domain',
      'server/infra',
      'server/rollout',
      'server/store',
      'server/providers',
      'evaluators',
      'datasets',
    ],
    packages: ['bullmq'],
  },
  {
    name: 'runners/entry',
    rooms: [
      'server',
      'server/domain',
      'server/infra',
      'server/store',
      'server/cli',
      'runners',
      'evaluators',
      'datasets',
    ],
    packages: ['node:fs', 'node:os'],
  },
]

/** Files of runners/ that start processes rather than do the work of one. */
const entryFiles = /^runners\/(interlock|commands|serve|server-process|wiring)\.ts$|^runners\/demo\//

/** Room of a file; null for files no rule speaks about (test/, the root's own). */
export function roomOf(path: string): string | null {
  if (entryFiles.test(path)) return 'runners/entry'
  const [top, second, ...below] = path.split('/')
  if (top === 'server') return below.length > 0 ? `server/${second}` : 'server'
  return top !== undefined && ['datasets', 'reports', 'migrations', 'evaluators', 'runners'].includes(top) ? top : null
}

export interface Deviation {
  readonly file: string
  /** Package, room or clock name that the rule forbids here. */
  readonly uses: string
  readonly reason: string
}

/** True where the room's rule allows this import. */
export function isAllowed(rule: RoomRule, edge: ImportEdge): boolean {
  if (edge.package !== null) {
    // Types of a builtin are gone when the code runs: a handler may name what it is handed.
    const isHarmless = plainBuiltins.includes(edge.package) || (edge.isTypeOnly && edge.package.startsWith('node:'))
    const isPlain = rule.name !== 'server/domain' && isHarmless
    return (
      isPlain || rule.packages.includes(edge.package) || rule.packages.includes(edge.package.replace('/promises', ''))
    )
  }
  const room = roomOf(edge.file ?? '')
  if (room === null) return false
  return room === rule.name || rule.rooms.includes(room) || (edge.isTypeOnly && (rule.typesOf ?? []).includes(room))
}

/** What the rule says about a forbidden import, in one line. */
export function violation(file: SourceFile, edge: ImportEdge): string {
  return `${file.path}:${edge.line} imports ${edge.isTypeOnly ? 'types of ' : ''}${edge.specifier}`
}
