import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportPages } from '#control/report-pages.ts'
import { exclusionNames } from '#domain/exclusions.ts'
import { errorHandler } from '#http/error-handler.ts'
import { json } from '#store/database.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi } from '#test/support/control-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aCaller } from '#test/support/factories.ts'
import { seedRequests, times } from '#test/support/traffic.ts'

let database: TestDatabase
let rig: ControlRig

beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
  await seedThroughApi(rig)
  const pages = { db: database.db, clock: rig.deps.clock.nowMs, viewerOf: () => aCaller(), csrfOf: () => 'token' }
  rig.app.use(reportPages(pages))
  rig.app.use(
    errorHandler({ log: rig.deps.log, renderErrorPage: (_req, { status, detail }) => `<h1>${status}</h1>${detail}` }),
  )
  await seedRequests(database.db, [
    ...times(4, { requestId: 'plain', keyId: 'key_gateway' }),
    {
      requestId: 'slow',
      atMs: Date.parse('2026-02-27T13:00:00Z'),
      task: 'code',
      rule: 'eu',
      totalMs: 9_000,
      costMicroUsd: 20_000,
      metadata: { session: 's&1', team: '<b>' },
      excluded: [{ model: 'p/far', by: 'region', detail: 'needs eu' }],
      attempts: [
        {
          model: 'p/good',
          provider: 'p',
          startMs: 0,
          endMs: 9,
          firstTokenMs: null,
          status: 503,
          errorClass: 'server_error',
          isFallback: false,
        },
      ],
      isFallback: true,
      status: 503,
      errorCode: 'upstream_error',
    },
  ])
  await database.db
    .updateTable('decisions')
    .set({ classification: json({ task: 'code', by: 'label', classifier: null, confidence: null, note: null }) })
    .where('request_id', '=', 'slow')
    .execute()
})

afterAll(async () => {
  await rig.close()
  await database.close()
})

describe('GET /api/decisions (B7)', () => {
  test.each([
    'task=code',
    'rule=eu',
    'provider=p&task=code',
    'status=5xx',
    'errorCode=upstream_error',
    'session=s%261&team=%3Cb%3E',
    'excludedBy=region',
    'isFallback=true',
    'minCostUsd=0.02',
    'minLatencyMs=9000',
    'since=2026-02-27T13:00:00Z&until=2026-02-27T13:00:01Z',
    'hasFeedback=false&endpoint=chat&task=code',
  ])('finds by %s', async (query) => {
    const { status, body } = await rig.call('GET', `/api/decisions?${query}`)
    expect([status, body.items.map((item: { requestId: string }) => item.requestId)]).toEqual([200, ['slow']])
  })

  test("finds by a key's name and by its id alike", async () => {
    const ids = async (key: string) => (await rig.call('GET', `/api/decisions?key=${key}`)).body.items.length
    expect([await ids('gateway-key'), await ids('key_gateway'), await ids('nobody')]).toEqual([4, 4, 0])
  })

  test.each([
    ['status=6xx', '?status'],
    ['excludedBy=mood', '?excludedBy'],
    ['isFallback=perhaps', '?isFallback'],
    ['hasFeedback=1.5', '?hasFeedback'],
    ['endpoint=completions', '?endpoint'],
    ['minCostUsd=-1', '?minCostUsd'],
    ['minLatencyMs=1.5', '?minLatencyMs'],
    ['provider=a/b', '?provider'],
    ['errorCode=%27%20or', '?errorCode'],
    ['since=2026-02-02&until=2026-02-01', '?since'],
    ['until=2026-02-31', '?until'],
    ['teams=a', '?teams'],
    ['team=a&team=b', '?team'],
    ['cursor=abc', '?cursor'],
  ])('refuses %s', async (query, path) => {
    const answer = await rig.call('GET', `/api/decisions?${query}`)
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([422, path])
  })

  test('names the reasons it knows where one is unknown', async () => {
    const answer = await rig.call('GET', '/api/decisions?excludedBy=mood')
    for (const name of exclusionNames) expect(answer.body.errors[0].message).toContain(name)
  })

  test('of one request says why, what each attempt did, and what was scored', async () => {
    const { body } = await rig.call('GET', '/api/decisions/slow')
    expect(body).toMatchObject({
      why: 'p/strong was asked last and the request failed (rule "eu": priority: first of the pool).',
      classification: { by: 'label' },
      attempts: [{ errorClass: 'server_error', waitMs: 0, costUsd: null }],
      scoring: { state: 'none', scores: [] },
      warnings: [],
      priceVersion: null,
      feedback: [],
    })
  })
})

