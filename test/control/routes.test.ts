import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aBarBody, aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('routes on %s', (engine) => {
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
  const codes = (answer: { status: number; body: { code?: string } }) => [answer.status, answer.body.code]

  test('a new route is live at once with version 1, in the shape of the contract (D1)', async () => {
    const body = {
      name: 'fresh',
      owner: 'team',
      purpose: 'answers',
      risk: 'high',
      spec: { models: ['p/good'] },
      bar: aBarBody,
    }
    const made = await rig.call('POST', '/api/routes', { body })
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe('/api/routes/fresh')
    expect(made.body).toMatchObject({
      name: 'fresh',
      owner: 'team',
      purpose: 'answers',
      risk: 'high',
      bar: aBarBody,
      stable: { version: 1 },
      previous: null,
      rollout: null,
    })
    const version = await rig.call('GET', '/api/routes/fresh/versions/1')
    expect(version.body).toMatchObject({
      route: 'fresh',
      version: 1,
      spec: { models: ['p/good'] },
      createdBy: 'admin-key',
    })
    expect(version.body.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(codes(await rig.call('POST', '/api/routes', { body }))).toEqual([409, 'ALREADY_EXISTS'])
  })

  test.each([
    ['an unknown model', { spec: { models: ['p/nope'] } }, '/spec/models/0'],
    [
      'an unknown setting of a classifier',
      { spec: { models: ['p/good'], task: { classifier: { kind: 'lexical', floor: 1 } } } },
      '/spec/task/classifier/floor',
    ],
    [
      'an unknown condition',
      { spec: { models: ['p/good'], rules: [{ name: 'r', when: { mood: 'good' }, models: ['p/cheap'] }] } },
      '/spec/rules/0/when/mood',
    ],
    [
      'an unknown evaluator',
      { bar: { evaluators: [{ name: 'vibes' }], gates: [{ metric: 'error_rate', max: 1 }] } },
      '/bar/evaluators/0/name',
    ],
    [
      'an unknown field of an evaluator',
      {
        bar: {
          evaluators: [{ name: 'json_validity', config: { levle: 1 } }],
          gates: [{ metric: 'error_rate', max: 1 }],
        },
      },
      '/bar/evaluators/0/config/levle',
    ],
    ['an unknown metric', { bar: { gates: [{ metric: 'vibes', min: 1 }] } }, '/bar/gates/0/metric'],
    ['a gate the wrong way round', { bar: { gates: [{ metric: 'cost_usd', maxDrop: 1 }] } }, '/bar/gates/0/maxDrop'],
    ['no bar', { bar: undefined }, '/bar'],
    ['a name with a space', { name: 'my route' }, '/name'],
    ['a name with a slash', { name: 'a/b' }, '/name'],
    ['a wrong type', { owner: 7 }, '/owner'],
    ['an unknown risk', { risk: 'extreme' }, '/risk'],
  ])('a route with %s is refused with its path and stores nothing', async (_name, overrides, path) => {
    const body = { name: 'refused', spec: { models: ['p/good'] }, bar: aBarBody, ...overrides }
    const answer = await rig.call('POST', '/api/routes', { body })
    expect(codes(answer)).toEqual([422, 'VALIDATION_FAILED'])
    expect(answer.body.errors.map((problem: { path: string }) => problem.path)).toEqual([path])
    expect((await rig.call('GET', '/api/routes/refused')).status).toBe(404)
  })

  test('a bar is set by an approver, kept as a version, and told to gateways (D2)', async () => {
    const bar = { gates: [{ metric: 'error_rate', max: 0.01 }], alpha: 0.01 }
    const changes = rig.changes()
    const put = await rig.call('PUT', '/api/routes/fresh/bar', { body: bar, key: rig.keys.approver })
    expect(put.body).toEqual({ route: 'fresh', version: 2, bar: { ...bar, evaluators: [] } })
    expect(rig.changes()).toBe(changes + 1)
    const { body } = await rig.call('GET', '/api/routes/fresh')
    expect(body).toMatchObject({ barVersion: 2, bar: { alpha: 0.01 } })
    const entry = (await rig.call('GET', '/api/audit?subject=route:fresh&action=route.set_bar')).body.items[0]
    expect(entry).toMatchObject({ actor: 'approver-key', details: { version: 2, bar } })
  })

  test('a bar cannot change under an open rollout', async () => {
    const { body } = await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })
    const put = await rig.call('PUT', '/api/routes/support/bar', { body: aBarBody })
    expect(codes(put)).toEqual([409, 'ROLLOUT_IN_PROGRESS'])
    expect(put.body.detail).toContain(body.id)
    expect((await rig.call('GET', '/api/routes/support')).body.rollout).toEqual({
      proposal: body.id,
      version: 2,
      status: 'queued',
      share: 0,
    })
    await rig.call('POST', `/api/proposals/${body.id}/abort`, { body: { reason: 'done' } })
    expect((await rig.call('PUT', '/api/routes/support/bar', { body: aBarBody })).status).toBe(200)
  })

  test('two versions are compared in the terms of routing', async () => {
    const diff = await rig.call('GET', '/api/routes/support/diff?from=1&to=2')
    expect(diff.body).toMatchObject({ route: 'support', from: 1, to: 2 })
    expect(diff.body.changes.map((change: { words: string }) => change.words)).toEqual([
      'p/good leaves the pool',
      'p/cheap joins the pool',
    ])
    expect((await rig.call('GET', '/api/routes/support/diff?from=1&to=9')).body.errors[0].path).toBe('?to')
    expect((await rig.call('GET', '/api/routes/support/diff?from=1')).body.errors[0].path).toBe('?to')
    expect((await rig.call('GET', '/api/routes/support/diff?from=1&to=two')).body.errors[0].path).toBe('?to')
    expect((await rig.call('GET', '/api/routes/nope/diff?from=1&to=2')).status).toBe(404)
  })

  test('a rollback needs no body, waits for nothing and says where traffic is now (D8)', async () => {
    const nothing = await rig.call('POST', '/api/routes/support/rollback', { key: rig.keys.operator })
    expect(nothing.status).toBe(200)
    expect(nothing.body).toMatchObject({ from: 1, to: 1, confirmed: true, replicas: [] })
    expect(nothing.body.at).toMatch(/^2026-03-01T/)
    const unpassed = await rig.call('POST', '/api/routes/support/rollback', { body: { toVersion: 2 } })
    expect(unpassed.body.errors[0].path).toBe('/toVersion')
    expect((await rig.call('POST', '/api/routes/nope/rollback')).status).toBe(404)
    const unknown = await rig.call('POST', '/api/routes/support/rollback', { body: { toversion: 1 } })
    expect(unknown.body.errors[0].path).toBe('/toversion')
  })

  test('lists give every route once over pages of any size, and refuse limits and cursors that are none', async () => {
    const names: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await rig.call('GET', `/api/routes?limit=1${cursor && `&cursor=${cursor}`}`)
      names.push(...body.items.map((route: { name: string }) => route.name))
      cursor = body.nextCursor
    }
    expect(names).toEqual(['fresh', 'support'])
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1&limit=2',
      'cursor=nope',
      'offset=1',
      'cursor=%00',
    ]) {
      const answer = await rig.call('GET', `/api/routes?${query}`)
      expect([query, ...codes(answer)]).toEqual([query, 422, 'VALIDATION_FAILED'])
      expect(answer.body.errors[0].path).toMatch(/^\?(limit|cursor|offset)$/)
    }
  })

  test('addresses that cannot exist are not found, whatever they spell', async () => {
    for (const path of ['..%2f..%2fetc', '%2e%2e', 'a%00b', 'a'.repeat(300), "x'--", '%E2%80%AE']) {
      expect((await rig.call('GET', `/api/routes/${path}`)).status).toBe(404)
    }
    expect(codes(await rig.call('GET', '/api/routes/%zz'))).toEqual([400, 'MALFORMED_REQUEST'])
    expect((await rig.call('GET', '/api/routes/support/versions/0')).status).toBe(404)
    expect((await rig.call('GET', '/api/routes/support/versions/99999999999')).status).toBe(404)
  })
})
