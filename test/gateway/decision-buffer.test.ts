import { describe, expect, it } from 'vitest'
import { type BufferLimits, DecisionBuffer } from '#gateway/decision-buffer.ts'
import type { LiveBatch, ShadowCallRow } from '#store/live-log.ts'
import { silentLog, until } from '#test/support/gateway.ts'

const limits: BufferLimits = { maxRows: 1_000, maxBytes: 10_000_000, flushRows: 10, flushAfterMs: 20 }
const row = (requestId: string): ShadowCallRow => ({
  requestId,
  proposalId: 'p',
  atMs: 0,
  model: null,
  status: null,
  errorClass: null,
  inputTokens: null,
  outputTokens: null,
  costMicroUsd: null,
  latencyMs: 1,
})

function aBuffer(write: (batch: LiveBatch) => Promise<void>, more: Partial<BufferLimits> = {}) {
  return new DecisionBuffer({ write }, silentLog, { ...limits, ...more })
}

describe('the buffer of the live log (P13)', () => {
  it('writes by age and by number, everything once and in order', async () => {
    const batches: string[][] = []
    const buffer = aBuffer(async (batch) => {
      batches.push(batch.shadowCalls.map((call) => call.requestId))
    })
    buffer.push('shadowCalls', row('first'))
    await until(() => batches.length === 1)
    for (let index = 0; index < 25; index += 1) buffer.push('shadowCalls', row(String(index)))
    await buffer.flush()
    expect(batches.flat()).toEqual(['first', ...Array.from({ length: 25 }, (_, i) => String(i))])
    expect(buffer.counts).toMatchObject({ written: 26, refused: 0, waiting: 0 })
  })

  it('keeps rows while the database is away and writes them when it is back', async () => {
    let isAway = true
    const written: string[] = []
    const buffer = aBuffer(async (batch) => {
      if (isAway) throw new Error('away')
      written.push(...batch.shadowCalls.map((call) => call.requestId))
    })
    for (let index = 0; index < 30; index += 1) buffer.push('shadowCalls', row(String(index)))
    await until(() => buffer.counts.waiting === 30)
    isAway = false
    await buffer.flush()
    expect(written).toHaveLength(30)
    expect(buffer.counts.dropped.shadowCalls).toBe(0)
  })

  it('drops new rows when it is full and counts every one, by rows and by bytes', async () => {
    const never = new Promise<void>(() => undefined)
    const byRows = aBuffer(() => never, { maxRows: 50 })
    for (let index = 0; index < 80; index += 1) byRows.push('decisions', row(String(index)) as never)
    expect(byRows.counts).toMatchObject({ waiting: 50, dropped: { decisions: 30, samples: 0 } })
    const byBytes = aBuffer(() => never, { maxBytes: 100_000 })
    for (let index = 0; index < 5; index += 1) byBytes.push('samples', row(String(index)) as never, 40_000)
    expect(byBytes.counts.dropped.samples).toBe(3)
  })

  it('leaves out the one row the database refuses and keeps the rest', async () => {
    const written: string[] = []
    const buffer = aBuffer(async (batch) => {
      const ids = batch.shadowCalls.map((call) => call.requestId)
      if (ids.includes('7')) throw Object.assign(new Error('bad'), { code: '22P05' })
      written.push(...ids)
    })
    for (let index = 0; index < 20; index += 1) buffer.push('shadowCalls', row(String(index)))
    await buffer.flush()
    expect(written.toSorted()).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i))
        .filter((id) => id !== '7')
        .sort(),
    )
    expect(buffer.counts).toMatchObject({ written: 19, refused: 1 })
  })

  it('writes what waits when it is closed, and counts later rows as dropped', async () => {
    let count = 0
    const buffer = aBuffer(async (batch) => {
      count += batch.shadowCalls.length
    })
    buffer.push('shadowCalls', row('a'))
    await buffer.close()
    buffer.push('shadowCalls', row('b'))
    expect(count).toBe(1)
    expect(buffer.counts.dropped.shadowCalls).toBe(1)
  })

  it('closes even when the database never comes back', async () => {
    const buffer = aBuffer(async () => {
      throw new Error('away')
    })
    buffer.push('shadowCalls', row('a'))
    await buffer.close()
    expect(buffer.counts).toMatchObject({ waiting: 0, dropped: { shadowCalls: 1 } })
  })
})
