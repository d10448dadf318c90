import { afterAll, beforeAll, expect, it } from 'vitest'
import { Cancellation, type ChatCall, ProviderError } from '#providers/provider.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import { type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { aProvider } from '#test/support/routing.ts'

const secret = 'sk-canary-0123456789abcdef'
const registry = createProviderRegistry({
  upstreamAllow: ['127.0.0.0/8'],
  readEnvironment: (name) => (name === 'CANARY' ? secret : null),
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
})
let upstream: FakeUpstream

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(async () => {
  await registry.close()
  await upstream.close()
})

const fields = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const call = (): ChatCall => ({
  provider: aProvider('p', upstream.baseUrl, { credential: 'env:CANARY' }),
  model: 'm',
  body: { fields, bytesFor: () => Buffer.from(JSON.stringify(fields)) },
  limits: { connectMs: 2_000, firstTokenMs: 5_000, idleMs: 5_000, totalMs: 10_000 },
  cancellation: new Cancellation(),
  isKept: true,
})

it.each<[number, 'complete' | 'stream']>([
  [400, 'complete'],
  [429, 'complete'],
  [500, 'stream'],
  [200, 'complete'],
  [200, 'stream'],
])(
  'a credential that a proxy quotes in its error (status %i, %s) is in nothing that is kept of it (S3)',
  async (status, way) => {
    const words = `the key ${secret} may not do this`
    upstream.otherwise = (_call, res) => {
      res.statusCode = status
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify({ error: { message: words, type: words, param: words, code: secret } }))
    }
    const client = registry.clientFor(call().provider)
    const error = await (way === 'complete' ? client.complete(call()) : client.stream(call())).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ProviderError)
    expect(upstream.calls.at(-1)?.headers.authorization).toContain(secret)
    expect(JSON.stringify([error.message, error.upstream])).not.toContain(secret)
    expect(error.upstream.message).toBe('the key [redacted] may not do this')
  },
)
