import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { json } from '#store/database.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi, walkPages } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const ndjson = 'application/x-ndjson'
const line = (id: string, extra: object = {}) =>
  JSON.stringify({ id, messages: [{ role: 'user', content: 'hi' }], ...extra })

describe.each(engines())('records on %s', (engine) => {
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
  const upload = (name: string, raw: string, type = ndjson, key = rig.keys.author) =>
    rig.call('POST', `/api/datasets/${name}/versions`, { raw, type, key })
  const walk = (path: string, limit: number) => walkPages(rig, path, limit)

  describe('datasets', () => {
    test('the same content is one version, other content the next; old versions stay as they were (C1)', async () => {
      const first = await upload('faq', `${line('a')}\n${line('b')}`)
      expect(first.status).toBe(201)
      expect(first.body).toMatchObject({ name: 'faq', version: 1, items: 2, createdBy: 'author-key' })
      expect(first.body.sha256).toMatch(/^[0-9a-f]{64}$/)
      const same = await upload('faq', `{"messages":[{"content":"hi","role":"user"}],"id":"a"}\n${line('b')}\n`)
      expect([same.status, same.body]).toEqual([200, first.body])
      const second = await upload('faq', `${line('a')}\n${line('c')}`)
      expect([second.status, second.body.version]).toEqual([201, 2])
      const back = await upload('faq', `${line('a')}\n${line('b')}`)
      expect([back.status, back.body.version, back.body.sha256]).toEqual([201, 3, first.body.sha256])
      expect((await rig.call('GET', '/api/datasets/faq/versions/1')).body).toEqual(first.body)
      const items = (await rig.call('GET', '/api/datasets/faq/versions/1/items')).body.items
      expect(items.map((item: { id: string }) => item.id)).toEqual(['a', 'b'])
    })

    test('uploads of one name at once get versions without gaps or twins', async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => upload('busy', line(`only-${index}`))))
      expect(answers.map((answer) => answer.body.version).sort()).toEqual([1, 2, 3, 4, 5, 6])
    })

    test('CSV is read as well', async () => {
      const answer = await upload('sheet', 'id,prompt,reference\r\n1,"hi, there",hello\r\n', 'text/csv')
      expect([answer.status, answer.body.items]).toEqual([201, 1])
    })

    test('a faulty file is refused with every row at fault, and stores nothing', async () => {
      const answer = await upload('bad', `${line('a')}\nnot json\n${line('a')}\n{"id": "c"}`)
      expect([answer.status, answer.body.code]).toEqual([422, 'VALIDATION_FAILED'])
      expect(answer.body.errors.map((problem: { path: string }) => problem.path)).toEqual([
        '/2',
        '/3/id',
        '/4/messages',
      ])
      expect(answer.body.errors[0].message).toContain('line 2')
      expect((await rig.call('GET', '/api/datasets/bad')).status).toBe(404)
      expect((await upload('bad', '')).status).toBe(422)
      expect((await upload('bad', line('a'), 'application/json')).body.code).toBe('UNSUPPORTED_MEDIA_TYPE')
    })

    test('a source or a format that is not known is refused at its place', async () => {
      const wrong = async (query: string) =>
        (await rig.call('POST', `/api/datasets/live/versions?${query}`, { body: {} })).body.errors[0].path
      expect(await wrong('from=thin-air')).toBe('?from')
      expect(await wrong('format=spreadsheet')).toBe('?format')
      const split = await rig.call('POST', '/api/datasets/live/versions?split=a:0.5,b:0.6', {
        raw: line('a'),
        type: ndjson,
      })
      expect([split.status, split.body.errors[0].path]).toEqual([422, '?split'])
    })

    test('a split puts every item into a part, by which reports break results down', async () => {
      const rows = Array.from({ length: 40 }, (_, index) => line(`part-${index}`)).join('\n')
      const answer = await rig.call('POST', '/api/datasets/parts/versions?split=tune:0.5,holdout:0.5', {
        raw: rows,
        type: ndjson,
      })
      expect(answer.status).toBe(201)
      const items = (await rig.call('GET', '/api/datasets/parts/versions/1/items?limit=200')).body.items
      const parts = items.map((item: { slice: { split: string } }) => item.slice.split)
      expect(new Set(parts)).toEqual(new Set(['tune', 'holdout']))
    })

    test('a thousand items page through in order', async () => {
      const rows = Array.from({ length: 1_000 }, (_, index) => line(`item-${index}`))
      expect((await upload('many', rows.join('\n'))).body.items).toBe(1_000)
      const items = (await walk('/api/datasets/many/versions/1/items', 170)) as { id: string }[]
      expect(items.map((item) => item.id)).toEqual(rows.map((_, index) => `item-${index}`))
    })

    test('lists give each dataset once with its latest version', async () => {
      const datasets = (await walk('/api/datasets', 2)) as {
        name: string
        versions: number
        latest: { version: number }
      }[]
      expect(datasets.map(({ name, versions }) => [name, versions])).toEqual([
        ['busy', 6],
        ['faq', 3],
        ['many', 1],
        ['parts', 1],
        ['sheet', 1],
        ['support', 1],
      ])
      expect(
        ((await walk('/api/datasets/faq/versions', 1)) as { version: number }[]).map(({ version }) => version),
      ).toEqual([3, 2, 1])
      expect((await rig.call('GET', '/api/datasets/faq')).body).toMatchObject({ name: 'faq', latest: { version: 3 } })
      expect((await rig.call('GET', '/api/datasets/nope/versions')).status).toBe(404)
    })
  })

  describe('eval runs', () => {
    const body = {
      dataset: 'faq@1',
      targets: [{ route: 'support', version: 1 }, { model: 'p/cheap' }],
      evaluators: [{ name: 'json_validity' }],
    }
    const start = (overrides: object = {}) =>
      rig.call('POST', '/api/eval-runs', { body: { ...body, ...overrides }, key: rig.keys.author })

    test('one starts with everything planned and nothing paid, and its results page through (C7)', async () => {
      const started = await start()
      expect(started.status).toBe(202)
      const { id } = started.body
      expect(started.headers.get('location')).toBe(`/api/eval-runs/${id}`)
      expect(started.body).toMatchObject({
        status: 'running',
        dataset: 'faq@1',
        planned: 4,
        answered: 0,
        proposal: null,
      })
      const answer = {
        status: 'answered',
        output: '{}',
        model: 'p/cheap',
        cost_micro_usd: 1_500,
        latency_ms: 20,
        is_scored: true,
      }
      const place = { run_id: id, target: 1, position: 0 }
      await database.db
        .updateTable('eval_answers')
        .set(answer)
        .where('run_id', '=', id)
        .where('target', '=', 1)
        .where('position', '=', 0)
        .execute()
      await database.db
        .insertInto('eval_scores')
        .values({
          ...place,
          evaluator: 'json_validity',
          evaluator_version: 'v',
          status: 'scored',
          value: 1,
          reason: null,
          details: json({ level: 0 }),
          cost_micro_usd: null,
        })
        .execute()
      expect((await rig.call('GET', `/api/eval-runs/${id}`)).body).toMatchObject({ answered: 1, scored: 1, errored: 0 })
      const results = (await walk(`/api/eval-runs/${id}/results`, 3)) as Record<string, unknown>[]
      expect(results.map((row) => [row['itemId'], row['target']])).toEqual([
        ['a', 0],
        ['a', 1],
        ['b', 0],
        ['b', 1],
      ])
      expect(results[1]).toMatchObject({
        output: '{}',
        costUsd: 0.0015,
        scores: [{ evaluator: 'json_validity', status: 'scored', value: 1, details: { level: 0 } }],
      })
      expect(await walk(`/api/eval-runs/${id}/results?target=0`, 1)).toHaveLength(2)
      expect((await rig.call('GET', '/api/eval-runs')).body.items.map((run: { id: string }) => run.id)).toEqual([id])
    })

    test.each([
      ['an unknown dataset', { dataset: 'nope@1' }, '/dataset'],
      ['a dataset without a version', { dataset: 'faq' }, '/dataset'],
      ['an unknown version', { targets: [{ route: 'support', version: 9 }] }, '/targets/0'],
      ['an unknown model', { targets: [{ model: 'p/nope' }] }, '/targets/0/model'],
      ['a route without a version', { targets: [{ route: 'support' }] }, '/targets/0/version'],
      [
        'a forced model that the version has not',
        { targets: [{ route: 'support', version: 1, model: 'p/nope' }] },
        '/targets/0/model',
      ],
      [
        'a failing model that the version has not',
        { targets: [{ route: 'support', version: 1, failing: ['p/x'] }] },
        '/targets/0/failing',
      ],
      ['a failing model without a route', { targets: [{ failing: ['p/cheap'] }] }, '/targets/0/route'],
      ['a sample of the first target', { targets: [{ route: 'support', version: 1, items: 1 }] }, '/targets/0/items'],
      ['no repeats', { repeats: 0 }, '/repeats'],
      ['an empty target', { targets: [{}] }, '/targets/0'],
      ['an unknown evaluator', { evaluators: [{ name: 'vibes' }] }, '/evaluators/0/name'],
      ['no evaluator', { evaluators: [] }, '/evaluators'],
    ])('one with %s is refused with its path', async (_name, overrides, path) => {
      const answer = await start(overrides)
      expect([answer.status, ...answer.body.errors.map((problem: { path: string }) => problem.path)]).toEqual([
        422,
        path,
      ])
    })
  })

  test('gateways show what each serves, and leases only while they are fresh (D13)', async () => {
    const { id } = (await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })).body
    await database.db
      .updateTable('proposals')
      .set({ status: 'canary', step: 0, share_bp: 1_000 })
      .where('id', '=', id)
      .execute()
    const epoch = Number(
      (await database.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()).epoch,
    )
    const now = rig.deps.clock.nowMs()
    const gateway = (name: string, ageMs: number, behind: number) => ({
      id: name,
      boot_id: 'b',
      epoch: epoch - behind,
      digest: 'd',
      started_at: new Date(now - 60_000),
      seen_at: new Date(now - ageMs),
    })
    await database.db
      .insertInto('gateways')
      .values([gateway('gw-1', 1_000, 0), gateway('gw-2', 15_000, 1)])
      .execute()
    const { body } = await rig.call('GET', '/api/gateways')
    expect(body).toMatchObject({ currentEpoch: epoch, nextCursor: null })
    expect(body.items).toMatchObject([
      {
        id: 'gw-1',
        isCurrent: true,
        isFresh: true,
        ageMs: 1_000,
        leases: [{ proposal: id, share: 10, expiresInMs: 14_000 }],
      },
      { id: 'gw-2', isCurrent: false, isFresh: false, ageMs: 15_000, leases: [] },
    ])
  })
})
