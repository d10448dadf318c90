import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { createMetrics } from '#infra/metrics.ts'
import {
  answers,
  type Behaviour,
  chunk,
  completion,
  type FakeUpstream,
  fails,
  finish,
  role,
  sends,
  startUpstream,
  streams,
  words,
} from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

/** What users of other gateways ran into with streams, fallbacks, cooldowns and latency: each is named after its symptom. */
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

const timeouts = { connectMs: 400, firstTokenMs: 200, idleMs: 200, totalMs: 1_500 }
const backed = { models: ['one/a'], fallbacks: ['two/b'], timeouts, retry: { attempts: 1 } } satisfies RouteSpec
const plain = ['streaming']
const metrics = createMetrics(() => null)

beforeEach(async () => {
  for (const upstream of [first, second]) {
    upstream.script.length = 0
    upstream.calls.length = 0
  }
  first.otherwise = answers('from the first')
  second.otherwise = answers('from the second')
  const [stable, candidate] = [aVersion('split', 1, backed), aVersion('split', 2, backed)]
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl)],
      models: ['one/a', 'two/b', aModel('two/plain', { capabilities: plain })],
      routes: [
        aRoute('backed', backed),
        aRoute('alone', { models: ['one/a'], timeouts, retry: { attempts: 1 } }),
        aRoute('slow-start', { ...backed, timeouts: { ...timeouts, firstTokenMs: 100, idleMs: 1_000 } }),
        aRoute('slow-middle', { ...backed, timeouts: { ...timeouts, firstTokenMs: 1_000, idleMs: 100 } }),
        aRoute('content', { ...backed, fallbacks: [{ model: 'two/b', on: ['invalid_response'] }] }),
        aRoute('poor-first', { ...backed, fallbacks: ['two/plain', 'two/b'] }),
        aRoute('split', backed, { stable, rollout: aRollout(stable, candidate, { unit: 'request', shareBp: 10_000 }) }),
      ],
    }),
    { observer: metrics.observer },
  )
})
afterEach(() => running.close())

const messages = [{ role: 'user', content: 'Hi' }]
const ask = (model: string, more: object = {}) => running.post({ model, messages, ...more })
const stream = async (model: string) => (await ask(model, { stream: true })).text()

async function lastDecision() {
  await running.settle()
  return running.written.decisions.at(-1)
}

