import OpenAI, { APIError, RateLimitError } from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Budget } from '#domain/budget.ts'
import type { Limits } from '#domain/rate-limit.ts'
import { Allowances } from '#gateway/allowances.ts'
import { createAllowanceSource } from '#store/allowance-source.ts'
import { aBudget, breakable, budgetsOf, fakeClock, stateOf, storeBudget } from '#test/support/allowances.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import {
  answers,
  completion,
  type FakeUpstream,
  fails,
  role,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, silentLog, startGateway, until } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion, testKey } from '#test/support/routing.ts'

const messages = [{ role: 'user' as const, content: 'hello you there' }]
/** Four input tokens at $1, at most 98 output tokens at $2 per million: 200 micro-dollars at most, 20 for the usual answer. */
const ask = { model: 'r', messages, max_tokens: 98 }
const estimate = 200

type Callers = Parameters<typeof aSnapshot>[0]['callers']

describe.each(engines())('what a caller may use, on %s (B5)', (engine) => {
  let database: TestDatabase
  let strong: FakeUpstream
  let cheap: FakeUpstream
  let running: RunningGateway[]
  let clock: ReturnType<typeof fakeClock>
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    for (const table of ['budgets', 'budget_windows', 'budget_leases', 'limit_shares'] as const) {
      await database.db.deleteFrom(table).execute()
    }
    strong = await startUpstream()
    cheap = await startUpstream(answers('cheap'))
    clock = fakeClock()
    running = []
  })
  afterEach(async () => {
    for (const one of running) await one.close()
    for (const one of [strong, cheap]) await one.close()
  })

  interface Setup {
    readonly budgets?: readonly Budget[]
    readonly limits?: Readonly<Record<string, Limits>>
    readonly callers?: Callers
    readonly providerLimits?: Limits
    readonly fallbacks?: readonly string[]
    readonly cheapPrice?: null
  }

  const snapshotOf = (setup: Setup) => ({
    ...aSnapshot({
      providers: [
        aProvider('s', strong.baseUrl, { limits: setup.providerLimits ?? {} }),
        aProvider('c', cheap.baseUrl),
      ],
      models: [
        's/m',
        aModel('c/m', { price: setup.cheapPrice === null ? null : { input: 0, cachedInput: null, output: 0 } }),
      ],
      routes: [
        aRoute('r', { models: ['s/m'], fallbacks: setup.fallbacks ?? [], retry: { attempts: 1 } }),
        aRoute('unpriced', { models: ['c/m'] }),
      ],
      ...(setup.callers && { callers: setup.callers }),
      limits: setup.limits ?? {},
    }),
    budgets: budgetsOf(...(setup.budgets ?? [])),
  })

  async function start(setup: Setup, holder = 'g1') {
    const snapshot = snapshotOf(setup)
    for (const budget of setup.budgets ?? []) await storeBudget(database.db, budget)
    const { source, state } = breakable(createAllowanceSource(database.db, holder, clock))
    const allowances = new Allowances({ source, clock, log: silentLog })
    await allowances.prepare(snapshot)
    const gateway = await startGateway(snapshot, { allowances, clock })
    running.push(gateway)
    return { gateway, allowances, state }
  }

  const statusOf = async (response: Promise<Response>) => {
    const { status, text } = await response.then(async (one) => ({ status: one.status, text: await one.text() }))
    return { status, body: JSON.parse(text) }
  }
  const count = (all: readonly { status: number }[], status: number) =>
    all.filter((one) => one.status === status).length

  it('lets as many of 100 simultaneous requests pass as the budget covers, and charges what they really cost', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 50 * estimate })
    const held = Promise.withResolvers<void>()
    strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const { gateway, allowances } = await start({ budgets: [budget] })
    let ended = 0
    const requests = Array.from({ length: 100 }, () =>
      statusOf(gateway.post(ask)).finally(() => {
        ended += 1
      }),
    )
    await until(() => ended + strong.calls.length === 100)
    held.resolve()
    const all = await Promise.all(requests)
    expect([count(all, 200), count(all, 402)]).toEqual([50, 50])
    await gateway.settle()
    await allowances.reportSpend()
    const { spentMicroUsd } = await stateOf(database.db, 'key', 'key_1', clock.nowMs())
    const logged = gateway.written.decisions.reduce((sum, row) => sum + (row.costMicroUsd ?? 0), 0)
    expect([spentMicroUsd, logged]).toEqual([50 * 20, 50 * 20])
  })

  it('keeps two gateways that are hammered at once within one budget', async () => {
    const budget = aBudget({ scope: 'route', name: 'r', hardMicroUsd: 60 * estimate })
    const held = Promise.withResolvers<void>()
    strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const replicas = [await start({ budgets: [budget] }, 'g1'), await start({ budgets: [budget] }, 'g2')]
    let ended = 0
    const all = replicas.flatMap(({ gateway }) =>
      Array.from({ length: 50 }, () => statusOf(gateway.post(ask)).finally(() => (ended += 1))),
    )
    // Those that were refused have their answers; the others wait at the provider until all are there.
    await until(() => ended + strong.calls.length === 100)
    expect(strong.calls.length).toBeLessThanOrEqual(60)
    expect(strong.calls.length).toBeGreaterThanOrEqual(50)
    held.resolve()
    const answered = await Promise.all(all)
    expect(answered.filter(({ status }) => status !== 200 && status !== 402)).toEqual([])
    for (const { allowances } of replicas) await allowances.reportSpend()
    const { spentMicroUsd } = await stateOf(database.db, 'route', 'r', clock.nowMs())
    expect(spentMicroUsd).toBe(count(answered, 200) * 20)
  })

  it('answers 402 with which budget, how much, and when it resets; the official client does not try again', async () => {
    const budget = aBudget({ scope: 'team', name: 'blue', hardMicroUsd: 150 })
    const { gateway } = await start({ budgets: [budget] })
    const client = new OpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1`, maxRetries: 5 })
    const error = await client.chat.completions
      .create({ ...ask, metadata: { team: 'blue' } })
      .then(() => null)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(APIError)
    const { status, code, headers, message, error: body } = error as APIError
    expect([status, code, headers?.get('x-should-retry')]).toEqual([402, 'budget_exceeded', 'false'])
    expect(message).toContain('daily budget of team "blue"')
    expect(message).toContain('$0.000000 of $0.000150')
    expect(body).toMatchObject({
      type: 'budget_exceeded',
      metadata: {
        scope: 'team',
        name: 'blue',
        period: 'daily',
        limit_usd: 0.00015,
        resets_at: '2026-03-11T00:00:00.000Z',
      },
    })
    await gateway.settle()
    expect(gateway.written.decisions).toMatchObject([{ status: 402, errorCode: 'budget_exceeded', model: null }])
    expect(strong.calls).toHaveLength(0)
    expect((await gateway.post({ ...ask, metadata: { team: 'red' } })).status).toBe(200)
  })

  it('charges a key of team X to team X, whatever its requests claim', async () => {
    const budgets = [aBudget({ scope: 'team', name: 'x' }), aBudget({ scope: 'team', name: 'other', hardMicroUsd: 0 })]
    const callers = { [testKey]: aCaller({ metadata: { team: 'x' } }) }
    const { gateway, allowances } = await start({ budgets, callers })
    const claims = { metadata: { team: 'other' } }
    const response = await gateway.post({ ...ask, ...claims }, { 'x-interlock-team': 'other' })
    expect(response.status).toBe(200)
    await gateway.settle()
    await allowances.reportSpend()
    expect((await stateOf(database.db, 'team', 'x', clock.nowMs())).spentMicroUsd).toBe(20)
  })

  it('falls to a target that the rest of the budget covers, and says why the dearer one was passed over', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10 })
    const { gateway } = await start({ budgets: [budget], fallbacks: ['c/m'] })
    const response = await gateway.post(ask)
    expect([response.status, response.headers.get('x-interlock-model')]).toEqual([200, 'c/m'])
    await gateway.settle()
    expect(gateway.written.decisions[0]?.excluded).toMatchObject([{ model: 's/m', by: 'budget' }])
    expect(gateway.written.decisions[0]?.live.budgetLeftMicroUsd).toBe(10)
  })

  it('sends nobody who has a budget to a model whose price is unknown', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1' })
    const { gateway } = await start({ budgets: [budget], cheapPrice: null })
    const { status, body } = await statusOf(gateway.post({ ...ask, model: 'unpriced' }))
    expect([status, body.error.code]).toEqual([503, 'no_eligible_target'])
    expect(body.error.message).toContain('a budget applies, which needs a price')
    const free = await start({ cheapPrice: null }, 'g2')
    expect((await free.gateway.post({ ...ask, model: 'unpriced' })).status).toBe(200)
  })

  it('settles estimated usage where the provider sends none, failures at nothing, and a client that leaves midway', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10_000 })
    const { gateway, allowances } = await start({ budgets: [budget] })
    const spent = async () => {
      await gateway.settle()
      await allowances.reportSpend()
      await allowances.tick()
      return stateOf(database.db, 'key', 'key_1', clock.nowMs())
    }
    strong.script.push((_call, res) => {
      const { usage: _, ...body } = completion('x'.repeat(40))
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(body))
    })
    await gateway.post(ask)
    const first = (await spent()).spentMicroUsd
    expect(first).toBe(24)
    strong.script.push(fails(500))
    expect((await gateway.post(ask)).status).toBe(502)
    expect((await spent()).spentMicroUsd).toBe(first)
    strong.script.push(streams([role(), ...words('some words that are read')], 'hang'))
    const leaving = new AbortController()
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}` },
      body: JSON.stringify({ ...ask, stream: true }),
    })
    await response.body?.getReader().read()
    leaving.abort()
    await until(() => gateway.written.decisions.length > 2 || gateway.gateway.readings().inFlight === 0)
    const last = await spent()
    expect(gateway.written.decisions[2]).toMatchObject({ status: 499, usage: { isEstimated: true } })
    expect(last.spentMicroUsd - first).toBe(gateway.written.decisions[2]?.costMicroUsd)
    expect(last.spentMicroUsd).toBeGreaterThan(first)
  })

  it('keeps mirrored calls out of the budgets of users', async () => {
    const budget = aBudget({ scope: 'route', name: 'r' })
    const { gateway, allowances } = await start({ budgets: [budget] })
    const baseline = aVersion('r', 1, { models: ['s/m'] })
    const rollout = aRollout(baseline, aVersion('r', 2, { models: ['s/m'], retry: { attempts: 1 } }), {
      stage: 'shadow',
      mirrorRate: 1,
      step: -1,
    })
    const snapshot = snapshotOf({ budgets: [budget] })
    gateway.setSnapshot({ ...snapshot, routes: new Map([['r', { name: 'r', owner: 't', stable: baseline, rollout }]]) })
    await gateway.post(ask)
    await gateway.settle()
    expect(gateway.written.shadowCalls).toMatchObject([{ costMicroUsd: 20 }])
    await allowances.reportSpend()
    expect((await stateOf(database.db, 'route', 'r', clock.nowMs())).spentMicroUsd).toBe(20)
  })

  it('serves what is leased while the database is away, then refuses with 503 and when to come back', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10 * estimate })
    const { gateway, state } = await start({ budgets: [budget] })
    strong.otherwise = answers('x', { usage: { prompt_tokens: 4, completion_tokens: 98, total_tokens: 102 } })
    state.isAway = true
    const all = []
    for (let index = 0; index < 8; index += 1) all.push(await statusOf(gateway.post(ask)))
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 503, 503, 503])
    expect(all[5]?.body.error.code).toBe('budget_unavailable')
    state.isAway = false
    clock.pass(1_000)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('tells limits in OpenAI’s headers on every answer and refuses beyond them with Retry-After', async () => {
    const { gateway } = await start({ limits: { 'key:key_1': { requestsPerMinute: 2, tokensPerMinute: 1_000 } } })
    const told = (headers: Headers | undefined) =>
      ['limit', 'remaining', 'reset'].flatMap((part) =>
        ['requests', 'tokens'].map((kind) => headers?.get(`x-ratelimit-${part}-${kind}`)),
      )
    expect(told((await gateway.post(ask)).headers)).toEqual(['2', '1000', '1', '898', '30s', '6.12s'])
    await gateway.post(ask)
    const error = await gateway.client.chat.completions.create(ask).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RateLimitError)
    const { headers, code, type, message } = error as RateLimitError
    expect([code, type]).toEqual(['rate_limit_exceeded', 'requests'])
    expect(message).toContain('Limit: 2. Please try again in 30s.')
    expect(headers?.get('retry-after')).toBe('30')
    expect(told(headers).slice(0, 4)).toEqual(['2', '1000', '0', expect.any(String)])
    clock.pass(30_000)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('limits tokens by what was really used, and refuses for good what is larger than a minute', async () => {
    const { gateway } = await start({ limits: { 'route:r': { tokensPerMinute: 200 } } })
    const passed = []
    for (let index = 0; index < 20; index += 1) passed.push((await gateway.post(ask)).status)
    // Each reserves 102 and uses 15: seven fit before less than 102 are left.
    expect(passed.indexOf(429)).toBe(7)
    const { status, body } = await statusOf(gateway.post({ ...ask, max_tokens: 500 }))
    expect([status, body.error.type]).toEqual([429, 'tokens'])
    expect((await gateway.post({ ...ask, max_tokens: 500 })).headers.get('x-should-retry')).toBe('false')
  })

  it('lets no more requests run at once than the limit, and frees a place when one ends', async () => {
    const { gateway } = await start({ limits: { 'key:key_1': { concurrency: 2 } } })
    const held = Promise.withResolvers<void>()
    strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const running = [gateway.post(ask), gateway.post(ask)]
    await until(() => strong.calls.length === 2)
    const { status, body } = await statusOf(gateway.post(ask))
    expect([status, body.error.code, body.error.type]).toEqual([429, 'rate_limit_exceeded', 'concurrency'])
    held.resolve()
    await Promise.all(running)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('divides a limit among gateways: together they pass no more than it, once each has asked', async () => {
    const limits = { 'route:r': { requestsPerMinute: 40 } }
    const replicas = [await start({ limits }, 'g1'), await start({ limits }, 'g2')]
    for (const { gateway, allowances } of [...replicas, ...replicas]) {
      await gateway.post(ask)
      await allowances.tick()
    }
    clock.pass(60_000)
    for (const { gateway } of replicas) await gateway.post(ask)
    for (const { allowances } of [...replicas, ...replicas]) await allowances.tick()
    const all = await Promise.all(
      replicas.flatMap(({ gateway }) => Array.from({ length: 40 }, () => statusOf(gateway.post(ask)))),
    )
    expect(count(all, 200) + 2).toBeLessThanOrEqual(40)
    expect(count(all, 200) + 2).toBeGreaterThanOrEqual(38)
  })

  it('passes over a provider whose own limit is reached, and comes back to it', async () => {
    const { gateway } = await start({ providerLimits: { requestsPerMinute: 1 }, fallbacks: ['c/m'] })
    const models = []
    for (let index = 0; index < 3; index += 1) models.push((await gateway.post(ask)).headers.get('x-interlock-model'))
    expect(models).toEqual(['s/m', 'c/m', 'c/m'])
    await gateway.settle()
    expect(gateway.written.decisions[1]).toMatchObject({
      excluded: [{ model: 's/m', by: 'rate_limit', detail: 'its limit of 1 requests per minute is reached' }],
    })
    clock.pass(60_000)
    expect((await gateway.post(ask)).headers.get('x-interlock-model')).toBe('s/m')
  })

  it('holds a place at a provider until the stream has ended', async () => {
    const { gateway } = await start({ providerLimits: { concurrency: 1 }, fallbacks: ['c/m'] })
    strong.script.push(streams([role(), ...words('a b c')], 'hang'))
    const leaving = new AbortController()
    const open = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}` },
      body: JSON.stringify({ ...ask, stream: true }),
    })
    await open.body?.getReader().read()
    expect((await gateway.post(ask)).headers.get('x-interlock-model')).toBe('c/m')
    leaving.abort()
    await strong.calls[0]?.closed
    await until(() => gateway.gateway.readings().inFlight === 0)
    expect((await gateway.post(ask)).headers.get('x-interlock-model')).toBe('s/m')
  })

  it('keeps a key to its models on every path, fallbacks too', async () => {
    const callers = {
      [testKey]: aCaller({ models: ['s/m'] }),
      'none-of-these-0123456789-0123456789': aCaller({ keyId: 'key_2', models: ['other/m'] }),
    }
    const { gateway } = await start({ callers, fallbacks: ['c/m'] })
    strong.otherwise = fails(500)
    expect((await gateway.post(ask)).status).toBe(502)
    expect(cheap.calls).toHaveLength(0)
    await gateway.settle()
    expect(gateway.written.decisions[0]).toMatchObject({
      excluded: [{ model: 'c/m', by: 'key_models' }],
      facts: { allowedModels: ['s/m'] },
    })
    const other = { authorization: 'Bearer none-of-these-0123456789-0123456789' }
    const { status, body } = await statusOf(gateway.post(ask, other))
    expect([status, body.error.code, body.error.type]).toEqual([403, 'model_not_allowed', 'permission_error'])
  })

  it('refuses a key that has expired, and a rotated one’s old secret after its grace', async () => {
    const callers = { [testKey]: aCaller({ expiresAtMs: clock.nowMs() + 1_000 }) }
    const { gateway } = await start({ callers })
    expect((await gateway.post(ask)).status).toBe(200)
    clock.pass(1_000)
    const { status, body } = await statusOf(gateway.post(ask))
    expect([status, body.error.code, body.error.message]).toEqual([401, 'invalid_api_key', 'The API key has expired.'])
  })

  it('turns requests away without calling that evidence about an arm', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 0 })
    const { gateway } = await start({ budgets: [budget] })
    const baseline = aVersion('r', 1, { models: ['s/m'] })
    const rollout = aRollout(baseline, aVersion('r', 2, { models: ['c/m'] }), { unit: 'request', shareBp: 0 })
    const snapshot = snapshotOf({ budgets: [budget] })
    gateway.setSnapshot({ ...snapshot, routes: new Map([['r', { name: 'r', owner: 't', stable: baseline, rollout }]]) })
    expect((await gateway.post(ask)).status).toBe(402)
    await gateway.settle()
    expect([gateway.written.assignments, gateway.written.completions]).toEqual([[], []])
  })

  it('gives back what it held when it ends', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1' })
    const { allowances } = await start({ budgets: [budget] })
    expect((await stateOf(database.db, 'key', 'key_1', clock.nowMs())).heldMicroUsd).toBe(500)
    await allowances.stop()
    expect((await stateOf(database.db, 'key', 'key_1', clock.nowMs())).heldMicroUsd).toBe(0)
  })
})
