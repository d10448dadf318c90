import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '#infra/config.ts'
import { applyRetention } from '#runners/retention.ts'
import { json } from '#store/database.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps, seedRoute } from '#test/support/factories.ts'

const hourMs = 3_600_000

describe('the setting for it', () => {
  it('is 90 days unless set, and says what it should look like', () => {
    expect(readConfig({}).decisionRetentionMs).toBe(90 * 24 * hourMs)
    expect(readConfig({ INTERLOCK_RETENTION_DECISIONS: '48h' }).decisionRetentionMs).toBe(48 * hourMs)
    for (const text of ['0d', 'forever', '90', '5m', '-1d']) {
      expect(() => readConfig({ INTERLOCK_RETENTION_DECISIONS: text })).toThrow(
        'INTERLOCK_RETENTION_DECISIONS must be a time such as 48h or 90d, at least 1h',
      )
    }
  })
})

describe.each(engines())('retention on %s (B6)', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
    await seedRoute(database.db)
  })
  afterAll(() => database.close())

  const count = async (
    table: 'decisions' | 'payloads' | 'sessions' | 'idempotency_keys' | 'feedback' | 'shadow_calls',
  ) =>
    Number(
      (
        await database.db
          .selectFrom(table)
          .select((eb) => eb.fn.countAll().as('n'))
          .executeTakeFirstOrThrow()
      ).n,
    )

  it('removes what is past its time, in as many batches as it takes, and nothing else', async () => {
    const { deps, pass } = rolloutDeps(database.db)
    const now = deps.clock.nowMs()
    const at = (agoMs: number) => new Date(now - agoMs)
    const db = database.db
    const decision = (id: string, agoMs: number) => ({
      request_id: id,
      at: at(agoMs),
      route: 'support',
      arm: 'baseline',
      reason: 'r',
      random: 0.5,
      snapshot_epoch: 1,
      eligible: json([]),
      excluded: json([]),
      attempts: json([]),
      is_fallback: false,
      status: 200,
      is_stream: false,
      total_ms: 1,
      key_id: 'k',
      metadata: json({}),
      facts: json({}),
      endpoint: 'chat',
      warnings: json([]),
    })
    const old = Array.from({ length: 4_100 }, (_, index) => decision(`old${index}`, 25 * hourMs))
    for (let from = 0; from < old.length; from += 1_000) {
      await db
        .insertInto('decisions')
        .values(old.slice(from, from + 1_000) as never)
        .execute()
    }
    await db
      .insertInto('decisions')
      .values(decision('fresh', 23 * hourMs) as never)
      .execute()
    const payload = (id: string, inMs: number) => ({
      request_id: id,
      route: 'support',
      at: at(hourMs),
      expires_at: at(-inMs),
      user_hash: null,
      payload: json({}),
    })
    await db
      .insertInto('payloads')
      .values([payload('a', -1), payload('b', hourMs)])
      .execute()
    const session = (id: string, inMs: number) => ({
      id_hash: id,
      key_id: 'k',
      csrf: 'c',
      created_at: at(hourMs),
      expires_at: at(-inMs),
    })
    await db
      .insertInto('api_keys')
      .values({
        id: 'k',
        name: 'k',
        hash: 'h',
        principal: 'p',
        role: 'viewer',
        metadata: json({}),
        created_by: 't',
        created_at: at(0),
      } as never)
      .execute()
    await db
      .insertInto('sessions')
      .values([session('a', -1), session('b', hourMs)])
      .execute()
    const key = (name: string, agoMs: number) => ({
      key: name,
      caller: 'c',
      fingerprint: 'f',
      status: 200,
      body: null,
      created_at: at(agoMs),
    })
    await db
      .insertInto('idempotency_keys')
      .values([key('a', 25 * hourMs), key('b', hourMs)])
      .execute()
    const feedback = (id: string, agoMs: number) => ({
      id,
      request_id: id,
      signal: 'rating',
      value: 1,
      comment: null,
      by: 'x',
      at: at(agoMs),
    })
    await db
      .insertInto('feedback')
      .values([feedback('a', 25 * hourMs), feedback('b', hourMs)])
      .execute()

    const gateway = (id: string, agoMs: number) => ({
      id,
      boot_id: id,
      epoch: 1,
      digest: 'd',
      started_at: at(agoMs),
      seen_at: at(agoMs),
    })
    await db
      .insertInto('gateways')
      .values([gateway('a', 8 * 24 * hourMs), gateway('b', 6 * 24 * hourMs)])
      .execute()

    await applyRetention({ rollout: deps, retention: { decisionsMs: 24 * hourMs } })

    expect(await db.selectFrom('decisions').select('request_id').execute()).toEqual([{ request_id: 'fresh' }])
    expect(await db.selectFrom('payloads').select('request_id').execute()).toEqual([{ request_id: 'b' }])
    expect(await db.selectFrom('sessions').select('id_hash').execute()).toEqual([{ id_hash: 'b' }])
    expect(await db.selectFrom('idempotency_keys').select('key').execute()).toEqual([{ key: 'b' }])
    expect(await db.selectFrom('feedback').select('id').execute()).toEqual([{ id: 'b' }])
    expect(await db.selectFrom('gateways').select('id').execute()).toEqual([{ id: 'b' }])

    pass(2 * hourMs)
    await Promise.all([1, 2].map(() => applyRetention({ rollout: deps, retention: { decisionsMs: 24 * hourMs } })))
    expect([await count('decisions'), await count('payloads'), await count('sessions')]).toEqual([0, 0, 0])
  })
})
