import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { windowMs, windowsKept, windowsRemembered } from '#domain/live-series.ts'
import { bookOf } from '#domain/quality.ts'
import { LiveStats, type TargetOutcome } from '#gateway/live-stats.ts'
import { type LiveExchange, LiveSync } from '#gateway/live-sync.ts'
import { createLiveExchange, writeWindows } from '#store/live-statistics.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { silentLog } from '#test/support/gateway.ts'

const start = Date.parse('2026-03-01T00:00:00Z')

function stats(startMs = start) {
  let nowMs = startMs
  const clock = { nowMs: () => nowMs }
  const live = new LiveStats(clock)
  const call = (model: string, outcome: Partial<TargetOutcome> = {}, region?: string) => {
    live.began(model)
    live.ended(model, region, { ttftMs: null, totalMs: 100, errorClass: null, ...outcome })
  }
  return {
    live,
    clock,
    call,
    pass: (ms: number) => {
      nowMs += ms
    },
    see: (model: string, region?: string, task: string | null = null) => live.view(task, region).get(model),
  }
}

describe('live statistics of targets (A7)', () => {
  it('keep first token and total time apart, and give no quantile before ten answers', () => {
    const { call, see, pass } = stats()
    for (let i = 0; i < 9; i++) call('p/a', { ttftMs: 20, totalMs: 1_000 })
    pass(1_000)
    expect(see('p/a')).toMatchObject({ samples: 9, ttftSamples: 9, ttftMs: null, totalMs: null })
    call('p/a', { ttftMs: 20, totalMs: 1_000 })
    pass(1_000)
    expect(see('p/a')?.ttftMs?.p95).toBeCloseTo(20, 0)
    expect(Math.abs((see('p/a')?.totalMs?.p95 ?? 0) - 1_000)).toBeLessThan(17)
  })

  it('count what is under way at this very moment', () => {
    const { live, see } = stats()
    live.began('p/a')
    const view = live.view(null, undefined)
    live.began('p/a')
    live.began('p/b')
    expect(view.get('p/a')?.inFlight).toBe(2)
    expect(see('p/b')?.inFlight).toBe(1)
    live.ended('p/a', undefined, { ttftMs: null, totalMs: 5, errorClass: 'rate_limit' })
    expect(see('p/a')?.inFlight).toBe(1)
  })

  it('do not let fast failures make a target fast, nor a remainder of a deadline', () => {
    const { call, see, live, pass } = stats()
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 500 })
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 3, errorClass: 'rate_limit' })
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 3, errorClass: 'timeout' })
    pass(1_000)
    expect(see('p/a')).toMatchObject({ samples: 20 })
    expect(see('p/a')?.totalMs?.p50).toBeGreaterThan(490)
    expect(live.measureOf('p/a').errorRate).toBeCloseTo(40 / 60)
  })

  it('take a time-out as an answer at least that slow', () => {
    const { call, see, pass } = stats()
    for (let i = 0; i < 10; i++) call('p/a', { totalMs: 100 })
    pass(1_000)
    see('p/a')
    for (let i = 0; i < 5; i++) call('p/a', { totalMs: 10_000, errorClass: 'timeout' })
    pass(1_000)
    expect(see('p/a')?.totalMs?.p95).toBeGreaterThan(9_900)
  })

  it('learn nothing from a client that left before anything came', () => {
    const { call, see, live, pass } = stats()
    call('p/a', { totalMs: 10, errorClass: 'client_closed' })
    call('p/a', { ttftMs: 7, totalMs: 10, errorClass: 'client_closed' })
    pass(1_000)
    expect(see('p/a')).toMatchObject({ samples: 0, ttftSamples: 1 })
    expect(live.measureOf('p/a').errorRate).toBe(0)
  })

  it('are of the region of the caller where that has answers enough, else of all', () => {
    const { call, see, pass } = stats()
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 100 }, 'us')
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 900 }, 'eu')
    call('p/a', { totalMs: 5 }, 'asia')
    pass(1_000)
    expect(see('p/a', 'us')?.totalMs?.p95).toBeLessThan(110)
    expect(see('p/a', 'eu')?.totalMs?.p50).toBeGreaterThan(890)
    expect(see('p/a', 'asia')).toMatchObject({ samples: 41 })
    expect(see('p/a')).toMatchObject({ samples: 41 })
  })

  it('bound the regions that callers may make up', () => {
    const { call, live } = stats()
    for (let i = 0; i < 100; i++) call('p/a', {}, `region-${i}`)
    call('p/a', {}, 'x'.repeat(100))
    expect(live.takeUnsent().length).toBe(33)
  })

  it('forget an old slowness: it weighs less every minute and is gone after six where there is newer', () => {
    const { call, see, pass } = stats()
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 5_000 })
    pass(2 * windowMs)
    for (let i = 0; i < 20; i++) call('p/a', { totalMs: 100 })
    pass(1_000)
    // Two minutes old: 20 answers weigh as 5.
    expect(see('p/a')?.totalMs?.p50).toBeLessThan(110)
    expect(see('p/a')?.totalMs?.p95).toBeGreaterThan(4_900)
    pass((windowsKept - 2) * windowMs)
    expect(see('p/a')?.totalMs?.p95).toBeLessThan(110)
    pass(windowsKept * windowMs)
    expect(see('p/a')).toMatchObject({ samples: 0 })
    expect(see('p/a')?.totalMs?.p95).toBeLessThan(110)
    pass(windowsRemembered * windowMs)
    expect(see('p/a')).toMatchObject({ samples: 0, totalMs: null })
  })

  it('know the share of cached input from what providers count, never from estimates', () => {
    const { call, see, pass } = stats()
    call('p/a', { usage: { inputTokens: 900, cachedInputTokens: 600, isEstimated: false } })
    call('p/a', { usage: { inputTokens: 300, cachedInputTokens: 0, isEstimated: false } })
    call('p/a', { usage: { inputTokens: 9_000, cachedInputTokens: 0, isEstimated: true } })
    call('p/b')
    pass(1_000)
    expect(see('p/a')?.cachedShare).toBe(0.5)
    expect(see('p/b')?.cachedShare).toBeNull()
  })

  it('show quality by task, also of models that were never called', () => {
    const { live, see } = stats()
    live.setQuality(bookOf([{ model: 'p/a', metric: 'exact', task: 'code', samples: 20, sum: 15 }]))
    expect(see('p/a', undefined, 'code')?.quality['exact']).toMatchObject({ score: 0.75, samples: 20 })
    expect(see('p/a', undefined, 'summarization')?.quality).toEqual({})
    expect(see('p/a', undefined, null)?.quality['exact']?.score).toBe(0.75)
  })
})

