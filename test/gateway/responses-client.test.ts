import type OpenAI from 'openai'
import { makeParseableTextFormat } from 'openai/lib/parser'
import { describe, expect, it } from 'vitest'
import { callOf, useDialectWorld } from '#test/support/endpoint-world.ts'
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
import type { RunningGateway } from '#test/support/gateway.ts'

let upstream: FakeUpstream
let running: RunningGateway
useDialectWorld((world) => {
  ;({ upstream, running } = world)
})

const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 16 },
  completion_tokens_details: { reasoning_tokens: 4 },
}
const usageChunk = () => ({ ...chunk({}), choices: [], usage })
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

describe('the official client’s responses (B1)', () => {
  it('answers a text with a response of the route, headers and usage included', async () => {
    upstream.otherwise = answers('Hello there, friend', { usage })
    const { data, response } = await running.client.responses
      .create({ model: 'support-reply', instructions: 'Be brief.', input: 'Hi', metadata: { session: 's1' } })
      .withResponse()
    expect(data.output_text).toBe('Hello there, friend')
    expect(data).toMatchObject({ object: 'response', status: 'completed', model: 'support-reply', store: false })
    expect(data.metadata).toEqual({ session: 's1' })
    expect(data.usage).toEqual({
      input_tokens: 20,
      input_tokens_details: { cached_tokens: 16 },
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 4 },
      total_tokens: 29,
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-interlock-route': 'support-reply',
      'x-interlock-version': '1',
      'x-interlock-arm': 'baseline',
      'x-interlock-model': 'acme/large',
      'x-interlock-provider': 'acme',
      'x-interlock-attempts': '1',
    })
    expect(data.id).toBe(`resp_${response.headers.get('x-interlock-request-id')?.slice(4)}`)
    expect(upstream.calls[0]?.body).toEqual({
      model: 'large',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    })
  })

  it('streams the whole sequence of events, in order and numbered', async () => {
    upstream.otherwise = streams([role(), ...words('Hello there'), finish(), usageChunk(), '[DONE]'])
    const stream = await running.client.responses.create({ model: 'support-reply', input: 'Hi', stream: true })
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of stream) events.push(event)
    expect(events.map((event) => event.type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index))
    expect(events.at(-1)).toMatchObject({ response: { status: 'completed', usage: { input_tokens: 20 } } })
    expect(upstream.calls[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
  })

  it('feeds the client’s stream helper with reasoning, text and parallel calls that interleave', async () => {
    upstream.otherwise = streams([
      role(),
      chunk({ reasoning_content: 'Two cities.' }),
      ...words('Let me look.'),
      chunk({ tool_calls: [{ index: 0, ...callOf('call_a', 'weather', '') }] }),
      chunk({ tool_calls: [{ index: 1, ...callOf('call_b', 'weather', '') }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chunk({ tool_calls: [{ index: 1, function: { arguments: '{"city":"Rome"}' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] }),
      finish('tool_calls'),
      usageChunk(),
      '[DONE]',
    ])
    const stream = running.client.responses.stream({ model: 'support-reply', input: 'Oslo, Rome?', tools: [weather] })
    const final = await stream.finalResponse()
    expect(final.output.map((item) => item.type)).toEqual(['reasoning', 'message', 'function_call', 'function_call'])
    expect(final.output[0]).toMatchObject({ content: [{ type: 'reasoning_text', text: 'Two cities.' }] })
    expect(final.output_text).toBe('Let me look.')
    expect(final.output.slice(2)).toMatchObject([
      { call_id: 'call_a', name: 'weather', parsed_arguments: { city: 'Oslo' } },
      { call_id: 'call_b', name: 'weather', parsed_arguments: { city: 'Rome' } },
    ])
  })

  it('takes a call without arguments as one with none', async () => {
    upstream.otherwise = streams([
      chunk({ tool_calls: [{ index: 0, ...callOf('call_a', 'now', '') }] }),
      finish('tool_calls'),
      '[DONE]',
    ])
    const final = await running.client.responses
      .stream({ model: 'support-reply', input: 'now?', tools: [{ ...weather, name: 'now', strict: false }] })
      .finalResponse()
    expect(final.output).toMatchObject([{ type: 'function_call', arguments: '{}' }])
  })

  it('carries a conversation with tools over several turns', async () => {
    upstream.script.push((_call, res) => {
      const message = { role: 'assistant', content: null, tool_calls: [callOf('call_a', 'weather', '{"city":"Oslo"}')] }
      res.end(JSON.stringify(completion('', { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] })))
    })
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather in Oslo?' }]
    const asked = { model: 'support-reply', tools: [weather], tool_choice: 'required' as const }
    const first = await running.client.responses.create({ ...asked, input, parallel_tool_calls: false })
    const [call] = first.output
    if (call?.type !== 'function_call') throw new Error('no call')
    expect(call).toMatchObject({
      call_id: 'call_a',
      name: 'weather',
      arguments: '{"city":"Oslo"}',
      status: 'completed',
    })
    expect(upstream.calls[0]?.body).toMatchObject({
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [{ type: 'function', function: { name: 'weather', strict: true, parameters: weather.parameters } }],
    })
    input.push(call, { type: 'function_call_output', call_id: call.call_id, output: '4 degrees' })
    const second = await running.client.responses.create({ ...asked, input, tool_choice: 'auto' })
    expect(second.output_text).toBe('Hello there, friend')
    expect(upstream.calls[1]?.body.messages).toEqual([
      { role: 'user', content: 'Weather in Oslo?' },
      { role: 'assistant', content: null, tool_calls: [callOf('call_a', 'weather', '{"city":"Oslo"}')] },
      { role: 'tool', tool_call_id: 'call_a', content: '4 degrees' },
    ])
  })

  it('parses structured output with the client’s own helper', async () => {
    upstream.otherwise = answers('{"city":"Oslo"}')
    const schema = weather.parameters
    const format = makeParseableTextFormat(
      { type: 'json_schema' as const, name: 'place', schema, strict: true },
      (text) => JSON.parse(text) as { city: string },
    )
    const parsed = await running.client.responses.parse({ model: 'support-reply', input: 'Where?', text: { format } })
    expect(parsed.output_parsed).toEqual({ city: 'Oslo' })
    expect(upstream.calls[0]?.body['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 'place', schema, strict: true },
    })
  })

  it('sends images and files as chat completions has them', async () => {
    await running.client.responses.create({
      model: 'support-reply',
      max_output_tokens: 50,
      reasoning: { effort: 'low' },
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' },
            { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' },
          ],
        },
      ],
    })
    expect(upstream.calls[0]?.body).toMatchObject({
      max_completion_tokens: 50,
      reasoning_effort: 'low',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
          ],
        },
      ],
    })
  })

  it('counts images, tools and JSON as what a model must offer', async () => {
    const asked = running.client.responses.create({ model: 'blind', input: 'x', tools: [weather] })
    await expect(asked).rejects.toMatchObject({ status: 503, code: 'no_eligible_target' })
    await running.settle()
    expect(running.written.decisions.at(-1)).toMatchObject({
      endpoint: 'responses',
      excluded: [{ model: 'acme/blind', by: 'capability' }],
    })
  })

  it('says that an answer is not whole, and why', async () => {
    upstream.otherwise = streams([role(), ...words('Half of'), finish('length'), '[DONE]'])
    const final = await running.client.responses.stream({ model: 'support-reply', input: 'x' }).finalResponse()
    expect(final).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
    upstream.otherwise = answers('Half of', {
      choices: [{ index: 0, message: { role: 'assistant', content: 'Half of' }, finish_reason: 'length' }],
    })
    const whole = await running.client.responses.create({ model: 'support-reply', input: 'x' })
    expect(whole).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  })

  it('hands a refusal on as one', async () => {
    upstream.otherwise = streams([
      role(),
      chunk({ refusal: 'I will ' }),
      chunk({ refusal: 'not.' }),
      finish(),
      '[DONE]',
    ])
    const final = await running.client.responses.stream({ model: 'support-reply', input: 'x' }).finalResponse()
    expect(final.output).toMatchObject([{ type: 'message', content: [{ type: 'refusal', refusal: 'I will not.' }] }])
  })
})
