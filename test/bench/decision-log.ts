import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { type Database, openEmbedded, openPostgres } from '#store/database.ts'
import { type DecisionFilter, summarizeDecisions } from '#store/decision-search.ts'
import { listDecisions } from '#store/decisions.ts'
import { migrate } from '#store/migrate.ts'
import { readInventory } from '#store/report-inventory.ts'
import { readSavings } from '#store/report-savings.ts'

/**
 * How long the decision explorer and the reports take on a large decision log:
 * `node test/bench/decision-log.ts --rows 1000000` on PostgreSQL (DATABASE_URL), `--embedded` on PGlite.
 */
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '300000' }, embedded: { type: 'boolean', default: false } },
})
const batch = 20_000
const rowCount = Number(values.rows)
const untilMs = Date.parse('2026-03-01T00:00:00Z')
const spanMs = 29 * 86_400_000

/** Twelve routes of two versions, three models, sessions of four, 1 % errors, 0.5 % fallbacks, 2 % past every route. */
async function fill(db: Database): Promise<void> {
  for (let from = 1; from <= rowCount; from += batch) {
    await sql`
      insert into decisions (request_id, at, route, version, arm, bucket, rule, task, reason, random, snapshot_epoch, model,
        provider, eligible, excluded, attempts, is_fallback, status, error_code, is_stream, input_tokens, cached_input_tokens,
        output_tokens, reasoning_tokens, is_usage_estimated, cost_micro_usd, ttft_ms, total_ms, key_id, metadata, facts)
      select 'req_' || lpad(to_hex(i), 8, '0') || md5(i::text), ${new Date(untilMs)}::timestamptz - i * ${spanMs / rowCount}::float8 * interval '1 millisecond',
        case when i % 50 = 0 then 'p/strong' else 'route-' || (i::bigint * 7 % 12) end,
        case when i % 50 = 0 then null else 1 + (i % 3 = 0)::int end,
        case when i % 20 = 0 then 'candidate' else 'baseline' end, i % 10000,
        case when i % 9973 = 0 then 'rare' when i % 3 = 0 then 'simple' end,
        (array['classification', 'extraction', 'generation', 'code', null])[1 + i % 5], 'priority: first of 3 eligible', 0.5, 400,
        case when i % 19997 = 0 then 'p/rare' else (array['p/strong', 'p/cheap', 'q/mid'])[1 + i % 3] end,
        case when i % 3 = 2 and i % 19997 <> 0 then 'q' else 'p' end, '["p/strong", "p/cheap", "q/mid"]'::jsonb,
        case when i % 4999 = 0 then '[{"by": "budget", "model": "p/far", "detail": "the budget has $0.01 left"}]'::jsonb
          when i % 10 = 0 then '[{"by": "region", "model": "p/far", "detail": "needs eu, is us"}]'::jsonb else '[]'::jsonb end,
        '[{"model": "p/strong", "status": 200, "endMs": 812, "startMs": 1, "provider": "p", "errorClass": null, "isFallback": false, "firstTokenMs": 212}]'::jsonb,
        i % 211 = 0, case when i % 101 = 0 then 503 else 200 end,
        case when i % 101 = 0 then case when i % 7 = 0 then 'timeout' else 'upstream_error' end end, i % 2 = 0,
        case when i % 101 > 0 then 200 + i % 1800 end, 0, case when i % 101 > 0 then 20 + i % 400 end, 0, false,
        case when i % 101 > 0 and i % 53 > 0 then 300 + i % 9000 end, 120 + i % 300, 300 + (i::bigint * 7919 % 6000), 'key_' || i % 40,
        jsonb_build_object('team', 'team-' || i % 15, 'session', 's-' || i / 4, 'user', 'u-' || i % 5000, 'workflow', 'flow-' || i % 9),
        '{"inputTokens": 812, "hasTools": false, "hasImages": false, "wantsJson": true, "capabilities": [], "patterns": {}}'::jsonb
      from generate_series(${from}::int, ${Math.min(from + batch - 1, rowCount)}::int) i`.execute(db)
  }
}

const filters: Readonly<Record<string, DecisionFilter>> = {
  'no filter': {},
  route: { route: 'route-3' },
  'route and version': { route: 'route-3', version: 2 },
  arm: { arm: 'candidate' },
  'model, rare': { model: 'p/rare' },
  provider: { provider: 'q' },
  'rule, rare': { rule: 'rare' },
  task: { task: 'code' },
  'errorCode, rare': { errorCode: 'timeout' },
  'status 5xx': { status: '5xx' },
  'status 4xx, none': { status: '4xx' },
  'key, none': { keys: ['key_none'] },
  session: { metadata: { session: `s-${Math.floor(rowCount / 8)}` } },
  'user and model': { metadata: { user: 'u-77' }, model: 'p/cheap' },
  team: { metadata: { team: 'team-3' } },
  'excludedBy, rare': { excludedBy: 'budget' },
  isFallback: { isFallback: true },
  'endpoint, none': { endpoint: 'embeddings' },
  'minLatencyMs, none': { minLatencyMs: 60_000 },
  'minCostUsd, none': { minCostMicroUsd: 5_000_000 },
  'hasFeedback, none': { hasFeedback: true },
  'old, route': { route: 'route-3', until: untilMs - spanMs / 2 },
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[2] ?? Number.NaN
}

async function measure(db: Database): Promise<void> {
  const show = (name: string, ...ms: number[]) =>
    process.stdout.write(`${name.padEnd(24)}${ms.map((one) => `${one.toFixed(1)} ms`.padStart(12)).join('')}\n`)
  process.stdout.write(`${'filter'.padEnd(24)}${'page of 50'.padStart(12)}${'summary'.padStart(12)}\n`)
  for (const [name, filter] of Object.entries(filters)) {
    const page = await timed(() => listDecisions(db, { ...filter, limit: 51 }))
    show(name, page, await timed(() => summarizeDecisions(db, filter)))
  }
  const window = { sinceMs: untilMs - 30 * 86_400_000, untilMs, period: '30d' } as const
  show('inventory', await timed(() => readInventory(db, window)))
  show('savings', await timed(() => readSavings(db, window)))
}

async function embedded(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'interlock-bench-'))
  const { db, close } = await openEmbedded(directory)
  try {
    await run(db, () => sql`vacuum analyze decisions`.execute(db))
  } finally {
    await close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function postgres(): Promise<void> {
  const url = new URL(process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres')
  const name = `interlock_bench_${process.pid}`
  const admin = new pg.Client({ connectionString: url.toString() })
  await admin.connect()
  await admin.query(`create database ${name}`)
  url.pathname = `/${name}`
  const { db, close } = openPostgres(url.toString(), () => undefined)
  try {
    // The pool's queries have a time limit, which a vacuum need not keep.
    const vacuum = new pg.Client({ connectionString: url.toString() })
    await vacuum.connect()
    await run(db, () => vacuum.query('vacuum analyze decisions').finally(() => vacuum.end()))
  } finally {
    await close()
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  }
}

async function run(db: Database, vacuum: () => Promise<unknown>): Promise<void> {
  await migrate(db)
  const start = performance.now()
  await fill(db)
  await vacuum()
  const engine = values.embedded ? 'PGlite' : 'PostgreSQL'
  process.stdout.write(`${engine}, ${rowCount} rows, filled in ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
  await measure(db)
}

await (values.embedded ? embedded() : postgres())
