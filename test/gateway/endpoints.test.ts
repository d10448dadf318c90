import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import type { LiveRollout } from '#domain/snapshot.ts'
import {
  answers,
  type Behaviour,
  type FakeUpstream,
  fails,
  hangs,
  role,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion, testKey } from '#test/support/routing.ts'

/** What every endpoint shares, asked of each: an endpoint that is added is one line here. */
const endpoints = [
  { name: 'chat', path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'hello' }] } },
  { name: 'responses', path: '/v1/responses', body: { input: 'hello' } },
  { name: 'messages', path: '/v1/messages', body: { max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] } },
  { name: 'embeddings', path: '/v1/embeddings', body: { input: 'hello' } },
] as const
const streaming = endpoints.filter(({ name }) => name !== 'embeddings')

let old: FakeUpstream
let fresh: FakeUpstream
let running: RunningGateway

/** Chats and embeddings alike. */
function speaks(text: string): Behaviour {
  return (call, res) => {
    if (!call.path.endsWith('/embeddings')) return answers(text)(call, res)
    const data = [{ object: 'embedding', index: 0, embedding: [1] }]
    res.end(JSON.stringify({ object: 'list', data, model: 'm', usage: { prompt_tokens: 10, total_tokens: 10 } }))
  }
}

const timeouts = { firstTokenMs: 300, idleMs: 300, totalMs: 2_000 }
const capabilities = ['streaming', 'tools', 'embeddings']

function snapshotWith(rollout: Partial<LiveRollout> | null = null) {
  const baseline = aVersion('r', 1, { models: ['old/m'], timeouts, retry: { attempts: 1 } })
  const candidate = aVersion('r', 2, { models: ['fresh/m'], timeouts, retry: { attempts: 1 } })
  const open = rollout === null ? null : aRollout(baseline, candidate, rollout)
  return aSnapshot({
    providers: [aProvider('old', old.baseUrl), aProvider('fresh', fresh.baseUrl)],
    models: [aModel('old/m', { capabilities }), aModel('fresh/m', { capabilities })],
    routes: [
      aRoute('r', baseline.spec, { stable: baseline, rollout: open }),
      aRoute('safe', { models: ['old/m'], fallbacks: ['fresh/m'], timeouts, retry: { attempts: 1 } }),
      aRoute('secret', { models: ['old/m'] }),
      aRoute('guarded', { models: ['old/m'], guardrails: { blocked: [{ name: 'codeword', pattern: 'hel+o' }] } }),
    ],
    callers: { [testKey]: aCaller({ routes: ['r', 'safe', 'guarded'], metadata: { team: 'blue' } }) },
  })
}

beforeAll(async () => {
  old = await startUpstream()
  fresh = await startUpstream()
})
afterAll(async () => {
  await old.close()
  await fresh.close()
})
beforeEach(async () => {
  for (const upstream of [old, fresh]) {
    upstream.calls.length = 0
    upstream.script.length = 0
  }
  old.otherwise = speaks('old answer')
  fresh.otherwise = speaks('fresh answer')
  running = await startGateway(snapshotWith())
})
afterEach(() => running.close())

type Tried = (typeof endpoints)[number]

