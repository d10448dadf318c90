import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { json } from '#store/database.ts'
import { readInventory } from '#store/report-inventory.ts'
import { readTrafficCells } from '#store/traffic-cells.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedRoute } from '#test/support/factories.ts'
import { type SeededRequest, seedRequests, times } from '#test/support/traffic.ts'

const dayMs = 86_400_000
const until = Date.parse('2026-03-01T00:00:00Z')
const window = { sinceMs: until - 30 * dayMs, untilMs: until, period: '30d' } as const
const at = (daysAgo: number) => until - daysAgo * dayMs

/** Both engines answer the same: every expectation below holds on each (E2, E3, E7). */
describe.each(engines())('reports on %s', (engine) => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(async () => {
    await database.close()
  })
  beforeEach(async () => {
    await sql`truncate routes, providers, decisions, feedback, shadow_calls, dataset_contents, proposals, api_keys cascade`.execute(
      database.db,
    )
    await seedRoute(database.db)
    await setPrice('strong', { input: 5_000_000, cachedInput: 2_500_000, output: 15_000_000 })
    await setPrice('cheap', { input: 150_000, cachedInput: null, output: 600_000 })
  })

  async function setPrice(model: string, price: object | null): Promise<void> {
    await database.db
      .updateTable('models')
      .set({ price: price === null ? null : json(price) })
      .where('model', '=', model)
      .execute()
  }

  const seed = (...requests: (Partial<SeededRequest> & { requestId: string })[][]) =>
    seedRequests(database.db, requests.flat())

  describe('inventory (E2)', () => {
    it('tells each route with its models, tasks, prompts, workflows, volume, tokens, latency, errors and cost', async () => {
      await seed(
        times(6, { requestId: 'a', task: 'extraction', promptVersion: 'reply@3', metadata: { workflow: 'inbox' } }),
        times(3, { requestId: 'b', model: 'p/cheap', costMicroUsd: 210, totalMs: 900, metadata: { workflow: 'bot' } }),
        [
          { requestId: 'down', status: 502, inputTokens: null, outputTokens: null, costMicroUsd: null, totalMs: 9_000 },
          { requestId: 'gone', status: 499, inputTokens: null, outputTokens: null, costMicroUsd: null },
          { requestId: 'unpriced', costMicroUsd: null },
          { requestId: 'before', atMs: at(31) },
        ],
      )
      const report = await readInventory(database.db, window)
      expect(report.rows).toHaveLength(1)
      expect(report.rows[0]).toMatchObject({
        kind: 'route',
        name: 'support',
        owner: 'team',
        purpose: 'tests',
        risk: 'low',
        stableVersion: 1,
        models: [
          { name: 'p/strong', requests: 9, ratio: 0.75 },
          { name: 'p/cheap', requests: 3, ratio: 0.25 },
        ],
        tasks: [
          { name: null, requests: 6, ratio: 0.5 },
          { name: 'extraction', requests: 6, ratio: 0.5 },
        ],
        prompts: [
          { name: null, requests: 6 },
          { name: 'reply@3', requests: 6 },
        ],
        workflows: [
          { name: 'inbox', requests: 6 },
          { name: null, requests: 3 },
          { name: 'bot', requests: 3 },
        ],
        requests: 12,
        inputTokens: 10_000,
        outputTokens: 1_000,
        latencyP50Ms: 400,
        latencyP95Ms: 900,
        errors: 1,
        costMicroUsd: 6 * 1200 + 3 * 210,
        unpriced: 1,
      })
      expect(report.total).toMatchObject({ requests: 12, costMicroUsd: 7830, unpriced: 1 })
    })

    it('counts by day over the days there was traffic, so that a young installation is not told as a quiet one', async () => {
      await seed(times(200, { requestId: 'a', atMs: at(1) + 1000 }), times(100, { requestId: 'b', atMs: at(2) }))
      const [row] = (await readInventory(database.db, window)).rows
      expect(row?.requestsPerDay).toBeCloseTo(150, 6)
    })

    it('tells models addressed directly by key and team, past every route', async () => {
      await database.db
        .insertInto('api_keys')
        .values({
          id: 'key_app',
          name: 'crm',
          hash: 'h',
          principal: 'crm',
          role: 'gateway',
          metadata: json({}),
          routes: null,
          budgets: null,
          created_by: 'admin',
          created_at: new Date(0),
        })
        .execute()
      const direct = { route: 'p/strong', version: null }
      await seed(
        times(3, { ...direct, requestId: 'a', metadata: { team: 'sales' }, task: 'classification' }),
        times(2, { ...direct, requestId: 'b', keyId: 'key_lost' }),
      )
      const rows = (await readInventory(database.db, window)).rows.filter((row) => row.kind === 'direct')
      expect(rows.map((row) => [row.name, row.caller, row.requests, row.costMicroUsd])).toEqual([
        ['p/strong', 'key crm, team sales', 3, 3600],
        ['p/strong', 'key key_lost', 2, 2400],
      ])
      expect(rows[0]?.reasons.map((reason) => reason.code)).toEqual([
        'spend',
        'cheaper_model',
        'simple_on_strong',
        'past_routes',
      ])
    })

    it('marks what is busy and dear, and lists a route nobody calls with nothing', async () => {
      await seedRoute(database.db, 'quiet')
      await seed(times(150, { requestId: 'a', atMs: at(0.5), costMicroUsd: 6500 }))
      const report = await readInventory(database.db, window)
      expect(report.rows.map((row) => [row.name, row.isCandidate, row.requests])).toEqual([
        ['support', true, 150],
        ['quiet', false, 0],
      ])
      expect(report.rows[1]).toMatchObject({ costMicroUsd: null, latencyP50Ms: null, reasons: [], tasks: [] })
      expect(report.rows[1]?.models).toEqual([{ name: 'p/strong', requests: 0, ratio: 0 }])
      expect(report.total.candidates).toBe(1)
    })
  })

  it('sum up at most the newest requests there is room for, and say from when', async () => {
    await seed(times(5, { requestId: 'new', atMs: at(1) }), times(5, { requestId: 'old', atMs: at(9) }))
    const all = await readTrafficCells(database.db, window, 20)
    const cut = await readTrafficCells(database.db, window, 5)
    expect([all.isCut, all.coveredSinceMs]).toEqual([false, window.sinceMs])
    expect([cut.isCut, cut.coveredSinceMs, cut.cells.length]).toEqual([true, at(1), 1])
  })

  it('take the window half open', async () => {
    await seed([
      { requestId: 'first', atMs: window.sinceMs },
      { requestId: 'end', atMs: until },
    ])
    expect((await readInventory(database.db, window)).total.requests).toBe(1)
  })
})
