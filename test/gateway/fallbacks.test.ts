import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import {
  answers,
  type Behaviour,
  completion,
  type FakeUpstream,
  fails,
  hangs,
  sends,
  startUpstream,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

let first: FakeUpstream
let second: FakeUpstream
let third: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream()
  third = await startUpstream()
})
afterAll(async () => {
  for (const upstream of [first, second, third]) await upstream.close()
})

const timeouts = { connectMs: 400, firstTokenMs: 150, idleMs: 150, totalMs: 1_000 }
const once = { models: ['one/a'], timeouts, retry: { attempts: 1 } } satisfies RouteSpec
const filtered = fails(400, { message: 'filtered', code: 'content_filter' })
const tooLong = fails(400, { message: 'too long', code: 'context_length_exceeded' })
const adminKey = 'il-admin-key-0123456789-0123456789'

beforeEach(async () => {
  for (const upstream of [first, second, third]) {
    upstream.script.length = 0
    upstream.calls.length = 0
  }
  first.otherwise = answers('from the first')
  second.otherwise = answers('from the second')
  third.otherwise = answers('from the third')
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl), aProvider('three', third.baseUrl)],
      models: [
        aModel('one/a', { contextWindow: 8_000 }),
        aModel('one/z', { contextWindow: 8_000 }),
        aModel('two/b', { contextWindow: 8_000 }),
        aModel('three/c', { contextWindow: 128_000 }),
      ],
      routes: [
        aRoute('plain', { ...once, fallbacks: ['two/b', 'three/c'] }),
        aRoute('named', {
          ...once,
          fallbacks: [
            { model: 'two/b', on: ['content_filter', 'invalid_response'] },
            { model: 'three/c', on: ['timeout', 'context_length'] },
          ],
        }),
        aRoute('named-twice', {
          ...once,
          fallbacks: ['two/b', 'three/c'].map((model) => ({ model, on: ['content_filter'] as const })),
        }),
        aRoute('only-filter', { ...once, fallbacks: [{ model: 'two/b', on: ['content_filter'] }] }),
        aRoute('pool', { ...once, models: ['one/a', 'one/z'], fallbacks: ['two/b'] }),
        // One attempt of 500 tokens at most is expected to cost 1,003 micro-dollars.
        aRoute('thrifty', { ...once, constraints: { maxCostUsd: 0.0015 }, fallbacks: ['two/b', 'three/c'] }),
        aRoute('thrifty-retry', { ...once, constraints: { maxCostUsd: 0.0015 }, retry: { attempts: 3 } }),
      ],
      callers: { [testKey]: aCaller(), [adminKey]: aCaller({ role: 'admin', name: 'root' }) },
    }),
    { random: () => 0.01 },
  )
})
afterEach(() => running.close())

/** Two providers that are sent the same credential. */
const shared = () =>
  aSnapshot({
    providers: [
      aProvider('one', first.baseUrl),
      aProvider('same', second.baseUrl, { credential: 'env:SHARED' }),
      aProvider('also', third.baseUrl, { credential: 'env:SHARED' }),
    ],
    models: ['one/a', 'same/d', 'also/e'],
    routes: [aRoute('credentials', { ...once, models: ['same/d', 'also/e'], fallbacks: ['one/a'] })],
  })

const messages = [{ role: 'user', content: 'Hi' }]
const ask = (model: string, more: object = {}, headers: Record<string, string> = {}) =>
  running.post({ model, messages, ...more }, headers)
const calls = () => [first, second, third].map((upstream) => upstream.calls.length)

async function lastDecision() {
  await running.settle()
  return running.written.decisions.at(-1)
}

describe('a fallback follows the class of the failure (A12)', () => {
  it.each<[string, string, Behaviour, [number, number, number], number]>([
    ['a server error', 'plain', fails(500), [1, 1, 0], 200],
    ['a prompt too long', 'plain', tooLong, [1, 0, 1], 200],
    ['a filtered prompt', 'plain', filtered, [1, 0, 0], 400],
    ['a filtered prompt', 'named', filtered, [1, 1, 0], 200],
    ['a prompt too long', 'named', tooLong, [1, 0, 1], 200],
    ['silence', 'named', hangs, [1, 0, 0], 504],
    ['a server error', 'named', fails(500), [1, 0, 0], 502],
    ['nonsense', 'named', sends(200, 'text/html', '<html>'), [1, 1, 0], 200],
    ['a bad request', 'named', fails(400, { code: 'bad_tool' }), [1, 0, 0], 400],
    ['a server error', 'only-filter', fails(500), [1, 0, 0], 502],
    ['a server error', 'pool', fails(500), [2, 1, 0], 200],
    ['a filtered prompt', 'pool', filtered, [1, 0, 0], 400],
  ])('after %s on route %s', async (_name, route, behaviour, expected, status) => {
    first.otherwise = behaviour
    const response = await ask(route)
    expect(response.status).toBe(status)
    expect(calls()).toEqual(expected)
  })

  it('also for streams, while nothing of the answer has been passed on', async () => {
    first.otherwise = filtered
    const text = await (await ask('named', { stream: true })).text()
    expect(text).toContain('second')
    expect(calls()).toEqual([1, 1, 0])
  })

  it('and one that waits for another class does not stand in for an open circuit', async () => {
    first.otherwise = fails(500)
    for (let index = 0; index < 5; index += 1) await ask('only-filter')
    const refused = await ask('only-filter')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect((await lastDecision())?.excluded.map(({ model, by }) => [model, by])).toEqual([
      ['one/a', 'circuit_open'],
      ['two/b', 'fallback_condition'],
    ])
  })

  it.each([401, 402, 403])(
    'a credential that was refused is not sent again, whatever the provider: %i',
    async (status) => {
      second.otherwise = fails(status)
      const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
      const providers = createProviderRegistry({
        upstreamAllow: ['127.0.0.0/8'],
        readEnvironment: () => 'secret',
        clock,
      })
      const other = await startGateway(shared(), { providers })
      const response = await other.post({ model: 'credentials', messages })
      expect(response.headers.get('x-interlock-model')).toBe('one/a')
      expect(calls()).toEqual([1, 1, 0])
      expect(second.calls[0]?.headers.authorization).toBe('Bearer secret')
      await other.close()
      await providers.close()
    },
  )
})

