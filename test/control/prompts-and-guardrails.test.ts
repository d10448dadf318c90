import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { userHash } from '#domain/payload.ts'
import { inTransaction } from '#store/database.ts'
import { writePayloads } from '#store/payloads.ts'
import { loadSnapshot } from '#store/snapshot.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aBarBody, aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('prompts, guardrails, payloads and prices on %s', (engine) => {
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

  const audited = async () => (await rig.call('GET', '/api/audit?limit=1')).body.items[0]
  const paths = (body: { errors: { path: string }[] }) => body.errors.map((error) => error.path)

  test('a prompt has versions that are stored and never changed (B9)', async () => {
    const messages = [{ role: 'system', content: 'You answer {{account}}.{{#tone}} Be {{tone}}.{{/tone}}' }]
    const key = rig.keys.author
    const first = await rig.call('POST', '/api/prompts/hello/versions', { key, body: { messages, description: 'a' } })
    expect(first.status).toBe(201)
    expect(first.headers.get('location')).toBe('/api/prompts/hello/versions/1')
    expect(first.body).toMatchObject({ name: 'hello', version: 1, messages, variables: ['account', 'tone'] })
    expect(await audited()).toMatchObject({ action: 'prompt.create', subject: 'prompt:hello', actor: 'author-key' })
    const next = [{ role: 'developer', content: 'Other.' }]
    expect(
      (await rig.call('POST', '/api/prompts/hello/versions', { key, body: { messages: next } })).body.version,
    ).toBe(2)
    expect((await rig.call('GET', '/api/prompts/hello/versions/1')).body.messages).toEqual(messages)
    const versions = (await rig.call('GET', '/api/prompts/hello/versions')).body.items
    expect(versions.map((row: { version: number }) => row.version)).toEqual([2, 1])
    await rig.call('POST', '/api/prompts/other/versions', { body: { messages } })
    const all = (await rig.call('GET', '/api/prompts?limit=1')).body
    expect(all.items).toMatchObject([{ name: 'hello', version: 2 }])
    const rest = (await rig.call('GET', `/api/prompts?cursor=${all.nextCursor}`)).body
    expect(rest).toMatchObject({ items: [{ name: 'other', version: 1 }], nextCursor: null })
    expect((await rig.call('PUT', '/api/prompts/hello/versions/1', { body: { messages } })).status).toBe(405)
    expect((await rig.call('DELETE', '/api/prompts/hello/versions/1')).status).toBe(405)
  })

  test('writers of one prompt at the same moment get versions of their own', async () => {
    const body = { messages: [{ role: 'system', content: 'same' }] }
    const made = await Promise.all([1, 2, 3, 4].map(() => rig.call('POST', '/api/prompts/race/versions', { body })))
    expect(made.map((answer) => answer.body.version).sort()).toEqual([1, 2, 3, 4])
  })

  test.each([
    [[{ role: 'system', content: '{{#a}}' }], '/messages/0/content'],
    [[{ role: 'system', content: '' }], '/messages/0/content'],
    [[{ role: 'tool', content: 'x' }], '/messages/0/role'],
    [[{ role: 'system', content: { text: 'x' } }], '/messages/0/content'],
    [[], '/messages'],
  ])('refuses the prompt %j by its place', async (messages, path) => {
    const answer = await rig.call('POST', '/api/prompts/bad/versions', { body: { messages } })
    expect(answer.status).toBe(422)
    expect(paths(answer.body)).toContain(path)
    expect((await rig.call('GET', '/api/prompts/bad/versions')).status).toBe(404)
  })

  test('a spec names a prompt that exists; a change of it is a change of the route, told in words (D1, B9)', async () => {
    const spec = { models: ['p/good'], prompt: { name: 'hello', version: 9 } }
    const refused = await rig.call('POST', '/api/proposals', { key: rig.keys.author, body: aProposalBody({ spec }) })
    expect(refused.status).toBe(422)
    expect(paths(refused.body)).toContain('/spec/prompt/version')
    const unknown = await rig.call('POST', '/api/routes', {
      body: { name: 'x', spec: { models: ['p/good'], prompt: { name: 'nope', version: 1 } }, bar: aBarBody },
    })
    expect(paths(unknown.body)).toContain('/spec/prompt/name')
    const made = await rig.call('POST', '/api/routes', {
      body: { name: 'greet', spec: { models: ['p/good'], prompt: { name: 'hello', version: 1 } }, bar: aBarBody },
    })
    expect(made.status).toBe(201)
    const proposal = await rig.call('POST', '/api/proposals', {
      key: rig.keys.author,
      body: aProposalBody({ route: 'greet', spec: { models: ['p/good'], prompt: { name: 'hello', version: 2 } } }),
    })
    expect(proposal.status).toBe(201)
    const diff = (await rig.call('GET', '/api/routes/greet/diff?from=1&to=2')).body
    expect(diff.changes).toMatchObject([{ path: '/prompt', words: 'the prompt goes from hello@1 to hello@2' }])
    const snapshot = await loadSnapshot(database.db)
    expect([...snapshot.prompts.keys()]).toEqual(['hello@1'])
    expect(snapshot.prompts.get('hello@1')?.messages).toHaveLength(1)
  })

  test('guardrails are an admin act with versions, in force at once (B6)', async () => {
    expect((await rig.call('GET', '/api/guardrails')).body).toMatchObject({ version: 0, settings: {}, setBy: null })
    const settings = {
      blocked: [{ name: 'codename', pattern: '(?i)aurora' }],
      sensitivity: { restricted: ['no-training'] },
    }
    expect((await rig.call('PUT', '/api/guardrails', { key: rig.keys.operator, body: settings })).status).toBe(403)
    const changes = rig.changes()
    const before = (await loadSnapshot(database.db)).digest
    expect((await rig.call('PUT', '/api/guardrails', { body: settings })).body).toMatchObject({ version: 1, settings })
    expect(rig.changes()).toBe(changes + 1)
    expect(await audited()).toMatchObject({ action: 'guardrails.set', details: { version: 1 } })
    const snapshot = await loadSnapshot(database.db)
    expect(snapshot.guardrails).toEqual(settings)
    expect(snapshot.digest).not.toBe(before)
    await rig.call('PUT', '/api/guardrails', { body: {} })
    const versions = (await rig.call('GET', '/api/guardrails/versions')).body.items
    expect(versions).toMatchObject([
      { version: 2, settings: {} },
      { version: 1, settings },
    ])
    const faulty = await rig.call('PUT', '/api/guardrails', { body: { blocked: [{ name: 'a', pattern: '(?=x)' }] } })
    expect(paths(faulty.body)).toEqual(['/blocked/0/pattern'])
    const unknown = await rig.call('PUT', '/api/guardrails', { body: { blockd: [] } })
    expect(unknown.status).toBe(422)
  })

  test('nothing is kept of a route until an approver says so, and never for good (B6)', async () => {
    const path = '/api/routes/support/payloads'
    expect((await rig.call('GET', path)).body).toMatchObject({ sampleRate: 0, retentionMs: null })
    expect(
      (await rig.call('PUT', path, { key: rig.keys.author, body: { sampleRate: 1, retention: '7d' } })).status,
    ).toBe(403)
    for (const body of [
      { sampleRate: 1 },
      { sampleRate: 0.5, retention: '10s' },
      { sampleRate: 1, retention: '400d' },
    ]) {
      expect(paths((await rig.call('PUT', path, { body })).body)).toEqual(['/retention'])
    }
    const set = await rig.call('PUT', path, {
      key: rig.keys.approver,
      body: { sampleRate: 0.5, retention: '7d', reason: 'debugging' },
    })
    expect(set.body).toMatchObject({
      route: 'support',
      sampleRate: 0.5,
      retentionMs: 604_800_000,
      setBy: 'approver-key',
    })
    expect(await audited()).toMatchObject({
      action: 'route.set_payloads',
      subject: 'route:support',
      details: { sampleRate: 0.5, retention: '7d', reason: 'debugging' },
    })
    const snapshot = await loadSnapshot(database.db)
    expect([...snapshot.payloads]).toEqual([['support', { sampleRate: 0.5, retentionMs: 604_800_000 }]])
    await rig.call('PUT', path, { body: { sampleRate: 0 } })
    expect((await loadSnapshot(database.db)).payloads.size).toBe(0)
    expect((await rig.call('PUT', '/api/routes/none/payloads', { body: { sampleRate: 0 } })).status).toBe(404)
  })

  test('stored texts are read by few, each time with an audit entry, and go when asked', async () => {
    const now = rig.deps.clock.nowMs()
    const row = (requestId: string, user: string | null, route = 'support') => ({
      requestId,
      route,
      atMs: now,
      expiresAtMs: now + 60_000,
      userHash: user === null ? null : userHash(user),
      payload: JSON.stringify({ messages: [{ role: 'user', content: 'x' }] }),
    })
    const rows = [row('r1', 'ann'), row('r2', 'ann'), row('r3', 'bob'), row('r4', null), row('r5', null, 'other')]
    await inTransaction(database.db, (tx) => writePayloads(tx, rows))
    await inTransaction(database.db, (tx) => writePayloads(tx, rows))
    for (const key of [rig.keys.viewer, rig.keys.author, rig.keys.gateway]) {
      expect((await rig.call('GET', '/api/decisions/r1/payload', { key })).status).toBe(403)
    }
    const read = await rig.call('GET', '/api/decisions/r1/payload', { key: rig.keys.operator })
    expect(read.body).toMatchObject({ requestId: 'r1', route: 'support', payload: { messages: [{ content: 'x' }] } })
    expect(await audited()).toMatchObject({ action: 'payload.read', subject: 'request:r1', actor: 'operator-key' })
    expect((await rig.call('GET', '/api/decisions/r9/payload')).status).toBe(404)
    expect(await audited()).toMatchObject({ subject: 'request:r1' })

    expect((await rig.call('DELETE', '/api/payloads')).status).toBe(422)
    expect((await rig.call('DELETE', '/api/payloads?user=ann', { key: rig.keys.viewer })).status).toBe(403)
    expect((await rig.call('DELETE', '/api/payloads?user=ann')).body).toEqual({ deleted: 2 })
    const entry = await audited()
    expect(entry).toMatchObject({ action: 'payload.delete', details: { deleted: 2 } })
    expect(JSON.stringify(entry)).not.toContain('ann')
    expect((await rig.call('DELETE', '/api/payloads?requestId=r3')).body).toEqual({ deleted: 1 })
    expect((await rig.call('DELETE', '/api/payloads?route=support')).body).toEqual({ deleted: 1 })
    expect((await rig.call('GET', '/api/decisions/r4/payload')).status).toBe(404)
    rig.pass(61_000)
    expect((await rig.call('GET', '/api/decisions/r5/payload')).status).toBe(404)
  })

  test('every price a model had is kept, also when the model is removed and comes back (B4)', async () => {
    const put = (price: unknown) => rig.call('PUT', '/api/models/p/paid', { body: { price } })
    await put({ input: 1, output: 2 })
    await put({ input: 1, output: 2 })
    await put({ input: 1, output: 2, cachedInput: 0.5, reasoning: 3 })
    expect((await put(null)).body).toMatchObject({ price: null, priceVersion: 3 })
    const list = async () => (await rig.call('GET', '/api/models/p/paid/prices')).body.items
    expect(await list()).toMatchObject([
      { version: 3, price: null, setBy: 'admin-key' },
      { version: 2, price: { input: 1, cachedInput: 0.5, output: 2, reasoning: 3 } },
      { version: 1, price: { input: 1, cachedInput: null, output: 2, reasoning: null } },
    ])
    await rig.call('DELETE', '/api/models/p/paid')
    expect((await put({ input: 5, output: 5 })).body.priceVersion).toBe(4)
    expect(await list()).toHaveLength(4)
    expect((await rig.call('GET', '/api/models/p/none/prices')).status).toBe(404)
    expect(paths((await put({ input: 1e-7, output: 2 })).body)).toEqual(['/price/input'])
  })

  test('a list of prices with one fault changes nothing; it never makes a paid model free unasked (B4)', async () => {
    await rig.call('PUT', '/api/models/p/good', { body: { price: { input: 1, output: 2 } } })
    await rig.call('PUT', '/api/models/p/cheap', { body: { price: { input: 0.1, output: 0.2 } } })
    const version = async () => (await rig.call('GET', '/api/models/p/good')).body.priceVersion
    const before = await version()
    const good = { model: 'p/good', price: { input: 3, output: 4 } }
    const faults: [unknown, string][] = [
      [{ model: 'p/none', price: null }, '/prices/1/model'],
      [good, '/prices/1/model'],
      [{ model: 'p/cheap', price: { input: 0, output: 0.2 } }, '/prices/1/price'],
      [{ model: 'p/cheap', price: { input: 1e-8, output: 0.2 } }, '/prices/1/price/input'],
      [{ model: 'p/cheap', price: { input: -1, output: 0.2 } }, '/prices/1/price/input'],
      [{ model: 'p/cheap', price: { input: '1', output: 0.2 } }, '/prices/1/price/input'],
      [{ model: 'p/cheap', price: { output: 0.2 } }, '/prices/1/price/input'],
      [{ model: 'p/cheap' }, '/prices/1/price'],
    ]
    for (const [fault, path] of faults) {
      const answer = await rig.call('PUT', '/api/prices', { body: { prices: [good, fault] } })
      expect(answer.status).toBe(422)
      expect(paths(answer.body)).toContain(path)
      expect(await version()).toBe(before)
    }
    const free = { model: 'p/cheap', price: { input: 0, output: 0 } }
    const done = await rig.call('PUT', '/api/prices', { body: { prices: [good, free], acceptFree: true } })
    expect(done.body).toEqual({ changed: 2, unchanged: 0 })
    expect(await audited()).toMatchObject({ action: 'prices.import', details: { changed: ['p/good', 'p/cheap'] } })
    expect(await version()).toBe(before + 1)
    expect((await rig.call('PUT', '/api/prices', { body: { prices: [good] } })).body).toEqual({
      changed: 0,
      unchanged: 1,
    })
  })
})
