import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream()
  running = await startGateway(
    aSnapshot({
      providers: [
        aProvider('acme', upstream.baseUrl, { region: 'us' }),
        aProvider('far', upstream.baseUrl, { region: 'eu' }),
      ],
      models: ['acme/large', aModel('acme/tiny', { contextWindow: 50, capabilities: [] }), 'far/large'],
      routes: [
        aRoute('open', { models: ['acme/large'] }),
        aRoute('closed', { models: ['acme/large'] }),
        aRoute('tiny', { models: ['acme/tiny'] }),
        aRoute('europe', { models: ['acme/large'], constraints: { regions: ['eu'] } }),
      ],
      callers: {
        [testKey]: aCaller({ routes: ['open', 'tiny', 'europe', 'far/large'] }),
        'viewer-key': aCaller({ role: 'viewer' }),
        'any-key': aCaller({ routes: ['*'] }),
        'all-key': aCaller({ routes: null }),
        'admin-key': aCaller({ role: 'admin', routes: [] }),
      },
    }),
  )
})

afterAll(async () => {
  await running.close()
  await upstream.close()
})

const messages = [{ role: 'user', content: 'Hi' }]

async function errorOf(response: Response) {
  const body = (await response.json()) as {
    error: { message: string; type: string; param: string | null; code: string | null }
  }
  return { status: response.status, ...body.error }
}

