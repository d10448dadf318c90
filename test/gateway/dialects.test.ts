import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyFor, factsOf } from '#gateway/chat-request.ts'
import { embeddingsEndpoint } from '#gateway/embeddings-endpoint.ts'
import type { Endpoint } from '#gateway/endpoint.ts'
import { messagesEndpoint } from '#gateway/messages-endpoint.ts'
import { responsesEndpoint } from '#gateway/responses-endpoint.ts'
import { chunk } from '#test/support/fake-upstream.ts'

type Fields = Record<string, unknown>

/** An answer as a provider may think, write and call. */
interface Answer {
  readonly reasoning: string
  /** Of the thinking, where an adapter keeps Anthropic's own blocks. */
  readonly signature: string | null
  readonly text: string
  readonly calls: readonly { readonly name: string; readonly input: Fields }[]
  readonly finish: 'stop' | 'length' | 'tool_calls' | 'content_filter'
}

const anAnswer: fc.Arbitrary<Answer> = fc.record({
  reasoning: fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme' })),
  signature: fc.option(fc.stringMatching(/^[a-z]{1,8}$/)),
  text: fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme' })),
  calls: fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z_]{1,12}$/),
      input: fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.jsonValue({ maxDepth: 1 }),
        { maxKeys: 3 },
      ),
    }),
    { maxLength: 4 },
  ),
  finish: fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
})

const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 16 },
}

function toolCalls({ calls }: Answer) {
  return calls.map(({ name, input }, index) => {
    return { id: `call_${index}`, type: 'function', function: { name, arguments: JSON.stringify(input) } }
  })
}

/** As an adapter hands them on: whole, once their text was streamed. */
function blocksOf({ reasoning, signature }: Answer): Fields[] {
  return signature === null ? [] : [{ type: 'thinking', thinking: reasoning, signature }]
}

function whole(answer: Answer): Fields {
  const message = {
    role: 'assistant',
    content: answer.text,
    reasoning_content: answer.reasoning,
    tool_calls: toolCalls(answer),
    thinking_blocks: blocksOf(answer),
  }
  return { choices: [{ index: 0, message, finish_reason: answer.finish }], usage }
}

/** Cuts a text into pieces of the sizes given, repeated; characters of two units stay whole. */
function cut(text: string, sizes: readonly number[]): string[] {
  const characters = [...text]
  const pieces: string[] = []
  for (let index = 0; characters.length > 0; index += 1) {
    pieces.push(characters.splice(0, sizes[index % sizes.length] ?? 1).join(''))
  }
  return pieces
}

/** The same answer in chunks: pieces of parallel calls interleave as `turns` say. */
function chunksOf(answer: Answer, sizes: readonly number[], turns: readonly number[]): Fields[] {
  const queues = toolCalls(answer).map((call, index) => [
    { index, ...call, function: { name: call.function.name, arguments: '' } },
    ...cut(call.function.arguments, sizes).map((text) => ({ index, function: { arguments: text } })),
  ])
  const calls: object[] = []
  // Calls begin in order; what follows of those that have begun comes in any.
  let begun = 0
  for (let turn = 0; queues.some((queue) => queue.length > 0); turn += 1) {
    const open = queues.slice(0, begun + 1).filter((queue) => queue.length > 0)
    const queue = open[(turns[turn % turns.length] ?? 0) % open.length]
    if (queue === queues[begun]) begun += 1
    const piece = queue?.shift()
    if (piece !== undefined) calls.push(piece)
  }
  return [
    chunk({ role: 'assistant', content: '' }),
    ...cut(answer.reasoning, sizes).map((text) => chunk({ reasoning_content: text })),
    ...blocksOf(answer).map((block) => chunk({ thinking_blocks: [block] })),
    ...cut(answer.text, sizes).map((text) => chunk({ content: text })),
    ...calls.map((piece) => chunk({ tool_calls: [piece] })),
    chunk({}, answer.finish),
    { ...chunk({}), choices: [], usage },
  ]
}

/** Runs chunks through an endpoint's translator, cut into bytes of whole events. @returns the events' data */
function streamed(endpoint: Endpoint, source: Fields, chunks: readonly Fields[]): Fields[] {
  const translator = translationOf(endpoint, source).startStream()
  const sent = chunks.map((part) => translator.push(Buffer.from(`data: ${JSON.stringify(part)}\n\n`)).toString())
  const text = `${sent.join('')}${translator.push(Buffer.from('data: [DONE]\n\n'))}${translator.end(null)}`
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [name = '', data = ''] = event.split('\n')
      const parsed = JSON.parse(data.slice('data: '.length)) as Fields
      expect(name).toBe(`event: ${parsed['type']}`)
      return parsed
    })
}

function translationOf(endpoint: Endpoint, source: Fields) {
  const read = endpoint.read(Buffer.from(JSON.stringify(source)))
  if ('error' in read) throw new Error(read.error.message)
  const { request } = read
  const translation = endpoint.translationOf({ requestId: 'req_1', atMs: 0, request, facts: { inputTokens: 1 } })
  if (translation === null) throw new Error('nothing is translated')
  return translation
}

