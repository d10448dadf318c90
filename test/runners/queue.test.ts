import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { createLog } from '#infra/log.ts'
import { type JobQueue, openQueue, type QueueBacking } from '#infra/queue.ts'
import { startReconciler } from '#runners/reconcile.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { readProposal } from '#store/proposals.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aPlan, rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'

const log = createLog('silent')
const redisUrl = process.env['REDIS_URL']
const backends = ['embedded', ...(process.env['DATABASE_URL'] ? ['postgres'] : []), ...(redisUrl ? ['redis'] : [])]

/** A database number of its own, emptied: a run that was killed may have left jobs. */
async function emptyRedis(): Promise<string> {
  const url = `${redisUrl}`.replace(/\/\d*$/, '/5')
  const redis = new Redis(url)
  await redis.flushdb()
  redis.disconnect()
  return url
}

describe.each(backends)('the queue on %s (E6)', (backend) => {
  let database: TestDatabase
  let queue: JobQueue
  async function open(): Promise<void> {
    database = await testDatabase(backend === 'postgres' ? 'postgres' : 'embedded')
    const backing: QueueBacking = backend === 'redis' ? { redisUrl: await emptyRedis() } : { pool: database.pool }
    queue = await openQueue(backing, log)
  }
  afterEach(async () => {
    await queue.close()
    await database.close()
  })

  test('a rung job reaches the worker with its id, and a failing one does not stop the next', async () => {
    await open()
    const seen: string[] = []
    queue.work(async (name, id) => {
      seen.push(`${name} ${id}`)
      if (id === 'bad') throw new Error('no')
    }, 2)
    queue.ring('advance-proposal', 'bad')
    queue.ring('advance-proposal', 'p1')
    queue.ring('eval-run', 'r1')
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(3)
    expect([...seen].sort()).toEqual(['advance-proposal bad', 'advance-proposal p1', 'eval-run r1'])
    queue.ring('advance-proposal', 'p1')
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(4)
  })

  test('long eval runs never stand before a proposal', async () => {
    await open()
    const { promise, resolve } = Promise.withResolvers<void>()
    const seen: string[] = []
    queue.work(async (name, id) => {
      seen.push(id)
      if (name === 'eval-run') await promise
    }, 2)
    for (let run = 0; run < 6; run += 1) queue.ring('eval-run', `r${run}`)
    queue.ring('advance-proposal', 'p')
    await expect.poll(() => seen.includes('p'), { timeout: 10_000 }).toBe(true)
    resolve()
  })
})

describe('the reconciler', () => {
  test('finds from the rows what is due when every hint is lost (a lost job costs a tick)', async () => {
    const database = await testDatabase()
    const rig = rolloutDeps(database.db)
    await seedRoute(database.db)
    const id = await seedProposal(rig.deps, { plan: aPlan({ offline: { datasets: [] } }) })
    const deaf: JobQueue = {
      ring: () => undefined,
      work: () => undefined,
      isReachable: () => false,
      close: async () => undefined,
    }
    const deps: RunnerDeps = {
      rollout: rig.deps,
      catalogue: async () => ({ models: new Map(), providers: new Map() }),
      bootId: 'b',
      random: () => 0.5,
      chat: { complete: () => Promise.reject(new Error('no judge')) },
      callTarget: () => Promise.reject(new Error('no model')),
      evalConcurrency: 2,
      retention: { decisionsMs: 86_400_000 },
    }
    const reconciler = startReconciler(deps, deaf, 20)
    await expect
      .poll(async () => (await readProposal(database.db, id))?.state.status, { timeout: 10_000 })
      .toBe('failed')
    await reconciler.stop()
    const state = await database.db.selectFrom('snapshot_state').selectAll().executeTakeFirstOrThrow()
    expect(state.engine_seen_at).not.toBeNull()
    await database.close()
  })
})