describe('a request that cannot be served', () => {
  it('is refused where its bytes are not UTF-8: a provider would read others than were checked', async () => {
    const body = Buffer.concat([
      Buffer.from('{"model":"open","messages":[{"role":"user","content":"a'),
      Buffer.from([0xc1, 0xb0]),
      Buffer.from('"}]}'),
    ])
    const response = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}` },
      body,
    })
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'invalid_json' })
  })

  it.each<[string, unknown, Record<string, unknown>]>([
    ['malformed JSON', '{"model": "open", "messages": [', { status: 400, code: 'invalid_json', param: null }],
    ['an empty body', '', { status: 400, code: 'invalid_json' }],
    ['a list', '[]', { status: 400, code: 'invalid_json' }],
    ['null', 'null', { status: 400, code: 'invalid_json' }],
    ['a BOM', '\ufeff{}', { status: 400, code: 'invalid_json' }],
    [
      'nesting of 65',
      `{"model":"open","messages":[],"x":${'['.repeat(64)}${']'.repeat(64)}}`,
      { status: 400, code: 'json_too_deep' },
    ],
    ['nesting of 40,000', '['.repeat(40_000), { status: 400, code: 'json_too_deep' }],
    [
      'a repeated field',
      '{"model":"open","messages":[],"mod\\u0065l":"closed"}',
      { status: 400, code: 'duplicate_field', param: 'model' },
    ],
    [
      'the model once more, in capitals (readers that ignore case would take it)',
      '{"model":"open","messages":[],"MODEL":"closed"}',
      { status: 400, code: 'duplicate_field', param: 'MODEL' },
    ],
    [
      'the messages once more, with a long s',
      '{"model":"open","messages":[],"me\u017fsages":[]}',
      { status: 400, code: 'duplicate_field' },
    ],
    ['no model', { messages }, { status: 400, code: 'missing_required_parameter', param: 'model' }],
    ['no messages', { model: 'open' }, { status: 400, code: 'missing_required_parameter', param: 'messages' }],
    ['a number for a model', { model: 4, messages }, { status: 400, code: 'invalid_type', param: 'model' }],
    ['no message at all', { model: 'open', messages: [] }, { status: 400, code: 'empty_array', param: 'messages' }],
    ['text for messages', { model: 'open', messages: 'Hi' }, { status: 400, code: 'invalid_type', param: 'messages' }],
    ['a message of no shape', { model: 'open', messages: ['Hi'] }, { status: 400, param: 'messages[0]' }],
    [
      'a message without a role',
      { model: 'open', messages: [{ content: 'x' }] },
      { status: 400, param: 'messages[0].role' },
    ],
    [
      'a number for content',
      { model: 'open', messages: [{ role: 'user', content: 5 }] },
      { status: 400, param: 'messages[0].content' },
    ],
    [
      'text for stream',
      { model: 'open', messages, stream: 'yes' },
      { status: 400, code: 'invalid_type', param: 'stream' },
    ],
    ['text for temperature', { model: 'open', messages, temperature: 'hot' }, { status: 400, param: 'temperature' }],
    ['half a token', { model: 'open', messages, max_tokens: 1.5 }, { status: 400, param: 'max_tokens' }],
    ['an object for tools', { model: 'open', messages, tools: {} }, { status: 400, param: 'tools' }],
    ['a list for metadata', { model: 'open', messages, metadata: [] }, { status: 400, param: 'metadata' }],
    ['a number in metadata', { model: 'open', messages, metadata: { a: 1 } }, { status: 400, param: 'metadata.a' }],
    ['17 keys of metadata', { model: 'open', messages, metadata: keys(17) }, { status: 400, param: 'metadata' }],
    [
      'long metadata',
      { model: 'open', messages, metadata: { a: 'x'.repeat(513) } },
      { status: 400, param: 'metadata.a' },
    ],
    ['text for interlock', { model: 'open', messages, interlock: 'x' }, { status: 400, param: 'interlock' }],
    [
      'an unknown scoring field',
      { model: 'open', messages, interlock: { contxt: [] } },
      { status: 400, code: 'unknown_parameter' },
    ],
    [
      'numbers for context',
      { model: 'open', messages, interlock: { context: [1] } },
      { status: 400, param: 'interlock.context' },
    ],
    ['an unknown model', { model: 'nope', messages }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['a name of Object’s prototype', { model: 'constructor', messages }, { status: 404, code: 'model_not_found' }],
    [
      'a route the key may not call',
      { model: 'closed', messages },
      { status: 403, code: 'model_not_allowed', param: 'model' },
    ],
    ['a model the key may not address', { model: 'acme/large', messages }, { status: 403, code: 'model_not_allowed' }],
    [
      'a prompt too long for the route',
      { model: 'tiny', messages: [{ role: 'user', content: 'x'.repeat(400) }] },
      { status: 400, code: 'context_length_exceeded' },
    ],
    ['a stream no model gives', { model: 'tiny', messages, stream: true }, { status: 503, code: 'no_eligible_target' }],
    ['a region no model is in', { model: 'europe', messages }, { status: 503, code: 'no_eligible_target' }],
  ])('%s', async (_name, body, expected) => {
    const before = upstream.calls.length
    const error = await errorOf(await running.post(body))
    expect(error).toMatchObject(expected)
    expect(error.message.length).toBeGreaterThan(10)
    expect(upstream.calls).toHaveLength(before)
  })

  it('is told which constraint left nothing, and that repeating is hopeless', async () => {
    const response = await running.post({ model: 'europe', messages })
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('x-interlock-route')).toBe('europe')
    expect((await errorOf(response)).message).toContain('acme/large is excluded by region (needs eu, is us)')
  })

  it.each<[string, string | null, Record<string, unknown>]>([
    ['no key', null, { status: 401, code: 'invalid_api_key', type: 'invalid_request_error' }],
    [
      'an unknown key',
      'Bearer il-wrong',
      { status: 401, code: 'invalid_api_key', message: 'Incorrect API key provided.' },
    ],
    ['another scheme', 'Basic abc', { status: 401, code: 'invalid_api_key' }],
    ['a viewer’s key', 'Bearer viewer-key', { status: 403, code: 'role_not_allowed' }],
  ])('%s', async (_name, authorization, expected) => {
    const response = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: authorization === null ? {} : { authorization },
      body: JSON.stringify({ model: 'open', messages }),
    })
    expect(await errorOf(response)).toMatchObject(expected)
  })

  it.each([
    ['GET', '/v1/chat/completions', 405],
    ['POST', '/v1/models', 405],
    ['DELETE', '/v1/models/open', 405],
    ['GET', '/v1/embeddings', 405],
    ['GET', '/v1/responses', 405],
    ['GET', '/v1/responses/resp_1', 404],
    ['POST', '/v1/completions', 404],
    ['POST', '/v1/audio/speech', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/', 404],
    ['POST', '/v1/chat/completions/', 404],
    ['POST', '/v1/chat//completions', 404],
    ['GET', '/v1/modelsx', 404],
    ['GET', '/v1/models/closed', 404],
    ['GET', '/v1/models/%zz', 404],
  ])('%s %s is %i with an OpenAI error body', async (method, path, status) => {
    const response = await fetch(`${running.url}${path}`, { method, headers: { authorization: `Bearer ${testKey}` } })
    expect(response.status).toBe(status)
    if (status === 405) expect(response.headers.get('allow')).toMatch(/^(GET|POST)$/)
    expect((await errorOf(response)).type).toBe('invalid_request_error')
  })

  it('leaves paths outside /v1 to others', async () => {
    for (const path of ['/', '/api/routes', '/v1x', '/v10/models', '/healthz']) {
      expect(await (await fetch(`${running.url}${path}`)).text()).toBe('not the gateway')
    }
  })

  it('answers 503 before the first snapshot', async () => {
    const starting = await startGateway(aSnapshot({}), { table: { current: () => null, isLeaseValid: () => false } })
    const response = await starting.post({ model: 'open', messages })
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'not_ready' })
    await starting.close()
  })
})

describe('direct addressing of a model', () => {
  const call = (model: string, key: string) => running.post({ model, messages }, { authorization: `Bearer ${key}` })

  it('needs a key that names the model, or *, or an admin’s', async () => {
    expect((await call('far/large', testKey)).status).toBe(200)
    expect((await call('acme/large', 'any-key')).status).toBe(200)
    expect((await call('acme/large', 'admin-key')).status).toBe(200)
    expect((await call('acme/large', 'all-key')).status).toBe(403)
    expect((await call('closed', 'all-key')).status).toBe(200)
  })

  it('has no version', async () => {
    const response = await call('far/large', testKey)
    expect(response.headers.get('x-interlock-route')).toBe('far/large')
    expect(response.headers.get('x-interlock-version')).toBeNull()
  })
})

describe('a body that is too long', () => {
  function send(
    headers: Record<string, string>,
    bytes: number,
  ): Promise<{ status: number; body: string; connection: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${running.url}/v1/chat/completions`,
        { method: 'POST', headers: { authorization: `Bearer ${testKey}`, ...headers } },
        (res) => {
          let body = ''
          res.on('data', (part) => {
            body += part
          })
          res.on('end', () => resolve({ status: res.statusCode ?? 0, body, connection: res.headers.connection ?? '' }))
        },
      )
      sent.on('error', reject)
      sent.end(Buffer.alloc(bytes, 0x20))
    })
  }

  it.each([
    ['announced', { 'content-length': '10000000' }],
    ['chunked', { 'transfer-encoding': 'chunked' }],
  ])('of 10 MB, %s, is answered with 413 and a closed connection', async (_name, headers) => {
    const { status, body, connection } = await send(headers, 10_000_000)
    expect(status).toBe(413)
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'request_too_large', type: 'invalid_request_error' } })
    expect(connection).toBe('close')
  })
})

function keys(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']))
}
