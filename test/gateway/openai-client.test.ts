import OpenAI from 'openai'
import { makeParseableResponseFormat } from 'openai/lib/parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream(answers('Hello there, friend'))
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('acme', upstream.baseUrl)],
      models: ['acme/large', 'acme/failing'],
      routes: [
        aRoute('support-reply', { models: ['acme/large'], parameters: { temperature: 0.2, seed: 3 } }),
        aRoute('failing', { models: ['acme/failing'], retry: { attempts: 1 } }),
        aRoute('closed', { models: ['acme/large'] }),
      ],
      callers: { [testKey]: aCaller({ routes: ['support-reply', 'failing'] }) },
    }),
  )
})

afterAll(async () => {
  await running.close()
  await upstream.close()
})

const messages = [{ role: 'user' as const, content: 'Hi' }]

describe('the official OpenAI client, unchanged (B1)', () => {
  it('gets a whole answer through a route and sees where it came from', async () => {
    const { data, response } = await running.client.chat.completions
      .create({ model: 'support-reply', messages, temperature: 0.9 })
      .withResponse()
    expect(data.choices[0]?.message.content).toBe('Hello there, friend')
    expect(data.usage?.total_tokens).toBe(15)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-interlock-request-id': expect.stringMatching(/^req_/),
      'x-interlock-route': 'support-reply',
      'x-interlock-version': '1',
      'x-interlock-arm': 'baseline',
      'x-interlock-model': 'acme/large',
      'x-interlock-provider': 'acme',
      'x-interlock-attempts': '1',
    })
    expect(response.headers.get('x-request-id')).toBe(response.headers.get('x-interlock-request-id'))
    expect(upstream.calls.at(-1)?.body).toEqual({ model: 'large', messages, temperature: 0.9, seed: 3 })
  })

  it('reads a stream to its end, with the same headers', async () => {
    const { data: stream, response } = await running.client.chat.completions
      .create({ model: 'support-reply', messages, stream: true })
      .withResponse()
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello there, friend')
    expect(response.headers.get('x-interlock-model')).toBe('acme/large')
    expect(response.headers.get('x-interlock-attempts')).toBe('1')
    expect(response.headers.get('content-type')).toContain('text/event-stream')
  })

  it('sees an error, not an end, when a stream stops without its terminal marker', async () => {
    upstream.script.push(streams([role(), ...words('Half of the')]))
    const stream = await running.client.chat.completions.create({ model: 'support-reply', messages, stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toThrow(/cut short/)
  })

  it('sees an error where the terminal marker is missing, though the answer had a finish reason', async () => {
    upstream.script.push(streams([role(), ...words('All of it'), finish()]))
    const stream = await running.client.chat.completions.create({ model: 'support-reply', messages, stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toThrow(/cut short/)
  })

  it('lists the routes its key may call', async () => {
    const list = await running.client.models.list()
    expect(list.data.map((model) => model.id)).toEqual(['support-reply', 'failing'])
    expect((await running.client.models.retrieve('support-reply')).owned_by).toBe('team')
  })

  it('gets the typed error of an unknown model', async () => {
    const failed = running.client.chat.completions.create({ model: 'nope', messages })
    await expect(failed).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
  })

  it('runs its own loop of tools to the end, streamed and whole', async () => {
    const call = { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }
    const tool = {
      type: 'function' as const,
      function: {
        name: 'weather',
        description: 'The weather of a city',
        parameters: { type: 'object', properties: { city: { type: 'string' } } },
        parse: (text: string) => JSON.parse(text) as { city: string },
        function: ({ city }: { city: string }) => `4 degrees in ${city}`,
      },
    }
    upstream.script.push(
      streams([role(), chunk({ tool_calls: [{ index: 0, ...call }] }), finish('tool_calls'), '[DONE]']),
    )
    const streamed = running.client.chat.completions.runTools({
      model: 'support-reply',
      messages,
      tools: [tool],
      stream: true,
    })
    expect(await streamed.finalContent()).toBe('Hello there, friend')
    upstream.script.push((_call, res) => {
      const message = { role: 'assistant', content: null, tool_calls: [call] }
      res.end(JSON.stringify(completion('', { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] })))
    })
    const whole = running.client.chat.completions.runTools({ model: 'support-reply', messages, tools: [tool] })
    expect(await whole.finalContent()).toBe('Hello there, friend')
    expect(upstream.calls.at(-1)?.body.messages?.slice(1)).toMatchObject([
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_a', content: '4 degrees in Oslo' },
    ])
  })

  it('parses structured output, whole and streamed', async () => {
    upstream.otherwise = answers('{"city":"Oslo"}')
    const format = makeParseableResponseFormat(
      { type: 'json_schema', json_schema: { name: 'place', schema: { type: 'object' }, strict: true } },
      (text) => JSON.parse(text) as { city: string },
    )
    const asked = { model: 'support-reply', messages, response_format: format }
    const parsed = await running.client.chat.completions.parse(asked)
    expect(parsed.choices[0]?.message.parsed).toEqual({ city: 'Oslo' })
    const final = await running.client.chat.completions.stream(asked).finalChatCompletion()
    expect(final.choices[0]?.message.parsed).toEqual({ city: 'Oslo' })
    upstream.otherwise = answers('Hello there, friend')
  })

  it('passes fields on that only the provider knows: logprobs, images, stream options, and what comes next', async () => {
    const content = [
      { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' as const } },
    ]
    const asked = {
      model: 'support-reply',
      messages: [{ role: 'user' as const, content }],
      temperature: 0,
      seed: 1,
      logprobs: true,
      top_logprobs: 2,
      stream: true as const,
      stream_options: { include_usage: true },
      field_of_tomorrow: { deep: [1] },
    }
    for await (const _ of await running.client.chat.completions.create(asked));
    expect(upstream.calls.at(-1)?.body).toEqual({ ...asked, model: 'large' })
  })

  it('gets the classes of errors that it knows', async () => {
    const ask = (model: string) => running.client.chat.completions.create({ model, messages })
    for (const [status, kind] of [
      [429, OpenAI.RateLimitError],
      [400, OpenAI.BadRequestError],
      [500, OpenAI.InternalServerError],
    ] as const) {
      upstream.script.push(fails(status))
      await expect(ask('failing')).rejects.toBeInstanceOf(kind)
    }
    await expect(ask('closed')).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError)
    const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `${running.url}/v1`, maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })

  it('ends the provider’s work when it aborts', async () => {
    upstream.script.push(streams([role(), ...words('one two three')], 'hang'))
    const stream = running.client.chat.completions.stream({ model: 'support-reply', messages })
    stream.on('content', () => stream.abort())
    await expect(stream.finalContent()).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await upstream.calls.at(-1)?.closed
  })
})
