import { RateLimitError } from 'openai'
import { describe, expect, it } from 'vitest'
import { ask, callerRig, count, statusOf } from '#test/support/caller-rig.ts'
import { engines } from '#test/support/database.ts'
import { answers, fails, role, streams, words } from '#test/support/fake-upstream.ts'
import { until } from '#test/support/gateway.ts'
import { aCaller, testKey } from '#test/support/routing.ts'

describe.each(engines())('what a caller may ask for and reach, on %s (B5)', (engine) => {
  const rig = callerRig(engine)

  it('tells limits in OpenAI’s headers on every answer and refuses beyond them with Retry-After', async () => {
    const { gateway } = await rig.start({ limits: { 'key:key_1': { requestsPerMinute: 2, tokensPerMinute: 1_000 } } })
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
    rig.clock.pass(30_000)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('limits tokens by what was really used, and refuses for good what is larger than a minute', async () => {
    const { gateway } = await rig.start({ limits: { 'route:r': { tokensPerMinute: 200 } } })
    const passed = []
    for (let index = 0; index < 20; index += 1) passed.push((await gateway.post(ask)).status)
    // Each reserves 102 and uses 15: seven fit before less than 102 are left.
    expect(passed.indexOf(429)).toBe(7)
    const { status, body } = await statusOf(gateway.post({ ...ask, max_tokens: 500 }))
    expect([status, body.error.type]).toEqual([429, 'tokens'])
    expect((await gateway.post({ ...ask, max_tokens: 500 })).headers.get('x-should-retry')).toBe('false')
  })

  it('lets no more requests run at once than the limit, and frees a place when one ends', async () => {
    const { gateway } = await rig.start({ limits: { 'key:key_1': { concurrency: 2 } } })
    const held = Promise.withResolvers<void>()
    rig.strong.otherwise = async (call, res) => {
      await held.promise
      return answers('hello')(call, res)
    }
    const running = [gateway.post(ask), gateway.post(ask)]
    await until(() => rig.strong.calls.length === 2)
    const { status, body } = await statusOf(gateway.post(ask))
    expect([status, body.error.code, body.error.type]).toEqual([429, 'rate_limit_exceeded', 'concurrency'])
    held.resolve()
    await Promise.all(running)
    expect((await gateway.post(ask)).status).toBe(200)
  })

  it('divides a limit among gateways: together they pass no more than it, once each has asked', async () => {
    const limits = { 'route:r': { requestsPerMinute: 40 } }
    const replicas = [await rig.start({ limits }, 'g1'), await rig.start({ limits }, 'g2')]
    for (const { gateway, allowances } of [...replicas, ...replicas]) {
      await gateway.post(ask)
      await allowances.tick()
    }
    rig.clock.pass(60_000)
    for (const { gateway } of replicas) await gateway.post(ask)
    for (const { allowances } of [...replicas, ...replicas]) await allowances.tick()
    const all = await Promise.all(
      replicas.flatMap(({ gateway }) => Array.from({ length: 40 }, () => statusOf(gateway.post(ask)))),
    )
    expect(count(all, 200) + 2).toBeLessThanOrEqual(40)
    expect(count(all, 200) + 2).toBeGreaterThanOrEqual(38)
  })

  it('passes over a provider whose own limit is reached, and comes back to it', async () => {
    const { gateway } = await rig.start({ providerLimits: { requestsPerMinute: 1 }, fallbacks: ['c/m'] })
    const models = []
    for (let index = 0; index < 3; index += 1) models.push((await gateway.post(ask)).headers.get('x-interlock-model'))
    expect(models).toEqual(['s/m', 'c/m', 'c/m'])
    await gateway.settle()
    expect(gateway.written.decisions[1]).toMatchObject({
      excluded: [{ model: 's/m', by: 'rate_limit', detail: 'its limit of 1 requests per minute is reached' }],
    })
    rig.clock.pass(60_000)
    expect((await gateway.post(ask)).headers.get('x-interlock-model')).toBe('s/m')
  })

  it('holds a place at a provider until the stream has ended', async () => {
    const { gateway } = await rig.start({ providerLimits: { concurrency: 1 }, fallbacks: ['c/m'] })
    rig.strong.script.push(streams([role(), ...words('a b c')], 'hang'))
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
    await rig.strong.calls[0]?.closed
    await until(() => gateway.gateway.readings().inFlight === 0)
    expect((await gateway.post(ask)).headers.get('x-interlock-model')).toBe('s/m')
  })

  it('keeps a key to its models on every path, fallbacks too', async () => {
    const callers = {
      [testKey]: aCaller({ models: ['s/m'] }),
      'none-of-these-0123456789-0123456789': aCaller({ keyId: 'key_2', models: ['other/m'] }),
    }
    const { gateway } = await rig.start({ callers, fallbacks: ['c/m'] })
    rig.strong.otherwise = fails(500)
    expect((await gateway.post(ask)).status).toBe(502)
    expect(rig.cheap.calls).toHaveLength(0)
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
    const callers = { [testKey]: aCaller({ expiresAtMs: rig.clock.nowMs() + 1_000 }) }
    const { gateway } = await rig.start({ callers })
    expect((await gateway.post(ask)).status).toBe(200)
    rig.clock.pass(1_000)
    const { status, body } = await statusOf(gateway.post(ask))
    expect([status, body.error.code, body.error.message]).toEqual([401, 'invalid_api_key', 'The API key has expired.'])
  })
})
