import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  answers,
  type Behaviour,
  chunk,
  completion,
  type FakeUpstream,
  fails,
  finish,
  hangs,
  role,
  sends,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let first: FakeUpstream
let second: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream()
})
afterAll(async () => {
  await first.close()
  await second.close()
})
// A gateway for each test: circuits and retry budget start afresh.
beforeEach(async () => {
  for (const upstream of [first, second]) {
    upstream.script.length = 0
    upstream.calls.length = 0
  }
  first.otherwise = answers('from the first')
  second.otherwise = answers('from the second')
  const timeouts = { connectMs: 400, firstTokenMs: 150, idleMs: 150, totalMs: 2_000 }
  running = await startGateway(
    aSnapshot({
      providers: [
        aProvider('one', first.baseUrl),
        aProvider('two', second.baseUrl),
        aProvider('dead', 'http://127.0.0.1:9/v1'),
        aProvider('nowhere', 'http://no-such-host.invalid/v1'),
        aProvider('inside', 'http://10.0.0.1/v1'),
        aProvider('keyless', first.baseUrl, { credential: 'env:UNSET_KEY' }),
        aProvider('odd', first.baseUrl, { kind: 'anthropic' }),
      ],
      models: ['one/a', 'two/b', 'dead/c', 'nowhere/d', 'inside/e', 'keyless/f', 'odd/g'],
      routes: [
        aRoute('alone', { models: ['one/a'], timeouts }),
        aRoute('once', { models: ['one/a'], timeouts, retry: { attempts: 1 } }),
        aRoute('picky', { models: ['one/a'], timeouts, retry: { attempts: 3, on: ['rate_limit'] } }),
        aRoute('backed', { models: ['one/a'], fallbacks: ['two/b'], timeouts, retry: { attempts: 1 } }),
        // Where the client must be the first to lose patience, however busy the machine is.
        aRoute('unhurried', { models: ['one/a'], fallbacks: ['two/b'], retry: { attempts: 1 } }),
        aRoute('patient', { models: ['one/a'], fallbacks: ['two/b'], timeouts, retry: { attempts: 2 } }),
        ...['dead/c', 'nowhere/d', 'inside/e', 'keyless/f', 'odd/g'].map((model) =>
          aRoute(`${model.split('/')[0]}`, { models: [model], fallbacks: ['two/b'], timeouts, retry: { attempts: 1 } }),
        ),
      ],
    }),
  )
})
afterEach(() => running.close())

const messages = [{ role: 'user', content: 'Hi' }]
const ask = (model: string, more: object = {}) => running.post({ model, messages, ...more })

async function lastDecision() {
  await running.settle()
  return running.written.decisions.at(-1)
}

