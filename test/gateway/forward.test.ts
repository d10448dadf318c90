import { describe, expect, it } from 'vitest'
import { Circuits } from '#gateway/circuits.ts'
import { type ForwardDeps, forward } from '#gateway/forward.ts'
import { LiveStats } from '#gateway/live-stats.ts'
import { RetryBudget } from '#gateway/retry-budget.ts'
import { Cancellation, type ChatProvider, ProviderError } from '#providers/provider.ts'
import { aModel, aProvider } from '#test/support/routing.ts'

function depsAt(nowMs: number, client: Partial<ChatProvider>): ForwardDeps {
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  return {
    providers: { clientFor: () => client } as unknown as ForwardDeps['providers'],
    clock,
    random: () => 0.5,
    circuits: new Circuits(),
    retryBudget: new RetryBudget(),
    live: new LiveStats(clock),
    gate: { isFull: () => false, enter: () => () => undefined },
  }
}

const request = {
  targets: [{ model: 'p/m', provider: 'p', isFallback: false }],
  providers: new Map([['p', aProvider('p', 'http://127.0.0.1:1')]]),
  models: new Map([['p/m', aModel('p/m')]]),
  spec: { models: ['p/m'], timeouts: { totalMs: 1_000 }, retry: { attempts: 1 } },
  body: { fields: {}, bytesFor: () => Buffer.from('{}') },
  isStream: false,
  isKept: false,
  startedAtMs: 0,
  wantsJson: false,
  purse: { capMicroUsd: null, inputTokens: 1, maxOutputTokens: null },
}

describe('a request whose time is up before anybody was called', () => {
  it('is a timeout that says nothing against the target', async () => {
    let calls = 0
    const deps = depsAt(1_000, {
      complete: async () => {
        calls += 1
        throw new ProviderError('timeout', 'never')
      },
    })
    for (let count = 0; count < 6; count += 1) {
      const { kind, attempts } = await forward(deps, { ...request, cancellation: new Cancellation() })
      expect([kind, attempts.map(({ errorClass }) => errorClass)]).toEqual(['failed', ['timeout']])
    }
    expect(calls).toBe(0)
    expect([...deps.circuits.open(1_000)]).toEqual([])
    expect(deps.live.measureOf('p/m').inFlight).toBe(0)
  })

  it('while one whose target lets the time pass opens its circuit', async () => {
    const deps = depsAt(999, { complete: () => Promise.reject(new ProviderError('timeout', 'too slow')) })
    for (let count = 0; count < 5; count += 1) await forward(deps, { ...request, cancellation: new Cancellation() })
    expect([...deps.circuits.open(999)]).toEqual(['p/m'])
  })
})
