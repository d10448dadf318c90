import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aPlanBody, aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('proposals on %s', (engine) => {
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
  const submit = async (overrides: object = {}, key = rig.keys.author) =>
    rig.call('POST', '/api/proposals', { body: aProposalBody(overrides), key })
  const act = (id: string, name: string, key: string, body: object = { reason: 'because' }) =>
    rig.call('POST', `/api/proposals/${id}/${name}`, { body, key })
  const counted = async () => {
    const tables = ['proposals', 'route_versions', 'audit_entries', 'proposal_events'] as const
    const counts = tables.map((table) =>
      database.db
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow(),
    )
    return (await Promise.all(counts)).map((row) => row.n)
  }

  test.each([
    ['an unknown route', { route: 'nope' }, 404, 'NOT_FOUND', '/route'],
    ['a stale base', { base: 7 }, 409, 'STALE_BASE', '/base'],
    ['an unknown model', { spec: { models: ['p/nope'] } }, 422, 'VALIDATION_FAILED', '/spec/models/0'],
    [
      'an unknown dataset',
      { plan: { ...aPlanBody, offline: { datasets: ['nope@1'] } } },
      422,
      'VALIDATION_FAILED',
      '/plan/offline/datasets/0',
    ],
    ['a missing stage', { plan: { ...aPlanBody, shadow: undefined } }, 422, 'VALIDATION_FAILED', '/plan/shadow'],
    [
      'falling steps',
      { plan: { ...aPlanBody, canary: { steps: [50, 10] } } },
      422,
      'VALIDATION_FAILED',
      '/plan/canary/steps/1',
    ],
    [
      'an unknown unit',
      { plan: { ...aPlanBody, canary: { steps: [10], unit: 'country' } } },
      422,
      'VALIDATION_FAILED',
      '/plan/canary/unit',
    ],
    ['an unknown stage', { plan: { ...aPlanBody, smoke: {} } }, 422, 'VALIDATION_FAILED', '/plan/smoke'],
    ['a bar of its own', { bar: { gates: [] } }, 422, 'VALIDATION_FAILED', '/bar'],
    ['a status of its own', { status: 'promoted' }, 422, 'VALIDATION_FAILED', '/status'],
    ['no title', { title: '' }, 422, 'VALIDATION_FAILED', '/title'],
    ['a base in words', { base: '1' }, 422, 'VALIDATION_FAILED', '/base'],
  ])(
    'one with %s is refused with its path and changes nothing (D1, D12)',
    async (_name, overrides, status, code, path) => {
      const before = await counted()
      const answer = await submit(overrides)
      expect([answer.status, answer.body.code]).toEqual([status, code])
      expect(answer.body.errors.map((problem: { path: string }) => problem.path)).toEqual([path])
      expect(await counted()).toEqual(before)
    },
  )

  test('one that is submitted reads back in the shape of the contract, and a second one on the route is refused', async () => {
    const made = await submit({ description: 'why' })
    expect(made.status).toBe(201)
    const { id } = made.body
    expect(made.headers.get('location')).toBe(`/api/proposals/${id}`)
    const read = await rig.call('GET', `/api/proposals/${id}`, { key: rig.keys.viewer })
    expect(read.body).toMatchObject({
      id,
      route: 'support',
      version: 2,
      base: 1,
      title: 'cheaper',
      description: 'why',
      author: 'author-key',
      status: 'queued',
      share: 0,
      waitingFor: null,
      gates: [],
      timeline: [{ from: null, to: 'queued', by: 'author-key', share: 0 }],
      links: { report: `/proposals/${id}` },
    })
    const second = await submit()
    expect([second.status, second.body.code]).toEqual([409, 'ROLLOUT_IN_PROGRESS'])
    expect(second.body.detail).toContain(id)
    expect((await act(id, 'abort', rig.keys.operator)).body).toMatchObject({ status: 'aborted', endReason: 'because' })
  })

  test('of ten sent together one is stored, the others are told why (D12)', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => submit()))
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array(9).fill(409)])
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expect(['ROLLOUT_IN_PROGRESS', 'CONCURRENT_CHANGE']).toContain(answer.body.code)
    }
    const { id } = answers.find(({ status }) => status === 201)?.body ?? {}
    expect((await act(id, 'abort', rig.keys.operator)).status).toBe(200)
  })

  test('people hold, resume and end it by their roles, each act in the timeline and the audit trail (D9)', async () => {
    const { id } = (await submit()).body
    expect((await act(id, 'pause', rig.keys.operator)).body.isPaused).toBe(true)
    const twice = await act(id, 'pause', rig.keys.operator)
    expect([twice.status, twice.body.code]).toEqual([409, 'ILLEGAL_TRANSITION'])
    expect(twice.body.detail).toContain('possible now')
    expect((await act(id, 'resume', rig.keys.operator)).body.isPaused).toBe(false)
    expect((await act(id, 'approve', rig.keys.approver)).body.code).toBe('ILLEGAL_TRANSITION')
    const noReason = await act(id, 'reject', rig.keys.approver, {})
    expect(noReason.body.errors).toEqual([{ path: '/reason', message: 'is missing' }])
    const rejected = await act(id, 'reject', rig.keys.approver, { reason: 'too risky' })
    expect(rejected.body).toMatchObject({ status: 'rejected', endReason: 'too risky' })
    expect(rejected.body.timeline.at(-1)).toMatchObject({ to: 'rejected', by: 'approver-key', reason: 'too risky' })
    const audit = (await rig.call('GET', `/api/audit?subject=proposal:${id}`)).body.items
    expect(audit.map((entry: { action: string }) => entry.action)).toEqual([
      'proposal.reject',
      'proposal.resume',
      'proposal.pause',
      'proposal.submit',
    ])
    expect((await act(id, 'abort', rig.keys.operator)).body.code).toBe('ILLEGAL_TRANSITION')
    expect((await act('prop_nope', 'abort', rig.keys.operator)).status).toBe(404)
  })

  test('nobody approves what they wrote: not an admin, not with a second key of the same person (D9)', async () => {
    const { id } = (await submit({}, rig.keys.admin)).body
    await database.db
      .updateTable('proposals')
      .set({ status: 'awaiting_approval', waiting_for: 'canary' })
      .where('id', '=', id)
      .execute()
    const own = await act(id, 'approve', rig.keys.admin)
    expect([own.status, own.body.code]).toEqual([403, 'OWN_PROPOSAL'])
    const second = { name: 'second', role: 'approver', principal: 'admin-person' }
    const { key } = (await rig.call('POST', '/api/keys', { body: second })).body
    expect((await act(id, 'approve', key)).body.code).toBe('OWN_PROPOSAL')
    expect((await rig.call('GET', `/api/proposals/${id}`)).body.status).toBe('awaiting_approval')
    expect((await act(id, 'approve', rig.keys.approver)).body).toMatchObject({ status: 'canary', share: 10 })
    const back = await rig.call('POST', '/api/routes/support/rollback', { key: rig.keys.approver })
    expect(back.body).toMatchObject({ to: 1 })
    expect((await rig.call('GET', `/api/proposals/${id}`)).body).toMatchObject({ status: 'rolled_back', share: 0 })
  })

  test('gates and verdicts are shown with the percent of their step', async () => {
    const { id } = (await submit()).body
    const gate = {
      stage: 'canary',
      step: 1,
      metric: 'json_validity',
      baseline: 0.9,
      candidate: 0.95,
      difference: 0.05,
      interval: [0.01, 0.09],
      samples: 40,
      missing: 1,
      threshold: { maxDrop: 0.03 },
      verdict: 'pass',
      eValue: 25,
      harmEValue: 0,
      margin: 0.03,
      mde: null,
    }
    const at = new Date('2026-03-01T00:00:00Z')
    await database.db
      .updateTable('proposals')
      .set({ gates: JSON.stringify([gate]) })
      .where('id', '=', id)
      .execute()
    const row = {
      proposal_id: id,
      at,
      stage: 'canary',
      step: 1,
      reasons: '[]',
      evidence: '{"seen": 40}',
      engine: 'e/1',
    }
    for (const action of ['wait', 'advance']) {
      await database.db
        .insertInto('promotion_decisions')
        .values({ ...row, action, gates: JSON.stringify([gate]) })
        .execute()
    }
    const { harmEValue: _h, margin: _m, mde: _d, ...shown } = gate
    expect((await rig.call('GET', `/api/proposals/${id}`)).body.gates).toEqual([{ ...shown, step: 50 }])
    const first = (await rig.call('GET', `/api/proposals/${id}/decisions?limit=1`)).body
    expect(first.items).toMatchObject([
      { action: 'advance', stage: 'canary', step: 50, evidence: { seen: 40 }, engine: 'e/1' },
    ])
    const second = (await rig.call('GET', `/api/proposals/${id}/decisions?limit=1&cursor=${first.nextCursor}`)).body
    expect(second.items).toMatchObject([{ action: 'wait' }])
    expect(second.nextCursor).toBeNull()
    const impact = await rig.call('GET', `/api/proposals/${id}/impact`)
    expect(impact.status).toBe(200)
    expect(impact.body).toMatchObject({ windowDays: 7, requests: 0, changed: 0, lost: { requests: 0, reasons: [] } })
    const dry = await rig.call('POST', '/api/routes/support/impact', { body: { spec: { models: ['p/cheap'] } } })
    expect([dry.status, dry.body.requests]).toEqual([200, 0])
    const wrong = await rig.call('POST', '/api/routes/support/impact', { body: { spec: { models: ['p/nope'] } } })
    expect([wrong.status, wrong.body.errors[0].path]).toEqual([422, '/spec/models/0'])
    await act(id, 'abort', rig.keys.operator)
  })

  test('the list gives every proposal once, newest first, over pages and by filters', async () => {
    const all = (await rig.call('GET', '/api/proposals?limit=200')).body.items
    expect(all.length).toBeGreaterThan(3)
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await rig.call('GET', `/api/proposals?limit=2${cursor && `&cursor=${cursor}`}`)
      ids.push(...body.items.map((proposal: { id: string }) => proposal.id))
      cursor = body.nextCursor
    }
    expect(ids).toEqual(all.map((proposal: { id: string }) => proposal.id))
    for (const proposal of all) expect(proposal.timeline.length).toBeGreaterThan(1)
    const rejected = (await rig.call('GET', '/api/proposals?status=rejected')).body.items
    expect(rejected.map((proposal: { status: string }) => proposal.status)).toEqual(['rejected'])
    expect((await rig.call('GET', '/api/proposals?route=other')).body.items).toEqual([])
    expect((await rig.call('GET', '/api/proposals?status=winning')).body.errors[0].path).toBe('?status')
  })
})
