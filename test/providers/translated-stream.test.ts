import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anthropic } from '#providers/anthropic.ts'
import type { Dialect } from '#providers/dialect.ts'
import { gemini } from '#providers/gemini.ts'
import { assembled, chunksIn, type Streamed, streamed } from '#test/support/dialects.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const anthropicFixture = fixturesOf('anthropic')
const geminiFixture = fixturesOf('gemini')

interface Source {
  readonly name: string
  readonly dialect: Dialect
  readonly stream: string
}

const whole: readonly Source[] = [
  ...['stream of text', 'stream of calls', 'stream of reasoning', 'stream begun twice'].map((name) => ({
    name: `anthropic, ${name}`,
    dialect: anthropic,
    stream: anthropicFixture(name).stream ?? '',
  })),
  ...['stream of text', 'stream of calls'].map((name) => ({
    name: `gemini, ${name}`,
    dialect: gemini,
    stream: geminiFixture(name).stream ?? '',
  })),
]

const withUsage = { fields: { messages: [], stream: true, stream_options: { include_usage: true } } }
const run = (source: Source, chunks: readonly (Buffer | string)[] = [source.stream]) =>
  streamed(source.dialect, chunks, withUsage)

/** Texts side by side as one: the same answer, however its events fell. */
const outcome = ({ text, failure, end }: Streamed) => ({
  ...assembled(text),
  isDone: text.endsWith('data: [DONE]\n\n'),
  failure: failure?.errorClass ?? end?.error?.errorClass ?? null,
  facts: end?.facts,
})

describe('a stream that is translated event by event (B2)', () => {
  it.each(whole)('is the same wherever its bytes are cut once: $name', (source) => {
    const bytes = Buffer.from(source.stream)
    const expected = run(source).text
    expect(expected).toContain('[DONE]')
    // Every boundary of short streams, every third of long ones.
    const stride = bytes.length > 3_000 ? 3 : 1
    for (let at = 1; at < bytes.length; at += stride) {
      expect(run(source, [bytes.subarray(0, at), bytes.subarray(at)]).text).toBe(expected)
    }
  })

  it.each(whole)('is the same in pieces of any size, one byte too: $name', (source) => {
    const bytes = Buffer.from(source.stream)
    const expected = run(source).text
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const pieces: Buffer[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        return run(source, pieces).text === expected
      }),
      { numRuns: 30 },
    )
  })

  it.each(whole)('is the same with lines that end in CR LF, with comments and with pings: $name', (source) => {
    const expected = run(source).text
    const lines = source.stream.replace(/\r?\n/g, '\r\n')
    expect(run(source, [lines]).text).toBe(expected)
    const events = source.stream.trimEnd().split(/\r?\n\r?\n/)
    const kept = events.map((event) => `${event}\n\n: keep-alive\n\n`).join('')
    expect(run(source, [kept]).text).toBe(expected)
  })

  it.each(whole)('is cut short wherever it ends early, and never has a marker then (F32, P11): $name', (source) => {
    const bytes = Buffer.from(source.stream)
    const complete = bytes.toString('utf8').trimEnd().length
    const stride = bytes.length > 3_000 ? 7 : 1
    for (let at = 0; at < complete; at += stride) {
      const { failure, isDone } = outcome(run(source, [bytes.subarray(0, at)]))
      expect([failure, isDone]).toEqual([expect.stringMatching(/^(stream_truncated|invalid_response)$/), false])
    }
  })

  it.each(whole)('gives what was missing no text of its own: $name', (source) => {
    const full = outcome(run(source))
    const events = source.stream.trimEnd().split(/\r?\n\r?\n/)
    for (let count = 1; count < events.length; count += 1) {
      const part = outcome(run(source, [`${events.slice(0, count).join('\n\n')}\n\n`]))
      expect(full.content.startsWith(part.content)).toBe(true)
      expect(full.reasoning.startsWith(part.reasoning)).toBe(true)
      expect(part.calls.length).toBeLessThanOrEqual(full.calls.length)
    }
  })

  it.each(whole)('never gives more than one chunk with a finish, none after it but the counts: $name', (source) => {
    const chunks = chunksIn(run(source).text)
    const at = chunks.findIndex((chunk) => chunk.choices[0]?.finish_reason)
    expect(at).toBe(chunks.length - 2)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } })
    const roles = chunks.filter((chunk) => chunk.choices[0]?.delta.role !== undefined)
    expect(roles.map((chunk) => chunk.choices[0].delta)).toEqual([{ role: 'assistant', content: '' }])
    expect(chunks[0]).toBe(roles[0])
  })

  it.each(whole)('has no counts in it where the client did not ask, but knows them: $name', (source) => {
    const { text, end } = streamed(source.dialect, [source.stream])
    expect(text).not.toContain('usage')
    expect(chunksIn(text).filter((chunk) => chunk.choices.length === 0)).toEqual([])
    expect(end?.facts.usage).toMatchObject({ isEstimated: false, outputTokens: expect.any(Number) })
  })

  it.each(whole)('is scored alike whether its text is kept or not: $name', (source) => {
    const kept = streamed(source.dialect, [source.stream], { isKept: true }).end?.facts
    const passed = streamed(source.dialect, [source.stream], { isKept: false }).end?.facts
    expect(passed).toMatchObject({ finishReason: kept?.finishReason, usage: kept?.usage })
  })
})