function answered(endpoint: Endpoint, source: Fields, answer: Answer): Fields {
  const bytes = translationOf(endpoint, source).answer(Buffer.from(JSON.stringify(whole(answer))))
  return JSON.parse(bytes.toString()) as Fields
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
const turns = fc.array(fc.nat(7), { minLength: 1, maxLength: 7 })

describe('a streamed response', () => {
  const source = { model: 'r', input: 'x' }

  it('ends as the whole one, however its chunks are cut and its calls interleave', () => {
    fc.assert(
      fc.property(anAnswer, sizes, turns, (answer, pieces, order) => {
        const events = streamed(responsesEndpoint, source, chunksOf(answer, pieces, order))
        const last = events.at(-1)?.['response'] as Fields
        const wanted = answered(responsesEndpoint, source, answer)
        const withoutIds = (items: unknown) => (items as Fields[]).map(({ id: _, ...item }) => item)
        expect({ ...last, output: withoutIds(last['output']) }).toEqual({
          ...wanted,
          output: withoutIds(wanted['output']),
        })
        expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index))
      }),
      { numRuns: 200 },
    )
  })

  it('says each item, and each part of it, with deltas that join to what its end says', () => {
    fc.assert(
      fc.property(anAnswer, sizes, turns, (answer, pieces, order) => {
        const events = streamed(responsesEndpoint, source, chunksOf(answer, pieces, order))
        const joined = new Map<unknown, string>()
        for (const event of events) {
          const id = event['item_id']
          if (String(event['type']).endsWith('.delta')) joined.set(id, (joined.get(id) ?? '') + event['delta'])
          if (/(text|arguments)\.done$/.test(String(event['type']))) {
            expect(joined.get(id) ?? '').toBe(event['text'] ?? event['arguments'])
          }
        }
        const opened = events.filter((event) => event['type'] === 'response.output_item.added').length
        expect(events.filter((event) => event['type'] === 'response.output_item.done')).toHaveLength(opened)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a streamed message', () => {
  const source = { model: 'r', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }

  /** Puts a message together as clients do. */
  function assemble(events: readonly Fields[]): Fields {
    const blocks: Fields[] = []
    const jsons: string[] = []
    let open = -1
    for (const event of events) {
      const index = event['index'] as number
      if (event['type'] === 'content_block_start') {
        expect(open).toBe(-1)
        expect(index).toBe(blocks.length)
        open = index
        blocks.push({ ...(event['content_block'] as Fields) })
        jsons.push('')
      } else if (event['type'] === 'content_block_delta') {
        expect(index).toBe(open)
        const { type: _, partial_json, ...delta } = event['delta'] as Fields
        jsons[index] += (partial_json as string | undefined) ?? ''
        const block = blocks[index] ?? {}
        for (const [name, text] of Object.entries(delta)) block[name] = `${block[name] ?? ''}${text}`
      } else if (event['type'] === 'content_block_stop') {
        expect(index).toBe(open)
        open = -1
        const block = blocks[index] ?? {}
        if (block['type'] === 'tool_use') block['input'] = JSON.parse(jsons[index] ?? '')
      }
    }
    expect(open).toBe(-1)
    const last = events.find((event) => event['type'] === 'message_delta') ?? {}
    return { content: blocks, usage: last['usage'], ...(last['delta'] as Fields) }
  }

  it('ends as the whole one, one block at a time, however its chunks are cut and its calls interleave', () => {
    fc.assert(
      fc.property(anAnswer, sizes, turns, (answer, pieces, order) => {
        const events = streamed(messagesEndpoint, source, chunksOf(answer, pieces, order))
        const { content, usage: counted, stop_reason, stop_sequence } = answered(messagesEndpoint, source, answer)
        const byCall = (blocks: unknown) =>
          (blocks as Fields[]).toSorted((a, b) => String(a['id'] ?? '').localeCompare(String(b['id'] ?? '')))
        const message = assemble(events)
        expect({ ...message, content: byCall(message['content']) }).toEqual({
          content: byCall(content),
          usage: counted,
          stop_reason,
          stop_sequence,
        })
        expect(events.at(0)?.['type']).toBe('message_start')
        expect(events.at(-1)?.['type']).toBe('message_stop')
      }),
      { numRuns: 200 },
    )
  })
})

describe('whatever is sent', () => {
  const anything = fc.jsonValue({ maxDepth: 3 })
  const part = fc.record(
    {
      type: fc.constantFrom(
        'text',
        'input_text',
        'output_text',
        'input_image',
        'input_file',
        'image',
        'document',
        'search_result',
        'tool_use',
        'tool_result',
        'thinking',
        'redacted_thinking',
        'refusal',
      ),
      text: anything,
      source: fc.oneof(anything, fc.record({ type: fc.constantFrom('base64', 'url', 'text', 'file'), data: anything })),
      content: anything,
      image_url: anything,
      input: anything,
    },
    { requiredKeys: ['type'] },
  )
  const item = fc.oneof(
    anything,
    fc.record(
      {
        type: fc.constantFrom('message', 'function_call', 'function_call_output', 'reasoning', 'item_reference', 'x'),
        role: fc.constantFrom('user', 'assistant', 'system', 'developer', 'tool'),
        content: fc.oneof(anything, fc.array(part, { maxLength: 3 })),
        call_id: anything,
        name: anything,
        arguments: anything,
        output: fc.oneof(anything, fc.array(part, { maxLength: 3 })),
        encrypted_content: anything,
      },
      { requiredKeys: [] },
    ),
  )
  const tool = fc.oneof(
    anything,
    fc.record({ type: fc.constantFrom('function', 'custom', 'web_search'), name: anything }),
  )
  /** Mostly left out, else mostly right. */
  const often = <T>(right: fc.Arbitrary<T>) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: right },
      { weight: 1, arbitrary: anything },
    )
  const text = fc.string({ minLength: 1 })
  const said = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.oneof(text, fc.array(part)) })
  const conversation = fc.oneof(
    { weight: 4, arbitrary: fc.array(said, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(item, { maxLength: 4 }) },
    { weight: 1, arbitrary: anything },
  )
  const body = fc.record({
    model: fc.oneof({ weight: 9, arbitrary: fc.constant('r') }, { weight: 1, arbitrary: anything }),
    input: fc.oneof({ weight: 1, arbitrary: text }, { weight: 1, arbitrary: conversation }),
    messages: conversation,
    max_tokens: fc.oneof({ weight: 9, arbitrary: fc.constant(5) }, { weight: 1, arbitrary: anything }),
    tools: often(fc.array(tool, { maxLength: 3 })),
    tool_choice: often(fc.record({ type: fc.constantFrom('auto', 'function', 'tool', 'any'), name: text })),
    text: often(fc.record({ format: anything })),
    output_config: often(fc.record({ format: anything, effort: anything })),
    reasoning: often(fc.record({ effort: text })),
    thinking: often(fc.record({ type: text })),
    system: often(text),
    stop_sequences: often(fc.array(text)),
    include: often(fc.array(text)),
    metadata: often(fc.record({ session: text })),
    stream: often(fc.boolean()),
    interlock: often(fc.record({ reference: text })),
  })

  it.each([responsesEndpoint, messagesEndpoint, embeddingsEndpoint])(
    'is a request of $name or a refusal with a name, never a fault of ours',
    (endpoint) => {
      let requests = 0
      fc.assert(
        fc.property(body, (fields) => {
          const read = endpoint.read(Buffer.from(JSON.stringify(fields)))
          if ('error' in read) {
            expect(read.error.status).toBe(400)
            expect(read.error.param).toEqual(expect.any(String))
            return
          }
          requests += 1
          // What goes out is one object that names its model, and routing can read it.
          expect(JSON.parse(read.request.bytes.toString())).toMatchObject({ model: read.request.model })
          expect(factsOf(read.request, 'req_1', {}).facts.inputTokens).toBeGreaterThanOrEqual(0)
          bodyFor(read.request, { temperature: 1 }).bytesFor('m')
        }),
        { numRuns: 500 },
      )
      expect(requests).toBeGreaterThan(20)
    },
  )

  const delta = fc.record(
    {
      content: anything,
      refusal: anything,
      reasoning_content: anything,
      thinking_blocks: fc.oneof(anything, fc.array(anything)),
      tool_calls: fc.oneof(
        anything,
        fc.array(fc.oneof(anything, fc.record({ index: anything, id: anything, function: anything }))),
      ),
    },
    { requiredKeys: [] },
  )
  const choice = fc.oneof(
    anything,
    fc.record({ index: fc.constantFrom(0, 1), delta, message: delta, finish_reason: anything, logprobs: anything }),
  )
  const answer = fc.record({ choices: fc.oneof(anything, fc.array(choice, { maxLength: 2 })), usage: anything })
  const sources = [
    { endpoint: responsesEndpoint, source: { model: 'r', input: 'x' } },
    { endpoint: messagesEndpoint, source: { model: 'r', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] } },
  ]

  it.each(sources)('by a provider becomes an answer of $endpoint.name all the same', ({ endpoint, source }) => {
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 4 }), (chunks) => {
        const events = streamed(endpoint, source, chunks)
        expect(events.length).toBeGreaterThan(2)
        const translation = translationOf(endpoint, source)
        for (const whole of chunks) JSON.parse(translation.answer(Buffer.from(JSON.stringify(whole))).toString())
      }),
      { numRuns: 300 },
    )
  })
})

describe('requests that client libraries really sent', () => {
  const file = new URL('../fixtures/dialects/requests.jsonl', import.meta.url)
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { case: string; endpoint: string; request: Fields })

  it('are chat completions afterwards', async () => {
    const translated = rows.map(({ case: name, endpoint, request }) => {
      const bytes = Buffer.from(JSON.stringify(request))
      const read = (endpoint === 'responses' ? responsesEndpoint : messagesEndpoint).read(bytes)
      if ('error' in read) throw new Error(read.error.message)
      return { case: name, sent: JSON.parse(read.request.bytes.toString()) as Fields, unmapped: read.request.unmapped }
    })
    const text = `${JSON.stringify(translated, null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../golden/dialect-requests.json')
  })
})
