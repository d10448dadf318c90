import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const provider = {
  kind: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  credential: 'env:OPENAI_API_KEY',
  region: 'us',
  dataPolicies: ['no-training'],
  limits: { requestsPerMinute: 600 },
}

describe.each(engines())('the catalogue on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })

  test('a provider and its model come back as they were put, with prices in USD (B3, B4)', async () => {
    const put = await rig.call('PUT', '/api/providers/openai', { body: provider })
    expect(put.status).toBe(201)
    expect(put.headers.get('location')).toBe('/api/providers/openai')
    const changes = rig.changes()
    const again = await rig.call('PUT', '/api/providers/openai', { body: provider })
    expect(again.status).toBe(200)
    expect(rig.changes()).toBe(changes + 1)
    expect((await rig.call('GET', '/api/providers/openai')).body).toMatchObject({ name: 'openai', ...provider })
    const price = { input: 0.15, cachedInput: 0.075, output: 0.6 }
    const model = { contextWindow: 128000, maxOutputTokens: 16384, capabilities: ['streaming', 'tools'], price }
    expect((await rig.call('PUT', '/api/models/openai/gpt-4o-mini', { body: model })).status).toBe(201)
    const read = await rig.call('GET', '/api/models/openai/gpt-4o-mini')
    expect(read.body).toMatchObject({ id: 'openai/gpt-4o-mini', ...model, priceVersion: 1 })
    const stored = await database.db.selectFrom('models').select('price').executeTakeFirstOrThrow()
    expect(stored.price).toEqual({ input: 150_000, cachedInput: 75_000, output: 600_000 })
  })

  test.each([
    ['openai', 'https://api.openai.com/v1'],
    ['azure-openai', 'https://name.openai.azure.com?api-version=2025-01-01-preview'],
    ['anthropic', 'https://api.anthropic.com'],
    ['gemini', 'https://generativelanguage.googleapis.com/v1beta'],
  ])('takes providers of kind %s (B2)', async (kind, baseUrl) => {
    const put = await rig.call('PUT', `/api/providers/of-${kind}`, {
      body: { kind, baseUrl, credential: 'env:SOME_KEY' },
    })
    expect(put.status).toBe(201)
    expect((await rig.call('GET', `/api/providers/of-${kind}`)).body).toMatchObject({ kind, baseUrl })
  })

  test('a model name may hold slashes, written plainly or encoded', async () => {
    const put = await rig.call('PUT', '/api/models/openai/meta-llama/Llama-3-8b', { body: {} })
    expect(put.body).toMatchObject({ id: 'openai/meta-llama/Llama-3-8b', price: null, contextWindow: null })
    expect((await rig.call('GET', '/api/models/openai/meta-llama%2FLlama-3-8b')).body.model).toBe(
      'meta-llama/Llama-3-8b',
    )
    expect((await rig.call('DELETE', '/api/models/openai/meta-llama/Llama-3-8b')).status).toBe(204)
    expect((await rig.call('GET', '/api/models/openai/meta-llama/Llama-3-8b')).status).toBe(404)
  })

  test.each([
    ['a secret as credential', { ...provider, credential: 'sk-proj-veryverysecret1234567890' }, '/credential'],
    ['a secret of Interlock itself', { ...provider, credential: 'env:DATABASE_URL' }, '/credential'],
    ['a kind that does not exist', { ...provider, kind: 'cohere' }, '/kind'],
    ['a query in the URL', { ...provider, baseUrl: 'https://example.com?api-version=1' }, '/baseUrl'],
    [
      'a secret in the query of an Azure URL',
      { ...provider, kind: 'azure-openai', baseUrl: 'https://example.com?api-key=veryverysecret' },
      '/baseUrl',
    ],
    ['a password in the URL', { ...provider, baseUrl: 'https://user:hunter2secret@example.com' }, '/baseUrl'],
    ['a file URL', { ...provider, baseUrl: 'file:///etc/passwd' }, '/baseUrl'],
    ['a private address', { ...provider, baseUrl: 'http://169.254.169.254/latest' }, '/baseUrl'],
    ['an unknown field', { ...provider, apiKey: 'sk-proj-veryverysecret1234567890' }, '/apiKey'],
    ['a limit of zero', { ...provider, limits: { concurrency: 0 } }, '/limits/concurrency'],
    ['no base URL', { kind: 'openai' }, '/baseUrl'],
  ])('refuses %s with its path, echoes no secret and stores nothing', async (_name, body, path) => {
    const changes = rig.changes()
    const answer = await rig.call('PUT', '/api/providers/refused', { body })
    expect(answer.status).toBe(422)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body.errors.map((problem: { path: string }) => problem.path)).toEqual([path])
    for (const secret of ['veryverysecret', 'hunter2secret']) {
      expect(answer.text).not.toContain(secret)
      expect(rig.logged.join('')).not.toContain(secret)
    }
    expect((await rig.call('GET', '/api/providers/refused')).status).toBe(404)
    expect(rig.changes()).toBe(changes)
  })

  test('a model or provider that a live route names cannot be removed', async () => {
    await rig.call('PUT', '/api/models/openai/live', { body: {} })
    const bar = { gates: [{ metric: 'error_rate', max: 0.05 }] }
    const route = { name: 'uses-live', spec: { models: ['openai/live'] }, bar }
    expect((await rig.call('POST', '/api/routes', { body: route })).status).toBe(201)
    const model = await rig.call('DELETE', '/api/models/openai/live')
    expect(model.status).toBe(409)
    expect(model.body).toMatchObject({ code: 'IN_USE' })
    expect(model.body.detail).toContain('version 1 of route "uses-live"')
    expect((await rig.call('DELETE', '/api/providers/openai')).body.code).toBe('IN_USE')
    expect((await rig.call('GET', '/api/models/openai/live')).status).toBe(200)
  })

  test('a model that only a judge uses cannot be removed either', async () => {
    await rig.call('PUT', '/api/models/openai/judge', { body: {} })
    const judge = { name: 'llm_judge', config: { judge: 'openai/judge', mode: 'pairwise' } }
    const bar = { evaluators: [judge], gates: [{ metric: 'llm_judge', maxDrop: 0.03 }] }
    const put = await rig.call('PUT', '/api/routes/uses-live/bar', { body: bar })
    expect(put.body).toMatchObject({ route: 'uses-live', version: 2 })
    expect((await rig.call('DELETE', '/api/models/openai/judge')).body.detail).toContain('evaluator "llm_judge"')
    const panel = { judges: ['openai/other', 'openai/third'], escalate: 'openai/judge', mode: 'pairwise' }
    const evaluators = [{ name: 'llm_judge', config: panel }]
    await rig.call('PUT', '/api/routes/uses-live/bar', { body: { ...bar, evaluators } })
    expect((await rig.call('DELETE', '/api/models/openai/judge')).body.detail).toContain('evaluator "llm_judge"')
  })

  test('a price change raises the version of the price, another change does not', async () => {
    const version = async (body: object) =>
      (await rig.call('PUT', '/api/models/openai/priced', { body })).body.priceVersion
    expect(await version({ price: { input: 1, output: 2 } })).toBe(1)
    expect(await version({ price: { input: 1, output: 2 }, contextWindow: 8 })).toBe(1)
    expect(await version({ price: { input: 1, output: 3 } })).toBe(2)
    expect(await version({ price: null })).toBe(3)
  })
})
