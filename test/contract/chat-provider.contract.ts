import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Provider } from '#domain/snapshot.ts'
import type { Fields } from '#providers/answer-facts.ts'
import {
  Cancellation,
  type ChatAnswer,
  type ChatCall,
  type ErrorClass,
  type ProviderError,
} from '#providers/provider.ts'
import { createProviderRegistry, type ProviderRegistry } from '#providers/registry.ts'
import { assembled, chunksIn } from '#test/support/dialects.ts'
import type { Json } from '#test/support/json.ts'
import type { Fixture } from '#test/support/provider-fixtures.ts'
import { aProvider } from '#test/support/routing.ts'

/** One kind of provider as the contract sees it: what it must be sent, and recorded answers with what they say. */
export interface ContractSubject {
  readonly kind: Provider['kind']
  /** Behind the origin, as a catalogue would have it. */
  readonly basePath: string
  readonly model: string
  readonly paths: { readonly complete: string; readonly stream: string }
  /** Headers that every call must carry; the credential is `secret-of-test`. */
  readonly headers: Readonly<Record<string, string>>
  /** What the provider must be sent for the requests of the contract, by their names; compared as a part of the body. */
  readonly sent: Readonly<Record<keyof typeof requests, Json>>
  readonly answers: {
    readonly text: { readonly fixture: Fixture; readonly content: string; readonly usage: Json }
    readonly calls: { readonly fixture: Fixture; readonly calls: readonly Json[] }
    readonly json: { readonly fixture: Fixture; readonly value: Json }
    readonly cached: { readonly fixture: Fixture; readonly usage: Json }
    readonly reasoning: { readonly fixture: Fixture; readonly usage: Json; readonly reasoning: string | null }
    /** Other ways an answer ends, with OpenAI's word for each. */
    readonly ends: readonly { readonly fixture: Fixture; readonly finishReason: string }[]
    readonly textStream: { readonly fixture: Fixture; readonly content: string; readonly usage: Json }
    readonly callStream: { readonly fixture: Fixture; readonly calls: readonly Json[] }
  }
  /** Error answers with their class and how long they ask to wait. */
  readonly errors: readonly {
    readonly fixture: Fixture
    readonly errorClass: ErrorClass
    readonly retryAfterMs?: number
  }[]
  /** An error event of a stream, and the class of it. */
  readonly errorEvent: { readonly text: string; readonly errorClass: ErrorClass }
}

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

const callOf = (id: string, city: string) => ({
  id,
  type: 'function',
  function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
})

/** Tokens as the contract compares them. */
export const counts = (input: number, output: number, cached = 0, reasoning = 0) => ({
  input,
  cached,
  output,
  reasoning,
})

/** One grey pixel. */
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='

/** The requests of the contract, as OpenAI's clients write them. */
export const requests = {
  text: { messages: [{ role: 'user', content: 'Capital of France?' }], max_tokens: 50, temperature: 0.5, stop: 'END' },
  system: {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [{ type: 'text', text: 'Answer in French.' }] },
      { role: 'user', content: 'Hello' },
    ],
  },
  tools: { messages: [{ role: 'user', content: 'Weather?' }], tools: [weather], tool_choice: 'required' },
  toolResults: {
    messages: [
      { role: 'user', content: 'Weather in Paris and Rome?' },
      { role: 'assistant', content: null, tool_calls: [callOf('call_1', 'Paris'), callOf('call_2', 'Rome')] },
      { role: 'tool', tool_call_id: 'call_1', content: 'Sunny' },
      { role: 'tool', tool_call_id: 'call_2', content: '{"sky": "grey"}' },
      { role: 'user', content: 'Thanks' },
    ],
    tools: [weather],
  },
  images: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
        ],
      },
    ],
  },
  jsonSchema: {
    messages: [{ role: 'user', content: 'London?' }],
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'city',
        strict: true,
        schema: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
          additionalProperties: false,
        },
      },
    },
  },
} as const

interface Seen {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Json
}