const sse = (...events: unknown[]) =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('')
const start = {
  type: 'message_start',
  message: { id: 'msg_1', model: 'c', usage: { input_tokens: 3, output_tokens: 1 } },
}
const textBlock = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }
const textDelta = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
const stop = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }

describe('events of Anthropic', () => {
  it('do not commit before content: start, ping, an empty block and the name of a tool', () => {
    const call = { type: 'tool_use', id: 't', name: 'f', input: {} }
    const events = [start, { type: 'ping' }, textBlock, { type: 'content_block_start', index: 1, content_block: call }]
    expect(streamed(anthropic, [sse(...events)], { isCut: true })).toMatchObject({ text: '', failure: null, end: null })
    expect(streamed(anthropic, [sse(...events, textDelta('Hi'))], { isCut: true }).text).toContain('Hi')
  })

  it('fail before content with the class of their error, so that another target is tried', () => {
    const classes = [
      ['overloaded_error', 'server_error'],
      ['api_error', 'server_error'],
      ['rate_limit_error', 'rate_limit'],
      ['authentication_error', 'auth'],
      ['timeout_error', 'timeout'],
      ['invalid_request_error', 'bad_request'],
    ] as const
    for (const [type, errorClass] of classes) {
      const error = { type: 'error', error: { type, message: 'no' } }
      expect(streamed(anthropic, [sse(start, error)]).failure).toMatchObject({
        errorClass,
        upstream: { message: 'no' },
      })
    }
  })

  it('that come behind message_stop are not passed on', () => {
    const { text, end } = streamed(anthropic, [
      sse(start, textBlock, textDelta('a'), stop, { type: 'message_stop' }, textDelta('b')),
    ])
    expect(end?.error).toBeNull()
    expect(assembled(text).content).toBe('a')
  })

  it('without a stop reason end nothing, marker or not', () => {
    const { end } = streamed(anthropic, [sse(start, textBlock, textDelta('a'), { type: 'message_stop' })])
    expect(end?.error).toMatchObject({ errorClass: 'stream_truncated' })
  })

  it('leave out counts of a stream that was cut: they would be those of its beginning', () => {
    const { end } = streamed(anthropic, [sse(start, textBlock, textDelta('a long text'))])
    expect(end).toMatchObject({
      error: { errorClass: 'stream_truncated' },
      facts: { usage: null, outputCharacters: 11 },
    })
  })

  it('keep the counts of a stream that was cut behind its last: those are final', () => {
    const { end } = streamed(anthropic, [sse(start, textBlock, textDelta('a'), stop)])
    expect(end).toMatchObject({
      error: { errorClass: 'stream_truncated' },
      facts: { usage: { inputTokens: 3, outputTokens: 9 } },
    })
  })

  it('give a call without arguments an empty object, or what it began with', () => {
    const call = (index: number, input: object) => [
      { type: 'content_block_start', index, content_block: { type: 'tool_use', id: `t${index}`, name: 'f', input } },
      { type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: '' } },
      { type: 'content_block_stop', index },
    ]
    const { text } = streamed(anthropic, [
      sse(start, ...call(0, {}), ...call(1, { a: 1 }), stop, { type: 'message_stop' }),
    ])
    expect(assembled(text).calls.map((each) => each.arguments)).toEqual(['{}', '{"a":1}'])
  })

  it('put a signature together that comes in pieces', () => {
    const piece = (signature: string) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'signature_delta', signature },
    })
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: 'hm' } }
    const end = [{ type: 'content_block_stop', index: 0 }, stop, { type: 'message_stop' }]
    const { text } = streamed(anthropic, [sse(start, block, piece('ab'), piece('cd'), ...end)])
    expect(chunksIn(text).flatMap((chunk) => chunk.choices[0]?.delta.thinking_blocks ?? [])).toEqual([
      { type: 'thinking', thinking: 'hm', signature: 'abcd' },
    ])
  })

  it('of kinds nobody knows are passed over, their tools and results too', () => {
    const server = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
    const events = [
      start,
      { type: 'content_block_start', index: 0, content_block: server },
      { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"q":1}' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'citations_delta', citation: {} } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'found' } },
      { type: 'brand_new' },
      stop,
      { type: 'message_stop' },
    ]
    const { text, end } = streamed(anthropic, [sse(...events)])
    expect(end?.error).toBeNull()
    expect(assembled(text)).toMatchObject({ content: 'found', calls: [] })
  })

  it('hand out thinking with its signature, as the next request needs it', () => {
    const { text } = streamed(anthropic, [anthropicFixture('stream of reasoning').stream ?? ''])
    const blocks = chunksIn(text).flatMap((chunk) => chunk.choices[0]?.delta.thinking_blocks ?? [])
    expect(blocks).toEqual([
      { type: 'thinking', thinking: assembled(text).reasoning, signature: expect.stringMatching(/.{40}/) },
    ])
  })

  it('that begin a second answer behind content end the stream: two answers cannot be told apart', () => {
    const { end, text } = streamed(anthropic, [anthropicFixture('stream begun again').stream ?? ''])
    expect(end?.error).toMatchObject({ errorClass: 'invalid_response' })
    expect(text).not.toContain('Sparkle Day')
  })
})

