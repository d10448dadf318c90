import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readTraceParent, type Tracing } from '#infra/trace-context.ts'
import { openTracing } from '#infra/tracing.ts'
import { answers, type FakeUpstream, fails, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: Record<string, unknown> }[]
  status: { code?: number }
}

const serverKind = 2
const clientKind = 3
const prompt = 'a secret that no span may show'

/** A collector of OTLP/HTTP JSON that keeps what it is sent. */
async function startCollector() {
  const bodies: string[] = []
  const server: Server = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8')
    req.on('data', (text: string) => {
      body += text
    })
    req.on('end', () => {
      if (req.url === '/v1/traces') bodies.push(body)
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    spans: () =>
      bodies.flatMap((body) =>
        (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap((one) =>
          one.scopeSpans.flatMap(({ spans }) => spans),
        ),
      ),
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

const attributesOf = (span: Span | undefined) =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]))

let first: FakeUpstream
let second: FakeUpstream
let collector: Awaited<ReturnType<typeof startCollector>>
let running: RunningGateway
let tracing: Tracing

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream(answers('from the second'))
})
afterAll(async () => {
  await first.close()
  await second.close()
})
beforeEach(async () => {
  for (const upstream of [first, second]) upstream.calls.length = 0
  first.otherwise = answers('from the first')
  collector = await startCollector()
})
afterEach(async () => {
  await running.close()
  await collector.close()
})

async function start(endpoint: string | null, ratio = 1) {
  tracing = await openTracing({ endpoint, ratio })
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl, { kind: 'openai' })],
      models: ['one/a', 'two/b'],
      routes: [aRoute('backed', { models: ['one/a'], fallbacks: ['two/b'], retry: { attempts: 1 } })],
    }),
    { tracing },
  )
}

const ask = (headers: Record<string, string> = {}, more: object = {}) =>
  running.post(
    {
      model: 'backed',
      messages: [{ role: 'user', content: prompt }],
      temperature: 0.2,
      metadata: { session: 'session-1' },
      ...more,
    },
    headers,
  )

async function spansOf(headers: Record<string, string> = {}, more: object = {}) {
  await (await ask(headers, more)).text()
  await running.settle()
  await tracing.close()
  return collector.spans()
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const sampled = `00-${traceId}-00f067aa0ba902b7-01`

describe('traces (B8)', () => {
  it('show a request and each of its attempts by the GenAI conventions', async () => {
    await start(collector.url)
    first.otherwise = fails(503)
    const spans = await spansOf({ traceparent: sampled, tracestate: 'vendor=1' })
    const [request, ...attempts] = [
      ...spans.filter(({ kind }) => kind === serverKind),
      ...spans.filter(({ kind }) => kind === clientKind),
    ]
    expect(spans).toHaveLength(3)
    expect(request).toMatchObject({ traceId, parentSpanId: '00f067aa0ba902b7', name: 'POST /v1/chat/completions' })
    expect(attributesOf(request)).toMatchObject({
      'http.response.status_code': 200,
      'interlock.route': 'backed',
      'interlock.attempts': 2,
      'gen_ai.conversation.id': 'session-1',
    })
    expect(attempts.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['chat a', request?.spanId],
      ['chat b', request?.spanId],
    ])
    expect(attempts.map(({ status }) => status.code ?? 0)).toEqual([2, 0])
    expect(attributesOf(attempts[0])).toMatchObject({ 'error.type': 'server_error', 'http.response.status_code': 503 })
    expect(attributesOf(attempts[1])).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'b',
      'gen_ai.request.temperature': 0.2,
      'gen_ai.request.stream': false,
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 5,
      'server.address': '127.0.0.1',
    })
  })

  it('go on at the provider: the call carries its own span’s id', async () => {
    await start(collector.url)
    const spans = await spansOf({ traceparent: sampled, tracestate: 'vendor=1' })
    const attempt = spans.find(({ kind }) => kind === clientKind)
    expect(first.calls[0]?.headers['traceparent']).toBe(`00-${traceId}-${attempt?.spanId}-01`)
    expect(first.calls[0]?.headers['tracestate']).toBe('vendor=1')
  })

  it('begin here where the client names none, and tell when a stream first spoke', async () => {
    await start(collector.url)
    const spans = await spansOf({}, { stream: true })
    const [attempt] = spans.filter(({ kind }) => kind === clientKind)
    expect(spans.find(({ kind }) => kind === serverKind)?.parentSpanId ?? '').toBe('')
    expect(attributesOf(attempt)['gen_ai.response.time_to_first_chunk']).toBeGreaterThanOrEqual(0)
    expect(attributesOf(attempt)['gen_ai.request.stream']).toBe(true)
    expect(BigInt(attempt?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(attempt?.startTimeUnixNano ?? 0))
  })

  it('are not recorded where the client says so, nor beyond the share that is asked for', async () => {
    await start(collector.url, 0)
    expect(await spansOf({ traceparent: `00-${traceId}-00f067aa0ba902b7-00` })).toEqual([])
    expect(first.calls[0]?.headers['traceparent']).toMatch(/-00$/)
    await running.close()
    await start(collector.url, 0)
    expect(await spansOf()).toEqual([])
  })

  it('never hold a word of prompt or answer', async () => {
    await start(collector.url)
    await spansOf()
    const sent = collector.bodies.join('\n')
    expect(sent).not.toContain('secret')
    expect(sent).not.toContain('from the first')
  })

  it('do without a collector: a client’s trace is passed on, nothing is loaded or sent', async () => {
    await start(null)
    expect(await spansOf({ traceparent: sampled })).toEqual([])
    expect(first.calls[0]?.headers['traceparent']).toBe(sampled)
    await (await ask()).text()
    expect(first.calls[1]?.headers['traceparent']).toBeUndefined()
  })
})

describe('a traceparent', () => {
  it.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
    ['01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', true],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', false],
    ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', false],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', false],
    ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', false],
    ['', false],
  ])('%s can be read: %s', (traceparent, expected) => {
    expect(readTraceParent({ traceparent }) !== null).toBe(expected)
  })
})
