import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
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
      providers: [aProvider('p', upstream.baseUrl)],
      models: ['p/m'],
      routes: [aRoute('r', { models: ['p/m'], retry: { attempts: 1 } })],
    }),
  )
})
afterEach(() => running.close())

const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
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

describe('what a client packs into the thinking it hands back', () => {
  it.each([100, 20_000])(
    'is no way around the depth of a request: %i levels are taken for another API’s own, and no target is blamed',
    async (levels) => {
      answerWith(answer(message('')))
      const nested = `[{"type":"thinking","x":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}]`
      const encrypted_content = `interlock.1.${Buffer.from(nested).toString('base64url')}`
      const input = [
        { type: 'reasoning', summary: [], encrypted_content },
        { role: 'user', content: 'hi' },
      ]
      for (let count = 0; count < 6; count += 1) expect((await post('responses', { input })).status).toBe(200)
      await running.settle()
      const [first] = running.written.decisions
      expect(first?.warnings.map(({ field }) => field)).toEqual(['input[0]'])
    },
  )
})
