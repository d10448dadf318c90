import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LiveStats } from '#gateway/live-stats.ts'
import {
  answers,
  type FakeUpstream,
  fails,
  hangs,
  role,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

const question = { model: 'r', messages: [{ role: 'user', content: 'hi' }] }

describe('what a gateway measures of its targets (A7)', () => {
  let upstream: FakeUpstream
  let gateway: RunningGateway
  let live: LiveStats

  beforeEach(async () => {
    upstream = await startUpstream()
    live = new LiveStats({ nowMs: () => Date.now() })
    const spec = { models: ['p/a', 'p/b'], select: { strategy: 'least-busy' as const }, retry: { attempts: 1 } }
    const snapshot = aSnapshot({
      providers: [aProvider('p', upstream.baseUrl)],
      models: ['p/a', 'p/b'],
      routes: [aRoute('r', spec)],
    })
    gateway = await startGateway(snapshot, { live })
  })
  afterEach(async () => {
    await gateway.close()
    await upstream.close()
  })

  it('a whole answer has a total time and no first token; cached tokens are counted', async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 40 } }
    upstream.script.push(answers('yes', { usage }))
    await (await gateway.post({ ...question, metadata: { region: 'eu' } })).text()
    expect(live.measureOf('p/a')).toMatchObject({
      samples: 1,
      ttftSamples: 0,
      cachedShare: 0.4,
      errorRate: 0,
      inFlight: 0,
    })
    expect(live.measureOf('p/a', 'eu')).toMatchObject({ samples: 1 })
  })

  it('a stream has both once it has ended, and is under way until then', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    upstream.script.push(async (call, res) => {
      await streams([role(), ...words('one')], 'hang')(call, res)
      await held
      await new Promise<void>((resolve) =>
        res.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', () =>
          resolve(),
        ),
      )
    })
    const response = await gateway.post({ ...question, stream: true })
    expect(live.measureOf('p/a')).toMatchObject({ inFlight: 1, samples: 0 })
    // The next request goes to the one that is less busy.
    expect((await gateway.post(question)).headers.get('x-interlock-model')).toBe('p/b')
    release()
    await response.text()
    await until(() => live.measureOf('p/a').inFlight === 0)
    expect(live.measureOf('p/a')).toMatchObject({ samples: 1, ttftSamples: 1 })
  })

  it('a failure counts against the target that failed, its speed does not count, and the fallback is measured for itself', async () => {
    upstream.script.push(fails(500))
    const response = await gateway.post(question)
    expect(response.headers.get('x-interlock-model')).toBe('p/b')
    expect(live.measureOf('p/a')).toMatchObject({ samples: 0, errorRate: 1, inFlight: 0 })
    expect(live.measureOf('p/b')).toMatchObject({ samples: 1, errorRate: 0, inFlight: 0 })
  })

  it('a client that leaves takes its request off the count', async () => {
    upstream.script.push(hangs)
    const leaving = new AbortController()
    const sent = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}` },
      body: JSON.stringify(question),
      signal: leaving.signal,
    }).catch(() => undefined)
    await until(() => live.measureOf('p/a').inFlight === 1)
    leaving.abort()
    await sent
    await until(() => live.measureOf('p/a').inFlight === 0)
    expect(live.measureOf('p/a')).toMatchObject({ samples: 0, errorRate: null })
  })
})