describe('streams', () => {
  const stream = (model: string) => ask(model, { stream: true })

  it.each<[string, Behaviour]>([
    ['a 500', fails(500)],
    ['an error event first', streams([{ error: { message: 'overloaded' } }])],
    ['a role, then an error event', streams([role(), chunk({ content: '' }), { error: { message: 'overloaded' } }])],
    ['a role, then a reset', streams([role()], 'reset')],
    ['a role, then a close', streams([role()])],
    ['a role, then silence', streams([role()], 'hang')],
    [
      'comments for ever',
      async (call, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        const timer = setInterval(() => res.write(': working\n\n'), 20)
        await call.closed
        clearInterval(timer)
      },
    ],
    ['no answer at all', hangs],
    ['JSON instead of a stream', sends(200, 'application/json', JSON.stringify(completion('whole')))],
    ['HTML instead of a stream', sends(200, 'text/html', '<html></html>')],
    ['an empty stream', streams([])],
    ['only a terminal marker', streams(['[DONE]'])],
    ['bad JSON first', streams(['{"choices":[{'])],
  ])('fall back before the first content: %s (F31 to F33)', async (_name, behaviour) => {
    first.script.push(behaviour)
    const response = await stream('backed')
    expect(response.status).toBe(200)
    expect(response.headers.get('x-interlock-model')).toBe('two/b')
    const text = await response.text()
    expect(text).toContain('"from "')
    expect(text).not.toContain('overloaded')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it.each<[string, Behaviour, string, string]>([
    ['a reset', streams([role(), ...words('one two')], 'reset'), 'stream_truncated', 'stream_truncated'],
    ['an orderly close', streams([role(), ...words('one two')]), 'stream_truncated', 'stream_truncated'],
    [
      'a close inside an event',
      streams([role(), ...words('one two'), Buffer.from('data: {"choi')]),
      'stream_truncated',
      'stream_truncated',
    ],
    ['silence', streams([role(), ...words('one two')], 'hang'), 'upstream_timeout', 'timeout'],
    [
      'an error event',
      streams([role(), ...words('one two'), { error: { message: 'overloaded' } }, '[DONE]']),
      'upstream_error',
      'server_error',
    ],
    [
      'bad JSON',
      streams([role(), ...words('one two'), '{"a":', ...words('three'), finish(), '[DONE]']),
      'upstream_invalid_response',
      'invalid_response',
    ],
  ])(
    'end with an error event and no terminal marker after content: %s (P11)',
    async (_name, behaviour, code, errorClass) => {
      first.script.push(behaviour)
      const response = await stream('backed')
      const events = (await response.text()).split('\n\n').filter((event) => event !== '')
      expect(events.slice(0, -1).every((event) => event.startsWith('data: {"id"'))).toBe(true)
      expect(JSON.parse(events.at(-1)?.slice(6) ?? '')).toMatchObject({ error: { code } })
      expect(second.calls).toHaveLength(0)
      const decision = await lastDecision()
      expect(decision).toMatchObject({ status: 200, errorCode: code, isFallback: false })
      expect(decision?.attempts.at(-1)?.errorClass).toBe(errorClass)
    },
  )

  it('end at the request’s deadline even while bytes keep dripping (F31)', async () => {
    first.script.push(async (call, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => res.write(`data: ${JSON.stringify(chunk({ content: 'x' }))}\n\n`), 30)
      await call.closed
      clearInterval(timer)
    })
    const text = await (await stream('once')).text()
    expect(text).toContain('"code":"upstream_timeout"')
    expect(text).not.toContain('[DONE]')
  })

  it('are aborted when the client goes, and still logged with what they cost', async () => {
    first.script.push(streams([role(), ...words('one two three ')], 'hang'))
    const controller = new AbortController()
    const response = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      signal: controller.signal,
      headers: { authorization: 'Bearer il-test-key-0123456789-0123456789' },
      body: JSON.stringify({ model: 'unhurried', messages, stream: true }),
    })
    const reader = response.body?.getReader()
    await reader?.read()
    controller.abort()
    await first.calls[0]?.closed
    await until(() => running.written.decisions.length > 0)
    expect(running.written.decisions[0]).toMatchObject({
      status: 499,
      errorCode: 'client_closed',
      usage: { isEstimated: true },
    })
    expect(running.written.decisions[0]?.costMicroUsd).toBeGreaterThan(0)
    expect(second.calls).toHaveLength(0)
  })

  it('that no client waits for any more are not tried again', async () => {
    first.otherwise = hangs
    const controller = new AbortController()
    const gone = fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      signal: controller.signal,
      headers: { authorization: 'Bearer il-test-key-0123456789-0123456789' },
      body: JSON.stringify({ model: 'unhurried', messages }),
    })
    await until(() => first.calls.length === 1)
    controller.abort()
    await expect(gone).rejects.toThrow()
    await first.calls[0]?.closed
    await until(() => running.written.decisions.length > 0)
    expect(running.written.decisions[0]).toMatchObject({ status: 499, errorCode: 'client_closed' })
    expect(second.calls).toHaveLength(0)
  })

  it('are read from the provider no faster than the client reads', async () => {
    const part = `data: ${JSON.stringify(chunk({ content: 'x'.repeat(16_000) }))}\n\n`
    let sent = 0
    first.script.push(async (call, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      for (; sent < 3_000; sent += 1) {
        if (!res.write(part)) await Promise.race([new Promise((resolve) => res.once('drain', resolve)), call.closed])
      }
      res.end(`data: ${JSON.stringify(finish())}\n\ndata: [DONE]\n\n`)
    })
    const route = aRoute('slow', { models: ['one/a'], timeouts: { totalMs: 20_000, idleMs: 2_000 } })
    running.setSnapshot(aSnapshot({ providers: [aProvider('one', first.baseUrl)], models: ['one/a'], routes: [route] }))
    const response = await stream('slow')
    const reader = response.body?.getReader()
    await reader?.read()
    // Sockets and buffers fill; then the provider must stand still.
    let seen = -1
    while (seen !== sent) {
      seen = sent
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(sent).toBeLessThan(2_500)
    let bytes = 0
    for (;;) {
      const piece = await reader?.read()
      if (piece === undefined || piece.done) break
      bytes += piece.value.length
    }
    expect(sent).toBe(3_000)
    expect(bytes).toBeGreaterThan(2_990 * part.length)
  })

  it('use their connection again after a good end', async () => {
    const ports = new Set<number | undefined>()
    first.otherwise = (call, res) => {
      ports.add(res.socket?.remotePort)
      return answers('again')(call, res)
    }
    for (let index = 0; index < 5; index += 1) await (await stream('once')).text()
    expect(ports.size).toBeLessThan(5)
  })
})
