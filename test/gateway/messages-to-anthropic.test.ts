import Anthropic from '@anthropic-ai/sdk'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeUpstream, sends, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway
let client: Anthropic

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())
beforeEach(async () => {
  upstream.calls.length = 0
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('ant', upstream.baseUrl, { kind: 'anthropic' })],
      models: ['ant/claude'],
      routes: [aRoute('careful', { models: ['ant/claude'] })],
    }),
  )
  client = new Anthropic({ apiKey: testKey, baseURL: running.url, maxRetries: 0 })
})
afterEach(() => running.close())

const thinking = { type: 'thinking' as const, thinking: 'Hm. Oslo.', signature: 'c2lnbmVk' }
const redacted = { type: 'redacted_thinking' as const, data: 'aGlkZGVu' }
const use = { type: 'tool_use' as const, id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }
const counted = {
  input_tokens: 5,
  cache_creation_input_tokens: 7,
  cache_read_input_tokens: 11,
  output_tokens: 13,
}
const answer = {
  id: 'msg_upstream',
  type: 'message',
  role: 'assistant',
  model: 'claude-0613',
  content: [thinking, redacted, { type: 'text', text: 'Let me look.' }, use],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: counted,
}

const events = [
  {
    type: 'message_start',
    message: { ...answer, content: [], stop_reason: null, usage: { ...counted, output_tokens: 1 } },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm. ' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Oslo.' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: thinking.signature } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: redacted },
  { type: 'content_block_stop', index: 1 },
  { type: 'content_block_start', index: 2, content_block: { type: 'text', text: '' } },
  { type: 'ping' },
  { type: 'content_block_delta', index: 2, delta: { type: 'text_delta', text: 'Let me ' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'text_delta', text: 'look.' } },
  { type: 'content_block_stop', index: 2 },
  { type: 'content_block_start', index: 3, content_block: { ...use, input: {} } },
  { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '{"city":' } },
  { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '"Oslo"}' } },
  { type: 'content_block_stop', index: 3 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 13 } },
  { type: 'message_stop' },
]
const stream = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const schema = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] }
const mark = { cache_control: { type: 'ephemeral' as const } }
const asked = {
  model: 'careful',
  max_tokens: 4_000,
  system: [{ type: 'text' as const, text: 'Rules, long ones', ...mark }],
  thinking: { type: 'enabled' as const, budget_tokens: 2_000 },
  stop_sequences: ['END'],
  metadata: { user_id: 'ann' },
  tools: [{ name: 'weather', description: 'The weather', input_schema: schema, ...mark }],
  messages: [
    { role: 'user' as const, content: 'Weather?' },
    { role: 'assistant' as const, content: [thinking, redacted, { type: 'text' as const, text: 'Looking.' }, use] },
    {
      role: 'user' as const,
      content: [
        { type: 'tool_result' as const, tool_use_id: 'toolu_1', content: 'no such city', is_error: true, ...mark },
        { type: 'text' as const, text: 'And now?', ...mark },
      ],
    },
  ],
}

/** Text alone may stand as a string or as a block: they are one to Anthropic. */
function inBlocks(messages: readonly { role: string; content: unknown }[]) {
  return messages.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  }))
}

describe('a client of Anthropic whose route leads to Anthropic (B1, B2)', () => {
  it('keeps cache marks, thinking with its signature, failed tools and settings on the way there', async () => {
    upstream.otherwise = sends(200, 'application/json', JSON.stringify(answer))
    await client.messages.create(asked)
    const body = upstream.calls[0]?.body
    expect(body).toMatchObject({
      model: 'claude',
      max_tokens: 4_000,
      system: asked.system,
      thinking: asked.thinking,
      stop_sequences: ['END'],
      metadata: { user_id: 'ann' },
      tools: asked.tools,
    })
    expect(inBlocks(body?.messages as never)).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      asked.messages[1],
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            content: [{ type: 'text', text: 'no such city' }],
            is_error: true,
            ...mark,
          },
          { type: 'text', text: 'And now?', ...mark },
        ],
      },
    ])
    await running.settle()
    expect(running.written.decisions[0]?.warnings).toEqual([])
  })

  it('gets blocks, stop reason and usage back as Anthropic gave them', async () => {
    upstream.otherwise = sends(200, 'application/json', JSON.stringify(answer))
    const message = await client.messages.create(asked)
    expect(message).toMatchObject({ content: answer.content, stop_reason: 'tool_use', usage: counted })
    expect(message.model).toBe('careful')
  })

  it('gets the same from a stream', async () => {
    upstream.otherwise = sends(200, 'text/event-stream', stream)
    const message = await client.messages.stream(asked).finalMessage()
    expect(message).toMatchObject({ content: answer.content, stop_reason: 'tool_use', usage: counted })
  })

  it('is told which stop sequence it was', async () => {
    const stopped = {
      ...answer,
      content: [{ type: 'text', text: 'x' }],
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
    }
    upstream.otherwise = sends(200, 'application/json', JSON.stringify(stopped))
    expect(await client.messages.create(asked)).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END' })
  })

  it('sees Anthropic’s own error in the class it knows', async () => {
    const error = { type: 'error', error: { type: 'invalid_request_error', message: 'messages: too odd' } }
    upstream.otherwise = sends(400, 'application/json', JSON.stringify(error))
    const failed = await client.messages.create(asked).catch((caught: unknown) => caught)
    expect(failed).toBeInstanceOf(Anthropic.BadRequestError)
    expect(String(failed)).toContain('too odd')
  })
})
