import { hash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodyFor, readChatRequest } from '#gateway/chat-request.ts'
import { findFields, removalOf, replaceAll } from '#gateway/json-edit.ts'
import {
  answers,
  chunk,
  type FakeUpstream,
  finish,
  role,
  sends,
  startUpstream,
  streams,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream(answers('ok'))
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('acme', upstream.baseUrl)],
      models: ['acme/large'],
      routes: [aRoute('r', { models: ['acme/large'], parameters: { temperature: 0.2, top_p: 0.5 } })],
      callers: { [testKey]: aCaller({ metadata: { team: 'blue', account: 'forced' } }) },
    }),
  )
})

afterAll(async () => {
  await running.close()
  await upstream.close()
})

describe('what a provider is sent', () => {
  it('is the client’s own bytes with another model, without interlock, and with the version’s parameters behind', async () => {
    const text =
      '{ "messages":[{"role":"user","content":"h\\u00e9 {\\"model\\":\\"r\\"}"}],\n "seed": 12345678901234567890, "model" : "r" ,"interlock":{"context":["secret"]}, "temperature":1.0}'
    await running.post(text)
    expect(upstream.calls.at(-1)?.text).toBe(
      '{ "messages":[{"role":"user","content":"h\\u00e9 {\\"model\\":\\"r\\"}"}],\n "seed": 12345678901234567890, "model" :"large", "temperature":1.0,"top_p":0.5}',
    )
  })

  it('holds none of the client’s headers but what the call needs', async () => {
    await running.post(
      { model: 'r', messages: [{ role: 'user', content: 'x' }] },
      { cookie: 'a=b', 'x-forwarded-for': '1.2.3.4', 'openai-organization': 'org', 'x-interlock-team': 'red' },
    )
    expect(Object.keys(upstream.calls.at(-1)?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ])
  })

  it('keeps every field that edits do not name, whatever a request holds', () => {
    const json = fc.jsonValue({ maxDepth: 4 })
    fc.assert(
      fc.property(
        // Names that differ in case alone are one name, given twice.
        fc.dictionary(fc.string(), json).filter((more) => {
          const names = Object.keys(more).map((name) => name.toUpperCase().toLowerCase())
          return new Set(names).size === names.length
        }),
        fc.dictionary(fc.constantFrom('seed', 'stop', 'x'), json),
        fc.boolean(),
        (more, parameters, isSpaced) => {
          const { __proto__: _, ...safe } = more
          const fields = {
            ...safe,
            model: 'r',
            messages: [{ role: 'user', content: 'é"\\' }],
            interlock: { reference: '}' },
          }
          for (const name of ['stream', 'user', 'tools', 'n', 'metadata'])
            delete (fields as Record<string, unknown>)[name]
          const read = readChatRequest(Buffer.from(JSON.stringify(fields, null, isSpaced ? 2 : 0)))
          if ('error' in read) throw new Error(read.error.message)
          // Stored specs are JSON: what they hold has been through it.
          const body = bodyFor(read.request, JSON.parse(JSON.stringify(parameters)))
          const { interlock: __, ...kept } = fields
          const expected = JSON.parse(JSON.stringify({ ...parameters, ...kept, model: 'other/"m"' }))
          expect(JSON.parse(body.bytesFor('other/"m"').toString())).toEqual(expected)
          expect({ ...body.fields, model: 'other/"m"' }).toEqual({ ...expected })
        },
      ),
      { numRuns: 300 },
    )
  })

  it.each([
    ['{"interlock":{}}', '{}'],
    ['{"interlock":{},"a":1}', '{"a":1}'],
    ['{"a":1,"interlock":{}}', '{"a":1}'],
    ['{"a":1,"interlock":[1,{"x":"}"}],"b":2}', '{"a":1,"b":2}'],
    ['{"a":{"interlock":1}}', '{"a":{"interlock":1}}'],
  ])('takes interlock out of %s', (text, expected) => {
    const bytes = Buffer.from(text)
    const spans = findFields(bytes)
    if (spans === null) throw new Error('too deep')
    expect(replaceAll(bytes, removalOf(spans, 'interlock')).toString()).toBe(expected)
  })
})

describe('what a client is sent', () => {
  it('is the provider’s bytes, unchanged', async () => {
    const odd = `{"choices":[{"index":0,"message":{"content":"\\u00e9 ok","x":[1e3]},"finish_reason":"stop"}],  "model":"large-0613","extra":{"a":1.50}}\n`
    upstream.script.push(sends(200, 'application/json', odd))
    const response = await running.post({ model: 'r', messages: [{ role: 'user', content: 'x' }] })
    expect(await response.text()).toBe(odd)
  })

  it('is the provider’s stream, byte for byte, however it was cut', async () => {
    const events = [
      role(),
      ...Array.from({ length: 40 }, (_, i) => chunk({ content: `wörd ${i} `, logprobs: null })),
      finish(),
      '[DONE]',
    ]
    const text = events
      .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
      .join('')
    const bytes = Buffer.from(`: hello\n\n${text}`)
    for (const size of [1, 7, 100, 4_000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      upstream.script.push(streams(pieces))
      const response = await running.post({ model: 'r', messages: [{ role: 'user', content: 'x' }], stream: true })
      const received = Buffer.from(await response.arrayBuffer())
      expect(hash('sha256', received)).toBe(hash('sha256', bytes))
    }
  })
})

describe('metadata (A1)', () => {
  it('comes from body and headers, headers winning over the body and the key over both', async () => {
    await running.post(
      {
        model: 'r',
        messages: [{ role: 'user', content: 'x' }],
        user: 'ann',
        metadata: { team: 'red', project: 'p1', session: 's-body', own: 'kept', __proto__x: 'y' },
      },
      { 'x-interlock-session': 's-header', 'x-interlock-account': 'claimed', 'x-interlock-arm': 'candidate' },
    )
    await running.settle()
    expect(running.written.decisions.at(-1)?.metadata).toEqual({
      user: 'ann',
      team: 'blue',
      project: 'p1',
      session: 's-header',
      account: 'forced',
      own: 'kept',
      __proto__x: 'y',
    })
  })
  it('is masked before it is written down, and routes as it came (B6)', async () => {
    await running.post({
      model: 'r',
      messages: [{ role: 'user', content: 'x' }],
      user: 'ann@example.com',
      metadata: { project: 'p1', note: 'card 4111 1111 1111 1111' },
    })
    await running.settle()
    const written = JSON.stringify(running.written.decisions.at(-1)?.metadata)
    expect(written).not.toMatch(/ann@example|4111 1111/)
    expect(written).toMatch(/"project":"p1"/)
  })
})
