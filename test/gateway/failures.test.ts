import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  answers,
  type Behaviour,
  type FakeUpstream,
  fails,
  hangs,
  sends,
  startUpstream,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
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

async function errorOf(response: Response) {
  const body = (await response.json()) as { error: Record<string, unknown> }
  return { status: response.status, ...body.error }
}

async function lastDecision() {
  await running.settle()
  return running.written.decisions.at(-1)
}

describe('answers in one piece', () => {
  it.each<[string, Behaviour, Record<string, unknown>, string]>([
    ['a 500', fails(500), { status: 502, code: 'upstream_error', message: 'failed with 500' }, 'server_error'],
    ['a 429', fails(429), { status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' }, 'rate_limit'],
    [
      'a refused key',
      fails(401, { message: 'bad key sk-123' }),
      { status: 502, code: 'upstream_auth_failed', message: 'The provider refused the gateway.' },
      'auth',
    ],
    [
      'a bad request',
      fails(400, { message: 'no such tool', type: 'invalid_request_error', param: 'tools', code: 'bad_tool' }),
      { status: 400, message: 'no such tool', param: 'tools', code: 'bad_tool' },
      'bad_request',
    ],
    [
      'a prompt too long',
      fails(400, { message: 'too long', code: 'context_length_exceeded' }),
      { status: 400, code: 'context_length_exceeded', message: 'too long' },
      'context_length',
    ],
    [
      'a filtered prompt',
      fails(400, { message: 'filtered', code: 'content_filter' }),
      { status: 400, code: 'content_filter' },
      'content_filter',
    ],
    ['an unknown model', fails(404), { status: 502, code: 'upstream_error' }, 'bad_request'],
    [
      'HTML with 200',
      sends(200, 'text/html', '<html>busy</html>'),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'half a JSON',
      sends(200, 'application/json', '{"choices":[{"mess'),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'no choices',
      sends(200, 'application/json', '{"choices":[]}'),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'a list',
      sends(200, 'application/json', '[1]'),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'nothing (204)',
      (_call, res) => void res.writeHead(204).end(),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'a redirect',
      (_call, res) => void res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      { status: 502, code: 'upstream_invalid_response' },
      'invalid_response',
    ],
    [
      'an error with 200',
      sends(200, 'application/json', '{"error":{"message":"overloaded","code":529}}'),
      { status: 502, code: 'upstream_error' },
      'server_error',
    ],
    [
      'a reset',
      (_call, res) => void res.socket?.resetAndDestroy(),
      { status: 502, code: 'upstream_unreachable' },
      'connection',
    ],
    [
      'a short body',
      (_call, res) => {
        res.writeHead(200, { 'content-length': '1000' })
        res.write('{"a"')
        res.socket?.end()
      },
      { status: 502 },
      'connection',
    ],
    [
      'silence inside the body',
      (_call, res) => {
        res.writeHead(200, { 'content-type': 'application/json' })
        res.write('{"choices"')
      },
      { status: 504, code: 'upstream_timeout' },
      'timeout',
    ],
    ['an endless body', endless, { status: 502, code: 'upstream_invalid_response' }, 'invalid_response'],
  ])('%s is told as what it is and logged (F33, F35)', async (_name, behaviour, expected, errorClass) => {
    first.script.push(behaviour)
    expect(await errorOf(await ask('once'))).toMatchObject(expected)
    const decision = await lastDecision()
    expect(decision?.attempts).toHaveLength(1)
    expect(decision?.attempts[0]).toMatchObject({ errorClass, model: 'one/a' })
    expect(decision?.status).toBe(expected['status'])
  })

  it('a provider’s own code is logged in a form that every database takes (F33)', async () => {
    first.script.push(fails(400, { code: `bad\u0000\ud800${'x'.repeat(500)}`, type: 'invalid_request_error' }))
    await ask('once')
    const code = (await lastDecision())?.errorCode ?? ''
    expect(code).toMatch(/^bad\ufffdx+$/)
    expect(code.length).toBe(100)
  })

  it('ends at the deadline of the request when a provider says nothing (F31)', async () => {
    first.otherwise = hangs
    expect(await errorOf(await ask('once'))).toMatchObject({ status: 504, code: 'upstream_timeout' })
    expect((await lastDecision())?.totalMs).toBeGreaterThanOrEqual(1_990)
  })

  it.each(['dead', 'nowhere', 'inside', 'keyless', 'odd'])(
    'falls back from a provider that is %s (F30)',
    async (route) => {
      const response = await ask(route)
      expect(response.status).toBe(200)
      expect(response.headers.get('x-interlock-model')).toBe('two/b')
      expect(response.headers.get('x-interlock-attempts')).toBe('2')
      expect(await lastDecision()).toMatchObject({ isFallback: true, status: 200, model: 'two/b' })
    },
  )
})

describe('retries (A12)', () => {
  it('try the same target again and show it', async () => {
    first.script.push(fails(503))
    const response = await ask('alone')
    expect(response.status).toBe(200)
    expect(response.headers.get('x-interlock-attempts')).toBe('2')
    expect((await lastDecision())?.attempts.map((attempt) => attempt.errorClass)).toEqual(['server_error', null])
  })

  it.each([
    ['retry-after-ms', '300'],
    ['x-ms-retry-after-ms', '300'],
    ['retry-after', '0.3'],
  ])('wait as %s asks', async (name, value) => {
    first.script.push(fails(429, {}, { [name]: value }))
    expect((await ask('alone')).status).toBe(200)
    const attempts = (await lastDecision())?.attempts ?? []
    expect((attempts[1]?.startMs ?? 0) - (attempts[0]?.endMs ?? 0)).toBeGreaterThanOrEqual(295)
  })

  it('never wait past the deadline: with another target at once, without one the client is told', async () => {
    first.script.push(fails(429, {}, { 'retry-after': '3600' }))
    expect((await ask('patient')).headers.get('x-interlock-model')).toBe('two/b')
    first.script.push(fails(429, {}, { 'retry-after': '30' }))
    const response = await ask('alone')
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('30')
    expect(first.calls).toHaveLength(2)
  })

  it('happen only for the reasons a route allows', async () => {
    first.script.push(fails(500))
    expect((await ask('picky')).status).toBe(502)
    first.script.push(fails(429))
    expect((await ask('picky')).status).toBe(200)
  })

  it.each([
    ['a bad request', fails(400, { message: 'no' }), 1, 0],
    ['a filtered prompt', fails(400, { code: 'content_filter' }), 1, 0],
    ['a prompt too long', fails(400, { code: 'context_length_exceeded' }), 1, 0],
    ['a refused key', fails(401), 1, 1],
    ['an unknown model', fails(404), 1, 1],
    ['a server error', fails(500), 2, 1],
  ])(
    'after %s: calls of the first target and of a fallback without a condition',
    async (_name, behaviour, firstCalls, secondCalls) => {
      first.otherwise = behaviour
      await ask('patient')
      expect(first.calls).toHaveLength(firstCalls)
      expect(second.calls).toHaveLength(secondCalls)
    },
  )

  it('send the whole request to a fallback, tools and format included', async () => {
    first.script.push(fails(500))
    const more = {
      tools: [{ type: 'function', function: { name: 'f' } }],
      response_format: { type: 'json_object' },
      odd: 1,
    }
    await ask('backed', more)
    expect(second.calls[0]?.body).toEqual({ model: 'b', messages, ...more })
  })

  it('stop when their budget is spent: a tenth of the requests (P12)', async () => {
    let count = 0
    // Every second call succeeds, so that no circuit opens.
    first.otherwise = (call, res) => {
      count += 1
      return count % 2 === 1 ? fails(500)(call, res) : answers('x')(call, res)
    }
    const statuses: number[] = []
    for (let index = 0; index < 60; index += 1) statuses.push((await ask('alone')).status)
    const extra = first.calls.length - statuses.length
    // A bucket of 20 and a tenth of 60.
    expect(extra).toBeLessThanOrEqual(26)
    expect(statuses).toContain(502)
  })
})

describe('circuits', () => {
  it('open after five failures in a row, say when to come back, and close after a probe', async () => {
    first.otherwise = fails(500)
    for (let index = 0; index < 5; index += 1) await ask('once')
    const refused = await ask('once')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await errorOf(refused)).toMatchObject({ code: 'no_eligible_target' })
    expect(first.calls).toHaveLength(5)
    expect((await lastDecision())?.excluded).toContainEqual(
      expect.objectContaining({ model: 'one/a', by: 'circuit_open' }),
    )
  })

  it('lead around a target at once, and its arm is charged for it', async () => {
    first.otherwise = fails(500)
    for (let index = 0; index < 5; index += 1) await ask('backed')
    const response = await ask('backed')
    expect(response.headers.get('x-interlock-attempts')).toBe('1')
    expect(response.headers.get('x-interlock-model')).toBe('two/b')
    expect(first.calls).toHaveLength(5)
  })
})

function endless(call: { closed: Promise<void> }, res: import('node:http').ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' })
  let isOver = false
  call.closed.then(() => {
    isOver = true
  })
  const block = Buffer.alloc(1_000_000, 0x20)
  const more = () => {
    while (!isOver) {
      if (!res.write(block)) {
        res.once('drain', more)
        return
      }
    }
  }
  more()
}