function send(tried: Tried, more: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${running.url}${tried.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}`, ...headers },
    body: JSON.stringify({ model: 'r', ...tried.body, ...more }),
  })
}

async function written() {
  await running.settle()
  await until(() => running.written.decisions.length > 0)
  return running.written
}

describe.each(endpoints)('$name', (tried) => {
  it('takes metadata from headers, the key’s values winning, and says in headers where the answer came from (A1, A13)', async () => {
    const response = await send(tried, {}, { 'x-interlock-session': 's1', 'x-interlock-team': 'red' })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-interlock-request-id': expect.stringMatching(/^req_/),
      'x-interlock-route': 'r',
      'x-interlock-version': '1',
      'x-interlock-arm': 'baseline',
      'x-interlock-model': 'old/m',
      'x-interlock-provider': 'old',
      'x-interlock-attempts': '1',
    })
    expect((await written()).decisions).toMatchObject([
      {
        endpoint: tried.name,
        metadata: { session: 's1', team: 'blue' },
        status: 200,
        costMicroUsd: expect.any(Number),
      },
    ])
  })

  it('is mirrored in shadow, in a ledger of its own and under the candidate’s own model (notes 16, 17)', async () => {
    running.setSnapshot(snapshotWith({ stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 }))
    expect((await send(tried)).headers.get('x-interlock-arm')).toBe('baseline')
    const rows = await written()
    expect(rows.assignments).toMatchObject([{ arm: 'pair', stage: 'shadow' }])
    expect(rows.completions).toMatchObject([
      { baseline: { values: { error_rate: 0 } }, candidate: { values: { error_rate: 0 } } },
    ])
    expect(rows.shadowCalls).toMatchObject([{ model: 'fresh/m', status: 200, costMicroUsd: expect.any(Number) }])
    expect(rows.decisions).toMatchObject([{ model: 'old/m', proposal: 'prop_1' }])
    expect(fresh.calls[0]?.text).toBe(old.calls[0]?.text)
  })

  it('is split in canary by its unit, and is evidence', async () => {
    running.setSnapshot(snapshotWith({ shareBp: 10_000 }))
    const response = await send(tried, {}, { 'x-interlock-session': 's1' })
    expect(response.headers.get('x-interlock-arm')).toBe('candidate')
    const rows = await written()
    expect(rows.assignments).toMatchObject([{ arm: 'candidate', stage: 'canary' }])
    expect(rows.completions).toMatchObject([{ candidate: { values: { error_rate: 0 } } }])
  })

  it('goes on to the fallback after a failure, and shows both attempts', async () => {
    old.otherwise = fails(503)
    const response = await send(tried, { model: 'safe' })
    expect(response.headers.get('x-interlock-model')).toBe('fresh/m')
    expect(response.headers.get('x-interlock-attempts')).toBe('2')
    expect((await written()).decisions[0]?.attempts).toMatchObject([
      { model: 'old/m', status: 503, errorClass: 'server_error' },
      { model: 'fresh/m', status: 200, isFallback: true },
    ])
  })

  it('keeps to the routes of the key, and knows no key but a whole one', async () => {
    expect((await send(tried, { model: 'secret' })).status).toBe(403)
    expect((await send(tried, { model: 'nothing' })).status).toBe(404)
    expect((await send(tried, {}, { authorization: `Bearer ${testKey}x` })).status).toBe(401)
    expect((await send(tried, {}, { authorization: '', 'x-api-key': testKey })).status).toBe(200)
    // Where both are sent the bearer counts, right or wrong.
    expect((await send(tried, {}, { authorization: 'Bearer wrong', 'x-api-key': testKey })).status).toBe(401)
  })

  it.each(['{"model":"r"', '[]', '{"model":"r","model":"safe"}', `{"a":${'['.repeat(65)}${']'.repeat(65)}}`, ''])(
    'refuses what is no request, before anybody is called: %s',
    async (body) => {
      const response = await fetch(`${running.url}${tried.path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${testKey}` },
        body,
      })
      expect(response.status).toBe(400)
      const { error } = (await response.json()) as { error: { type: string; message: string } }
      expect(error.type).toBe('invalid_request_error')
      expect(old.calls).toHaveLength(0)
    },
  )

  it('is held to guardrails, in its own form of errors (B6)', async () => {
    const response = await send(tried, { model: 'guarded' })
    expect(response.status).toBe(403)
    const { error } = (await response.json()) as { error: { type: string; code?: string; details?: object } }
    expect(error.code ?? error.details).toEqual(
      tried.name === 'messages' ? { error_code: 'content_blocked' } : 'content_blocked',
    )
    expect(old.calls).toHaveLength(0)
    expect((await written()).decisions).toMatchObject([{ endpoint: tried.name, errorCode: 'content_blocked' }])
  })

  it('is held to the limits of its key, and says what is left (B5)', async () => {
    running.setSnapshot({ ...snapshotWith(), limits: new Map([['key:key_1', { requestsPerMinute: 6 }]]) })
    const first = await send(tried)
    expect(first.status).toBe(200)
    expect(Number(first.headers.get('x-ratelimit-remaining-requests'))).toBeLessThan(6)
    let second = await send(tried)
    for (let sent = 2; second.status === 200 && sent < 9; sent += 1) second = await send(tried)
    expect(second.status).toBe(429)
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0)
    const { error } = (await second.json()) as { error: { type: string } }
    expect(error.type).toBe(tried.name === 'messages' ? 'rate_limit_error' : 'requests')
  })

  it('answers within its deadline where the provider says nothing', async () => {
    old.otherwise = hangs
    const response = await send(tried)
    expect(response.status).toBe(504)
    expect((await written()).decisions).toMatchObject([{ status: 504, errorCode: 'upstream_timeout' }])
  })
})

describe('what a route does to a chat', () => {
  const prompted = {
    models: ['old/m'],
    prompt: { name: 'tone', version: 1 },
    parameters: { temperature: 0.2, seed: 3 },
  }
  const tone = { name: 'tone', version: 1, digest: 'd', messages: [{ role: 'system', content: 'Kind to {{who}}.' }] }

  it.each(streaming)(
    'holds for $name: its prompt stands before the messages, its parameters fill in (B9)',
    async (tried) => {
      running.setSnapshot({
        ...snapshotWith(),
        routes: new Map([['r', aRoute('r', prompted)]]),
        prompts: new Map([['tone@1', tone]]),
      })
      const response = await send(tried, { temperature: 1, interlock: { variables: { who: 'cats' } } })
      expect(response.status).toBe(200)
      expect(old.calls[0]?.body).toMatchObject({ temperature: 1, seed: 3 })
      expect(old.calls[0]?.body.messages).toEqual([
        { role: 'system', content: 'Kind to cats.' },
        { role: 'user', content: 'hello' },
      ])
      expect((await written()).decisions).toMatchObject([{ promptVersion: 'tone@1' }])
    },
  )

  it('gives way to a limit that the request sets, under whichever name', async () => {
    const limited = { models: ['old/m'], parameters: { max_tokens: 500 } }
    running.setSnapshot({ ...snapshotWith(), routes: new Map([['r', aRoute('r', limited)]]) })
    await send(endpoints[2])
    await send(endpoints[0], { max_completion_tokens: 7 })
    await send(endpoints[1])
    const limits = old.calls.map(({ body }) => [body['max_tokens'], body['max_completion_tokens']])
    expect(limits).toEqual([
      [undefined, 9],
      [undefined, 7],
      [500, undefined],
    ])
  })

  it('leaves embeddings alone: no prompt, no parameters of chats, no model asked for a task', async () => {
    const task = { default: 'search', classifier: { kind: 'model', model: 'fresh/m', tasks: ['search', 'talk'] } }
    running.setSnapshot({
      ...snapshotWith(),
      routes: new Map([['r', aRoute('r', { ...prompted, task } as RouteSpec)]]),
      prompts: new Map([['tone@1', tone]]),
    })
    expect((await send(endpoints[3])).status).toBe(200)
    expect(old.calls[0]?.body).toEqual({ model: 'm', input: 'hello' })
    expect(fresh.calls).toHaveLength(0)
    expect((await written()).decisions).toMatchObject([{ task: 'search', classification: { by: 'default' } }])
  })
})

describe.each(streaming)('a stream of $name', (tried) => {
  it('is mirrored as a stream', async () => {
    running.setSnapshot(snapshotWith({ stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 }))
    await (await send(tried, { stream: true })).text()
    const rows = await written()
    expect(fresh.calls[0]?.body.stream).toBe(true)
    expect(rows.completions[0]?.candidate?.values['ttft_ms']).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(rows.samples[0]?.payload ?? '')).toMatchObject({
      baseline: { output: 'old answer' },
      candidate: { output: 'fresh answer' },
    })
  })

  it('tells its status by its head: nothing is sent while the first content is waited for', async () => {
    old.otherwise = streams([role()], 'hang')
    const response = await send(tried, { stream: true })
    expect(response.status).toBe(504)
    expect(response.headers.get('content-type')).toContain('application/json')
  })

  it('goes on to the fallback when the provider stalls behind its preamble', async () => {
    old.otherwise = streams([role()], 'hang')
    const response = await send(tried, { stream: true, model: 'safe' })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-interlock-model')).toBe('fresh/m')
    expect(await response.text()).toContain('fresh ')
  })

  it.each(['close', 'reset', 'hang'] as const)(
    'that breaks later (%s) never ends as if it were whole',
    async (ending) => {
      old.otherwise = streams([role(), ...words('one two three')], ending)
      const text = await (await send(tried, { stream: true, model: 'safe' })).text()
      expect(text).toMatch(/stream_truncated|upstream_timeout/)
      expect(text).not.toMatch(/\[DONE\]|message_stop|response\.completed/)
      expect(text).not.toContain('fresh')
      expect(fresh.calls).toHaveLength(0)
    },
  )
})
