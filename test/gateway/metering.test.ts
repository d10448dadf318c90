import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '#infra/log.ts'
import { createTokenCounter } from '#infra/token-counter.ts'
import {
  answers,
  chunk,
  type FakeUpstream,
  fails,
  finish,
  role,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aModel, aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

const tokens = createTokenCounter(createLog('silent'))

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(async () => {
  await upstream.close()
  await tokens.close()
})
beforeEach(async () => {
  upstream.calls.length = 0
  upstream.script.length = 0
  upstream.otherwise = answers('fine')
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('p', upstream.baseUrl)],
      models: [
        aModel('p/m', {
          price: { input: 1_000_000, cachedInput: 100_000, output: 4_000_000, reasoning: 2_000_000 },
          priceVersion: 7,
        }),
        aModel('p/free', { price: { input: 0, cachedInput: null, output: 0 } }),
        aModel('p/unpriced', { price: null }),
      ],
      routes: [
        aRoute('r', { models: ['p/m'] }),
        aRoute('free', { models: ['p/free'] }),
        aRoute('unpriced', { models: ['p/unpriced'] }),
      ],
    }),
    { tokens },
  )
})
afterEach(() => running.close())

const messages = [{ role: 'user', content: 'Tell me a long story about a lighthouse keeper and her cat, please.' }]
const ask = (more: object = {}) => running.post({ model: 'r', messages, ...more })
const usage = {
  prompt_tokens: 100,
  completion_tokens: 50,
  prompt_tokens_details: { cached_tokens: 40 },
  completion_tokens_details: { reasoning_tokens: 20 },
}
const counts = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage }
/** A stream that gives its counts only to those who ask, as OpenAI does. */
const metered: Parameters<typeof upstream.script.push>[0] = (call, res) => {
  const options = call.body['stream_options'] as { include_usage?: boolean } | undefined
  const isAsked = options?.include_usage === true
  const nulls = isAsked ? { usage: null } : {}
  const events = [role(), ...words('one two three'), finish()].map((event) => ({ ...event, ...nulls }))
  return streams([...events, ...(isAsked ? [counts] : []), '[DONE]'])(call, res)
}
const decision = async () => {
  await running.settle()
  return running.written.decisions.at(-1)
}

describe('metering (B4)', () => {
  it('bills cached input and reasoning tokens at their own price, to the micro-dollar', async () => {
    upstream.otherwise = answers('fine', { usage })
    await ask()
    expect(await decision()).toMatchObject({
      usage: { inputTokens: 100, cachedInputTokens: 40, outputTokens: 50, reasoningTokens: 20, isEstimated: false },
      costMicroUsd: 60 + 4 + 30 * 4 + 20 * 2,
      priceVersion: 7,
    })
  })

  it('knows free from unpriced', async () => {
    upstream.otherwise = answers('fine', { usage })
    await ask({ model: 'free' })
    expect(await decision()).toMatchObject({ costMicroUsd: 0, priceVersion: 1 })
    await ask({ model: 'unpriced' })
    expect(await decision()).toMatchObject({ costMicroUsd: null, priceVersion: null, usage: { inputTokens: 100 } })
  })

  it('asks for the counts of a stream and keeps them to itself where the client did not ask', async () => {
    upstream.otherwise = metered
    const text = await (await ask({ stream: true })).text()
    expect(upstream.calls[0]?.body['stream_options']).toEqual({ include_usage: true })
    expect(text).not.toContain('prompt_tokens')
    expect(text).toContain('three')
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true)
    expect(await decision()).toMatchObject({ usage: { inputTokens: 100, isEstimated: false }, costMicroUsd: 224 })
  })

  it('leaves the counts to a client that asked for them', async () => {
    upstream.otherwise = metered
    const text = await (await ask({ stream: true, stream_options: { include_usage: true } })).text()
    expect(text).toContain('"prompt_tokens":100')
  })

  it('keeps the other wishes of the client about its stream', async () => {
    upstream.otherwise = metered
    const text = await (await ask({ stream: true, stream_options: { include_obfuscation: false } })).text()
    expect(upstream.calls[0]?.body['stream_options']).toEqual({ include_obfuscation: false, include_usage: true })
    expect(text).not.toContain('prompt_tokens')
    await (await ask({ stream: true, stream_options: null })).text()
    expect(upstream.calls[1]?.body['stream_options']).toEqual({ include_usage: true })
  })

  it('passes on what a finish carries besides, and asks nothing of answers in one piece', async () => {
    upstream.otherwise = streams([role(), ...words('hi'), chunk({}, 'stop', { usage }), '[DONE]'])
    const text = await (await ask({ stream: true })).text()
    expect(text).toContain('"finish_reason":"stop"')
    upstream.otherwise = answers('fine')
    await ask()
    expect(upstream.calls[1]?.body).not.toHaveProperty('stream_options')
  })

  it('asks a provider that refuses the question no second time', async () => {
    upstream.otherwise = (call, res) =>
      call.body['stream_options'] === undefined
        ? metered(call, res)
        : fails(400, { message: "Unrecognized request argument supplied: 'stream_options'" })(call, res)
    const first = await ask({ stream: true })
    expect(await first.text()).toContain('three')
    await (await ask({ stream: true })).text()
    expect(upstream.calls.map((call) => call.body['stream_options'] !== undefined)).toEqual([true, false, false])
    expect(await decision()).toMatchObject({ status: 200, usage: { isEstimated: true } })
  })

  it('does not take another fault for a refusal of the question', async () => {
    upstream.otherwise = fails(400, { message: 'bad temperature' })
    expect((await ask({ stream: true })).status).toBe(400)
    expect(upstream.calls).toHaveLength(1)
  })

  it('estimates with a tokenizer what a provider does not count, and says so', async () => {
    const text = 'The lighthouse keeper lit the lamp as she did every evening, and her cat watched.'
    upstream.otherwise = answers(text, { usage: undefined })
    await ask()
    const found = await decision()
    // o200k_base: 15 tokens of the question and 7 of the chat format; 17 of the answer.
    expect(found?.usage).toEqual({
      inputTokens: 22,
      cachedInputTokens: 0,
      outputTokens: 17,
      reasoningTokens: 0,
      isEstimated: true,
    })
    expect(found?.costMicroUsd).toBe(22 + 17 * 4)
  })

  it('settles an estimate when the client leaves in the middle of a stream', async () => {
    upstream.otherwise = streams([role(), ...words('word '.repeat(40))], 'hang')
    const leaving = new AbortController()
    const response = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'content-type': 'application/json', authorization: 'Bearer il-test-key-0123456789-0123456789' },
      body: JSON.stringify({ model: 'r', stream: true, messages }),
    })
    const reader = response.body?.getReader()
    let seen = ''
    while ((seen.match(/word/g)?.length ?? 0) < 40) seen += new TextDecoder().decode((await reader?.read())?.value)
    leaving.abort()
    await upstream.calls[0]?.closed
    await until(() => {
      void running.settle()
      return running.written.decisions.length > 0
    })
    const found = await decision()
    expect(found).toMatchObject({ status: 499, usage: { isEstimated: true, inputTokens: 22 } })
    expect(found?.usage?.outputTokens).toBeGreaterThan(25)
    expect(found?.usage?.outputTokens).toBeLessThan(80)
    expect(found?.costMicroUsd).toBe(22 + (found?.usage?.outputTokens ?? 0) * 4)
  })
})
