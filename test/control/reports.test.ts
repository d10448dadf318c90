import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi } from '#test/support/control-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedRequests, times } from '#test/support/traffic.ts'

let database: TestDatabase
let rig: ControlRig

beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
  await seedThroughApi(rig)
  await rig.call('PUT', '/api/models/p/good', { body: { price: { input: 5, output: 15 } } })
  const atMs = rig.deps.clock.nowMs() - 3_600_000
  await seedRequests(database.db, [
    ...times(3, { requestId: 'a', atMs, model: 'p/good', costMicroUsd: 6500 }),
    { requestId: 'b', atMs, model: 'p/good', costMicroUsd: null },
    { requestId: 'd', atMs, route: '=cmd|calc', version: null, model: '=cmd|calc', metadata: { team: 'a "b", c' } },
  ])
})

afterAll(async () => {
  await rig.close()
  await database.close()
})

describe('the inventory over HTTP (E2)', () => {
  test('is in USD and ISO times, over the last 30 days by default', async () => {
    const { status, body } = await rig.call('GET', '/api/reports/inventory', { key: rig.keys.viewer })
    expect(status).toBe(200)
    expect(body.window).toMatchObject({
      until: '2026-03-01T00:00:00.000Z',
      since: '2026-01-30T00:00:00.000Z',
      period: '30d',
    })
    expect(body.total).toMatchObject({ requests: 5, costUsd: 0.0207, unpriced: 1 })
    expect(body.rows.map((row: { name: string }) => row.name)).toEqual(['support', '=cmd|calc'])
    expect(body.rules.length).toBeGreaterThan(2)
  })

  test('is a file as CSV, in which no name becomes a formula', async () => {
    const answer = await rig.call('GET', '/api/reports/inventory?format=csv')
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="inventory.csv"')
    const [header, first, second] = answer.text.split('\r\n')
    expect(header).toMatch(/^kind,name,caller,owner/)
    expect(first).toMatch(/^route,support,,/)
    expect(second).toContain(`direct,'=cmd|calc,"key key_app, team a ""b"", c"`)
  })
})

describe('savings over HTTP (E3)', () => {
  test('name the model, why, and what was left out', async () => {
    const { status, body } = await rig.call('GET', '/api/reports/savings', { key: rig.keys.viewer })
    expect(status).toBe(200)
    expect(body.routes[0]).toMatchObject({
      route: 'support',
      excluded: { unpriced: 1, unanswered: 0, withoutComparison: 0 },
      strongestModel: { model: 'p/good', by: 'price' },
      strongest: { requests: 3, actualUsd: 0.0195, otherUsd: 0.0195, savedUsd: 0, savedRangeUsd: [0, 0] },
      previous: null,
    })
    expect(body.total.direct).toEqual({ requests: 1, costUsd: 0.0012, unpriced: 0 })
    expect(body.assumptions.join(' ')).toMatch(/as many output tokens as were written/)
    expect(JSON.stringify(body)).not.toContain('MicroUsd')
  })

  test('are a file as CSV', async () => {
    const { text } = await rig.call('GET', '/api/reports/savings?format=csv')
    expect(text).toMatch(/^route,owner,stable_version.*\r\nsupport,.*,p\/good,price,0\.0195,0\.0195,0,0,0,/)
  })
})

describe.each(['inventory', 'savings'])('the query of %s', (report) => {
  test.each([
    ['period=1y', '?period'],
    ['period=7d&since=2026-02-01', '?period'],
    ['since=2026-02-31', '?since'],
    ['since=2026-02-10&until=2026-02-10', '?since'],
    ['since=2025-01-01&until=2026-01-01', '?since'],
    ['format=xml', '?format'],
    ['colour=red', '?colour'],
  ])('refuses %s', async (query, path) => {
    const answer = await rig.call('GET', `/api/reports/${report}?${query}`)
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, path])
  })

  test('takes two ends, the last one not included', async () => {
    const { body } = await rig.call('GET', `/api/reports/${report}?since=2026-02-01&until=2026-02-28T23:00:00Z`)
    expect([body.window.period, body.total.requests]).toEqual([null, 0])
  })

  test('is not for keys of the data plane', async () => {
    expect((await rig.call('GET', `/api/reports/${report}`, { key: rig.keys.gateway })).status).toBe(403)
  })
})