describe.each(engines())('the exchange among replicas on %s (A7, E6)', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())

  const replica = (bootId: string) => {
    const rig = stats()
    const sync = new LiveSync(rig.live, createLiveExchange(database.db, bootId, rig.clock), silentLog)
    return { ...rig, sync }
  }

  it('adds up what all have measured, once, however often it is exchanged', async () => {
    const [one, two] = [replica('boot-1'), replica('boot-2')]
    for (let i = 0; i < 6; i++) one.call('p/a', { ttftMs: 50, totalMs: 100 }, 'eu')
    for (let i = 0; i < 6; i++) two.call('p/a', { ttftMs: 50, totalMs: 300 }, 'eu')
    for (let round = 0; round < 3; round++) {
      await one.sync.sync()
      await two.sync.sync()
    }
    await one.sync.sync()
    one.pass(1_000)
    two.pass(1_000)
    for (const { see } of [one, two]) {
      expect(see('p/a', 'eu')).toMatchObject({ samples: 12, ttftSamples: 12 })
      expect(see('p/a', 'eu')?.totalMs?.p95).toBeGreaterThan(290)
      expect(see('p/a')).toMatchObject({ samples: 12 })
    }
    one.call('p/a', { totalMs: 100 }, 'eu')
    await one.sync.sync()
    await two.sync.sync()
    two.pass(1_000)
    expect(two.see('p/a')).toMatchObject({ samples: 13 })
  })

  it('gives a replica that has just started what the others know', async () => {
    const old = replica('boot-3')
    for (let i = 0; i < 10; i++) old.call('p/warm', { totalMs: 100 })
    await old.sync.stop()
    const fresh = replica('boot-4')
    await fresh.sync.sync()
    expect(fresh.see('p/warm')).toMatchObject({ samples: 10 })
  })

  it('keeps nothing of long ago', async () => {
    const old = stats(start - 2 * windowsRemembered * windowMs)
    old.call('p/old')
    await writeWindows(database.db, 'boot-old', old.live.takeUnsent())
    const now = stats()
    now.call('p/new')
    await writeWindows(database.db, 'boot-new', now.live.takeUnsent())
    const rows = await database.db.selectFrom('live_statistics').select('model').where('model', '=', 'p/old').execute()
    expect(rows).toEqual([])
  })

  it('loses nothing to a database that was away, and says so once', async () => {
    const rig = stats()
    const real = createLiveExchange(database.db, 'boot-5', rig.clock)
    let isAway = true
    const exchange: LiveExchange = {
      ...real,
      write: (windows) => (isAway ? Promise.reject(new Error('away')) : real.write(windows)),
    }
    const warned: unknown[] = []
    const log = { ...silentLog, warn: (...words: unknown[]) => warned.push(words) } as unknown as typeof silentLog
    const sync = new LiveSync(rig.live, exchange, log)
    rig.call('p/kept')
    await sync.sync()
    await sync.sync()
    isAway = false
    await sync.sync()
    const other = replica('boot-6')
    await other.sync.sync()
    expect(other.see('p/kept')).toMatchObject({ samples: 1 })
    expect(warned).toHaveLength(1)
  })
})