describe('events of Gemini', () => {
  const event = (parts: unknown[], more: object = {}, response: object = {}) => ({
    candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
    responseId: 'r1',
    modelVersion: 'g',
    ...response,
  })

  it('that block the prompt are a content filter before any content', () => {
    const blocked = sse({
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
      usageMetadata: { promptTokenCount: 3 },
    })
    expect(streamed(gemini, [blocked]).failure).toMatchObject({
      errorClass: 'content_filter',
      upstream: { message: 'the provider blocked the prompt: PROHIBITED_CONTENT' },
    })
  })

  it('that stop for safety behind text end with content_filter', () => {
    const { text, end } = streamed(gemini, [sse(event([{ text: 'Once' }]), event([], { finishReason: 'SAFETY' }))])
    expect(end?.error).toBeNull()
    expect(assembled(text)).toMatchObject({ content: 'Once', finish: 'content_filter' })
  })

  it('with a call that cannot be read are no answer: another try may give one', () => {
    const { failure } = streamed(gemini, [sse(event([], { finishReason: 'MALFORMED_FUNCTION_CALL' }))])
    expect(failure).toMatchObject({ errorClass: 'invalid_response' })
  })

  it('mint ids for calls that have none, another for each, and keep those that are there', () => {
    const call = (more: object) => ({ functionCall: { name: 'f', args: { a: 1 }, ...more } })
    const { text } = streamed(gemini, [sse(event([call({}), call({}), call({ id: 'own' })], { finishReason: 'STOP' }))])
    expect(assembled(text).calls.map(({ id }) => id)).toEqual(['call_r1_1', 'call_r1_2', 'own'])
  })

  it('hand out the signature of a call where Google’s own OpenAI endpoint has it', () => {
    const part = { functionCall: { name: 'f', args: {} }, thoughtSignature: 'sig' }
    const { text } = streamed(gemini, [sse(event([part], { finishReason: 'STOP' }))])
    const [call] = chunksIn(text).flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
    expect(call.extra_content).toEqual({ google: { thought_signature: 'sig' } })
  })

  it('of several candidates are several choices, whole only when each has finished', () => {
    const two = (index: number, text: string, more: object = {}) => ({
      candidates: [{ index, content: { parts: [{ text }] }, ...more }],
    })
    const finished = { finishReason: 'STOP' }
    const chunks = chunksIn(streamed(gemini, [sse(two(0, 'a'), two(1, 'b', finished), two(0, 'c', finished))]).text)
    const textOf = (index: number) =>
      chunks.map((chunk) => (chunk.choices[0].index === index ? (chunk.choices[0].delta.content ?? '') : '')).join('')
    expect([textOf(0), textOf(1)]).toEqual(['ac', 'b'])
    const { end } = streamed(gemini, [sse(two(0, 'a'), two(1, 'b', finished))])
    expect(end?.error).toMatchObject({ errorClass: 'stream_truncated' })
  })

  it('behind the finish that are torn leave the stream cut short: counts may be missing', () => {
    const finished = sse(event([{ text: 'a' }], { finishReason: 'STOP' }))
    expect(streamed(gemini, [finished]).end?.error).toBeNull()
    expect(streamed(gemini, [finished, 'data: {"usageMeta']).end?.error).toMatchObject({
      errorClass: 'stream_truncated',
    })
  })

  it('put arguments together from pieces, and reach nothing that objects share', () => {
    const piece = (jsonPath: string, value: object) => ({
      functionCall: { partialArgs: [{ jsonPath, ...value }], willContinue: true },
    })
    const events = [
      event([{ functionCall: { name: 'f', willContinue: true } }]),
      event([piece('$.who.names[0]', { stringValue: 'A' }), piece('$.who.names[0]', { stringValue: 'da' })]),
      event([piece('$.who.names[1]', { stringValue: 'Bob' }), piece('$.count', { numberValue: 2 })]),
      event([piece("$['is on']", { boolValue: true }), piece('$.none', { nullValue: 'NULL_VALUE' })]),
      event([piece('$.__proto__.polluted', { stringValue: 'yes' }), piece('$.a.__proto__.x', { numberValue: 1 })]),
      event([piece('$.constructor.prototype.polluted', { stringValue: 'yes' }), piece('nonsense', { numberValue: 1 })]),
      event([piece('$.deep[999999]', { numberValue: 1 }), { functionCall: {} }]),
      event([{ functionCall: { name: 'g', args: { a: {} }, willContinue: true } }]),
      event([piece('$.a.__proto__.polluted', { stringValue: 'yes' }), { functionCall: {} }], { finishReason: 'STOP' }),
    ]
    const { text, end } = streamed(gemini, [sse(...events)])
    expect(end?.error).toBeNull()
    const [call] = assembled(text).calls
    expect(JSON.parse(call?.arguments ?? '')).toMatchObject({
      who: { names: ['Ada', 'Bob'] },
      count: 2,
      'is on': true,
      none: null,
    })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
