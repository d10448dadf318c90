import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedRequests, times } from '#test/support/traffic.ts'

describe.each(engines())('what a change would do to requests recorded long ago, on %s (D3)', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
    await seedRequests(
      database.db,
      times(3, { requestId: 'old', atMs: rig.deps.clock.nowMs() - 60_000, model: 'p/good' }),
    )
    // As an older version wrote them, and as one did that knew less of the world.
    await database.db.updateTable('decisions').set({ facts: '{}', live: null }).execute()
    await database.db.updateTable('decisions').set({ live: '{}' }).where('request_id', '=', 'old-1').execute()
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const spec = {
    models: ['p/cheap'],
    rules: [
      { name: 'asks for a password', when: { promptMatches: 'password' }, models: ['p/good'] },
      { name: 'long', when: { inputTokens: { gte: 500 } }, models: ['p/good'] },
    ],
  }

  test('counts them: what they lack was not asked for, their tokens are those that were billed', async () => {
    const { status, body } = await rig.call('POST', '/api/routes/support/impact', { body: { spec } })
    expect([status, body.errors]).toEqual([200, undefined])
    expect(body).toMatchObject({ requests: 3, changed: 0, unknowable: 3, byRule: [{ name: 'long', requests: 3 }] })
  })

  test('stands in no proposal’s way', async () => {
    const made = await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })
    expect(made.status).toBe(201)
    const { body } = await rig.call('GET', `/api/proposals/${made.body.id}/impact`)
    expect(body).toMatchObject({ requests: 3, changed: 3, lost: { requests: 0 } })
  })

  test('leaves each of them readable', async () => {
    for (const id of ['old-0', 'old-1']) expect((await rig.call('GET', `/api/decisions/${id}`)).status).toBe(200)
  })
})
