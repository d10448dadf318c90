import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openThinking } from '#gateway/sealed-thinking.ts'
import { type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())
beforeEach(async () => {
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('p', upstream.baseUrl), aProvider('a', upstream.baseUrl, { kind: 'anthropic' })],
      models: ['p/m', 'a/m'],
      routes: [
        aRoute('r', { models: ['p/m'], retry: { attempts: 1 } }),
        aRoute('translated', { models: ['a/m'], retry: { attempts: 1 } }),
      ],
    }),
  )
})
afterEach(() => running.close())

/** The name at the bottom makes V8 write it by the way that needs stack. */
const nestedBy = (levels: number) => `${'{"a":'.repeat(levels)}{"toJSON":1}${'}'.repeat(levels)}`
const deep = nestedBy(20_000)
const call = { id: 'c', type: 'function', function: { name: 'f', arguments: deep } }
const message = (more: string) => `{"role":"assistant","content":"x"${more}}`
const answer = (text: string, choice = '') =>
  `{"id":"a","choices":[{"index":0,"message":${text},"finish_reason":"stop"${choice}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`

function answerWith(body: string): void {
  upstream.otherwise = (_call, res) => {
    res.setHeader('content-type', 'application/json')
    res.end(body)
  }
}

const post = (path: string, body: object) =>
  fetch(`${running.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}` },
    body: JSON.stringify({ model: 'r', ...body }),
  })
const messages = [{ role: 'user', content: 'hi' }]

describe('an answer nested twenty thousand levels deep is answered and recorded (B1, S1)', () => {
  it.each<[string, string, object, string]>([
    [
      'arguments of a call, to Messages',
      'messages',
      { messages, max_tokens: 9 },
      answer(message(`,"tool_calls":[${JSON.stringify(call)}]`)),
    ],
    ['thinking, to Messages', 'messages', { messages, max_tokens: 9 }, answer(message(`,"thinking_blocks":[${deep}]`))],
    ['thinking, to Responses', 'responses', { input: 'hi' }, answer(message(`,"thinking_blocks":[${deep}]`))],
    [
      'log probabilities, to Responses',
      'responses',
      { input: 'hi' },
      answer(message(''), `,"logprobs":{"content":[${deep}]}`),
    ],
  ])('%s', async (_what, path, body, upstreamBody) => {
    answerWith(upstreamBody)
    const response = await post(path, body)
    expect([response.status, typeof (await response.json())]).toEqual([200, 'object'])
    await running.settle()
    expect(running.written.decisions).toMatchObject([{ status: 200, usage: { inputTokens: 1, outputTokens: 1 } }])
  })
})

const fine = JSON.stringify({
  type: 'message',
  content: [{ type: 'text', text: 'fine' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
})

it('thinking that a client hands back is held to the depth of a request', () => {
  const packed = (levels: number) =>
    `interlock.1.${Buffer.from(`[{"type":"thinking","x":${nestedBy(levels)}}]`).toString('base64url')}`
  expect(openThinking(packed(50))).toHaveLength(1)
  expect(openThinking(packed(100))).toBeNull()
})

describe('arguments that a client nests twenty thousand levels deep', () => {
  it('reach a provider of another kind as text, or not at all: they do not open its circuit for everyone', async () => {
    answerWith(fine)
    const body = {
      model: 'translated',
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: 'x' },
      ],
    }
    for (let count = 0; count < 6; count += 1) await post('chat/completions', body).then((response) => response.text())
    const plain = await post('chat/completions', { model: 'translated', messages })
    expect(plain.status).toBe(200)
    await running.settle()
    expect(running.written.decisions.map(({ errorCode }) => errorCode)).not.toContain('upstream_unreachable')
  })
})
