import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Database, inTransaction, json } from '#store/database.ts'
import {
  type DecisionFilter,
  type DecisionPlace,
  filterSql,
  keysNamed,
  summarizeDecisions,
} from '#store/decision-search.ts'
import { listDecisions, readDecision } from '#store/decisions.ts'
import { insertFeedback } from '#store/feedback.ts'
import { readDecisionRows, readDecisionView } from '#store/report-view-decisions.ts'
import { seedDecision } from '#test/store/report-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'
import { seedRequests, times } from '#test/support/traffic.ts'

const noon = Date.parse('2026-02-27T12:00:00Z')

describe.each(engines())('the decision log on %s (B7)', (engine) => {
  let database: TestDatabase
  let db: Database

  beforeAll(async () => {
    database = await testDatabase(engine)
    db = database.db
  })
  afterAll(async () => {
    await database.close()
  })
  beforeEach(async () => {
    await sql`truncate routes, providers, decisions, feedback, observations, shadow_calls, api_keys, proposals cascade`.execute(
      db,
    )
  })

  async function say(requestId: string, signal: string): Promise<void> {
    await inTransaction(db, (tx) =>
      insertFeedback(tx, { id: `fb_${requestId}`, requestId, signal, value: 0.5, comment: 'meh', by: 'app', at: noon }),
    )
  }

  const found = async (filter: DecisionFilter) =>
    (await listDecisions(db, { ...filter, limit: 50 })).map((decision) => decision.requestId).sort()

  describe('is found by', () => {
    beforeEach(async () => {
      await seedRequests(db, [
        { requestId: 'plain' },
        {
          requestId: 'rich',
          atMs: noon + 1000,
          route: 'other',
          version: 2,
          arm: 'candidate',
          model: 'q/llama/8b',
          task: 'code',
          rule: 'eu',
          promptVersion: 'reply@3',
          keyId: 'key_2',
          metadata: { team: 'a', user: 'u"1', session: 's' },
          excluded: [{ model: 'p/far', by: 'region', detail: 'needs eu' }],
          isFallback: true,
          endpoint: 'messages',
          costMicroUsd: 90_000,
          totalMs: 9_000,
        },
        { requestId: 'failed', status: 503, errorCode: 'timeout', model: null, costMicroUsd: null, inputTokens: null },
        { requestId: 'gone', status: 499 },
        { requestId: 'refused', status: 429, errorCode: 'rate_limited' },
      ])
      await say('plain', 'rating')
    })

    it.each<[string, DecisionFilter, string[]]>([
      ['route', { route: 'other' }, ['rich']],
      ['version', { version: 2 }, ['rich']],
      ['arm', { arm: 'candidate' }, ['rich']],
      ['a model whose name has slashes', { model: 'q/llama/8b' }, ['rich']],
      ['provider', { provider: 'q' }, ['rich']],
      ['a provider beside the model of another: nothing', { provider: 'p', model: 'q/llama/8b' }, []],
      ['task', { task: 'code' }, ['rich']],
      ['rule', { rule: 'eu' }, ['rich']],
      ['prompt', { prompt: 'reply@3' }, ['rich']],
      ['keys', { keys: ['key_2', 'key_9'] }, ['rich']],
      ['metadata, quotes and all', { metadata: { team: 'a', user: 'u"1' } }, ['rich']],
      ['metadata that only holds in part: nothing', { metadata: { team: 'a', session: 'other' } }, []],
      ['a reason of exclusion', { excludedBy: 'region' }, ['rich']],
      ['another reason: nothing', { excludedBy: 'budget' }, []],
      ['fallback', { isFallback: true }, ['rich']],
      ['no fallback', { isFallback: false }, ['failed', 'gone', 'plain', 'refused']],
      ['endpoint', { endpoint: 'messages' }, ['rich']],
      ['cost', { minCostMicroUsd: 90_000 }, ['rich']],
      ['latency', { minLatencyMs: 9_000 }, ['rich']],
      ['2xx', { status: '2xx' }, ['plain', 'rich']],
      ['4xx, without clients that left', { status: '4xx' }, ['refused']],
      ['499', { status: '499' }, ['gone']],
      ['5xx', { status: '5xx' }, ['failed']],
      ['error code', { errorCode: 'timeout' }, ['failed']],
      ['feedback', { hasFeedback: true }, ['plain']],
      ['no feedback', { hasFeedback: false }, ['failed', 'gone', 'refused', 'rich']],
      ['since, included', { since: noon + 1000 }, ['rich']],
      ['until, not included', { until: noon + 1000 }, ['failed', 'gone', 'plain', 'refused']],
      ['all of several', { route: 'support', status: '5xx', errorCode: 'timeout' }, ['failed']],
    ])('%s', async (_name, filter, ids) => {
      expect(await found(filter)).toEqual(ids)
      expect((await summarizeDecisions(db, filter)).requests).toBe(ids.length)
    })

    it('a text that is no condition: it is a value, never SQL', async () => {
      expect(await found({ route: "x' or true --" })).toEqual([])
    })
  })

  it('is summed up: errors without clients that left, priced cost, what is unpriced, latency of answers', async () => {
    await seedRequests(db, [
      ...times(8, { requestId: 'a', costMicroUsd: 100, totalMs: 10 }),
      { requestId: 'slow', costMicroUsd: null, totalMs: 700 },
      { requestId: 'gone', status: 499, costMicroUsd: null, inputTokens: null },
      { requestId: 'down', status: 502, costMicroUsd: null, inputTokens: null, totalMs: 60_000 },
    ])
    expect(await summarizeDecisions(db, {})).toEqual({
      requests: 11,
      isCut: false,
      errors: 1,
      costMicroUsd: 800,
      unpriced: 1,
      latencyP50Ms: 10,
      latencyP95Ms: 700,
    })
    expect(await summarizeDecisions(db, { route: 'none' })).toMatchObject({ requests: 0, costMicroUsd: null })
  })

  it('pages backwards without losing or repeating a row, ties of time and new arrivals included', async () => {
    await seedRequests(db, times(120, { requestId: 'r' }))
    const seen: string[] = []
    let after: DecisionPlace | null = null
    do {
      const page: Awaited<ReturnType<typeof readDecisionRows>> = await readDecisionRows(db, { route: 'support' }, after)
      seen.push(...page.items.map((item) => item.requestId))
      after = page.next
      await seedRequests(db, [{ requestId: `new-${seen.length}`, atMs: noon + seen.length }])
    } while (after !== null)
    expect(seen).toHaveLength(120)
    expect(new Set(seen).size).toBe(120)
  })

  it('finds a key by its name and by its id', async () => {
    await db
      .insertInto('api_keys')
      .values({
        id: 'key_2',
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
    expect(await keysNamed(db, 'crm')).toEqual(['crm', 'key_2'])
    expect(await keysNamed(db, 'key_2')).toEqual(['key_2'])
  })

  it('is read through an index by every filter that can be rare', async () => {
    await seedRequests(db, times(3_000, { requestId: 'a', metadata: { session: 'x' }, rule: 'r', task: 't' }))
    await sql`analyze decisions`.execute(db)
    const rare: readonly [DecisionFilter, string][] = [
      [{ model: 'q/rare' }, 'decisions_by_model'],
      [{ keys: ['key_rare'] }, 'decisions_by_key'],
      [{ rule: 'rare' }, 'decisions_by_rule'],
      [{ task: 'rare' }, 'decisions_by_task'],
      [{ route: 'support', version: 7 }, 'decisions_by_version'],
      [{ errorCode: 'timeout' }, 'decisions_by_error'],
      [{ status: '5xx' }, 'decisions_refused'],
      [{ isFallback: true }, 'decisions_by_fallback'],
      [{ metadata: { session: 'rare' } }, 'decisions_by_metadata'],
      [{ excludedBy: 'region' }, 'decisions_by_exclusion'],
      [{ endpoint: 'embeddings' }, 'decisions_by_endpoint'],
      [{ minLatencyMs: 60_000 }, 'decisions_by_latency'],
      [{ minCostMicroUsd: 900_000 }, 'decisions_by_cost'],
    ]
    for (const [filter, index] of rare) {
      const { rows } = await sql<{ 'QUERY PLAN': string }>`explain select request_id from decisions
        where ${filterSql(filter)} order by at desc, request_id desc limit 50`.execute(db)
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      expect([index, plan]).toEqual([index, expect.stringContaining(index)])
    }
  })

  describe('one decision', () => {
    it('says in one sentence why this model, and who was excluded by what in words', async () => {
      await seedDecision(db, { id: 'a' })
      const view = await readDecisionView(db, 'a')
      expect(view?.sentence).toBe('p/strong answered (priority: first of the pool).')
      expect(view?.candidates.map(({ model, state, reason, detail }) => [model, state, reason, detail])).toEqual([
        ['p/strong', 'answered', 'first choice', null],
        ['p/cheap', 'eligible', 'choice 2, not needed', null],
        ['p/far', 'excluded', 'is in another region', 'eu is required'],
      ])
      expect(await readDecisionView(db, 'b')).toBeNull()
    })

    it('of an older version stays readable: no waits, no cost of attempts, nothing known of the task', async () => {
      await seedDecision(db, { id: 'old' })
      const decision = await readDecision(db, 'old')
      expect(decision).toMatchObject({ endpoint: 'chat', classification: null, warnings: [], priceVersion: null })
      const view = await readDecisionView(db, 'old')
      expect(view?.attempts[0]).toMatchObject({ waitMs: 0, costMicroUsd: null })
      expect(view?.costWords).toBe("from the provider's own token counts")
      expect(view?.why.map(({ name }) => name)).toEqual(['Rule', 'Task', 'Strategy'])
      expect([view?.hasLive, view?.scoring.state, view?.shadow]).toEqual([false, 'none', null])
    })

    it('tells what it knew: task and how, live statistics, waits, cost of attempts, warnings, price version', async () => {
      await seedDecision(db, { id: 'a', model: 'p/cheap' })
      const attempts = [
        {
          model: 'p/strong',
          provider: 'p',
          startMs: 1,
          endMs: 90,
          firstTokenMs: null,
          status: 503,
          errorClass: 'server_error',
          isFallback: false,
          waitMs: 0,
          costMicroUsd: null,
        },
        {
          model: 'p/cheap',
          provider: 'p',
          startMs: 240,
          endMs: 400,
          firstTokenMs: 300,
          status: 200,
          errorClass: null,
          isFallback: true,
          waitMs: 150,
          costMicroUsd: 500,
        },
      ]
      const live = {
        openCircuits: ['p/rest'],
        targets: {
          'p/strong': {
            inFlight: 3,
            samples: 40,
            totalMs: { p50: 300, p95: 900.4, p99: 1200 },
            ttftMs: null,
            ttftSamples: 0,
          },
        },
        budgetLeftMicroUsd: 12_340_000,
        limitedProviders: {},
      }
      await db
        .updateTable('decisions')
        .set({
          attempts: json(attempts),
          eligible: json(['p/strong']),
          is_fallback: true,
          task: 'code',
          classification: json({
            task: 'code',
            by: 'classifier',
            classifier: 'lexical@1',
            confidence: 0.93,
            note: null,
          }),
          live: json(live),
          warnings: json([{ model: 'p/cheap', field: 'seed', detail: 'left out' }]),
          price_version: 4,
          prompt_version: 'reply@3',
        })
        .execute()
      const view = await readDecisionView(db, 'a')
      expect(view).toMatchObject({
        sentence:
          'p/cheap answered as a fallback: p/strong was chosen first (priority: first of the pool) and did not answer.',
        costWords: "price version 4, the provider's own token counts",
        hasLive: true,
        warnings: [{ field: 'seed' }],
      })
      expect(view?.attempts.map(({ waitMs, costMicroUsd }) => [waitMs, costMicroUsd])).toEqual([
        [0, null],
        [150, 500],
      ])
      expect(view?.candidates.map(({ model, state, live: measured }) => [model, state, measured])).toEqual([
        ['p/strong', 'tried', '3 under way, total p95 900 ms, 40 answers measured'],
        ['p/cheap', 'answered', null],
        ['p/far', 'excluded', null],
      ])
      const why = Object.fromEntries(view?.why.map(({ name, value }) => [name, value]) ?? [])
      expect(why).toMatchObject({
        Task: 'code',
        'Known how': 'identified by the lexical@1 classifier, confidence 93 %',
        'Budget left': '$12.34',
        'Resting models': 'p/rest',
      })
    })

    it('calls an answer without a price unpriced, and a request without an answer not', async () => {
      await seedRequests(db, [
        { requestId: 'unpriced', costMicroUsd: null },
        { requestId: 'down', status: 502, costMicroUsd: null, inputTokens: null, outputTokens: null },
      ])
      expect((await readDecisionView(db, 'unpriced'))?.costWords).toBe('unpriced: p/strong has no price')
      expect((await readDecisionView(db, 'down'))?.costWords).toBe('nothing was answered')
    })

    it('shows scores and feedback as they arrive, and what the candidate did in shadow (D11)', async () => {
      await seedRoute(db)
      const { deps } = rolloutDeps(db)
      const proposalId = await seedProposal(deps, { state: { status: 'shadow' } })
      await seedDecision(db, { id: 'a', proposalId })
      const look = async () => {
        const view = await readDecisionView(db, 'a')
        return [view?.scoring.state, view?.scoring.scores.length, view?.feedback.length, view?.shadow?.model ?? null]
      }
      expect(await look()).toEqual(['none', 0, 0, null])
      await db
        .insertInto('observations')
        .values({
          proposal_id: proposalId,
          request_id: 'a',
          stage: 'shadow',
          step: -1,
          share_bp: 0,
          arm: 'pair',
          unit: null,
          boot_id: 'b',
          assigned_at: new Date(noon),
          deadline_at: new Date(noon + 1000),
          baseline: null,
          candidate: null,
          baseline_scores: null,
          candidate_scores: null,
        })
        .execute()
      await db
        .insertInto('shadow_calls')
        .values({
          request_id: 'a',
          proposal_id: proposalId,
          at: new Date(noon),
          model: 'p/cheap',
          status: 200,
          error_class: null,
          input_tokens: 1,
          output_tokens: 1,
          cost_micro_usd: 3,
          latency_ms: 90,
        })
        .execute()
      expect(await look()).toEqual(['waiting', 0, 0, 'p/cheap'])
      await say('a', 'ticket')
      await db
        .updateTable('observations')
        .set({
          is_scored: true,
          baseline_scores: json({
            values: { json_validity: 1 },
            missing: { llm_judge: 'infrastructure', exact: 'not_sampled' },
          }),
          candidate_scores: json({ values: {}, missing: {}, failed: true }),
        })
        .execute()
      expect(await look()).toEqual(['scored', 3, 1, 'p/cheap'])
      expect((await readDecisionView(db, 'a'))?.scoring.scores).toEqual([
        { arm: 'baseline', evaluator: 'json_validity', status: 'scored', value: 1, reason: null },
        { arm: 'baseline', evaluator: 'llm_judge', status: 'missing', value: null, reason: 'infrastructure' },
        { arm: 'candidate', evaluator: 'all', status: 'failed', value: 0, reason: 'nothing was answered' },
      ])
    })
  })
})
