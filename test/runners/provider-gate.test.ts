import { describe, expect, it } from 'vitest'
import { BatchWriter } from '#runners/batch-writer.ts'
import { type Passage, ProviderGate } from '#runners/provider-gate.ts'

interface Held {
  readonly passage: Passage
  readonly done: () => void
}

function aGate(limits: ConstructorParameters<typeof ProviderGate>[0] = {}) {
  let nowMs = 0
  const gate = new ProviderGate(limits, { monotonicMs: () => nowMs })
  const held: Held[] = []
  const ask = () =>
    gate.run(100, (passage) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held.push({ passage, done: resolve })
      return promise
    })
  const turns = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
  return { gate, held, ask, turns, pass: (ms: number) => (nowMs += ms) }
}

describe('what one provider is asked at once (C7)', () => {
  it('never exceeds the concurrency that the provider states, however well it goes', async () => {
    const { gate, held, ask, turns } = aGate({ concurrency: 4 })
    const calls = Array.from({ length: 20 }, ask)
    await turns()
    expect(held).toHaveLength(4)
    while (gate.running > 0) {
      expect(gate.running).toBeLessThanOrEqual(4)
      const next = held.shift()
      next?.passage.succeeded(50)
      next?.done()
      await turns()
    }
    await Promise.all(calls)
    expect(gate.width).toBe(4)
  })

  it('grows to what the provider states while nothing is wrong', () => {
    const { gate } = aGate({ concurrency: 64 })
    const before = gate.width
    void gate.run(0, async (passage) => {
      for (let i = 0; i < 100; i += 1) passage.succeeded(50)
    })
    expect(before).toBeLessThan(64)
    expect(gate.width).toBe(64)
  })

  it('halves when calls are refused for their rate, once for all calls of a round, and never below one', async () => {
    const { gate, held, ask, turns } = aGate({ concurrency: 16 })
    const calls = Array.from({ length: 16 }, ask)
    await turns()
    for (const { passage } of held) passage.refused()
    expect(gate.width).toBe(8)
    for (const { done } of held.splice(0)) done()
    await Promise.all(calls)
    for (let round = 0; round < 10; round += 1) {
      const call = ask()
      await turns()
      held[0]?.passage.refused()
      held.shift()?.done()
      await call
    }
    expect(gate.width).toBe(1)
  })

  it('after a refusal rises by one per round, not twofold', async () => {
    const { gate } = aGate({ concurrency: 32 })
    await gate.run(0, async (passage) => passage.refused())
    expect(gate.width).toBe(8)
    await gate.run(0, async (passage) => {
      for (let i = 0; i < 8; i += 1) passage.succeeded(50)
    })
    expect(gate.width).toBe(9)
  })

  it('falls back when answers take three times as long as they did', async () => {
    const { gate } = aGate({ concurrency: 32 })
    await gate.run(0, async (passage) => {
      for (let i = 0; i < 32; i += 1) passage.succeeded(1_000)
    })
    const before = gate.width
    await gate.run(0, async (passage) => {
      for (let i = 0; i < 32; i += 1) passage.succeeded(4_000)
    })
    expect(gate.width).toBeLessThan(before)
  })

  it('is made anew when the limits of the provider change', () => {
    const { gate } = aGate({ concurrency: 4 })
    expect(gate.isFor({ concurrency: 4 })).toBe(true)
    expect(gate.isFor({ concurrency: 5 })).toBe(false)
    expect(gate.isFor({ concurrency: 4, requestsPerMinute: 10 })).toBe(false)
  })
})

describe('writes in batches', () => {
  it('writes what comes in meanwhile together, and an entry that cannot be stored fails alone', async () => {
    const batches: number[][] = []
    const writer = new BatchWriter<number>(async (batch) => {
      if (batch.includes(7)) throw new Error('seven')
      batches.push([...batch])
    })
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => writer.put(i)))
    expect(results.filter((result) => result.status === 'rejected')).toHaveLength(1)
    expect(results[7]?.status).toBe('rejected')
    expect(batches.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9])
    batches.length = 0
    await Promise.all([writer.put(1), writer.put(2)])
    expect(batches).toEqual([[1, 2]])
  })
})
