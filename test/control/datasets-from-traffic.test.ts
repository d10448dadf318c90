import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTransaction } from '#store/database.ts'
import { writePayloads } from '#store/payloads.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedRequests } from '#test/support/traffic.ts'

const words = 'otter lamp river stone maple cloud violin harbor pepper signal copper meadow'.split(' ')
/** Texts that share no run of three words. */
const question = (index: number) =>
  [7, 3, 11, 5, 1, 9, 2]
    .map((step) => `${words[(index * step + step) % words.length]}${String.fromCharCode(97 + (index % 26))}${step}`)
    .join(' ')

interface Seeded {
  readonly id: string
  readonly text?: string
  readonly task?: string
  readonly workflow?: string
  readonly status?: number
  readonly payload?: object
}

describe.each(engines())('datasets from traffic on %s (C1)', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  let nowMs: number
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    nowMs = rig.deps.clock.nowMs()
    await seedThroughApi(rig)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })

  const make = (name: string, body: object, key = rig.keys.admin) =>
    rig.call('POST', `/api/datasets/${name}/versions?from=traffic`, { body, key })
  // biome-ignore lint/suspicious/noExplicitAny: items of every shape
  const itemsOf = async (name: string): Promise<any[]> =>
    (await rig.call('GET', `/api/datasets/${name}/versions/1/items?limit=200`)).body.items
  const keepTexts = (route: string, more: object = {}) =>
    rig.call('PUT', `/api/routes/${route}/payloads`, { body: { sampleRate: 1, retention: '7d', ...more } })
  const aRoute = async (name: string, spec: object = {}) => {
    const bar = { evaluators: [], gates: [{ metric: 'error_rate', max: 0.5 }] }
    const made = await rig.call('POST', '/api/routes', { body: { name, spec: { models: ['p/good'], ...spec }, bar } })
    expect(made.status).toBe(201)
  }
  const record = async (route: string, requests: readonly Seeded[]) => {
    await seedRequests(
      database.db,
      requests.map(({ id, task, workflow, status }) => ({
        requestId: id,
        atMs: nowMs - 60_000,
        route,
        ...(task !== undefined && { task }),
        ...(status !== undefined && { status }),
        metadata: workflow === undefined ? {} : { workflow },
      })),
    )
    const rows = requests.map(({ id, text = id, payload }) => ({
      requestId: id,
      route,
      atMs: nowMs - 60_000,
      expiresAtMs: nowMs + 3_600_000,
      userHash: null,
      payload: JSON.stringify({
        promptVersion: null,
        messages: [{ role: 'user', content: text }],
        isCut: false,
        ...payload,
      }),
    }))
    await inTransaction(database.db, (tx) => writePayloads(tx, rows))
  }

  test('a route that keeps no texts is refused with how to switch it on, and nothing is stored', async () => {
    const answer = await make('none', { route: 'support' })
    expect([answer.status, answer.body.code]).toEqual([409, 'NO_STORED_TEXTS'])
    expect(answer.body.detail).toContain('PUT /api/routes/support/payloads')
    expect((await rig.call('GET', '/api/datasets/none')).status).toBe(404)
    expect((await make('none', { route: 'nowhere' })).status).toBe(404)
  })

  test('a time in which nothing was stored is refused as such', async () => {
    await aRoute('quiet')
    await keepTexts('quiet')
    const answer = await make('none', { route: 'quiet', since: '2020-01-01', until: '2020-01-02' })
    expect([answer.status, answer.body.code]).toEqual([409, 'NO_STORED_TEXTS'])
    expect(answer.body.detail).toContain('2020-01-01T00:00:00.000Z')
  })

  test('becomes a stratified version: a rare task is in it, near duplicates are not, and ids do not lead back', async () => {
    await aRoute('shop')
    await keepTexts('shop')
    await record('shop', [
      ...Array.from({ length: 60 }, (_, index) => ({
        id: `often-${index}`,
        text: question(index),
        task: 'generation',
        workflow: 'chat',
      })),
      ...Array.from({ length: 30 }, (_, index) => ({
        id: `same-${index}`,
        text: `Where is my order ${1000 + index}? It was sent on May ${index + 1}.`,
        task: 'retrieval',
      })),
      { id: 'rare-1', text: 'Translate: good morning to everyone in the hall', task: 'rewriting', status: 502 },
    ])
    const answer = await make('shop', { route: 'shop', sample: 20 })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe('/api/datasets/shop/versions/1')
    expect(answer.body).toMatchObject({
      name: 'shop',
      version: 1,
      items: 20,
      origin: { kind: 'traffic', route: 'shop', found: 91 },
    })
    const { strata, nearDuplicates, examined } = answer.body.origin
    expect(nearDuplicates).toBeGreaterThan(0)
    expect(examined).toBe(20 + nearDuplicates)
    expect(strata).toEqual([
      { name: 'generation · chat', found: 60, items: 18 },
      { name: 'retrieval', found: 30, items: 1 },
      { name: 'rewriting', found: 1, items: 1 },
    ])
    const items = await itemsOf('shop')
    expect(items.filter((item) => item.slice.task === 'rewriting')).toMatchObject([{ tags: ['failed'] }])
    expect(items.filter((item) => item.slice.workflow === 'chat')).toHaveLength(18)
    expect(JSON.stringify(items)).not.toMatch(/often-|same-|rare-1/)
    // the same traffic gives the same version
    const again = await make('shop', { route: 'shop', sample: 20 })
    expect([again.status, again.body.version]).toEqual([200, 1])
  })

  test('is redacted once more: what was stored before a kind was known is masked now', async () => {
    await aRoute('leaky')
    await keepTexts('leaky')
    await record('leaky', [
      {
        id: 'leak',
        text: 'mail ann@example.com about card 4111 1111 1111 1111',
        payload: { context: ['bob@example.com'] },
      },
    ])
    expect((await make('leaky', { route: 'leaky' })).status).toBe(201)
    const [item] = await itemsOf('leaky')
    expect(JSON.stringify(item)).not.toMatch(/ann@|bob@|4111/)
    expect(item.messages[0].content).toContain('xxx@xxxxxxx.xxx')
  })

  test('leaves out the route’s own prompt, keeps its variables, and drops what was cut', async () => {
    const messages = [{ role: 'system', content: 'Serve {{account}} in {{tone}}.' }]
    await rig.call('POST', '/api/prompts/greet/versions', { body: { messages } })
    await aRoute('prompted', { prompt: { name: 'greet', version: 1 } })
    await keepTexts('prompted')
    const system = { role: 'system', content: 'Serve acme in a calm tone.' }
    await record('prompted', [
      {
        id: 'with-prompt',
        payload: {
          promptVersion: 'greet@1',
          messages: [system, { role: 'user', content: 'hello there' }],
          variables: { tone: 'calm' },
          schema: { type: 'object', properties: { email: { type: 'string' } } },
        },
      },
      { id: 'cut', payload: { isCut: true } },
      { id: 'only-prompt', payload: { promptVersion: 'greet@1', messages: [system] } },
      { id: 'unknown-prompt', payload: { promptVersion: 'greet@9' } },
      { id: 'no-item', payload: { messages: [{ role: 'narrator', content: 'x' }] } },
    ])
    const answer = await make('prompted', { route: 'prompted' })
    expect(answer.body).toMatchObject({ items: 1, origin: { found: 5, unusable: 4 } })
    expect(await itemsOf('prompted')).toMatchObject([
      {
        messages: [{ role: 'user', content: 'hello there' }],
        variables: { tone: 'calm' },
        schema: { properties: { email: { type: 'string' } } },
      },
    ])
  })

  test('does not read what has expired or was removed', async () => {
    await aRoute('gone')
    await keepTexts('gone')
    await inTransaction(database.db, (tx) =>
      writePayloads(tx, [
        {
          requestId: 'gone-1',
          route: 'gone',
          atMs: nowMs - 60_000,
          expiresAtMs: nowMs - 1,
          userHash: null,
          payload: '{"messages": [{"role": "user", "content": "x"}]}',
        },
      ]),
    )
    expect((await make('gone', { route: 'gone' })).body.code).toBe('NO_STORED_TEXTS')
  })

  test('authors may where an approver has allowed it; the audit says who made what of which route, and no text', async () => {
    await aRoute('consent')
    await keepTexts('consent')
    await record('consent', [{ id: 'consent-1', text: 'a very particular sentence' }])
    const refused = await make('consent', { route: 'consent' }, rig.keys.author)
    expect([refused.status, refused.body.code]).toEqual([403, 'FORBIDDEN'])
    expect(refused.body.detail ?? refused.body.why).toContain('forDatasets')
    expect((await make('consent', { route: 'consent' }, rig.keys.viewer)).status).toBe(403)
    const allowed = await keepTexts('consent', { forDatasets: true })
    expect(allowed.body).toMatchObject({ forDatasets: true })
    expect((await make('consent', { route: 'consent' }, rig.keys.author)).status).toBe(201)
    const [entry] = (await rig.call('GET', '/api/audit?limit=1')).body.items
    expect(entry).toMatchObject({
      action: 'dataset.from_traffic',
      actor: 'author-key',
      subject: 'dataset:consent',
      details: { route: 'consent', found: 1, items: 1, redact: true, version: 1 },
    })
    expect(JSON.stringify(entry)).not.toContain('particular')
    expect(JSON.stringify(rig.logged)).not.toContain('particular')
  })

  test.each([
    [{}, '/route'],
    [{ route: 'support', sample: 0 }, '/sample'],
    [{ route: 'support', sample: 10_001 }, '/sample'],
    [{ route: 'support', since: 'yesterday' }, '/since'],
    [{ route: 'support', redact: 'no' }, '/redact'],
    [{ route: 'support', limit: 3 }, '/limit'],
    [{ route: 'support', since: '2026-03-01', until: '2026-02-01' }, '/since'],
  ])('the body %j is refused at its field', async (body, path) => {
    const answer = await make('bad', body)
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, path])
  })

  test('another body, or a format beside it, is refused', async () => {
    const csv = await rig.call('POST', '/api/datasets/bad/versions?from=traffic', {
      raw: 'id,prompt',
      type: 'text/csv',
    })
    expect([csv.status, csv.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
    const both = await rig.call('POST', '/api/datasets/bad/versions?from=traffic&format=langfuse', { body: {} })
    expect([both.status, both.body.errors[0].path]).toEqual([422, '?format'])
    const broken = await rig.call('POST', '/api/datasets/bad/versions?from=traffic', { raw: '{' })
    expect([broken.status, broken.body.code]).toEqual([400, 'MALFORMED_JSON'])
  })
})
