import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeUpstream, fails, sends, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'
import { aModel, aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

const fixtures = { anthropic: fixturesOf('anthropic'), gemini: fixturesOf('gemini'), azure: fixturesOf('azure-openai') }
const kinds = ['anthropic', 'gemini', 'azure'] as const

let openai: FakeUpstream
let other: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  openai = await startUpstream()
  other = await startUpstream()
})
afterAll(async () => {
  await openai.close()
  await other.close()
})
beforeEach(async () => {
  for (const upstream of [openai, other]) {
    upstream.calls.length = 0
    upstream.script.length = 0
  }
  const origin = new URL(other.baseUrl).origin
  const more = { retry: { attempts: 1 } }
  running = await startGateway(
    aSnapshot({
      providers: [
        aProvider('oai', openai.baseUrl),
        aProvider('anthropic', origin, { kind: 'anthropic' }),
        aProvider('gemini', origin, { kind: 'gemini' }),
        aProvider('azure', origin, { kind: 'azure-openai' }),
      ],
      models: [
        'oai/m',
        aModel('anthropic/m', { maxOutputTokens: 2_000 }),
        'gemini/m',
        'azure/m',
        ...kinds.map((kind) => aModel(`${kind}/vectors`, { capabilities: ['embeddings'] })),
        aModel('anthropic/plain', { capabilities: ['streaming', 'tools'] }),
      ],
      routes: [
        ...kinds.map((kind) => aRoute(`${kind}-vectors`, { models: [`${kind}/vectors`], ...more })),
        ...kinds.map((kind) => aRoute(kind, { models: [`${kind}/m`], ...more })),
        ...kinds.map((kind) => aRoute(`to-${kind}`, { models: ['oai/m'], fallbacks: [`${kind}/m`], ...more })),
        aRoute('from-anthropic', { models: ['anthropic/m'], fallbacks: ['oai/m'], ...more }),
        aRoute('from-plain', { models: ['anthropic/plain', 'oai/m'], ...more }),
      ],
    }),
  )
})
afterEach(() => running.close())

const answersWith = (kind: (typeof kinds)[number], name: string) => {
  const { status = 200, body, stream } = fixtures[kind](name)
  return stream === undefined
    ? sends(status, 'application/json', JSON.stringify(body))
    : sends(status, 'text/event-stream', stream)
}
const lastDecision = async () => {
  await running.settle()
  return running.written.decisions.at(-1)
}
const messages = [{ role: 'user' as const, content: 'Hi' }]
const tools = [{ type: 'function' as const, function: { name: 'f', parameters: { type: 'object' } } }]
const format = {
  type: 'json_schema' as const,
  json_schema: { name: 'x', schema: { type: 'object', additionalProperties: false } },
}

describe('the official OpenAI client with a route to another kind of provider (B1, B2)', () => {
  it.each([
    ['anthropic', 'The capital of France is Paris.', 20, 10],
    ['azure', 'The capital of France is Paris.', 24, 8],
    ['gemini', fixtures.gemini('text').body.candidates[0].content.parts[0].text, 8, 778],
  ] as const)('gets a completion from %s, metered by its own counts', async (kind, text, input, output) => {
    other.script.push(answersWith(kind, 'text'))
    const completion = await running.client.chat.completions.create({ model: kind, messages })
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: text } })
    expect(await lastDecision()).toMatchObject({
      model: `${kind}/m`,
      status: 200,
      usage: { inputTokens: input, outputTokens: output, isEstimated: false },
      warnings: [],
    })
  })

  it.each(kinds)('puts the calls of a stream from %s together', async (kind) => {
    other.script.push(answersWith(kind, 'stream of calls'))
    const stream = running.client.chat.completions.stream({ model: kind, messages, tools })
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0] ?? {}
    expect(finish_reason).toBe('tool_calls')
    expect(message?.tool_calls?.length).toBeGreaterThan(0)
    for (const call of message?.tool_calls ?? []) {
      expect(JSON.parse(call.type === 'function' ? call.function.arguments : '')).toEqual(expect.any(Object))
    }
  })

  it.each(kinds)('reads a stream of text from %s to its end, with counts where asked', async (kind) => {
    other.script.push(answersWith(kind, 'stream of text'))
    const options = { stream: true as const, stream_options: { include_usage: true } }
    const stream = await running.client.chat.completions.create({ model: kind, messages, ...options })
    let text = ''
    let counted = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? ''
      counted = chunk.usage?.total_tokens ?? counted
    }
    expect(text).not.toBe('')
    expect(counted).toBeGreaterThan(0)
    expect((await lastDecision())?.usage).toMatchObject({ isEstimated: false })
  })

  it('gets an error in the middle of a stream as an error', async () => {
    const broken = `${fixtures.anthropic('stream of text').stream?.split('event: content_block_stop')[0]}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`
    other.script.push(sends(200, 'text/event-stream', broken))
    const stream = await running.client.chat.completions.create({ model: 'anthropic', messages, stream: true })
    let text = ''
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    }
    await expect(read()).rejects.toThrow('Overloaded')
    expect(text).toBe('Hello there!')
    expect(await lastDecision()).toMatchObject({ attempts: [{ errorClass: 'server_error' }] })
  })
})