describe('streaming and fallback', () => {
  it.each<[string, Behaviour]>([
    ['cut', streams([role()], 'reset')],
    ['stalled', streams([role()], 'hang')],
    ['malformed', streams(['{"choices"'])],
  ])('1: the fallback was never tried when a stream was %s', async (_name, behaviour) => {
    first.script.push(behaviour)
    expect(await stream('backed')).toContain('second')
  })

  it('2: an error inside a 200 stream went past the retries', async () => {
    first.script.push(streams([{ error: { message: 'quota', code: 429 } }]))
    expect(await stream('backed')).toContain('second')
    expect((await lastDecision())?.attempts[0]?.errorClass).toBe('rate_limit')
  })

  it('3: a preamble counted as an answer, so the failure behind it had no fallback', async () => {
    first.script.push(streams([role(), chunk({ content: '' }), Buffer.from(': ping\n\n')], 'reset'))
    const text = await stream('backed')
    expect(text).toContain('second')
    expect(text).not.toContain('ping')
  })

  it('4: a fallback after half an answer said it all again', async () => {
    first.script.push(streams([role(), ...words('half of an answer ')], 'reset'))
    const text = await stream('backed')
    expect(text).not.toContain('second')
    expect(text.match(/half/g)).toHaveLength(1)
    expect(second.calls).toHaveLength(0)
  })

  it('5: a truncated stream ended like a whole one, without [DONE] and without an error', async () => {
    first.script.push(streams([role(), ...words('half')]))
    const text = await stream('backed')
    expect(text).toContain('"code":"stream_truncated"')
    expect(text).not.toContain('[DONE]')
  })

  it.each(['json', 'stream'])('6: the time-out ended when headers came, so a stalled %s hung', async (kind) => {
    first.script.push((_call, res) => {
      res.writeHead(200, { 'content-type': kind === 'json' ? 'application/json' : 'text/event-stream' })
      res.flushHeaders()
    })
    const startedAt = performance.now()
    await (await ask('alone', { stream: kind === 'stream' })).text()
    expect(performance.now() - startedAt).toBeLessThan(timeouts.totalMs + 500)
    expect((await lastDecision())?.attempts[0]?.errorClass).toBe('timeout')
  })

  it('7: there was no setting for the first token and none for a stall', async () => {
    const late: Behaviour = async (call, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const parts = [role(), ...words('a b c '), finish(), '[DONE]']
      for (const part of parts) {
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 150)), call.closed])
        if (!res.destroyed) res.write(`data: ${typeof part === 'string' ? part : JSON.stringify(part)}\n\n`)
      }
      res.end()
    }
    first.script.push(late, late)
    expect(await stream('slow-start')).toContain('second')
    expect(await stream('slow-middle')).toContain('"code":"upstream_timeout"')
  })

  it('8: hundreds of 200s and no error while every user saw a refusal', async () => {
    first.otherwise = answers("I'm sorry, but I can't help with that.")
    await ask('split')
    first.otherwise = sends(200, 'application/json', JSON.stringify({ ...completion(''), choices: filteredChoice }))
    await ask('split')
    await running.settle()
    const values = running.written.completions.map(({ candidate }) => candidate?.values)
    expect(values).toMatchObject([
      { error_rate: 0, refusal_rate: 1 },
      { error_rate: 0, refusal_rate: 1 },
    ])
  })
  const filteredChoice = [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' }]

  it('9: what the answer said could not lead to a fallback', async () => {
    first.script.push(answers('Here you go: {not json'))
    const response = await ask('content', { response_format: { type: 'json_object' } })
    expect(response.headers.get('x-interlock-model')).toBe('two/b')
  })

  it('10: tools and response format were lost on the way to the fallback, or it could not take them', async () => {
    first.script.push(fails(500))
    const more = {
      tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: {} } },
      unknown_field: { kept: true },
    }
    const response = await ask('poor-first', more)
    expect(response.headers.get('x-interlock-model')).toBe('two/b')
    expect(second.calls[0]?.body).toEqual({ model: 'b', messages, ...more })
    expect((await lastDecision())?.excluded).toContainEqual(
      expect.objectContaining({ model: 'two/plain', by: 'capability' }),
    )
  })
})

describe('cooldown, latency, health', () => {
  it('12: twenty-five 500s in a row never cooled', async () => {
    first.otherwise = fails(500)
    for (let index = 0; index < 25; index += 1) await ask('alone')
    expect(first.calls).toHaveLength(5)
  })

  it('14: the time to the first token was divided by the number of tokens', async () => {
    const answer = (text: string) => streams([role(), ...words(text), finish(), '[DONE]'])
    first.script.push(answer('one'), answer('one two three four five six seven eight nine ten'))
    await stream('alone')
    await stream('alone')
    await running.settle()
    for (const { ttftMs, totalMs, attempts } of running.written.decisions) {
      expect(ttftMs).toBeGreaterThan(0)
      expect(ttftMs).toBeLessThanOrEqual(totalMs)
      expect(Math.abs((ttftMs ?? 0) - (attempts[0]?.firstTokenMs ?? -99))).toBeLessThanOrEqual(1)
    }
  })

  it('15: with every target failing, the answer was a 500 and nothing was tried any more', async () => {
    first.otherwise = fails(500)
    second.otherwise = fails(500)
    for (let index = 0; index < 5; index += 1) await ask('backed')
    const refused = await ask('backed')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const refusedAt = performance.now()
    const before = first.calls.length
    const gate = Promise.withResolvers<void>()
    first.otherwise = async (call, res) => {
      await gate.promise
      answers('well again')(call, res)
    }
    // The rest of two seconds is over: of many requests at once, one is the probe.
    await until(() => performance.now() - refusedAt > 2_100)
    const statuses: number[] = []
    const asked = Array.from({ length: 5 }, () => ask('alone').then(({ status }) => statuses.push(status)))
    await until(() => statuses.length === 4)
    expect(first.calls.length).toBe(before + 1)
    gate.resolve()
    await Promise.all(asked)
    expect(statuses).toEqual([503, 503, 503, 503, 200])
    expect((await ask('alone')).status).toBe(200)
  })
})
