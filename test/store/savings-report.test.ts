import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { inTransaction, json } from '#store/database.ts'
import { insertFeedback } from '#store/feedback.ts'
import { readSavings } from '#store/report-savings.ts'
import { seedEvalRun } from '#test/store/report-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'
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
    await sql`truncate routes, providers, decisions, feedback, shadow_calls, eval_scores, dataset_contents, proposals, api_keys cascade`.execute(
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

  /** Makes version 2 (p/cheap) stable, promoted by a proposal with these stored gates. */
  async function promote(gates: readonly object[] = []): Promise<string> {
    const { deps } = rolloutDeps(database.db)
    const id = await seedProposal(deps, { state: { status: 'promoted' } })
    await database.db
      .updateTable('proposals')
      .set({ gates: json(gates) })
      .where('id', '=', id)
      .execute()
    await database.db.updateTable('routes').set({ stable_version: 2, previous_version: 1 }).execute()
    return id
  }

  describe('savings (E3)', () => {
    const cheap = { model: 'p/cheap', version: 2, costMicroUsd: 210 } as const

    it('compares with the same tokens at the price of the strongest model, cached input at its own', async () => {
      await promote()
      await seed(times(10, { ...cheap, requestId: 'a', cachedInputTokens: 400 }))
      const { routes, total } = await readSavings(database.db, window)
      // 600 x 5 + 400 x 2.5 + 100 x 15 = 5,500 micro-dollars each.
      expect(routes[0]).toMatchObject({
        route: 'support',
        strongestModel: { model: 'p/strong', by: 'price' },
        strongest: {
          requests: 10,
          actualMicroUsd: 2100,
          otherMicroUsd: 55_000,
          savedMicroUsd: 52_900,
          savedRangeMicroUsd: [52_900 - 3750, 52_900 + 3750],
        },
      })
      expect(total.strongest?.savedRatio).toBeCloseTo(52_900 / 55_000, 9)
    })

    it('saves nothing where the strongest model answered itself, and knows that without a range', async () => {
      await seed(times(5, { requestId: 'a', costMicroUsd: 6500 }))
      const { routes } = await readSavings(database.db, window)
      expect(routes[0]?.strongest).toMatchObject({ savedMicroUsd: 0, savedRangeMicroUsd: [0, 0] })
      expect(routes[0]?.strongestModel?.reason).toContain('only priced model')
    })

    it('counts requests without a price or tokens apart: they are in no sum and never 0', async () => {
      await promote()
      await seed(times(4, { ...cheap, requestId: 'a' }), [
        { requestId: 'unpriced', ...cheap, costMicroUsd: null },
        { requestId: 'down', ...cheap, status: 502, inputTokens: null, outputTokens: null, costMicroUsd: null },
      ])
      const { routes } = await readSavings(database.db, window)
      expect(routes[0]?.excluded).toEqual({ unpriced: 1, unanswered: 1, withoutComparison: 0 })
      expect(routes[0]?.strongest).toMatchObject({ requests: 4, otherMicroUsd: 26_000 })
    })

    it('makes no comparison where no model of the pool has a price', async () => {
      await setPrice('strong', null)
      await seed(times(4, { requestId: 'a', costMicroUsd: 500 }))
      const { routes, total } = await readSavings(database.db, window)
      expect(routes[0]).toMatchObject({ strongestModel: null, strongest: null, excluded: { withoutComparison: 4 } })
      expect([total.strongest, total.netMicroUsd]).toEqual([null, null])
    })

    it('does not count a model as the strongest that only a refused version could choose', async () => {
      const { deps } = rolloutDeps(database.db)
      await seedProposal(deps, { state: { status: 'failed' } })
      await setPrice('cheap', { input: 90_000_000, cachedInput: null, output: 90_000_000 })
      await seed(times(4, { requestId: 'a' }))
      const { routes } = await readSavings(database.db, window)
      expect(routes[0]?.strongestModel?.model).toBe('p/strong')
    })

    it('compares with the version before on its own period, task by task, with an interval', async () => {
      await promote()
      await seed(
        times(40, { requestId: 'old-easy', atMs: at(90), task: 'easy', costMicroUsd: 1000 }),
        times(40, { requestId: 'old-hard', atMs: at(90), task: 'hard', costMicroUsd: 9000 }),
        // In the window as well, but not of the stable version.
        times(20, { requestId: 'late', atMs: at(5), task: 'easy', costMicroUsd: 1000 }),
        times(30, { ...cheap, requestId: 'easy', task: 'easy', costMicroUsd: 100 }),
        times(10, { ...cheap, requestId: 'hard', task: 'hard', costMicroUsd: 500 }),
        times(10, { ...cheap, requestId: 'new', task: 'new' }),
      )
      const { routes } = await readSavings(database.db, window)
      expect(routes[0]?.previous).toMatchObject({
        version: 2,
        previousVersion: 1,
        requests: 40,
        previousRequests: 100,
        currentEachMicroUsd: 200,
        previousEachMicroUsd: 3000,
        savedEachMicroUsd: 2800,
        savedEachIntervalMicroUsd: [2800, 2800],
        savedMicroUsd: 112_000,
        coverage: 0.8,
      })
    })

    it('says why there is no comparison with a version before', async () => {
      await seed(times(10, { requestId: 'a' }))
      expect((await readSavings(database.db, window)).routes[0]).toMatchObject({
        previous: null,
        previousNote: 'v1 is the first stable version: there is none before it.',
        warning: null,
      })
      await promote()
      await sql`delete from decisions`.execute(database.db)
      expect((await readSavings(database.db, window)).routes[0]).toMatchObject({
        previousNote: 'No priced request of v1 is in the decision log.',
        warning: { kind: 'unknown' },
      })
    })

    const gate = (over: object) => ({
      stage: 'canary',
      step: 0,
      metric: 'json_validity',
      baseline: 0.95,
      candidate: 0.9,
      difference: -0.05,
      interval: [-0.08, -0.02],
      samples: 200,
      missing: 0,
      threshold: { maxDrop: 0.1 },
      verdict: 'pass',
      eValue: 1,
      harmEValue: 1,
      margin: 0.1,
      mde: null,
      ...over,
    })

    it('puts the quality the engine measured beside the saving, and warns where it fell', async () => {
      await promote([
        gate({ stage: 'offline', step: -1, interval: [-0.1, 0.01] }),
        gate({ step: 0, candidate: 0.5 }),
        gate({ step: 1 }),
        gate({ step: 1, metric: 'cost_usd' }),
      ])
      await seed(times(10, { ...cheap, requestId: 'a' }))
      const [row] = (await readSavings(database.db, window)).routes
      expect(row?.quality.map((line) => [line.source, line.metric, line.current, line.change])).toEqual([
        ['eval', 'json_validity', 0.9, 'not_shown'],
        ['live', 'json_validity', 0.9, 'fell'],
      ])
      expect(row?.warning).toEqual({
        kind: 'fell',
        sentence: 'Quality was shown to have fallen: json_validity (live) against v1.',
      })
    })

    it('puts what people said beside it: ratings and complaints of both versions (D11)', async () => {
      await promote()
      await seed(
        times(60, { requestId: 'old', atMs: at(5), costMicroUsd: 6500 }),
        times(60, { ...cheap, requestId: 'new', atMs: at(3) }),
      )
      const say = (requestId: string, signal: string, value: number | null) =>
        inTransaction(database.db, (tx) =>
          insertFeedback(tx, {
            id: `fb_${requestId}_${signal}`,
            requestId,
            signal,
            value,
            comment: null,
            by: 'app',
            at: at(2),
          }),
        )
      for (let index = 0; index < 20; index += 1) {
        await say(`old-${index}`, 'rating', index % 10 === 0 ? 0.8 : 1)
        await say(`new-${index}`, 'rating', index % 10 === 0 ? 0.4 : 0.6)
        await say(`new-${index}`, 'ticket', null)
      }
      const [row] = (await readSavings(database.db, window)).routes
      expect(row?.quality.map((line) => [line.source, line.metric, line.against, line.samples, line.change])).toEqual([
        ['feedback', 'rating', 'v1', 20, 'fell'],
        ['feedback', 'complaints', 'v1', 60, 'fell'],
      ])
      expect(row?.quality[0]?.current).toBeCloseTo(0.58, 9)
      expect(row?.quality[1]).toMatchObject({ other: 0 })
      expect(row?.quality[1]?.current).toBeCloseTo(1 / 3, 9)
      expect(row?.warning?.kind).toBe('fell')
    })

    it('takes the strongest by eval scores where all were scored, and tells how far the answers are behind it', async () => {
      const id = await promote()
      const items = Array.from({ length: 60 }, (_, index) => ({ baseline: 1, candidate: index % 2 }))
      await seedEvalRun(database.db, { id: 'run', proposalId: id, items })
      await seed(times(10, { ...cheap, requestId: 'a' }))
      const [row] = (await readSavings(database.db, window)).routes
      expect(row?.strongestModel).toMatchObject({ model: 'p/strong', by: 'quality' })
      expect(row?.quality).toMatchObject([
        {
          source: 'eval',
          metric: 'mean_score',
          against: 'p/strong',
          other: 1,
          current: 0.5,
          difference: -0.5,
          change: 'fell',
        },
      ])
    })

    it('shows what proving cost: shadow calls, eval answers and judges, by route, with unpriced calls counted', async () => {
      const id = await promote()
      const shadow = (requestId: string, cost: number | null) => ({
        request_id: requestId,
        proposal_id: id,
        at: new Date(at(2)),
        model: 'p/cheap',
        status: 200,
        error_class: null,
        input_tokens: 10,
        output_tokens: 10,
        cost_micro_usd: cost,
        latency_ms: 100,
      })
      await database.db
        .insertInto('shadow_calls')
        .values([shadow('a', 300), shadow('b', null)])
        .execute()
      await seedEvalRun(database.db, { id: 'run', proposalId: id, items: [{ baseline: 1, candidate: 1 }] })
      await sql`update eval_runs set created_at = ${new Date(at(1))}`.execute(database.db)
      await sql`update eval_scores set cost_micro_usd = 50`.execute(database.db)
      await seed(times(10, { ...cheap, requestId: 'x' }))
      const report = await readSavings(database.db, window)
      const proving = { shadowMicroUsd: 300, evalMicroUsd: 1000 + 100 + 2 * 50, unpricedCalls: 1 }
      expect(report.routes[0]?.proving).toEqual(proving)
      expect(report.total.proving).toEqual(proving)
      expect(report.total.netMicroUsd).toBe((report.total.strongest?.savedMicroUsd ?? 0) - 1500)
    })

    it('has a day for every day between the first and the last, and the days add up', async () => {
      await promote()
      await seed(
        times(4, { ...cheap, requestId: 'a', atMs: at(6) }),
        times(2, { ...cheap, requestId: 'b', atMs: at(3) }),
      )
      const { days, total } = await readSavings(database.db, window)
      expect(days.map((day) => [new Date(day.at).toISOString().slice(0, 10), day.requests])).toEqual([
        ['2026-02-23', 4],
        ['2026-02-24', 0],
        ['2026-02-25', 0],
        ['2026-02-26', 2],
      ])
      expect(days.reduce((sum, day) => sum + day.strongestMicroUsd, 0)).toBe(total.strongest?.otherMicroUsd)
      expect(days.reduce((sum, day) => sum + day.actualMicroUsd, 0)).toBe(total.strongest?.actualMicroUsd)
    })

    it('leaves direct traffic out of the comparison and tells its cost', async () => {
      await seed(times(3, { requestId: 'a', route: 'p/strong', version: null }))
      const { total, routes } = await readSavings(database.db, window)
      expect(total.direct).toEqual({ requests: 3, costMicroUsd: 3600, unpriced: 0 })
      expect([total.strongest, routes[0]?.requests]).toEqual([null, 0])
    })
  })
})
