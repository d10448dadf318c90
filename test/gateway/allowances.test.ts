import OpenAI, { APIError } from 'openai'
import { describe, expect, it } from 'vitest'
import { aBudget, stateOf } from '#test/support/allowances.ts'
import { ask, callerRig, count, estimate, statusOf } from '#test/support/caller-rig.ts'
import { engines } from '#test/support/database.ts'
import { answers, completion, fails, role, streams, words } from '#test/support/fake-upstream.ts'
import { until } from '#test/support/gateway.ts'
import { aCaller, aRollout, aVersion, testKey } from '#test/support/routing.ts'

describe.each(engines())('what a caller may spend, on %s (B5)', (engine) => {
  const rig = callerRig(engine)

  it('lets as many of 100 simultaneous requests pass as the budget covers, and charges what they really cost', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 50 * estimate })
    const held = Promise.withResolvers<void>()
    rig.strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const { gateway, allowances } = await rig.start({ budgets: [budget] })
    let ended = 0
    const requests = Array.from({ length: 100 }, () =>
      statusOf(gateway.post(ask)).finally(() => {
        ended += 1
      }),
    )
    await until(() => ended + rig.strong.calls.length === 100)
    held.resolve()
    const all = await Promise.all(requests)
    expect([count(all, 200), count(all, 402)]).toEqual([50, 50])
    await gateway.settle()
    await allowances.reportSpend()
    const { spentMicroUsd } = await stateOf(rig.database.db, 'key', 'key_1', rig.clock.nowMs())
    const logged = gateway.written.decisions.reduce((sum, row) => sum + (row.costMicroUsd ?? 0), 0)
    expect([spentMicroUsd, logged]).toEqual([50 * 20, 50 * 20])
  })

  it('keeps two gateways that are hammered at once within one budget', async () => {
    const budget = aBudget({ scope: 'route', name: 'r', hardMicroUsd: 60 * estimate })
    const held = Promise.withResolvers<void>()
    rig.strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const replicas = [await rig.start({ budgets: [budget] }, 'g1'), await rig.start({ budgets: [budget] }, 'g2')]
    let ended = 0
    const all = replicas.flatMap(({ gateway }) =>
      Array.from({ length: 50 }, () => statusOf(gateway.post(ask)).finally(() => (ended += 1))),
    )
    // Those that were refused have their answers; the others wait at the provider until all are there.
    await until(() => ended + rig.strong.calls.length === 100)
    expect(rig.strong.calls.length).toBeLessThanOrEqual(60)
    expect(rig.strong.calls.length).toBeGreaterThanOrEqual(50)
    held.resolve()
    const answered = await Promise.all(all)
    expect(answered.filter(({ status }) => status !== 200 && status !== 402)).toEqual([])
    for (const { allowances } of replicas) await allowances.reportSpend()
    const { spentMicroUsd } = await stateOf(rig.database.db, 'route', 'r', rig.clock.nowMs())
    expect(spentMicroUsd).toBe(count(answered, 200) * 20)
  })

  it('answers 402 with which budget, how much, and when it resets; the official client does not try again', async () => {
    const budget = aBudget({ scope: 'team', name: 'blue', hardMicroUsd: 150 })
    const { gateway } = await rig.start({ budgets: [budget] })
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
    expect(rig.strong.calls).toHaveLength(0)
    expect((await gateway.post({ ...ask, metadata: { team: 'red' } })).status).toBe(200)
  })

  it('charges a key of team X to team X, whatever its requests claim', async () => {
    const budgets = [aBudget({ scope: 'team', name: 'x' }), aBudget({ scope: 'team', name: 'other', hardMicroUsd: 0 })]
    const callers = { [testKey]: aCaller({ metadata: { team: 'x' } }) }
    const { gateway, allowances } = await rig.start({ budgets, callers })
    const claims = { metadata: { team: 'other' } }
    const response = await gateway.post({ ...ask, ...claims }, { 'x-interlock-team': 'other' })
    expect(response.status).toBe(200)
    await gateway.settle()
    await allowances.reportSpend()
    expect((await stateOf(rig.database.db, 'team', 'x', rig.clock.nowMs())).spentMicroUsd).toBe(20)
  })

  it.each<[string, object]>([
    ['an empty message and no tokens at all', { messages: [{ role: 'user', content: '' }], max_tokens: 0 }],
    ['its limit under two names, of which one is 0', { max_completion_tokens: 0, max_tokens: 98 }],
    ['content that is not counted', { messages: [{ role: 'user', content: [{ type: 'file' }] }], max_tokens: 0 }],
  ])('lets nothing that costs pass a budget that is used up: %s', async (_what, more) => {
    const { gateway } = await rig.start({ budgets: [aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 0 })] })
    expect((await gateway.post({ ...ask, ...more })).status).toBe(402)
    expect(rig.strong.calls).toHaveLength(0)
  })

  it('sets aside what every answer may cost where several are asked for, and the larger of two limits', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 5 * estimate })
    const { gateway } = await rig.start({ budgets: [budget] })
    expect((await gateway.post({ ...ask, n: 6 })).status).toBe(402)
    expect((await gateway.post({ ...ask, max_completion_tokens: 10, max_tokens: 100_000 })).status).toBe(402)
    expect((await gateway.post({ ...ask, n: 4 })).status).toBe(200)
    await gateway.settle()
    expect(gateway.written.decisions.map(({ facts }) => facts.answers)).toEqual([6, undefined, 4])
  })

  it('sets aside what the route’s own parameters ask for', async () => {
    const { gateway } = await rig.start({
      budgets: [aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 5 * estimate })],
      parameters: { max_tokens: 50_000 },
    })
    const { max_tokens: _, ...open } = ask
    expect((await gateway.post(open)).status).toBe(402)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('falls to a target that the rest of the budget covers, and says why the dearer one was passed over', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10 })
    const { gateway } = await rig.start({ budgets: [budget], fallbacks: ['c/m'] })
    const response = await gateway.post(ask)
    expect([response.status, response.headers.get('x-interlock-model')]).toEqual([200, 'c/m'])
    await gateway.settle()
    expect(gateway.written.decisions[0]?.excluded).toMatchObject([{ model: 's/m', by: 'budget' }])
    expect(gateway.written.decisions[0]?.live.budgetLeftMicroUsd).toBe(10)
  })

  it('sends nobody who has a budget to a model whose price is unknown', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1' })
    const { gateway } = await rig.start({ budgets: [budget], cheapPrice: null })
    const { status, body } = await statusOf(gateway.post({ ...ask, model: 'unpriced' }))
    expect([status, body.error.code]).toEqual([503, 'no_eligible_target'])
    expect(body.error.message).toContain('a budget applies, which needs a price')
    const free = await rig.start({ cheapPrice: null }, 'g2')
    expect((await free.gateway.post({ ...ask, model: 'unpriced' })).status).toBe(200)
  })

  it('settles estimated usage where the provider sends none, failures at nothing, and a client that leaves midway', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10_000 })
    const { gateway, allowances } = await rig.start({ budgets: [budget] })
    const spent = async () => {
      await gateway.settle()
      await allowances.reportSpend()
      await allowances.tick()
      return stateOf(rig.database.db, 'key', 'key_1', rig.clock.nowMs())
    }
    rig.strong.script.push((_call, res) => {
      const { usage: _, ...body } = completion('x'.repeat(40))
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(body))
    })
    await gateway.post(ask)
    const first = (await spent()).spentMicroUsd
    expect(first).toBe(24)
    rig.strong.script.push(fails(500))
    expect((await gateway.post(ask)).status).toBe(502)
    expect((await spent()).spentMicroUsd).toBe(first)
    rig.strong.script.push(streams([role(), ...words('some words that are read')], 'hang'))
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
    const { gateway, allowances } = await rig.start({ budgets: [budget] })
    const baseline = aVersion('r', 1, { models: ['s/m'] })
    const rollout = aRollout(baseline, aVersion('r', 2, { models: ['s/m'], retry: { attempts: 1 } }), {
      stage: 'shadow',
      mirrorRate: 1,
      step: -1,
    })
    const snapshot = rig.snapshotOf({ budgets: [budget] })
    gateway.setSnapshot({ ...snapshot, routes: new Map([['r', { name: 'r', owner: 't', stable: baseline, rollout }]]) })
    await gateway.post(ask)
    await gateway.settle()
    expect(gateway.written.shadowCalls).toMatchObject([{ costMicroUsd: 20 }])
    await allowances.reportSpend()
    expect((await stateOf(rig.database.db, 'route', 'r', rig.clock.nowMs())).spentMicroUsd).toBe(20)
  })

  it('serves what is leased while the database is away, then refuses with 503 and when to come back', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 10 * estimate })
    const { gateway, state } = await rig.start({ budgets: [budget] })
    rig.strong.otherwise = answers('x', { usage: { prompt_tokens: 4, completion_tokens: 98, total_tokens: 102 } })
    state.isAway = true
    const all = []
    for (let index = 0; index < 8; index += 1) all.push(await statusOf(gateway.post(ask)))
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 503, 503, 503])
    expect(all[5]?.body.error.code).toBe('budget_unavailable')
    state.isAway = false
    rig.clock.pass(1_000)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('turns requests away without calling that evidence about an arm', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1', hardMicroUsd: 0 })
    const { gateway } = await rig.start({ budgets: [budget] })
    const baseline = aVersion('r', 1, { models: ['s/m'] })
    const rollout = aRollout(baseline, aVersion('r', 2, { models: ['c/m'] }), { unit: 'request', shareBp: 0 })
    const snapshot = rig.snapshotOf({ budgets: [budget] })
    gateway.setSnapshot({ ...snapshot, routes: new Map([['r', { name: 'r', owner: 't', stable: baseline, rollout }]]) })
    expect((await gateway.post(ask)).status).toBe(402)
    await gateway.settle()
    expect([gateway.written.assignments, gateway.written.completions]).toEqual([[], []])
  })

  it('gives back what it held when it ends', async () => {
    const budget = aBudget({ scope: 'key', name: 'key_1' })
    const { allowances } = await rig.start({ budgets: [budget] })
    expect((await stateOf(rig.database.db, 'key', 'key_1', rig.clock.nowMs())).heldMicroUsd).toBe(500)
    await allowances.stop()
    expect((await stateOf(rig.database.db, 'key', 'key_1', rig.clock.nowMs())).heldMicroUsd).toBe(0)
  })
})
