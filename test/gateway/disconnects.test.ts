import type { Dispatcher } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Exchange } from '#providers/exchange.ts'
import { Cancellation, type ProviderError } from '#providers/provider.ts'
import {
  answers,
  type Behaviour,
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

let first: FakeUpstream
let second: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream(answers('from the second'))
})
afterAll(async () => {
  await first.close()
  await second.close()
})
beforeEach(async () => {
  for (const upstream of [first, second]) upstream.calls.length = 0
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl)],
      models: ['one/a', 'two/b'],
      routes: [aRoute('backed', { models: ['one/a'], fallbacks: ['two/b'] }), aRoute('alone', { models: ['one/a'] })],
    }),
  )
})
afterEach(() => running.close())

const content = 'word '.repeat(40)

/** Sends a request and goes away. @param when resolves at the moment of leaving */
async function leave(model: string, isStream: boolean, when: (response: Promise<Response>) => Promise<unknown>) {
  const controller = new AbortController()
  const response = fetch(`${running.url}/v1/chat/completions`, {
    method: 'POST',
    signal: controller.signal,
    headers: { authorization: `Bearer ${testKey}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], stream: isStream }),
  })
  response.catch(() => undefined)
  await when(response)
  controller.abort()
  await until(() => running.written.decisions.length > 0)
  return running.written.decisions[0]
}

const called = () => until(() => first.calls.length === 1)

describe('a client that leaves (A12)', () => {
  it.each<[string, boolean, Behaviour, (response: Promise<Response>) => Promise<unknown>, number]>([
    ['while a whole answer is awaited', false, hangs, called, 0],
    ['before the first token', true, streams([role()], 'hang'), called, 0],
    [
      'in mid-stream',
      true,
      streams([role(), ...words('one two three ')], 'hang'),
      async (response) => (await response).body?.getReader().read(),
      4,
    ],
  ])('%s: the provider is let go and the cost is settled', async (_name, isStream, behaviour, when, outputTokens) => {
    first.script.push(behaviour)
    const decision = await leave('backed', isStream, when)
    await first.calls[0]?.closed
    expect(decision).toMatchObject({
      status: 499,
      errorCode: 'client_closed',
      model: 'one/a',
      usage: { inputTokens: 50, outputTokens, isEstimated: true },
      costMicroUsd: 50 + 2 * outputTokens,
    })
    expect(decision?.attempts).toMatchObject([{ errorClass: 'client_closed', costMicroUsd: 50 + 2 * outputTokens }])
    expect(second.calls).toHaveLength(0)
  })

  it('between two attempts: nothing more is sent, and what was refused costs nothing', async () => {
    first.script.push(fails(429, {}, { 'retry-after': '30' }))
    const decision = await leave('alone', false, called)
    expect(decision).toMatchObject({ status: 499, usage: null, costMicroUsd: null })
    expect(decision?.attempts).toMatchObject([{ errorClass: 'rate_limit', costMicroUsd: 0 }])
    expect(first.calls).toHaveLength(1)
  })

  it('before there is a connection: nothing was sent, so nothing is billed', async () => {
    const cancellation = new Cancellation()
    const dispatcher = { dispatch: () => true } as unknown as Dispatcher
    const failed = new Promise<ProviderError>((resolve) => {
      const sink = { onHead: () => undefined, onData: () => true, onEnd: () => undefined, onError: resolve }
      const limits = { connectMs: 5_000, firstTokenMs: 5_000, idleMs: 5_000, totalMs: 5_000 }
      const request = { dispatcher, origin: 'http://x', path: '/', headers: [], body: Buffer.alloc(0), limits }
      const clock = { monotonicMs: () => performance.now() }
      new Exchange({ ...request, isStream: false, cancellation, ...clock }, sink).start()
    })
    cancellation.cancel()
    expect(await failed).toMatchObject({ errorClass: 'client_closed', isSent: false })
  })
})
