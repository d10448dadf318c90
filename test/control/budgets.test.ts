import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSnapshotSource } from '#store/snapshot.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const hour = 3_600_000

describe.each(engines())('budgets, limits and the life of keys on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const put = (path: string, body: unknown) => rig.call('PUT', path, { body })
  const lastAudit = async () => (await rig.call('GET', '/api/audit?limit=1')).body.items[0]
  const snapshot = () => createSnapshotSource(database, { id: 'g', bootId: 'b', startedAtMs: 0 }, rig.deps.clock).load()
  const works = async (key: string) => (await rig.call('GET', '/api/routes', { key })).status === 200
  const makeKey = async (body: object) => (await rig.call('POST', '/api/keys', { body })).body

  test('a budget is set, read with its window, replaced, listed and removed, each act audited (B5)', async () => {
    const changes = rig.changes()
    const body = {
      budgets: [
        { period: 'daily', hardUsd: 5, softUsd: 4 },
        { period: 'monthly', hardUsd: 100.5 },
      ],
    }
    const made = await put('/api/budgets/team/search', body)
    expect([made.status, made.headers.get('location')]).toEqual([201, '/api/budgets/team/search'])
    expect(made.body).toMatchObject({
      scope: 'team',
      name: 'search',
      budgets: [
        {
          period: 'daily',
          hardUsd: 5,
          softUsd: 4,
          spentUsd: 0,
          heldUsd: 0,
          leftUsd: 5,
          startsAt: '2026-03-01T00:00:00.000Z',
          resetsAt: '2026-03-02T00:00:00.000Z',
          softReachedAt: null,
          hardReachedAt: null,
          updatedBy: 'admin-key',
        },
        { period: 'monthly', hardUsd: 100.5, softUsd: null, resetsAt: '2026-04-01T00:00:00.000Z' },
      ],
    })
    expect(await lastAudit()).toMatchObject({ action: 'budget.put', subject: 'team:search', details: body })
    expect((await snapshot()).budgets.get('team:search')).toMatchObject([
      { period: 'daily', hardMicroUsd: 5_000_000, softMicroUsd: 4_000_000 },
      { period: 'monthly', hardMicroUsd: 100_500_000, softMicroUsd: null },
    ])
    const replaced = await put('/api/budgets/team/search', { budgets: [{ period: 'daily', hardUsd: 6 }] })
    expect([replaced.status, replaced.body.budgets.length]).toEqual([200, 1])
    await put('/api/budgets/project/search', { budgets: [{ period: 'daily', hardUsd: 1 }] })
    const first = await rig.call('GET', '/api/budgets?limit=1')
    const second = await rig.call('GET', `/api/budgets?limit=1&cursor=${first.body.nextCursor}`)
    expect([first, second].map(({ body: { items } }) => [items.length, items[0].scope, items[0].name])).toEqual([
      [1, 'project', 'search'],
      [1, 'team', 'search'],
    ])
    expect(second.body.nextCursor).toBeNull()
    expect((await rig.call('GET', '/api/budgets?scope=team')).body.items).toHaveLength(1)
    expect((await rig.call('DELETE', '/api/budgets/team/search')).status).toBe(204)
    expect(await lastAudit()).toMatchObject({ action: 'budget.delete', subject: 'team:search' })
    expect((await rig.call('DELETE', '/api/budgets/team/search')).status).toBe(404)
    expect((await rig.call('GET', '/api/budgets/team/search')).status).toBe(404)
    expect(rig.changes()).toBe(changes + 4)
  })

  test.each([
    ['an unknown scope', '/api/budgets/user/ada', { budgets: [{ period: 'daily', hardUsd: 1 }] }, 422, '{scope}'],
    ['no budget', '/api/budgets/team/x', { budgets: [] }, 422, '/budgets'],
    ['no list', '/api/budgets/team/x', {}, 422, '/budgets'],
    [
      'an amount in words',
      '/api/budgets/team/x',
      { budgets: [{ period: 'daily', hardUsd: '5' }] },
      422,
      '/budgets/0/hardUsd',
    ],
    [
      'an alert above the stop',
      '/api/budgets/team/x',
      { budgets: [{ period: 'daily', hardUsd: 1, softUsd: 2 }] },
      422,
      '/budgets/0/softUsd',
    ],
    [
      'a key that is not there',
      '/api/budgets/key/key_none',
      { budgets: [{ period: 'daily', hardUsd: 1 }] },
      404,
      undefined,
    ],
    [
      'a route that is not there',
      '/api/budgets/route/none',
      { budgets: [{ period: 'daily', hardUsd: 1 }] },
      404,
      undefined,
    ],
    ['limits of nothing', '/api/limits/team/x', {}, 422, ''],
    ['a limit below one', '/api/limits/team/x', { concurrency: 0 }, 422, '/concurrency'],
    ['an unknown limit', '/api/limits/team/x', { rpm: 1 }, 422, '/rpm'],
  ] as const)('%s is refused with its place', async (_what, path, body, status, place) => {
    const answer = await put(path, body)
    expect([answer.status, answer.body.errors[0]?.path]).toEqual([status, place])
  })

  test('a route, a model addressed directly and a team of any name may have a budget', async () => {
    const body = { budgets: [{ period: 'daily', hardUsd: 1 }] }
    for (const path of ['route/support', 'route/p/good', 'team/R%26D%20%2F%20Zürich']) {
      const answer = await put(`/api/budgets/${path}`, body)
      expect([path, answer.status]).toEqual([path, 201])
      expect((await rig.call('GET', `/api/budgets/${path}`)).status).toBe(200)
    }
    expect([...(await snapshot()).budgets.keys()]).toEqual(
      expect.arrayContaining(['route:support', 'route:p/good', 'team:R&D / Zürich']),
    )
  })

  test('limits are set, read, replaced and removed, and reach the gateways (B5)', async () => {
    const made = await put('/api/limits/team/search', { requestsPerMinute: 60, concurrency: 4 })
    expect([made.status, made.body.requestsPerMinute, made.body.tokensPerMinute]).toEqual([201, 60, undefined])
    expect(await lastAudit()).toMatchObject({
      action: 'limits.put',
      subject: 'team:search',
      details: { requestsPerMinute: 60, concurrency: 4 },
    })
    expect((await put('/api/limits/team/search', { tokensPerMinute: 1_000 })).status).toBe(200)
    expect((await snapshot()).limits.get('team:search')).toEqual({ tokensPerMinute: 1_000 })
    expect((await rig.call('GET', '/api/limits')).body.items).toMatchObject([
      { scope: 'team', name: 'search', tokensPerMinute: 1_000, updatedBy: 'admin-key' },
    ])
    expect((await rig.call('DELETE', '/api/limits/team/search')).status).toBe(204)
    expect((await rig.call('GET', '/api/limits/team/search')).status).toBe(404)
    expect(await lastAudit()).toMatchObject({ action: 'limits.delete' })
  })

  test('a key is made with budgets, limits, models and an end, and all of it is shown and served (B5, E4)', async () => {
    const body = {
      name: 'full',
      role: 'gateway',
      metadata: { team: 'search' },
      routes: ['support'],
      models: ['p/good'],
      budgets: [{ period: 'monthly', hardUsd: 20, softUsd: 15 }],
      limits: { requestsPerMinute: 60, tokensPerMinute: 10_000, concurrency: 2 },
      expiresAt: '2026-06-01T00:00:00.000Z',
    }
    const made = await makeKey(body)
    expect(made).toMatchObject(body)
    expect((await rig.call('GET', `/api/keys/${made.id}`)).body).toMatchObject(body)
    const listed = (await rig.call('GET', '/api/keys')).body.items.find((key: { name: string }) => key.name === 'full')
    expect(listed).toMatchObject(body)
    expect((await rig.call('GET', `/api/budgets/key/${made.id}`)).body.budgets[0]).toMatchObject({ hardUsd: 20 })
    expect(await lastAudit()).toMatchObject({
      action: 'key.create',
      details: { budgets: body.budgets, models: ['p/good'] },
    })
    const { budgets, limits, callers } = await snapshot()
    expect(budgets.get(`key:${made.id}`)).toMatchObject([{ hardMicroUsd: 20_000_000 }])
    expect(limits.get(`key:${made.id}`)).toEqual(body.limits)
    expect([...callers.values()].find((caller) => caller.name === 'full')).toMatchObject({
      models: ['p/good'],
      expiresAtMs: Date.parse(body.expiresAt),
    })
  })

  test('a key that has expired is refused', async () => {
    const { key } = await makeKey({ name: 'short', role: 'viewer', expiresAt: '2026-03-01T01:00:00Z' })
    expect(await works(key)).toBe(true)
    rig.pass(hour)
    expect(await works(key)).toBe(false)
  })

  test('a rotated key works under both secrets until the grace period ends; the new one stays (E4)', async () => {
    const made = await makeKey({ name: 'turning', role: 'viewer' })
    const rotated = await rig.call('POST', `/api/keys/${made.id}/rotate`, { body: { grace: '2h' } })
    expect(rotated.status).toBe(200)
    expect(rotated.body.key).not.toBe(made.key)
    expect(rotated.body).toMatchObject({ id: made.id, name: 'turning' })
    expect([await works(made.key), await works(rotated.body.key)]).toEqual([true, true])
    expect(await lastAudit()).toMatchObject({ action: 'key.rotate', subject: 'key:turning' })
    expect((await rig.call('GET', '/api/audit?limit=1')).text).not.toContain(rotated.body.key)
    const known = [...(await snapshot()).callers.values()].filter((caller) => caller.name === 'turning')
    expect(known.map((caller) => caller.expiresAtMs).sort()).toEqual([rig.deps.clock.nowMs() + 2 * hour, null].sort())
    rig.pass(2 * hour)
    rig.deps.authenticator.forget()
    expect([await works(made.key), await works(rotated.body.key)]).toEqual([false, true])
  })

  test('a second rotation ends the secret before the last at once, and so does revoking', async () => {
    const made = await makeKey({ name: 'twice', role: 'viewer' })
    const rotate = async () => (await rig.call('POST', `/api/keys/${made.id}/rotate`)).body.key as string
    const [second, third] = [await rotate(), await rotate()]
    expect([await works(made.key), await works(second), await works(third)]).toEqual([false, true, true])
    await rig.call('DELETE', `/api/keys/${made.id}`)
    expect([await works(second), await works(third)]).toEqual([false, false])
    expect((await rig.call('POST', `/api/keys/${made.id}/rotate`)).status).toBe(404)
  })

  test('a rotation without grace ends the old secret at once; a grace that is no duration is refused', async () => {
    const made = await makeKey({ name: 'leaked', role: 'viewer' })
    const path = `/api/keys/${made.id}/rotate`
    for (const grace of ['31d', 'soon', '-1s']) {
      const answer = await rig.call('POST', path, { body: { grace } })
      expect([answer.status, answer.body.errors[0].path]).toEqual([422, '/grace'])
    }
    const rotated = await rig.call('POST', path, { body: { grace: '0s' } })
    expect([await works(made.key), await works(rotated.body.key)]).toEqual([false, true])
  })

  test('alerts are listed, newest first, page by page', async () => {
    const at = (day: number) => new Date(Date.UTC(2026, 1, day))
    await database.db
      .insertInto('budget_alerts')
      .values(
        [1, 2, 3].map((day) => ({
          scope: 'team',
          name: 'search',
          period: 'daily',
          starts_at: at(day),
          kind: 'soft',
          at: at(day),
          spent_micro_usd: 900_000,
          limit_micro_usd: 800_000,
        })),
      )
      .execute()
    const first = await rig.call('GET', '/api/budget-alerts?limit=2')
    expect(first.body.items).toMatchObject([
      { kind: 'soft', at: at(3).toISOString(), spentUsd: 0.9, limitUsd: 0.8 },
      { at: at(2).toISOString() },
    ])
    const second = await rig.call('GET', `/api/budget-alerts?limit=2&cursor=${first.body.nextCursor}`)
    expect(second.body).toMatchObject({ items: [{ at: at(1).toISOString() }], nextCursor: null })
  })
})
