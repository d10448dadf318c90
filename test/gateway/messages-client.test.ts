import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  answers,
  chunk,
  completion,
  type FakeUpstream,
  fails,
  finish,
  role,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aCaller, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let backup: FakeUpstream
let running: RunningGateway
let client: Anthropic

beforeAll(async () => {
  upstream = await startUpstream()
  backup = await startUpstream(answers('from the backup'))
})
afterAll(async () => {
  await upstream.close()
  await backup.close()
})
beforeEach(async () => {
  upstream.script.length = 0
  upstream.calls.length = 0
  backup.calls.length = 0
  upstream.otherwise = answers('Hello there, friend')
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('acme', upstream.baseUrl), aProvider('spare', backup.baseUrl)],
      models: ['acme/large', 'spare/large'],
      routes: [
        aRoute('support-reply', { models: ['acme/large'], retry: { attempts: 1 } }),
        aRoute('safe', { models: ['acme/large'], fallbacks: ['spare/large'], retry: { attempts: 1 } }),
        aRoute('secret', { models: ['acme/large'] }),
      ],
      callers: { [testKey]: aCaller({ routes: ['support-reply', 'safe'] }) },
    }),
  )
  client = new Anthropic({ apiKey: testKey, baseURL: running.url, maxRetries: 0 })
})
afterEach(() => running.close())

const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 16 },
}
const usageChunk = () => ({ ...chunk({}), choices: [], usage })
const ask = { model: 'support-reply', max_tokens: 64, messages: [{ role: 'user' as const, content: 'Hi' }] }
const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
}

const weather = { name: 'weather', description: 'The weather of a city', input_schema: schema }

/** Fields that this version of the client no longer has a type for, and others still send. */
function older(fields: object): object {
  return fields
}

function callOf(id: string, name: string, args: string) {
  return { id, type: 'function', function: { name, arguments: args } }
}

