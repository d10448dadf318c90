import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { type Behaviour, type FakeUpstream, fails, hangs, sends, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion, testKey } from '#test/support/routing.ts'

let first: FakeUpstream
let second: FakeUpstream
let running: RunningGateway

/** Vectors as OpenAI sends them: base64 of little-endian floats where that is asked for. */
const embeds: Behaviour = (call, res) => {
  const inputs = Array.isArray(call.body['input']) ? call.body['input'] : [call.body['input']]
  const vector = [0.5, -1, 2]
  const bytes = Buffer.from(new Float32Array(vector).buffer)
  const embedding = call.body['encoding_format'] === 'base64' ? bytes.toString('base64') : vector
  const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding }))
  const usage = { prompt_tokens: 8, total_tokens: 8 }
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ object: 'list', data, model: call.body.model, usage }))
}

beforeAll(async () => {
  first = await startUpstream(embeds)
  second = await startUpstream(embeds)
})
afterAll(async () => {
  await first.close()
  await second.close()
})

const offers = { capabilities: ['embeddings'] }
const retry = { attempts: 1 }

function snapshot(parts: Partial<Parameters<typeof aSnapshot>[0]> = {}) {
  return aSnapshot({
    providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl)],
    models: [
      aModel('one/te-3', offers),
      aModel('two/te-3', offers),
      aModel('two/other', offers),
      aModel('two/alias', { capabilities: ['embeddings', 'vector-space:te-3'] }),
      'one/chat',
    ],
    routes: [
      aRoute('search', { models: ['one/te-3'], retry, parameters: { temperature: 0.1, dimensions: 3 } }),
      aRoute('talk', { models: ['one/chat'] }),
      aRoute('mixed', { models: ['one/chat', 'one/te-3'] }),
    ],
    ...parts,
  })
}

beforeEach(async () => {
  for (const upstream of [first, second]) {
    upstream.calls.length = 0
    upstream.script.length = 0
    upstream.otherwise = embeds
  }
  running = await startGateway(snapshot())
})
afterEach(() => running.close())

const embed = (model: string, more: object = {}) =>
  running.client.embeddings.create({ model, input: 'one text', ...more })
const written = async () => {
  await running.settle()
  return running.written
}

describe('the official client’s embeddings (B1)', () => {
  it('come through a route, its headers and costs included', async () => {
    const { data, response } = await embed('search', { input: ['a text', 'another'], user: 'ann' }).withResponse()
    expect(data.data.map((entry) => entry.embedding)).toEqual([
      [0.5, -1, 2],
      [0.5, -1, 2],
    ])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-interlock-route': 'search',
      'x-interlock-version': '1',
      'x-interlock-model': 'one/te-3',
      'x-interlock-attempts': '1',
    })
    // The client asks for base64 by itself; of the route's parameters only those of embeddings are added.
    expect(first.calls[0]).toMatchObject({ path: '/v1/embeddings' })
    expect(first.calls[0]?.body).toEqual({
      model: 'te-3',
      input: ['a text', 'another'],
      user: 'ann',
      encoding_format: 'base64',
      dimensions: 3,
    })
    expect((await written()).decisions[0]).toMatchObject({
      endpoint: 'embeddings',
      metadata: { user: 'ann' },
      usage: { inputTokens: 8, outputTokens: 0, isEstimated: false },
      costMicroUsd: 8,
      facts: { capabilities: ['embeddings'], inputTokens: 4, maxOutputTokens: 0 },
    })
  })

  it('pass byte for byte, in base64 too', async () => {
    const odd = '{"object":"list", "data":[{"index":0,"embedding":"AAAAPw=="}],"model":"te-3-0613","x":1.50}\n'
    first.script.push(sends(200, 'application/json', odd))
    const response = await fetch(`${running.url}/v1/embeddings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}` },
      body: '{ "input":"x","model":"search", "encoding_format":"base64","interlock":{"context":[]},"metadata":{"team":"blue"},"dimensions":7 }',
    })
    expect(await response.text()).toBe(odd)
    expect(first.calls[0]?.text).toBe('{ "input":"x","model":"te-3", "encoding_format":"base64","dimensions":7 }')
    // No usage was reported: an estimate, and marked as one.
    expect((await written()).decisions[0]).toMatchObject({
      metadata: { team: 'blue' },
      usage: { inputTokens: 1, outputTokens: 0, isEstimated: true },
    })
  })

  it('count token ids as tokens', async () => {
    await embed('search', { input: [[1, 2, 3], [4]], encoding_format: 'float' })
    expect((await written()).decisions[0]?.facts.inputTokens).toBe(4)
  })

  it('are never given by a chat model, and the exclusion is written down', async () => {
    await expect(embed('talk')).rejects.toMatchObject({ status: 503, code: 'no_eligible_target' })
    await embed('mixed')
    expect((await written()).decisions).toMatchObject([
      { status: 503, excluded: [{ model: 'one/chat', by: 'capability', detail: 'the request needs embeddings' }] },
      { status: 200, model: 'one/te-3', excluded: [{ model: 'one/chat', by: 'capability' }] },
    ])
  })

  it.each([
    ['input', { input: '' }],
    ['input', { input: [] }],
    ['input', { input: 7 }],
    ['input', { input: undefined }],
    ['input[1]', { input: ['a', null] }],
    ['model', { model: undefined }],
  ])('refuse what is none by the name of the field: %s', async (param, more) => {
    const asked = embed('search', more)
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(asked).rejects.toMatchObject({ param })
    expect(first.calls).toHaveLength(0)
  })

  it('are a matter of keys like everything else', async () => {
    running.setSnapshot(snapshot({ callers: { [testKey]: aCaller({ routes: ['talk'] }) } }))
    await expect(embed('search')).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError)
    await expect(embed('nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('end the provider’s work when the client leaves (note 31)', async () => {
    first.otherwise = hangs
    const leaving = new AbortController()
    const asked = running.client.embeddings.create({ model: 'search', input: 'x' }, { signal: leaving.signal })
    const failed = expect(asked).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await until(() => first.calls.length === 1)
    leaving.abort()
    await failed
    await first.calls[0]?.closed
    await running.settle()
    await until(() => running.written.decisions.length === 1)
    expect(running.written.decisions[0]).toMatchObject({ status: 499, errorCode: 'client_closed' })
  })
})