describe('embeddings of other kinds of provider (B1, B2)', () => {
  const input = ['a', 'b']

  it('come from Gemini as OpenAI’s, in the client’s own encoding, with an estimated count', async () => {
    const values = [0.5, -1]
    other.script.push(sends(200, 'application/json', JSON.stringify({ embeddings: [{ values }, { values: [2, 3] }] })))
    const { data } = await running.client.embeddings.create({ model: 'gemini-vectors', input, user: 'u' })
    expect(data.map(({ embedding }) => embedding)).toEqual([values, [2, 3]])
    expect(other.calls[0]?.path).toBe('/v1beta/models/vectors:batchEmbedContents')
    expect(await lastDecision()).toMatchObject({
      usage: { isEstimated: true, outputTokens: 0 },
      warnings: [{ model: 'gemini/vectors', field: 'user' }],
    })
  })

  it('come from Azure as they are', async () => {
    const data = [{ object: 'embedding', index: 0, embedding: [0.5] }]
    const body = { object: 'list', data, model: 'e', usage: { prompt_tokens: 3, total_tokens: 3 } }
    other.script.push(sends(200, 'application/json', JSON.stringify(body)))
    const answer = await running.client.embeddings.create({ model: 'azure-vectors', input, encoding_format: 'float' })
    expect(answer).toMatchObject(body)
    expect(other.calls[0]?.path).toBe('/openai/deployments/vectors/embeddings?api-version=2024-10-21')
    expect((await lastDecision())?.usage).toMatchObject({ isEstimated: false, inputTokens: 3 })
  })

  it('cannot come from Anthropic, and nothing is sent there', async () => {
    const asked = running.client.embeddings.create({ model: 'anthropic-vectors', input })
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'unsupported_by_provider' })
    expect(other.calls).toHaveLength(0)
  })
})

describe('what a provider cannot honour (B2)', () => {
  it.each(['anthropic', 'gemini'] as const)('is in the decision, in one piece and streamed: %s', async (kind) => {
    const asked = { model: kind, messages, logprobs: true, logit_bias: { '1': 5 } }
    other.script.push(answersWith(kind, 'text'), answersWith(kind, 'stream of text'))
    const expected = [
      { model: `${kind}/m`, field: 'logprobs', detail: expect.stringMatching(/./) },
      { model: `${kind}/m`, field: 'logit_bias', detail: expect.stringMatching(/./) },
    ]
    await running.client.chat.completions.create(asked)
    for await (const _ of await running.client.chat.completions.create({ ...asked, stream: true }));
    await running.settle()
    expect(running.written.decisions.map(({ warnings }) => warnings)).toEqual([expected, expected])
  })

  it('excludes the target where leaving it out would change the question, before anything is sent', async () => {
    const content = [{ type: 'input_audio' as const, input_audio: { data: 'AA==', format: 'wav' as const } }]
    const completion = await running.client.chat.completions.create({
      model: 'from-anthropic',
      messages: [{ role: 'user', content }],
    })
    expect(completion.choices[0]?.message.content).toBe('hello')
    expect(other.calls).toHaveLength(0)
    expect(await lastDecision()).toMatchObject({
      model: 'oai/m',
      attempts: [{ model: 'anthropic/m', errorClass: 'unsupported', status: null }, { errorClass: null }],
    })
  })

  it('is told to the client with the field at fault where no other target is left', async () => {
    const content = [{ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }]
    const response = await running.post({ model: 'anthropic', messages: [{ role: 'user', content }] })
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.objectContaining({ code: 'unsupported_by_provider', param: 'messages' }) },
    ])
  })

  it('is an exclusion by routing where the catalogue says so: no schema for models without structured output', async () => {
    await running.client.chat.completions.create({ model: 'from-plain', messages, response_format: format })
    expect(await lastDecision()).toMatchObject({
      model: 'oai/m',
      excluded: [{ model: 'anthropic/plain', by: 'capability' }],
    })
  })
})

describe('a fallback to another kind of provider (A12)', () => {
  it.each(kinds)('sends tools and response format to %s as well (litellm#16061)', async (kind) => {
    openai.script.push(fails(503))
    other.script.push(answersWith(kind, 'text'))
    const asked = { model: `to-${kind}`, messages, tools, response_format: format }
    const completion = await running.client.chat.completions.create(asked)
    expect(completion.choices[0]?.finish_reason).toBe('stop')
    const sent = JSON.stringify(other.calls[0]?.body)
    expect(sent).toContain('"name":"f"')
    expect(sent).toMatch(/json_schema|responseJsonSchema/)
    expect(await lastDecision()).toMatchObject({ isFallback: true, model: `${kind}/m` })
  })

  it.each([
    [
      'overloaded',
      sends(529, 'application/json', '{"type":"error","error":{"type":"overloaded_error","message":"x"}}'),
    ],
    [
      'an error before its content',
      sends(
        200,
        'text/event-stream',
        'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"x"}}\n\n',
      ),
    ],
    ['a stream that ends at once', sends(200, 'text/event-stream', '')],
    ['a page', sends(200, 'text/html', '<html>')],
  ])('follows a stream of Anthropic that fails with %s', async (_name, behaviour) => {
    other.script.push(behaviour)
    const stream = running.client.chat.completions.stream({ model: 'from-anthropic', messages })
    expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe('hello')
    expect(await lastDecision()).toMatchObject({ model: 'oai/m', isFallback: true })
  })

  it('lets Anthropic force arguments where the catalogue says that the model has structured output', async () => {
    other.script.push(answersWith('anthropic', 'text'))
    const strict = [
      { type: 'function' as const, function: { name: 'f', strict: true, parameters: { type: 'object' } } },
    ]
    await running.client.chat.completions.create({ model: 'anthropic', messages, tools: strict })
    expect(other.calls[0]?.body).toMatchObject({ tools: [{ name: 'f', strict: true }] })
    expect((await lastDecision())?.warnings).toEqual([])
  })

  it('tells Anthropic the limit of the model where the request names none', async () => {
    other.script.push(answersWith('anthropic', 'text'))
    await running.client.chat.completions.create({ model: 'anthropic', messages })
    expect(other.calls[0]?.body).toMatchObject({ model: 'm', max_tokens: 2_000 })
  })
})
