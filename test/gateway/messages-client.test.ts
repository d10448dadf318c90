import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { describe, expect, it } from 'vitest'
import { callOf, dialectSnapshot, useDialectWorld } from '#test/support/endpoint-world.ts'
import {
  answers,
  chunk,
  completion,
  type FakeUpstream,
  finish,
  role,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway
let client: Anthropic
useDialectWorld((world) => {
  ;({ upstream, running } = world)
  client = new Anthropic({ apiKey: testKey, baseURL: running.url, maxRetries: 0 })
})

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

  it('counts them with the tokenizer that stands in for providers which do not count', async () => {
    const asked: string[] = []
    const tokens = {
      count: async (texts: readonly string[]) => {
        asked.push(...texts)
        return texts.map((text) => (text === '' ? 0 : 40))
      },
      close: async () => undefined,
    }
    const counting = await startGateway(dialectSnapshot(upstream, upstream), { tokens })
    const own = new Anthropic({ apiKey: testKey, baseURL: counting.url, maxRetries: 0 })
    const counted = await own.messages.countTokens({
      model: 'support-reply',
      system: 'Be brief.',
      messages: ask.messages,
    })
    // Two messages of four tokens and three for the answer besides.
    expect(counted.input_tokens).toBe(51)
    expect(asked[0]).toBe('Be brief.\nHi')
    await counting.close()
  })

  it('lists the routes its key may call, in its own shape', async () => {
    const list = await client.models.list()
    expect(list.data).toMatchObject([
      { type: 'model', id: 'support-reply' },
      { type: 'model', id: 'safe' },
      { type: 'model', id: 'blind' },
    ])
    expect((await client.models.retrieve('safe')).display_name).toBe('safe')
    await expect(client.models.retrieve('secret')).rejects.toBeInstanceOf(Anthropic.NotFoundError)
  })
})
