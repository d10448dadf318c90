import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { useDialectWorld } from '#test/support/endpoint-world.ts'
import { type FakeUpstream, fails, role, streams, words } from '#test/support/fake-upstream.ts'
import { type RunningGateway, until } from '#test/support/gateway.ts'
import { testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let backup: FakeUpstream
let running: RunningGateway
let client: Anthropic
useDialectWorld((world) => {
  ;({ upstream, backup, running } = world)
  client = new Anthropic({ apiKey: testKey, baseURL: running.url, maxRetries: 0 })
})

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