describe('an answer with status 200 that is none', () => {
  const answered = (content: string | null, finishReason = 'stop') =>
    sends(
      200,
      'application/json',
      JSON.stringify({
        ...completion(''),
        choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finishReason }],
      }),
    )

  it.each<[string, Behaviour, object, string]>([
    ['filtered', answered('', 'content_filter'), {}, 'content_filter'],
    ['empty', answered(null), {}, 'invalid_response'],
    ['no JSON', answered('Sure! {'), { response_format: { type: 'json_object' } }, 'invalid_response'],
  ])(
    '%s: a fallback that names it answers instead, and its cost is not forgotten',
    async (_n, behaviour, more, error) => {
      first.otherwise = behaviour
      const response = await ask('named', more)
      expect(response.headers.get('x-interlock-model')).toBe('two/b')
      const decision = await lastDecision()
      expect(decision?.attempts.map(({ errorClass, status }) => [errorClass, status])).toEqual([
        [error, 200],
        [null, 200],
      ])
      expect(decision?.attempts.map(({ costMicroUsd }) => costMicroUsd)).toEqual([20, 20])
      expect(decision?.costMicroUsd).toBe(40)
    },
  )

  it('goes out as it came where no fallback names it, or none is better', async () => {
    first.otherwise = answered('', 'content_filter')
    expect(await (await ask('plain')).json()).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] })
    second.otherwise = fails(500)
    const kept = await ask('named')
    expect(kept.headers.get('x-interlock-model')).toBe('one/a')
    expect(await kept.json()).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] })
    expect((await lastDecision())?.costMicroUsd).toBe(20)
  })

  it('goes out with the cost of whatever was tried in its place', async () => {
    first.otherwise = answered('', 'content_filter')
    second.otherwise = answered('', 'content_filter')
    third.otherwise = fails(500)
    expect((await ask('named-twice')).headers.get('x-interlock-model')).toBe('one/a')
    expect((await lastDecision())?.costMicroUsd).toBe(40)
  })
})

describe('one cost cap for all attempts', () => {
  it('stops before a further attempt that could exceed it, and says so', async () => {
    first.otherwise = sends(200, 'text/html', '<html>')
    const response = await ask('thrifty')
    expect(response.status).toBe(502)
    expect(calls()).toEqual([1, 0, 0])
    expect((await lastDecision())?.reason).toContain('the cost limit allows no further attempt')
  })

  it('holds for retries of the same target', async () => {
    first.otherwise = sends(200, 'application/json', '{"choices":[')
    await ask('thrifty-retry')
    expect(calls()).toEqual([1, 0, 0])
  })

  it('counts nothing for what the provider refused', async () => {
    first.otherwise = fails(503)
    second.otherwise = fails(503)
    expect((await ask('thrifty')).headers.get('x-interlock-model')).toBe('three/c')
  })
})

describe('a failure that is played (x-interlock-test-failure)', () => {
  const played = (value: string, model = 'plain', key = adminKey) =>
    ask(model, {}, { 'x-interlock-test-failure': value, authorization: `Bearer ${key}` })

  it('shows the fallback at work, sends nothing for the struck attempt and leaves its circuit alone', async () => {
    for (let index = 0; index < 6; index += 1) {
      const response = await played('first')
      expect(response.headers.get('x-interlock-model')).toBe('two/b')
      expect(response.headers.get('x-interlock-test-failure')).toBe('first:server_error')
    }
    expect(calls()).toEqual([0, 6, 0])
    expect((await ask('plain')).headers.get('x-interlock-model')).toBe('one/a')
    expect((await lastDecision())?.reason).not.toContain('asked for')
  })

  it('plays the class that is asked for', async () => {
    expect((await played('first:context_length')).headers.get('x-interlock-model')).toBe('three/c')
    expect((await played('first:content_filter')).status).toBe(400)
    const decision = await lastDecision()
    expect(decision?.attempts.map(({ errorClass }) => errorClass)).toEqual(['content_filter'])
    expect(decision?.reason).toContain('failures were asked for: first:content_filter')
    expect((await played('all:rate_limit')).status).toBe(429)
  })

  it('is for admins only, and must be spelt right', async () => {
    const refused = await played('first', 'plain', testKey)
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ error: { code: 'test_failure_not_allowed' } })
    for (const value of ['second', 'first:nonsense', 'first:client_closed', 'first:constructor']) {
      const wrong = await played(value)
      expect(wrong.status).toBe(400)
      expect(await wrong.json()).toMatchObject({ error: { code: 'invalid_test_failure' } })
    }
    expect(calls()).toEqual([0, 0, 0])
  })
})
