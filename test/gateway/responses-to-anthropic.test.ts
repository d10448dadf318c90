import type OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openThinking, sealThinking } from '#gateway/sealed-thinking.ts'
import { answers, type FakeUpstream, sends, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let anthropic: FakeUpstream
let plain: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  anthropic = await startUpstream()
  plain = await startUpstream(answers('fine'))
})
afterAll(async () => {
  await anthropic.close()
  await plain.close()
})
beforeEach(async () => {
  anthropic.calls.length = 0
  plain.calls.length = 0
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('ant', anthropic.baseUrl, { kind: 'anthropic' }), aProvider('acme', plain.baseUrl)],
      models: ['ant/claude', 'acme/large'],
      routes: [aRoute('careful', { models: ['ant/claude'] }), aRoute('plain', { models: ['acme/large'] })],
    }),
  )
})
afterEach(() => running.close())

const thinking = { type: 'thinking', thinking: 'Hm. Oslo.', signature: 'c2lnbmVk' }
const use = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }
const answer = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-0613',
  content: [thinking, { type: 'text', text: 'Let me look.' }, use],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 5, cache_read_input_tokens: 11, output_tokens: 13 },
}
const events = [
  { type: 'message_start', message: { ...answer, content: [], stop_reason: null } },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm. Oslo.' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'c2lnbmVk' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Let me look.' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'content_block_start', index: 2, content_block: { ...use, input: {} } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"city":"Oslo"}' } },
  { type: 'content_block_stop', index: 2 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 13 } },
  { type: 'message_stop' },
]
const stream = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const tools: OpenAI.Responses.Tool[] = [
  { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} }, strict: false },
]
const asked = { tools, max_output_tokens: 4_000, reasoning: { effort: 'low' as const } }
const question: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather?' }]

/** The next turn, as clients build it: what was answered is handed back, then the tool's output. */
function next(output: readonly OpenAI.Responses.ResponseOutputItem[]): OpenAI.Responses.ResponseInput {
  return [
    ...question,
    ...(output as OpenAI.Responses.ResponseInputItem[]),
    { type: 'function_call_output', call_id: 'toolu_1', output: '4 degrees' },
  ]
}

describe('a loop of tools over responses whose route leads to Anthropic (B1, B2)', () => {
  it.each(['whole', 'streamed'])('hands thinking back with its signature: %s', async (form) => {
    const isStream = form === 'streamed'
    anthropic.otherwise = isStream
      ? sends(200, 'text/event-stream', stream)
      : sends(200, 'application/json', JSON.stringify(answer))
    const body = { model: 'careful', input: question, ...asked }
    const first = isStream
      ? await running.client.responses.stream(body).finalResponse()
      : await running.client.responses.create(body)
    expect(first.output.map((item) => item.type)).toEqual(['reasoning', 'message', 'function_call'])
    expect(first.output[0]).toMatchObject({ content: [{ type: 'reasoning_text', text: 'Hm. Oslo.' }] })
    anthropic.otherwise = sends(200, 'application/json', JSON.stringify(answer))
    await running.client.responses.create({ model: 'careful', input: next(first.output), ...asked })
    const sent = anthropic.calls.at(-1)?.body
    expect(sent?.messages?.[1]).toEqual({ role: 'assistant', content: answer.content })
    expect(sent?.messages?.[2]?.content).toMatchObject([{ type: 'tool_result', tool_use_id: 'toolu_1' }])
    expect(sent?.['thinking']).toMatchObject({ type: expect.stringMatching(/enabled|adaptive/) })
    await running.settle()
    expect(running.written.decisions.at(-1)?.warnings).toEqual([])
  })

  it('keeps it from providers that do not know it, and says so', async () => {
    anthropic.otherwise = sends(200, 'application/json', JSON.stringify(answer))
    const first = await running.client.responses.create({ model: 'careful', input: question, tools })
    await running.client.responses.create({ model: 'plain', input: next(first.output), tools })
    expect(plain.calls[0]?.text).not.toMatch(/thinking|c2lnbmVk/)
    expect(plain.calls[0]?.body.messages).toMatchObject([
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: 'Let me look.', tool_calls: [{ id: 'toolu_1' }] },
      { role: 'tool', content: '4 degrees' },
    ])
    await running.settle()
    expect(running.written.decisions.at(-1)?.warnings).toMatchObject([{ field: 'input[1]', model: 'acme/large' }])
  })
})

describe('sealed thinking', () => {
  it('opens to what was sealed', () => {
    expect(openThinking(sealThinking([thinking]))).toEqual([thinking])
  })

  it.each([
    undefined,
    null,
    '',
    'gAAAAABpiiv4',
    'interlock.1.',
    'interlock.1.W10',
    'interlock.1.WzFd',
    'interlock.1.e30',
  ])('is nothing where this gateway did not seal it: %s', (sealed) => {
    expect(openThinking(sealed)).toBeNull()
  })
})