describe('one vector space (embeddings)', () => {
  it('is kept by fallbacks: a model of another space never answers, one of the same does', async () => {
    const route = (spec: RouteSpec) => snapshot({ routes: [aRoute('search', { retry, ...spec })] })
    first.otherwise = fails(500)
    running.setSnapshot(route({ models: ['one/te-3'], fallbacks: ['two/other'] }))
    await expect(embed('search')).rejects.toMatchObject({ status: 502 })
    expect(second.calls).toHaveLength(0)
    running.setSnapshot(route({ models: ['one/te-3'], fallbacks: ['two/other', 'two/alias'] }))
    const { response } = await embed('search').withResponse()
    expect(response.headers.get('x-interlock-model')).toBe('two/alias')
    expect((await written()).decisions[1]).toMatchObject({
      isFallback: true,
      excluded: [{ model: 'two/other', by: 'vector_space', detail: 'the route embeds in te-3, this model in other' }],
      attempts: [{ model: 'one/te-3', errorClass: 'server_error' }, { model: 'two/alias' }],
    })
  })

  const rollout = (candidate: string, more: object) => {
    const baseline = aVersion('search', 1, { models: ['one/te-3'], retry })
    const next = aVersion('search', 2, { models: [candidate], retry })
    return snapshot({
      routes: [aRoute('search', baseline.spec, { stable: baseline, rollout: aRollout(baseline, next, more) })],
    })
  }

  it('is kept by rollouts: a candidate of another space gets no traffic and no shadow, and the decision says why', async () => {
    running.setSnapshot(rollout('two/other', { stage: 'canary', shareBp: 10_000, unit: 'request' }))
    await embed('search')
    running.setSnapshot(rollout('two/other', { stage: 'shadow', shareBp: 0, mirrorRate: 1 }))
    await embed('search')
    const rows = await written()
    expect(second.calls).toHaveLength(0)
    expect(rows.assignments).toEqual([])
    for (const decision of rows.decisions) {
      expect(decision).toMatchObject({ arm: 'baseline', model: 'one/te-3', proposal: null })
      expect(decision.reason).toContain('another vector space')
    }
  })

  it('is shared where another provider offers the same model: split, evidence and shadow as for chats, unscored', async () => {
    running.setSnapshot(rollout('two/te-3', { stage: 'canary', shareBp: 10_000, unit: 'request' }))
    const { response } = await embed('search').withResponse()
    expect(response.headers.get('x-interlock-arm')).toBe('candidate')
    running.setSnapshot(rollout('two/te-3', { stage: 'shadow', shareBp: 0, mirrorRate: 1 }))
    await embed('search')
    const rows = await written()
    expect(rows.assignments).toMatchObject([{ arm: 'candidate' }, { arm: 'pair' }])
    expect(rows.completions[0]).toMatchObject({
      candidate: { values: { error_rate: 0 }, missing: { refusal_rate: 'not_applicable' } },
      isScored: true,
    })
    expect(rows.samples).toEqual([])
    expect(rows.shadowCalls).toMatchObject([{ model: 'two/te-3', status: 200, inputTokens: 8, costMicroUsd: 8 }])
  })
})
