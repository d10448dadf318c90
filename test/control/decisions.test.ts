import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { json } from '#store/database.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi, walkPages } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('decisions and feedback on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
    for (let index = 0; index < 7; index += 1) await decide(`req-${index}`)
    await decide('req-new', { at: new Date('2026-03-01T12:00:00Z'), version: 2, arm: 'candidate', model: 'p/cheap' })
    await decide('req-other', {
      route: 'other',
      cost_micro_usd: null,
      key_id: 'key_else',
      input_tokens: null,
      output_tokens: null,
    })
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })

  const decide = (requestId: string, overrides: object = {}) =>
    database.db
      .insertInto('decisions')
      .values({
        request_id: requestId,
        at: new Date('2026-02-28T12:00:00Z'),
        route: 'support',
        version: 1,
        version_digest: 'd',
        arm: 'baseline',
        reason: 'priority: first',
        random: 0.5,
        snapshot_epoch: 3,
        model: 'p/good',
        provider: 'p',
        eligible: json(['p/good']),
        excluded: json([]),
        attempts: json([
          {
            model: 'p/good',
            provider: 'p',
            startMs: 0,
            endMs: 9,
            firstTokenMs: 5,
            status: 200,
            errorClass: null,
            isFallback: false,
          },
        ]),
        is_fallback: false,
        status: 200,
        is_stream: false,
        input_tokens: 10,
        cached_input_tokens: 0,
        output_tokens: 5,
        reasoning_tokens: 0,
        is_usage_estimated: false,
        cost_micro_usd: 42,
        total_ms: 9,
        key_id: 'key_gateway',
        metadata: json({ team: 'x' }),
        facts: json({
          inputTokens: 10,
          maxOutputTokens: null,
          hasTools: false,
          hasImages: false,
          wantsJson: false,
          capabilities: [],
          patterns: {},
        }),
        ...overrides,
      })
      .execute()

  test('page through newest first, each once, ties of time by id (B7)', async () => {
    const rows = (await walkPages(rig, '/api/decisions', 2)) as { requestId: string }[]
    expect(rows.map((row) => row.requestId)).toEqual([
      'req-new',
      'req-other',
      'req-6',
      'req-5',
      'req-4',
      'req-3',
      'req-2',
      'req-1',
      'req-0',
    ])
  })

  test.each([
    ['route=other', ['req-other']],
    ['version=2', ['req-new']],
    ['arm=candidate', ['req-new']],
    ['model=p/cheap', ['req-new']],
    ['since=2026-03-01', ['req-new']],
    ['since=2026-03-01T12:00:00Z', ['req-new']],
    ['since=2026-03-01T12:00:00.001Z', []],
    ['since=2026-03-01T13:00:00%2B02:00', ['req-new']],
    ['until=2026-03-01T12:00:00Z&route=other', ['req-other']],
  ])('filter by %s', async (query, ids) => {
    const { body } = await rig.call('GET', `/api/decisions?${query}`)
    expect(body.items.map((row: { requestId: string }) => row.requestId)).toEqual(ids)
  })

  test.each(['arm=left', 'version=0', 'since=yesterday', 'since=2026-02-31', 'model=cheap', 'colour=red'])(
    'a filter %s that cannot be is refused',
    async (query) => {
      const answer = await rig.call('GET', `/api/decisions?${query}`)
      expect([answer.status, answer.body.errors[0].path]).toEqual([422, `?${query.split('=')[0]}`])
    },
  )

  test('a comment is masked before it is stored (B6)', async () => {
    const comment = 'it told me the address ann@example.com'
    const sent = await rig.call('POST', '/api/feedback', { body: { requestId: 'req-2', signal: 'ticket', comment } })
    expect(sent.body.comment).toBe('it told me the address xxx@xxxxxxx.xxx')
    const rows = await database.db.selectFrom('feedback').select('comment').where('request_id', '=', 'req-2').execute()
    expect(rows).toEqual([{ comment: 'it told me the address xxx@xxxxxxx.xxx' }])
    await database.db.deleteFrom('feedback').where('request_id', '=', 'req-2').execute()
  })

  test('one shows its attempts, its cost in USD, and the feedback that came (D11)', async () => {
    const sent = await rig.call('POST', '/api/feedback', {
      key: rig.keys.gateway,
      body: { requestId: 'req-1', signal: 'rating', value: 0.25, comment: 'slow' },
    })
    expect(sent.status).toBe(201)
    const { body } = await rig.call('GET', '/api/decisions/req-1')
    expect(body).toMatchObject({
      requestId: 'req-1',
      at: '2026-02-28T12:00:00.000Z',
      costUsd: 0.000042,
      usage: { inputTokens: 10, outputTokens: 5, isEstimated: false },
      attempts: [{ model: 'p/good', status: 200 }],
      feedback: [{ signal: 'rating', value: 0.25, comment: 'slow', by: 'gateway-key' }],
    })
    const other = (await rig.call('GET', '/api/decisions/req-other')).body
    expect([other.costUsd, other.usage, other.feedback]).toEqual([null, null, []])
    expect((await rig.call('GET', '/api/decisions/req-nope')).status).toBe(404)
  })

  test.each([
    ['an unknown signal', { signal: 'applause' }, 422, '/signal'],
    ['a rating without a value', { signal: 'rating' }, 422, '/value'],
    ['a rating above 1', { signal: 'rating', value: 5 }, 422, '/value'],
    ['no signal', {}, 422, '/signal'],
  ])('feedback with %s is refused', async (_name, overrides, status, path) => {
    const answer = await rig.call('POST', '/api/feedback', { body: { requestId: 'req-1', ...overrides } })
    expect([answer.status, answer.body.errors[0].path]).toEqual([status, path])
  })

  test('a gateway key cannot speak of requests of another key, nor learn that they exist', async () => {
    const send = (requestId: string) =>
      rig.call('POST', '/api/feedback', { key: rig.keys.gateway, body: { requestId, signal: 'ticket' } })
    const foreign = await send('req-other')
    const unknown = await send('req-nope')
    expect([foreign.status, unknown.status]).toEqual([404, 404])
    expect(foreign.body.detail.replace('req-other', '')).toBe(unknown.body.detail.replace('req-nope', ''))
  })
})
