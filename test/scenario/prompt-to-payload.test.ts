import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLiveLog } from '#store/live-log.ts'
import { loadSnapshot } from '#store/snapshot.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aBarBody } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'

describe.each(engines())('from a prompt in the API to the texts of a request, on %s (B4, B6, B9)', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  let upstream: FakeUpstream
  let running: RunningGateway
  const put = (path: string, body: object) => rig.call('PUT', path, { body })

  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    upstream = await startUpstream(answers('Write to ann@example.com.'))
    await put('/api/providers/p', { kind: 'openai', baseUrl: 'https://api.example.com/v1' })
    await put('/api/models/p/m', { price: { input: 1, cachedInput: 0.1, output: 2 } })
    await put('/api/models/p/m', { price: { input: 10, output: 20 } })
    const messages = [{ role: 'system', content: 'Serve {{account}}.' }]
    await rig.call('POST', '/api/prompts/serve/versions', { body: { messages } })
    await rig.call('POST', '/api/routes', {
      body: {
        name: 'r',
        bar: aBarBody,
        spec: {
          models: ['p/m'],
          prompt: { name: 'serve', version: 1 },
          guardrails: { blocked: [{ name: 'badge', pattern: 'EMP-\\d{6}' }] },
        },
      },
    })
    await put('/api/routes/r/payloads', { sampleRate: 1, retention: '1h' })
    await put('/api/guardrails', { blocked: [{ name: 'codename', pattern: '(?i)aurora' }] })
    const snapshot = await loadSnapshot(database.db)
    const provider = snapshot.providers.get('p')
    if (provider === undefined) throw new Error('not stored')
    running = await startGateway({
      ...snapshot,
      providers: new Map([['p', { ...provider, baseUrl: upstream.baseUrl }]]),
    })
  })
  afterAll(async () => {
    await running.close()
    await upstream.close()
    await rig.close()
    await database.close()
  })

  const ask = (content: string) =>
    fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${rig.keys.gateway}` },
      body: JSON.stringify({
        model: 'r',
        messages: [{ role: 'user', content }],
        metadata: { account: 'Acme', user: 'ann' },
      }),
    })

  it('serves the prompt, bills the price in force, stops what is blocked, and keeps what it was told to', async () => {
    const answered = await ask('I am bob@example.com')
    expect(answered.status).toBe(200)
    expect(upstream.calls[0]?.body.messages).toEqual([
      { role: 'system', content: 'Serve Acme.' },
      { role: 'user', content: 'I am bob@example.com' },
    ])
    const blocked = [await ask('EMP-123456'), await ask('Aurora')]
    expect(blocked.map((response) => response.status)).toEqual([403, 403])
    await running.settle()
    await createLiveLog(database.db).write(running.written)

    const requestId = answered.headers.get('x-interlock-request-id') ?? ''
    const decision = (await rig.call('GET', `/api/decisions/${requestId}`)).body
    // 10 tokens in and 5 out, at the second price the model had.
    expect(decision).toMatchObject({ promptVersion: 'serve@1', priceVersion: 2, costUsd: 0.0002 })
    const payload = await rig.call('GET', `/api/decisions/${requestId}/payload`)
    expect(payload.body.payload).toMatchObject({
      promptVersion: 'serve@1',
      messages: [{ content: 'Serve Acme.' }, { content: 'I am xxx@xxxxxxx.xxx' }],
      answer: { output: 'Write to xxx@xxxxxxx.xxx.' },
      redacted: { email: 2 },
    })
    // Nothing of what was blocked.
    expect((await rig.call('DELETE', '/api/payloads?user=ann')).body).toEqual({ deleted: 1 })
    expect((await rig.call('GET', `/api/decisions/${requestId}/payload`)).status).toBe(404)
    expect(await database.db.selectFrom('payloads').select('request_id').execute()).toEqual([])
  })
})
