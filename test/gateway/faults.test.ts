import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Allowances, aloneSource } from '#gateway/allowances.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, silentLog, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
const registry = createProviderRegistry({ upstreamAllow: ['127.0.0.0/8'], readEnvironment: () => null, clock })

describe('a fault of the gateway itself', () => {
  let upstream: FakeUpstream
  let running: RunningGateway
  let isBroken = true
  beforeAll(async () => {
    upstream = await startUpstream(answers('fine'))
  })
  afterAll(async () => {
    await upstream.close()
    await registry.close()
  })
  beforeEach(async () => {
    const baseline = aVersion('r', 1, { models: ['p/m'] })
    const rollout = aRollout(baseline, aVersion('r', 2, { models: ['p/m'] }), { stage: 'shadow', mirrorRate: 1 })
    const snapshot = aSnapshot({
      providers: [aProvider('p', upstream.baseUrl)],
      models: ['p/m'],
      routes: [aRoute('r', baseline.spec, { stable: baseline, rollout })],
      limits: { 'route:r': { concurrency: 1 } },
    })
    isBroken = true
    running = await startGateway(snapshot, {
      allowances: new Allowances({ source: aloneSource, clock, log: silentLog }),
      providers: {
        ...registry,
        clientFor: (provider) => {
          const client = registry.clientFor(provider)
          return {
            stream: (call) => client.stream(call),
            complete: async (call) => {
              const answer = await client.complete(call)
              return isBroken ? { ...answer, body: null as unknown as Buffer } : answer
            },
          }
        },
      },
    })
  })
  afterEach(() => running.close())
  const ask = () => running.post({ model: 'r', messages: [{ role: 'user', content: 'hi' }] })

  it('is a 500 that holds nothing back: no place of a limit, none of the mirror’s queue', async () => {
    for (let count = 0; count < 100; count += 1) expect((await ask()).status).toBe(500)
    isBroken = false
    expect((await ask()).status).toBe(200)
    await running.settle()
    expect(running.gateway.readings()).toMatchObject({ inFlight: 0, shadowRefused: 0 })
    expect(running.written.shadowCalls).toHaveLength(1)
  })
})
