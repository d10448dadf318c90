import { describe, expect, it } from 'vitest'
import type { Snapshot } from '#domain/snapshot.ts'
import { RouteTable } from '#gateway/route-table.ts'
import type { EpochListener } from '#store/snapshot.ts'
import { silentLog, until } from '#test/support/gateway.ts'
import { aSnapshot } from '#test/support/routing.ts'

function aTable(leaseMs = 15_000) {
  const world = {
    epoch: 1,
    engineSeenAtMs: null as number | null,
    isAway: false,
    monotonicMs: 0,
    nowMs: 1_000_000,
    loads: 0,
    recorded: [] as number[],
    listeners: [] as EpochListener[],
    /** Held before a load returns. */
    beforeLoad: async () => {},
    /** Held before the source listens. */
    beforeListen: async () => {},
    listening: 0,
  }
  const snapshot = (epoch: number): Snapshot => ({ ...aSnapshot({}), epoch })
  const table = new RouteTable({
    source: {
      readState: async () => {
        if (world.isAway) throw new Error('away')
        return { epoch: world.epoch, engineSeenAtMs: world.engineSeenAtMs }
      },
      load: async () => {
        world.loads += 1
        const epoch = world.epoch
        await world.beforeLoad()
        return snapshot(epoch)
      },
      record: async (served) => {
        world.recorded.push(served.epoch)
      },
      listen: async (listener) => {
        await world.beforeListen()
        world.listeners.push(listener)
        world.listening += 1
        return async () => {
          world.listening -= 1
        }
      },
    },
    clock: { nowMs: () => world.nowMs, monotonicMs: () => world.monotonicMs },
    random: () => 0.5,
    log: silentLog,
    leaseMs,
  })
  return { world, table }
}

describe('the route table', () => {
  it('is empty until the first snapshot, then serves it and says so', async () => {
    const { table, world } = aTable()
    expect(table.current()).toBeNull()
    await table.refresh()
    expect(table.current()?.epoch).toBe(1)
    expect(world.recorded).toEqual([1])
  })

  it('that is stopped while it begins to listen does not go on listening', async () => {
    const { table, world } = aTable()
    const held = Promise.withResolvers<void>()
    world.beforeListen = () => held.promise
    const started = table.start()
    const stopped = table.stop()
    held.resolve()
    await Promise.all([started, stopped])
    expect([world.listeners.length, world.listening]).toEqual([1, 0])
  })

  it('loads only what is newer and never goes back', async () => {
    const { table, world } = aTable()
    await table.refresh()
    await table.refresh()
    expect(world.loads).toBe(1)
    world.epoch = 5
    await table.refresh()
    expect(table.current()?.epoch).toBe(5)
    world.epoch = 3
    await table.refresh()
    expect(table.current()?.epoch).toBe(5)
  })

  it('gives every caller a snapshot read after the call, even while another read is under way', async () => {
    const { table, world } = aTable()
    let release = () => {}
    world.beforeLoad = () =>
      new Promise((resolve) => {
        release = resolve
      })
    const early = table.refresh()
    await until(() => world.loads === 1)
    world.epoch = 2
    world.beforeLoad = async () => {}
    const late = Promise.all([table.refresh(), table.refresh()])
    release()
    await early
    await late
    expect(table.current()?.epoch).toBe(2)
    expect(world.loads).toBe(2)
  })

  it('keeps the last good snapshot while the database is away', async () => {
    const { table, world } = aTable()
    await table.refresh()
    world.isAway = true
    await expect(table.refresh()).rejects.toThrow('away')
    expect(table.current()?.epoch).toBe(1)
    world.isAway = false
    world.epoch = 2
    await table.refresh()
    expect(table.current()?.epoch).toBe(2)
  })

  it('follows notifications and listens again when the connection is lost', async () => {
    const { table, world } = aTable()
    await table.start()
    world.epoch = 2
    world.listeners[0]?.onChange()
    await until(() => table.current()?.epoch === 2)
    world.listeners[0]?.onLost()
    await until(() => world.listeners.length === 2)
    await table.stop()
  })

  it('starts although the database is away', async () => {
    const { table, world } = aTable()
    world.isAway = true
    await table.start()
    expect(table.current()).toBeNull()
    await table.stop()
  })
})

describe('the exposure lease (D13)', () => {
  it('is not valid before the engine was heard', async () => {
    const { table } = aTable()
    await table.refresh()
    expect(table.isLeaseValid(0)).toBe(false)
  })

  it('runs from the engine’s last sign of life, on the monotonic clock', async () => {
    const { table, world } = aTable()
    world.engineSeenAtMs = world.nowMs - 5_000
    await table.refresh()
    expect(table.isLeaseValid(9_999)).toBe(true)
    expect(table.isLeaseValid(10_000)).toBe(false)
  })

  it('is renewed by a new mark only, however often the old one is read', async () => {
    const { table, world } = aTable()
    world.engineSeenAtMs = world.nowMs
    await table.refresh()
    world.monotonicMs = 10_000
    await table.refresh()
    expect(table.isLeaseValid(15_000)).toBe(false)
    world.engineSeenAtMs += 1_000
    await table.refresh()
    expect(table.isLeaseValid(24_999)).toBe(true)
    expect(table.isLeaseValid(25_000)).toBe(false)
  })

  it('does not believe an old mark that a restarted gateway finds', async () => {
    const { table, world } = aTable()
    world.engineSeenAtMs = world.nowMs - 60_000
    await table.refresh()
    expect(table.isLeaseValid(0)).toBe(false)
  })

  it('runs out while the database is away', async () => {
    const { table, world } = aTable()
    world.engineSeenAtMs = world.nowMs
    await table.refresh()
    world.isAway = true
    await table.refresh().catch(() => undefined)
    expect(table.isLeaseValid(14_999)).toBe(true)
    expect(table.isLeaseValid(15_000)).toBe(false)
  })
})
