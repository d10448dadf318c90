import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Circuits } from '#gateway/circuits.ts'
import { type ForwardDeps, forward } from '#gateway/forward.ts'
import type { LiveStats } from '#gateway/live-stats.ts'
import { RetryBudget } from '#gateway/retry-budget.ts'
import { Cancellation, type ChatAnswer, ProviderError } from '#providers/provider.ts'
import type { ProviderRegistry } from '#providers/registry.ts'
import { aModel, aProvider } from '#test/support/routing.ts'

/**
 * F37 and R9 on a clock of their own: one provider answers 500 to everything for 31 s, then is healthy. Clients send 50
 * requests a second and try a failed one three times more, a second apart, as SDKs do.
 */
// It ends just after a rest that had been doubled four times would have begun.
const outage = { startsMs: 5_000, endsMs: 36_000 }
const endMs = 56_000
const perSecond = 50
const clientTries = 4

interface Seen {
  readonly atMs: number
  readonly isGood: boolean
}

async function run(modelCount: number) {
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const startedAtMs = performance.now()
  const since = () => performance.now() - startedAtMs
  const calls: number[] = []
  const answer = { status: 200, body: Buffer.from('{}'), warnings: [], firstByteAtMs: 0 }
  const facts = { output: 'x', outputCharacters: 1, finishReason: 'stop', refusal: null, toolCalls: [], usage: null }
  const complete = async (): Promise<ChatAnswer> => {
    calls.push(since())
    if (since() >= outage.startsMs && since() < outage.endsMs)
      throw new ProviderError('server_error', '', { status: 500 })
    return { ...answer, facts }
  }
  const registry = { clientFor: () => ({ complete, stream: () => Promise.reject(new Error('no streams here')) }) }
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const deps: ForwardDeps = {
    providers: registry as unknown as ProviderRegistry,
    clock,
    random,
    circuits: new Circuits(),
    retryBudget: new RetryBudget(),
    live: { began: () => undefined, ended: () => undefined } as unknown as LiveStats,
    gate: { isFull: () => false, enter: () => () => undefined },
  }
  const names = Array.from({ length: modelCount }, (_, index) => `p${index}/m`)
  const providers = new Map(names.map((name) => [name.slice(0, -2), aProvider(name.slice(0, -2), 'http://x/v1')]))
  const models = new Map(names.map((name) => [name, aModel(name)]))
  const seen: Seen[] = []
  let requests = 0
  const send = async (firstAtMs: number, attempt: number): Promise<void> => {
    requests += 1
    const open = deps.circuits.open(performance.now())
    const targets = names
      .filter((name) => !open.has(name))
      .map((model) => ({ model, provider: model.slice(0, -2), isFallback: false }))
    const forwarded = await forward(deps, {
      targets,
      providers,
      models,
      spec: { models: names },
      body: { bytesFor: () => Buffer.alloc(0), fields: {} },
      isStream: false,
      isKept: false,
      startedAtMs: performance.now(),
      cancellation: new Cancellation(),
      purse: { capMicroUsd: null, inputTokens: 10, maxOutputTokens: null },
      wantsJson: false,
    })
    const isGood = forwarded.kind === 'answer'
    if (!isGood && attempt < clientTries) {
      setTimeout(() => send(firstAtMs, attempt + 1), 1_000)
      return
    }
    seen.push({ atMs: firstAtMs, isGood })
  }
  for (let atMs = 0; atMs < endMs; atMs += 1_000 / perSecond) setTimeout(() => send(since(), 1), atMs)
  await vi.advanceTimersByTimeAsync(endMs + 30_000)
  return { calls, seen, requests }
}

const during = (times: readonly number[]) => times.filter((at) => at >= outage.startsMs && at < outage.endsMs).length

describe('an outage of half a minute', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([1, 3])(
    'is not made worse by retries: at most 1.1 calls per request, %i targets (R9, P12)',
    async (count) => {
      const { calls, requests } = await run(count)
      expect(calls.length / requests).toBeLessThanOrEqual(1.1)
      expect(during(calls)).toBeLessThan(100)
    },
  )

  it.each([1, 3])('is over for the clients ten seconds after it is over, %i targets (R9, F37)', async (count) => {
    const { seen } = await run(count)
    const later = seen.filter(({ atMs }) => atMs >= outage.endsMs + 10_000)
    expect(later.length).toBeGreaterThan(400)
    expect(later.filter(({ isGood }) => isGood).length / later.length).toBeGreaterThanOrEqual(0.95)
    const before = seen.filter(({ atMs }) => atMs < outage.startsMs - 100)
    expect(before.every(({ isGood }) => isGood)).toBe(true)
  })
})
