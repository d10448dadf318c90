import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '#infra/config.ts'
import { type RunningServer, startServer } from '#runners/server-process.ts'
import { embeddedDirectory } from '#test/support/database.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'

interface Answer {
  readonly errors: readonly { readonly path: string; readonly message: string }[]
  readonly error: { readonly message: string }
}

const adminKey = 'quality-routing-admin-key-0123456789-0123456789'

describe('a quality floor in a running server (A3, A6, C9)', () => {
  let upstream: FakeUpstream
  let server: RunningServer
  let data = ''

  beforeAll(async () => {
    data = embeddedDirectory()
    upstream = await startUpstream((call, res) => answers(call.body.model === 'good' ? '42' : 'no idea')(call, res))
    server = await startServer({
      ...readConfig({ INTERLOCK_ADMIN_KEY: adminKey, INTERLOCK_UPSTREAM_ALLOW: '127.0.0.0/8', PORT: '0' }),
      dataDirectory: data,
      logLevel: 'silent',
      tickMs: 100,
    })
  })
  afterAll(async () => {
    await server?.close()
    await upstream?.close()
    rmSync(data, { recursive: true, force: true })
  })

  async function call(method: string, path: string, body: unknown, type = 'application/json') {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': type },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return {
      status: response.status,
      model: response.headers.get('x-interlock-model'),
      body: (await response.json()) as Answer,
    }
  }
  const ask = (task: string) =>
    call('POST', '/v1/chat/completions', {
      model: 'sums',
      messages: [{ role: 'user', content: 'What is 6 times 7?' }],
      metadata: { task },
    })
  const route = (name: string, metric: string) => ({
    name,
    bar: { gates: [{ metric: 'error_rate', max: 1 }] },
    spec: {
      models: ['p/bad', 'p/good'],
      constraints: { minQuality: { metric, score: 0.7 } },
      select: { strategy: 'cost' },
    },
  })

  test('refuses while nothing is scored, sends to the cheapest that is good enough once an eval run has finished', async () => {
    await call('PUT', '/api/providers/p', { kind: 'openai', baseUrl: upstream.baseUrl })
    for (const [model, input] of [
      ['good', 5],
      ['bad', 1],
    ] as const) {
      await call('PUT', `/api/models/p/${model}`, { capabilities: [], price: { input, output: input } })
    }
    const unknown = await call('POST', '/api/routes', route('wrong', 'exactly'))
    expect(unknown.status).toBe(422)
    expect(unknown.body.errors).toContainEqual(
      expect.objectContaining({
        path: '/spec/constraints/minQuality/metric',
        message: expect.stringContaining('exact'),
      }),
    )
    expect(await call('POST', '/api/routes', route('sums', 'exact'))).toMatchObject({ status: 201 })
    const before = await ask('reasoning')
    expect(before.status).toBe(503)
    expect(before.body.error.message).toContain(
      'p/good is excluded by min_quality (has no score of exact for this task',
    )

    const item = (_: unknown, index: number) =>
      JSON.stringify({
        id: `i${index}`,
        messages: [{ role: 'user', content: `${index}: what is 6 times 7?` }],
        reference: '42',
        tags: ['reasoning'],
      })
    const items = Array.from({ length: 20 }, item).join('\n')
    await call('POST', '/api/datasets/sums/versions', items, 'application/x-ndjson')
    const run = {
      dataset: 'sums@1',
      targets: [{ model: 'p/good' }, { model: 'p/bad' }],
      evaluators: [{ name: 'exact' }],
    }
    expect(await call('POST', '/api/eval-runs', run)).toMatchObject({ status: 202 })

    await expect.poll(async () => (await ask('reasoning')).model, { timeout: 30_000, interval: 100 }).toBe('p/good')
    const other = await ask('summarization')
    expect(other.status).toBe(503)
    expect(other.body.error.message).toContain('has no score of exact for this task')
  })
})