describe('the explorer page (B7, E1)', () => {
  const page = async (path: string) => {
    const response = await fetch(`${rig.url}${path}`, { redirect: 'manual' })
    return { status: response.status, html: await response.text() }
  }
  const rows = (html: string) => html.match(/data-label="Outcome"/g)?.length ?? 0

  test('is a form that works without a script: empty fields count as not set', async () => {
    const { status, html } = await page('/decisions?route=&task=code&minCostUsd=&isFallback=&since=')
    expect([status, rows(html)]).toEqual([200, 1])
    expect(html).toMatch(/<form class="finder" method="get" action="\/decisions"[^>]*>/)
    expect(html).toMatch(/name="task" value="code"/)
  })

  test('shows each active filter with an address that takes only it away', async () => {
    const { html } = await page('/decisions?task=code&excludedBy=region')
    const chips = [...html.matchAll(/<li><span class="muted">([^<]+)<\/span> <bdi>([^<]+)<\/bdi> <a href="([^"]+)"/g)]
    expect(chips.map(([, label, value, url]) => [label, value, url?.replaceAll('&#x3D;', '=')])).toEqual([
      ['Task', 'code', '/decisions?excludedBy=region'],
      ['Excluded model', 'is in another region', '/decisions?task=code'],
    ])
    expect(html).toMatch(/<details id="more-filters" open>/)
  })

  test('sums up what matches', async () => {
    const { html } = await page('/decisions?route=support')
    const facts = [...html.matchAll(/<dt>([^<]+)<\/dt><dd class="num">([^<]+)/g)].map((match) => match.slice(1, 3))
    expect(facts).toEqual([
      ['Requests', '5'],
      ['Errors', '20.0\u00a0%'],
      ['Cost', '$0.0248'],
      ['p50', '400\u00a0ms'],
      ['p95', '400\u00a0ms'],
    ])
  })

  test.each(['status=6xx', 'version=two', 'colour=red', 'team=a&team=b'])(
    'refuses %s, as the API does',
    async (query) => {
      expect((await page(`/decisions?${query}`)).status).toBe(422)
    },
  )

  test('keeps hostile metadata a value', async () => {
    const { html } = await page(`/decisions?team=${encodeURIComponent('<b>')}`)
    expect(rows(html)).toBe(1)
    expect(html).toContain('value="&lt;b&gt;"')
  })

  test('of one request draws its attempts and tabulates the same numbers', async () => {
    const { html } = await page('/decisions/slow')
    expect(html).toMatch(/<svg class="waterfall"[^>]*><title>1 attempt in 9.00\u00a0s<\/title>/)
    expect(html).toContain('named by the request or its key')
    expect(html).toContain('is in another region')
  })

  test.each(['/inventory', '/savings', '/inventory?period=7d', '/savings?since=2026-02-01&until=2026-03-01'])(
    '%s is a page',
    async (path) => {
      const { status, html } = await page(path)
      expect(status).toBe(200)
      expect(html).toContain('support')
    },
  )

  test.each(['/inventory?period=1y', '/savings?since=2026-02-02&until=2026-02-01', '/savings?since=&until=&x=1'])(
    '%s is refused',
    async (path) => {
      expect((await page(path)).status).toBe(422)
    },
  )

  test('links of a report keep its window', async () => {
    const { html } = await page('/savings?period=7d')
    expect(html.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')).toContain(
      'href="/api/reports/savings?period=7d&format=csv" download',
    )
    expect(html).toMatch(/aria-current="true">7 days/)
  })
})
