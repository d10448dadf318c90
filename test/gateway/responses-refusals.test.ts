import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { useDialectWorld } from '#test/support/endpoint-world.ts'
import { type FakeUpstream, fails, role, sends, streams, words } from '#test/support/fake-upstream.ts'
import { type RunningGateway, until } from '#test/support/gateway.ts'

let upstream: FakeUpstream
let backup: FakeUpstream
let running: RunningGateway
useDialectWorld((world) => {
  ;({ upstream, backup, running } = world)
})

const weather = {
  type: 'function' as const,
  name: 'weather',
  description: 'The weather of a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
}

describe('what responses cannot do here', () => {
  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['background', { background: true }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['input[0]', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['input[0].type', { input: [{ type: 'web_search_call', id: 'ws_1' }] }],
    ['input[0].content[0].file_id', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] }],
    ['input', { input: 7 }],
    ['max_output_tokens', { max_output_tokens: 'many' }],
    ['metadata', { metadata: 'x' }],
    ['temperature', { temperature: 'hot' }],
    ['model', { model: undefined }],
  ])('is refused by the name of the field: %s', async (param, more) => {
    const asked = running.client.responses.create({ model: 'support-reply', input: 'x', ...more } as never)
    await expect(asked).rejects.toMatchObject({ status: 400, param, type: 'invalid_request_error' })
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    expect(upstream.calls).toHaveLength(0)
  })

  it('is named in the decision where the answer is the same without it', async () => {
    await running.client.responses.create({
      model: 'support-reply',
      input: [
        { type: 'reasoning', id: 'rs_1', summary: [] },
        { role: 'user', content: 'x' },
      ],
      store: true,
      truncation: 'auto',
      include: ['reasoning.encrypted_content'],
      reasoning: { summary: 'auto' },
      future_field: 1,
    } as never)
    await running.settle()
    const decision = running.written.decisions.at(-1)
    expect(decision?.warnings.map((warning) => warning.field).sort()).toEqual([
      'future_field',
      'include[0]',
      'input[0]',
      'reasoning.summary',
      'store',
      'truncation',
    ])
    expect(decision?.warnings.every((warning) => warning.model === 'acme/large')).toBe(true)
    expect(Object.keys(upstream.calls[0]?.body ?? {}).sort()).toEqual(['messages', 'model'])
  })
})

describe('failures of responses', () => {
  it('maps to the client’s own classes of errors', async () => {
    const ask = (model = 'support-reply') => running.client.responses.create({ model, input: 'x' })
    upstream.script.push(fails(429, {}, { 'retry-after': '7' }))
    const limited = await ask().catch((error: unknown) => error)
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError)
    expect((limited as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7')
    upstream.script.push(fails(400, { type: 'invalid_request_error', param: 'messages', code: 'bad' }))
    await expect(ask()).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(ask('nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(ask('secret')).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError)
    const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `${running.url}/v1`, maxRetries: 0 })
    const asked = stranger.responses.create({ model: 'support-reply', input: 'x' })
    await expect(asked).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    upstream.script.push(fails(500))
    await expect(ask()).rejects.toBeInstanceOf(OpenAI.InternalServerError)
  })

  it('goes to the fallback where the provider fails behind its preamble, with the whole request (notes 2, 3, 10)', async () => {
    upstream.otherwise = streams([
      role(),
      { error: { message: 'overloaded', type: 'server_error', code: 'overloaded' } },
    ])
    const final = await running.client.responses
      .stream({ model: 'safe', input: 'x', tools: [weather], text: { format: { type: 'json_object' } } })
      .finalResponse()
    expect(final.output_text).toBe('from the backup')
    expect(backup.calls[0]?.body).toMatchObject({
      response_format: { type: 'json_object' },
      tools: [{ function: { name: 'weather' } }],
    })
  })

  it('ends a stream that breaks later with response.failed, never with a second answer (note 4)', async () => {
    upstream.otherwise = streams([role(), ...words('Half of the')])
    const stream = await running.client.responses.create({ model: 'safe', input: 'x', stream: true })
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of stream) events.push(event)
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'stream_truncated' } },
    })
    expect(events.map((event) => event.type)).not.toContain('response.completed')
    expect(backup.calls).toHaveLength(0)
    await running.settle()
    expect(running.written.decisions.at(-1)).toMatchObject({ errorCode: 'stream_truncated', endpoint: 'responses' })
  })

  it('ends a stream with an event that is no JSON the same way', async () => {
    upstream.otherwise = streams([
      role(),
      ...words('One two three'),
      Buffer.from('data: {"choices":[{"delta":{"content":}\n\n'),
      ...words('four'),
    ])
    const stream = await running.client.responses.create({ model: 'support-reply', input: 'x', stream: true })
    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    expect(types.at(-1)).toBe('response.failed')
  })

  it('refuses an answer that is none', async () => {
    upstream.otherwise = sends(200, 'text/html', '<html>')
    const asked = running.client.responses.create({ model: 'support-reply', input: 'x' })
    await expect(asked).rejects.toMatchObject({ status: 502, code: 'upstream_invalid_response' })
  })

  it('ends the provider’s work when the client leaves, and settles what it cost (note 31)', async () => {
    upstream.otherwise = streams([role(), ...words('one two three four')], 'hang')
    const stream = await running.client.responses.create({ model: 'support-reply', input: 'x', stream: true })
    for await (const event of stream) if (event.type === 'response.output_text.delta') break
    await upstream.calls[0]?.closed
    await running.settle()
    await until(() => running.written.decisions.length === 1)
    expect(running.written.decisions[0]).toMatchObject({ status: 499, errorCode: 'client_closed' })
    expect(running.written.decisions[0]?.costMicroUsd).toBeGreaterThan(0)
  })
})