/** Runs the contract of the port over one kind of provider, through real sockets (B2). */
export function describeChatProvider(subject: ContractSubject): void {
  describe(`a chat provider of kind ${subject.kind} (B2)`, () => {
    const seen: Seen[] = []
    let next: { readonly fixture: Fixture; readonly pieceBytes: number } | null = null
    let registry: ProviderRegistry
    let origin = ''
    const server = createServer(async (req, res) => {
      let text = ''
      for await (const chunk of req) text += chunk
      seen.push({ path: req.url ?? '', headers: req.headers, body: JSON.parse(text) })
      const { fixture, pieceBytes } = next ?? { fixture: { name: 'none', status: 599, body: {} }, pieceBytes: 1 }
      const { status = 200, headers = {}, stream } = fixture
      res.writeHead(status, {
        'content-type': stream === undefined ? 'application/json' : 'text/event-stream',
        ...headers,
      })
      const bytes = Buffer.from(stream ?? JSON.stringify(fixture.body))
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        res.write(bytes.subarray(at, at + pieceBytes))
        if (stream !== undefined) await new Promise((resolve) => setImmediate(resolve))
      }
      res.end()
    })

    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      registry = createProviderRegistry({
        upstreamAllow: ['127.0.0.0/8'],
        readEnvironment: (name) => (name === 'KEY_OF_TEST' ? 'secret-of-test' : null),
        clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => performance.now() },
      })
    })

    afterAll(async () => {
      await registry.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })

    const callWith = (fields: Fields): ChatCall => ({
      provider: aProvider('p', `${origin}${subject.basePath}`, { kind: subject.kind, credential: 'env:KEY_OF_TEST' }),
      model: subject.model,
      body: { fields, bytesFor: (model) => Buffer.from(JSON.stringify({ ...fields, model })) },
      limits: { connectMs: 2_000, firstTokenMs: 5_000, idleMs: 5_000, totalMs: 10_000 },
      cancellation: new Cancellation(),
      isKept: true,
    })

    const complete = (fixture: Fixture, fields: Fields = requests.text): Promise<ChatAnswer> => {
      next = { fixture, pieceBytes: 1_000_000 }
      const call = callWith(fields)
      return registry.clientFor(call.provider).complete(call)
    }

    const stream = async (fixture: Fixture, more: { readonly pieceBytes?: number; readonly usage?: boolean } = {}) => {
      next = { fixture, pieceBytes: more.pieceBytes ?? 1_000_000 }
      const options = more.usage === true ? { stream_options: { include_usage: true } } : {}
      const call = callWith({ ...requests.text, stream: true, ...options })
      const opened = await registry.clientFor(call.provider).stream(call)
      let text = ''
      const end = await new Promise<{ error: ProviderError | null; facts: ChatAnswer['facts'] }>((resolve) =>
        opened.flow({
          onBytes: (bytes) => {
            text += bytes.toString('utf8')
            return true
          },
          onEnd: resolve,
        }),
      )
      return { text, end, whole: assembled(text) }
    }

    const bodyOf = (answer: ChatAnswer): Json => JSON.parse(answer.body.toString('utf8'))
    const choiceOf = (answer: ChatAnswer): Json => bodyOf(answer).choices[0]
    const callsOf = (calls: Json) =>
      (calls ?? []).map((call: Json) => {
        expect(call.id).toMatch(/\S/)
        const { name, arguments: text } = call.function ?? call
        return { name, input: JSON.parse(text) }
      })
    const usageOf = (usage: Json) => ({
      input: usage.prompt_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      output: usage.completion_tokens,
      reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    })

    describe('the request', () => {
      it('goes to the provider’s own address with its own credential (B3)', async () => {
        await complete(subject.answers.text.fixture)
        expect(seen.at(-1)?.path).toBe(subject.paths.complete)
        expect(seen.at(-1)?.headers).toMatchObject({ 'content-type': 'application/json', ...subject.headers })
        await stream(subject.answers.textStream.fixture)
        expect(seen.at(-1)?.path).toBe(subject.paths.stream)
      })

      it.each(Object.keys(requests) as (keyof typeof requests)[])('says in the provider’s words: %s', async (name) => {
        const answer = await complete(subject.answers.text.fixture, requests[name])
        expect(seen.at(-1)?.body).toMatchObject(subject.sent[name])
        expect(answer.warnings).toEqual([])
      })
    })

    describe('an answer in one piece', () => {
      it('is a chat completion with its text, end and counts', async () => {
        const { fixture, content, usage } = subject.answers.text
        const answer = await complete(fixture)
        const body = bodyOf(answer)
        expect(body).toMatchObject({
          object: 'chat.completion',
          id: expect.stringMatching(/\S/),
          model: expect.any(String),
        })
        expect(body.created).toEqual(expect.any(Number))
        expect(choiceOf(answer)).toMatchObject({
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content },
        })
        expect(usageOf(body.usage)).toEqual(usage)
        expect(answer.facts).toMatchObject({ output: content, finishReason: 'stop' })
        expect(answer.facts.usage).toEqual({
          inputTokens: usage.input,
          cachedInputTokens: usage.cached,
          outputTokens: usage.output,
          reasoningTokens: usage.reasoning,
          isEstimated: false,
        })
      })

      it('carries the calls of tools, all of them, each with an id', async () => {
        const { fixture, calls } = subject.answers.calls
        const answer = await complete(fixture, requests.tools)
        expect(choiceOf(answer).finish_reason).toBe('tool_calls')
        expect(callsOf(choiceOf(answer).message.tool_calls)).toEqual(calls)
        expect(callsOf(answer.facts.toolCalls)).toEqual(calls)
      })

      it('is JSON where a schema was asked for', async () => {
        const { fixture, value } = subject.answers.json
        expect(JSON.parse(choiceOf(await complete(fixture, requests.jsonSchema)).message.content)).toEqual(value)
      })

      it('counts what came from a cache (B4)', async () => {
        const { fixture, usage } = subject.answers.cached
        expect(usageOf(bodyOf(await complete(fixture)).usage)).toEqual(usage)
      })

      it('counts what was thought, and shows it where the provider does (B4)', async () => {
        const { fixture, usage, reasoning } = subject.answers.reasoning
        const answer = await complete(fixture)
        expect(usageOf(bodyOf(answer).usage)).toEqual(usage)
        expect(choiceOf(answer).message.reasoning_content ?? null).toBe(reasoning)
      })

      it.each(subject.answers.ends)('ends with $finishReason', async ({ fixture, finishReason }) => {
        expect(choiceOf(await complete(fixture)).finish_reason).toBe(finishReason)
      })
    })

    describe('a stream', () => {
      it.each([1_000_000, 7, 1])(
        'carries the text and ends with its marker, in pieces of %i bytes',
        async (pieceBytes) => {
          const { fixture, content } = subject.answers.textStream
          const { text, end, whole } = await stream(fixture, { pieceBytes })
          expect(end.error).toBeNull()
          expect(whole).toMatchObject({ content, finish: 'stop' })
          expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
          expect(end.facts).toMatchObject({ output: content, finishReason: 'stop' })
          const objects = chunksIn(text).filter((chunk) => chunk.choices.length > 0)
          expect(objects.every((chunk) => chunk.object === 'chat.completion.chunk' && chunk.id !== '')).toBe(true)
        },
      )

      it('carries the counts where they were asked for, and knows them in any case (B4)', async () => {
        const { fixture, usage } = subject.answers.textStream
        const { end, whole } = await stream(fixture, { usage: true })
        expect(usageOf(whole.usage)).toEqual(usage)
        expect(end.facts.usage).toMatchObject({
          inputTokens: usage.input,
          outputTokens: usage.output,
          isEstimated: false,
        })
      })

      it('carries the calls of tools, their arguments in order', async () => {
        const { fixture, calls } = subject.answers.callStream
        const { end, whole } = await stream(fixture, { pieceBytes: 11 })
        expect(end.error).toBeNull()
        expect(callsOf(whole.calls)).toEqual(calls)
        expect(whole.finish).toBe('tool_calls')
        expect(callsOf(end.facts.toolCalls)).toEqual(calls)
      })

      it('that breaks off is cut short, wherever it breaks (F32, P11)', async () => {
        const { fixture, content } = subject.answers.textStream
        const source = fixture.stream ?? ''
        const cut = source.slice(0, source.indexOf(content.slice(0, 5)) + 5)
        await expect(stream({ ...fixture, stream: cut.slice(0, cut.lastIndexOf('data:')) })).rejects.toMatchObject({
          errorClass: expect.stringMatching(/stream_truncated|invalid_response/),
        })
        // The last event is the finish or the marker: without it the client has text and no end.
        const events = source.trimEnd().split(/\r?\n\r?\n/)
        const { text, end } = await stream({ ...fixture, stream: `${events.slice(0, -1).join('\n\n')}\n\n` })
        expect(end.error).toMatchObject({ errorClass: 'stream_truncated' })
        expect(text).not.toContain('[DONE]')
      })

      it('with an error before its content fails before it has begun: another target can be tried', async () => {
        const { text, errorClass } = subject.errorEvent
        await expect(stream({ name: 'error', stream: text })).rejects.toMatchObject({ errorClass })
      })

      it('with an error behind its content ends with it, without a marker', async () => {
        const events = (subject.answers.textStream.fixture.stream ?? '').trimEnd().split(/\r?\n\r?\n/)
        const broken = `${events.slice(0, -1).join('\n\n')}\n\n${subject.errorEvent.text}`
        const { text, end } = await stream({ name: 'error', stream: broken })
        expect(end.error).toMatchObject({ errorClass: subject.errorEvent.errorClass })
        expect(text).not.toContain('[DONE]')
      })

      it('that is no stream is no answer (F33)', async () => {
        const html = { name: 'html', body: '<html>', headers: { 'content-type': 'text/html' } }
        await expect(stream(html)).rejects.toMatchObject({ errorClass: 'invalid_response' })
        await expect(complete({ name: 'empty', body: {} })).rejects.toMatchObject({ errorClass: 'invalid_response' })
        await expect(stream({ name: 'bad', stream: 'data: {"a":\n\n' })).rejects.toMatchObject({
          errorClass: 'invalid_response',
        })
      })
    })

    describe('an error', () => {
      it.each(subject.errors)('$fixture.name is $errorClass', async ({ fixture, errorClass, retryAfterMs }) => {
        const expected = { errorClass, status: fixture.status, retryAfterMs: retryAfterMs ?? null }
        await expect(complete(fixture)).rejects.toMatchObject(expected)
        await expect(stream(fixture)).rejects.toMatchObject(expected)
      })

      it('keeps the provider’s words for its sender', async () => {
        const [{ fixture } = { fixture: { name: '' } as Fixture }] = subject.errors
        await expect(complete(fixture)).rejects.toMatchObject({ upstream: { message: fixture.body.error.message } })
      })
    })
  })
}
