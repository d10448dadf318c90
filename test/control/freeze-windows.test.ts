import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('freeze windows and further attempts over the API on %s (D9, D12)', (engine) => {
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
  const now = () => Date.now()
  const body = (more: object = {}) => ({
    from: new Date(now() - 60_000).toISOString(),
    to: new Date(now() + 3_600_000).toISOString(),
    reason: 'holiday',
    ...more,
  })

  test('a window is set, listed, read and ended by those who may, with audit entries', async () => {
    const refused = await rig.call('POST', '/api/freeze-windows', { body: body(), key: rig.keys.author })
    expect(refused.status).toBe(403)
    const made = await rig.call('POST', '/api/freeze-windows', {
      body: body({ routes: ['support'] }),
      key: rig.keys.operator,
    })
    expect([made.status, made.body.routes]).toEqual([201, ['support']])
    const address = `/api/freeze-windows/${made.body.id}`
    expect((await rig.call('GET', address, { key: rig.keys.viewer })).body).toEqual(made.body)
    expect((await rig.call('GET', '/api/freeze-windows')).body.items).toEqual([made.body])
    expect((await rig.call('DELETE', address, { key: rig.keys.operator })).status).toBe(204)
    expect((await rig.call('GET', address)).status).toBe(404)
    const audit = (await rig.call('GET', '/api/audit?limit=200')).body.items
    const actions = audit.filter((entry: { subject: string }) => entry.subject === `freeze:${made.body.id}`)
    expect(actions.map((entry: { action: string }) => entry.action).sort()).toEqual(['freeze.end', 'freeze.set'])
  })

  test.each([
    ['an end before its beginning', { to: '2020-01-01T00:00:00Z' }, '/to'],
    ['a day that does not exist', { from: '2026-13-45T00:00:00Z' }, '/from'],
    ['no time', { from: 'tomorrow' }, '/from'],
    ['an unknown route', { routes: ['support', 'nope'] }, '/routes/1'],
    ['a year', { to: new Date(Date.now() + 365 * 86_400_000).toISOString() }, '/to'],
    ['an unknown field', { until: '2026-12-01T00:00:00Z' }, '/until'],
  ])('%s is refused with its place, and nothing is set', async (_name, more, path) => {
    const answer = await rig.call('POST', '/api/freeze-windows', { body: body(more), key: rig.keys.operator })
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, path])
    expect((await rig.call('GET', '/api/freeze-windows')).body.items).toEqual([])
  })

  test('a proposal is replaced, ended and tried again; each says where it comes from', async () => {
    const author = rig.keys.author
    const first = (await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: author })).body
    const second = await rig.call('POST', '/api/proposals', {
      body: aProposalBody({ supersedes: first.id }),
      key: author,
    })
    expect([second.status, second.body.origin]).toEqual([201, { kind: 'supersede', of: first.id }])
    expect((await rig.call('GET', `/api/proposals/${first.id}`)).body.status).toBe('aborted')
    expect((await rig.call('POST', `/api/proposals/${second.body.id}/retry`, { key: author })).status).toBe(409)
    await rig.call('POST', `/api/proposals/${second.body.id}/abort`, { body: { reason: 'x' }, key: rig.keys.operator })
    const third = await rig.call('POST', `/api/proposals/${second.body.id}/retry`, { key: author })
    expect([third.status, third.body.origin]).toEqual([201, { kind: 'retry', of: second.body.id }])
    expect((await rig.call('POST', `/api/proposals/${second.body.id}/retry`, { key: rig.keys.viewer })).status).toBe(
      403,
    )
    const rebase = await rig.call('POST', `/api/proposals/${second.body.id}/rebase`, { key: author })
    expect([rebase.status, rebase.body.code]).toEqual([409, 'ILLEGAL_TRANSITION'])
  })
})
