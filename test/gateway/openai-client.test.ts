import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answers, type FakeUpstream, finish, role, startUpstream, streams, words } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream(answers('Hello there, friend'))
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('acme', upstream.baseUrl)],
      models: ['acme/large'],
      routes: [aRoute('support-reply', { models: ['acme/large'], parameters: { temperature: 0.2, seed: 3 } })],
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

  it('takes a finish reason and an orderly close as an end', async () => {
    upstream.script.push(streams([role(), ...words('All of it'), finish()]))
    const stream = await running.client.chat.completions.create({ model: 'support-reply', messages, stream: true })
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('All of it')
  })

  it('lists the routes its key may call', async () => {
    const list = await running.client.models.list()
    expect(list.data.map((model) => model.id)).toEqual(['support-reply'])
    expect((await running.client.models.retrieve('support-reply')).owned_by).toBe('team')
  })

  it('gets the typed error of an unknown model', async () => {
    const failed = running.client.chat.completions.create({ model: 'nope', messages })
    await expect(failed).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
  })
})