describe('the official client of Anthropic names a route (B1)', () => {
  it('gets a message, where it came from, and what it used', async () => {
    upstream.otherwise = answers('Hello there, friend', { usage })
    const { data, response } = await client.messages
      .create({
        ...ask,
        system: 'Be brief.',
        ...older({ temperature: 0.3 }),
        stop_sequences: ['END'],
        metadata: { user_id: 'ann' },
      })
      .withResponse()
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'support-reply',
      content: [{ type: 'text', text: 'Hello there, friend' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 4, cache_read_input_tokens: 16, cache_creation_input_tokens: 0, output_tokens: 9 },
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-interlock-route': 'support-reply',
      'x-interlock-version': '1',
      'x-interlock-arm': 'baseline',
      'x-interlock-model': 'acme/large',
      'x-interlock-provider': 'acme',
      'x-interlock-attempts': '1',
    })
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-interlock-request-id'))
    expect(upstream.calls[0]?.body).toEqual({
      model: 'large',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
      max_completion_tokens: 64,
      temperature: 0.3,
      stop: ['END'],
      user: 'ann',
    })
    expect(upstream.calls[0]?.headers['x-api-key']).toBeUndefined()
    await running.settle()
    expect(running.written.decisions.at(-1)).toMatchObject({
      endpoint: 'messages',
      metadata: { user: 'ann' },
      facts: { maxOutputTokens: 64 },
      usage: { inputTokens: 20, cachedInputTokens: 16, outputTokens: 9 },
    })
  })

  it('may send its key as a bearer as well', async () => {
    const bearer = new Anthropic({ authToken: testKey, apiKey: null, baseURL: running.url, maxRetries: 0 })
    expect((await bearer.messages.create(ask)).stop_reason).toBe('end_turn')
  })

  it('reads a stream with all its events', async () => {
    upstream.otherwise = streams([role(), ...words('Hello there'), finish(), usageChunk(), '[DONE]'])
    const types: string[] = []
    for await (const event of await client.messages.create({ ...ask, stream: true })) types.push(event.type)
    expect(types).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    const raw = await fetch(`${running.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': testKey },
      body: JSON.stringify({ ...ask, stream: true }),
    })
    expect(await raw.text()).toMatch(/^event: message_start\ndata: .*\n\nevent: ping\ndata: {"type":"ping"}\n\n/)
  })

  it('puts a streamed message together: thinking, text, parallel calls that interleave, usage', async () => {
    upstream.otherwise = streams([
      role(),
      chunk({ reasoning_content: 'Two ' }),
      chunk({ reasoning_content: 'cities.' }),
      ...words('Let me look.'),
      chunk({ tool_calls: [{ index: 0, ...callOf('call_a', 'weather', '') }] }),
      chunk({ tool_calls: [{ index: 1, ...callOf('call_b', 'weather', '{"ci') }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chunk({ content: 'One moment.' }),
      chunk({ tool_calls: [{ index: 1, function: { arguments: 'ty":"Rome"}' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] }),
      finish('tool_calls'),
      usageChunk(),
      '[DONE]',
    ])
    const message = await client.messages.stream({ ...ask, tools: [weather] }).finalMessage()
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      usage: { input_tokens: 4, cache_read_input_tokens: 16, output_tokens: 9 },
      content: [
        { type: 'thinking', thinking: 'Two cities.', signature: '' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 'call_a', name: 'weather', input: { city: 'Oslo' } },
        { type: 'tool_use', id: 'call_b', name: 'weather', input: { city: 'Rome' } },
        { type: 'text', text: 'One moment.' },
      ],
    })
  })

  it('takes calls one after the other, without arguments too, and streams each as it comes', async () => {
    upstream.otherwise = streams([
      chunk({ tool_calls: [{ index: 0, ...callOf('a', 'now', '') }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }),
      chunk({ tool_calls: [{ index: 1, ...callOf('b', 'weather', '{"city":"Oslo"}') }] }),
      chunk({ tool_calls: [{ index: 2, ...callOf('c', 'now', '') }] }),
      finish('tool_calls'),
      '[DONE]',
    ])
    const starts: string[] = []
    const stream = client.messages.stream({ ...ask, tools: [weather] })
    stream.on('streamEvent', (event) => {
      if (event.type === 'content_block_start' && event.content_block.type === 'tool_use') {
        starts.push(event.content_block.id)
      }
    })
    const message = await stream.finalMessage()
    expect(starts).toEqual(['a', 'b', 'c'])
    expect(message.content).toMatchObject([{ input: {} }, { input: { city: 'Oslo' } }, { input: {} }])
  })

  it('carries a conversation with tools over several turns, results and errors included', async () => {
    const calls = [callOf('call_a', 'weather', '{"city":"Oslo"}'), callOf('call_b', 'weather', 'not json')]
    upstream.script.push((_call, res) => {
      const message = { role: 'assistant', content: 'Looking.', tool_calls: calls }
      res.end(JSON.stringify(completion('', { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] })))
    })
    const asked = { ...ask, tools: [weather], tool_choice: { type: 'any', disable_parallel_tool_use: true } as const }
    const first = await client.messages.create(asked)
    expect(first).toMatchObject({
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'Looking.' },
        { type: 'tool_use', id: 'call_a', name: 'weather', input: { city: 'Oslo' } },
        { type: 'tool_use', id: 'call_b', name: 'weather', input: { INVALID_JSON: 'not json' } },
      ],
    })
    expect(upstream.calls[0]?.body).toMatchObject({
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
    })
    const second = await client.messages.create({
      ...ask,
      tools: [weather],
      messages: [
        ...ask.messages,
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_a', content: [{ type: 'text', text: '4 degrees' }] },
            { type: 'tool_result', tool_use_id: 'call_b', content: 'no such city', is_error: true },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    })
    expect(second.content).toMatchObject([{ text: 'Hello there, friend' }])
    expect(upstream.calls[1]?.body.messages?.slice(1)).toEqual([
      {
        role: 'assistant',
        content: 'Looking.',
        tool_calls: [calls[0], callOf('call_b', 'weather', '{"INVALID_JSON":"not json"}')],
      },
      { role: 'tool', tool_call_id: 'call_a', content: '4 degrees' },
      { role: 'tool', tool_call_id: 'call_b', content: 'no such city' },
      { role: 'user', content: 'And?' },
    ])
    await running.settle()
    expect(running.written.decisions.at(-1)?.warnings).toEqual([
      { model: 'acme/large', field: 'messages[2].content[1].is_error', detail: expect.any(String) },
    ])
  })

  it('runs the client’s own loop of tools to its end', async () => {
    upstream.script.push(
      streams([
        chunk({ tool_calls: [{ index: 0, ...callOf('call_a', 'weather', '{"city":"Oslo"}') }] }),
        finish('tool_calls'),
        '[DONE]',
      ]),
    )
    const runner = client.beta.messages.toolRunner({
      ...ask,
      stream: true,
      tools: [
        betaTool({
          ...weather,
          inputSchema: schema,
          run: (input) => `4 degrees in ${(input as { city: string }).city}`,
        }),
      ],
    })
    const message = await runner.runUntilDone()
    expect(message.content).toMatchObject([{ type: 'text', text: 'Hello there, friend' }])
    expect(upstream.calls[1]?.body.messages?.at(-1)).toEqual({
      role: 'tool',
      tool_call_id: 'call_a',
      content: '4 degrees in Oslo',
    })
  })

  it('sends images, documents and a JSON schema', async () => {
    upstream.otherwise = answers('{"city":"Oslo"}')
    await client.messages.create({
      ...ask,
      output_config: { effort: 'low', format: { type: 'json_schema', schema } },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' },
              title: 'a.pdf',
            },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'plain words' } },
            { type: 'text', text: 'Where?' },
          ],
        },
      ],
    })
    expect(upstream.calls[0]?.body).toMatchObject({
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { schema, strict: true } },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,BBBB' } },
            { type: 'text', text: 'plain words' },
            { type: 'text', text: 'Where?' },
          ],
        },
      ],
    })
    await running.settle()
    expect(running.written.decisions.at(-1)?.facts).toMatchObject({ hasImages: true, wantsJson: true })
  })

  it.each([
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['stop', 'end_turn'],
  ])('says that an answer ended by %s with %s', async (reason, stop) => {
    upstream.otherwise = answers('x', {
      choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: reason }],
    })
    expect((await client.messages.create(ask)).stop_reason).toBe(stop)
    upstream.otherwise = streams([role(), ...words('x'), finish(reason), '[DONE]'])
    expect((await client.messages.stream(ask).finalMessage()).stop_reason).toBe(stop)
  })

  it('names the stop sequence where the provider does', async () => {
    const choice = { index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop', stop_reason: 'END' }
    upstream.otherwise = answers('x', { choices: [choice] })
    const message = await client.messages.create({ ...ask, stop_sequences: ['END'] })
    expect(message).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END' })
  })

  it('estimates the usage that a provider does not report', async () => {
    upstream.otherwise = streams([role(), ...words('twelve chars'), finish(), '[DONE]'])
    const { usage: counted } = await client.messages.stream(ask).finalMessage()
    expect(counted).toMatchObject({ input_tokens: 1, output_tokens: 3 })
  })

  it('counts tokens without a model being called', async () => {
    const counted = await client.messages.countTokens({
      model: 'support-reply',
      messages: ask.messages,
      tools: [weather],
    })
    expect(counted.input_tokens).toBeGreaterThan(20)
    expect(upstream.calls).toHaveLength(0)
    const unknown = client.messages.countTokens({ model: 'nothing', messages: ask.messages })
    await expect(unknown).rejects.toBeInstanceOf(Anthropic.NotFoundError)
  })

  it('lists the routes its key may call, in its own shape', async () => {
    const list = await client.models.list()
    expect(list.data).toMatchObject([
      { type: 'model', id: 'support-reply' },
      { type: 'model', id: 'safe' },
    ])
    expect((await client.models.retrieve('safe')).display_name).toBe('safe')
    await expect(client.models.retrieve('secret')).rejects.toBeInstanceOf(Anthropic.NotFoundError)
  })
})

describe('what messages cannot do here', () => {
  const user = (block: object) => ({ messages: [{ role: 'user', content: [block] }] })
  it.each([
    ['max_tokens', { max_tokens: undefined }],
    ['messages', { messages: [] }],
    ['tools[0].type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['mcp_servers', { mcp_servers: [{ type: 'url', url: 'https://x', name: 'x' }] }],
    ['container', { container: 'c1' }],
    ['messages[0].content[0].source', user({ type: 'image', source: { type: 'file', file_id: 'f' } })],
    ['messages[0].content[0].type', user({ type: 'container_upload', file_id: 'f' })],
    ['messages[0].content[0].type', user({ type: 'hologram' })],
    ['messages[0].role', { messages: [{ role: 'narrator', content: 'x' }] }],
    ['tool_choice.type', { tools: [weather], tool_choice: { type: 'perhaps' } }],
    ['temperature', { temperature: 'hot' }],
    ['model', { model: undefined }],
  ])('is refused by the name of the field: %s', async (param, more) => {
    const failed = await client.messages.create({ ...ask, ...more } as never).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(Anthropic.BadRequestError)
    expect((failed as InstanceType<typeof Anthropic.APIError>).error).toMatchObject({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: expect.stringContaining(param.split('[')[0] ?? ''),
        details: { param },
      },
      request_id: expect.stringMatching(/^req_/),
    })
    expect(upstream.calls).toHaveLength(0)
  })

  it('is named in the decision where the target cannot honour it, and stays out of the provider’s request', async () => {
    const mark = { cache_control: { type: 'ephemeral' as const } }
    await client.messages.create({
      ...ask,
      system: [{ type: 'text', text: 'Long rules', ...mark }],
      tools: [{ ...weather, ...mark, input_examples: [{ city: 'Rome' }] }],
      ...older({ top_k: 5 }),
      thinking: { type: 'enabled', budget_tokens: 1024 },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi', ...mark }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'sig' },
            { type: 'thinking', thinking: 'other', signature: '' },
            { type: 'text', text: 'Yes?' },
          ],
        },
        { role: 'user', content: 'Go on' },
      ],
    })
    const sent = upstream.calls[0]
    expect(sent?.text).not.toMatch(/cache_control|thinking|top_k|input_examples/)
    expect(sent?.body.messages).toEqual([
      { role: 'system', content: 'Long rules' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Yes?' },
      { role: 'user', content: 'Go on' },
    ])
    await running.settle()
    expect(
      running.written.decisions
        .at(-1)
        ?.warnings.map((warning) => warning.field)
        .sort(),
    ).toEqual([
      'messages[0].content[0].cache_control',
      'messages[1].content[0]',
      'messages[1].content[1]',
      'system[0].cache_control',
      'thinking',
      'tools[0].cache_control',
      'tools[0].input_examples',
      'top_k',
    ])
  })
})

describe('failures of messages', () => {
  it('maps to the client’s own classes of errors', async () => {
    const send = (model = 'support-reply') => client.messages.create({ ...ask, model })
    upstream.script.push(fails(429, {}, { 'retry-after': '7' }))
    await expect(send()).rejects.toBeInstanceOf(Anthropic.RateLimitError)
    upstream.script.push(fails(400, { type: 'invalid_request_error', param: 'messages', code: 'bad' }))
    await expect(send()).rejects.toBeInstanceOf(Anthropic.BadRequestError)
    await expect(send('nothing')).rejects.toBeInstanceOf(Anthropic.NotFoundError)
    await expect(send('secret')).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError)
    const stranger = new Anthropic({ apiKey: 'wrong', baseURL: running.url, maxRetries: 0 })
    await expect(stranger.messages.create(ask)).rejects.toBeInstanceOf(Anthropic.AuthenticationError)
    upstream.script.push(fails(500))
    await expect(send()).rejects.toBeInstanceOf(Anthropic.InternalServerError)
  })

  it('goes to the fallback where the provider fails behind its preamble, with the whole request (notes 2, 3, 10)', async () => {
    upstream.otherwise = streams([
      role(),
      { error: { message: 'overloaded', type: 'server_error', code: 'overloaded' } },
    ])
    const message = await client.messages.stream({ ...ask, model: 'safe', tools: [weather] }).finalMessage()
    expect(message.content).toMatchObject([{ text: 'from the backup' }])
    expect(backup.calls[0]?.body).toMatchObject({
      tools: [{ function: { name: 'weather' } }],
      max_completion_tokens: 64,
    })
  })

  it('ends a stream that breaks later with an error event, never with a second answer (note 4)', async () => {
    upstream.otherwise = streams([role(), ...words('Half of the')])
    const failed = await client.messages
      .stream({ ...ask, model: 'safe' })
      .finalMessage()
      .catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(Anthropic.APIError)
    expect((failed as InstanceType<typeof Anthropic.APIError>).error).toMatchObject({
      error: { type: 'api_error', details: { error_code: 'stream_truncated' } },
    })
    expect(backup.calls).toHaveLength(0)
    await running.settle()
    expect(running.written.decisions.at(-1)).toMatchObject({ errorCode: 'stream_truncated', endpoint: 'messages' })
  })

  it('ends the provider’s work when the client leaves, and settles what it cost (note 31)', async () => {
    upstream.otherwise = streams([role(), ...words('one two three four')], 'hang')
    const stream = client.messages.stream(ask)
    stream.on('error', () => undefined)
    stream.on('text', () => stream.abort())
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError)
    await upstream.calls[0]?.closed
    await running.settle()
    await until(() => running.written.decisions.length === 1)
    expect(running.written.decisions[0]).toMatchObject({ status: 499, errorCode: 'client_closed' })
    expect(running.written.decisions[0]?.costMicroUsd).toBeGreaterThan(0)
  })
})
