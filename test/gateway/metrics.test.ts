import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { troubleLog } from '#gateway/trouble-log.ts'
import { createLog } from '#infra/log.ts'
import { counts, maxSeries, sizes } from '#infra/metric-series.ts'
import { createMetrics, type Metrics } from '#infra/metrics.ts'
import { observers } from '#infra/observer.ts'
import { answers, type FakeUpstream, fails, hangs, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

let first: FakeUpstream
let second: FakeUpstream
let running: RunningGateway
let metrics: Metrics
let lines: Record<string, unknown>[]

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream(answers('from the second'))
})
afterAll(async () => {
  await first.close()
  await second.close()
})
beforeEach(async () => {
  first.otherwise = answers('one two three')
  metrics = createMetrics(() => running.gateway.readings())
  lines = []
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line)) })
  const spec = { models: ['one/a'], fallbacks: ['two/b'], retry: { attempts: 1 }, timeouts: { totalMs: 1_000 } }
  const [stable, candidate] = [aVersion('split', 1, spec), aVersion('split', 2, spec)]
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl)],
      models: ['one/a', 'two/b'],
      routes: [
        aRoute('plain', spec),
        aRoute('alone', { ...spec, fallbacks: [] }),
        aRoute('split', spec, { stable, rollout: aRollout(stable, candidate) }),
      ],
    }),
    { observer: observers([metrics.observer, troubleLog(log, () => performance.now())]) },
  )
})
afterEach(() => running.close())

const ask = (model: string, more: object = {}) =>
  running.post({ model, messages: [{ role: 'user', content: 'a secret question' }], ...more })

/** Values by the whole name of their series. */
async function scrape(): Promise<Map<string, number>> {
  await running.settle()
  const text = await metrics.render()
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

const of = (model: string, route = 'plain') =>
  `route="${route}",arm="baseline",model="${model}",provider="${model.split('/')[0]}"`

describe('/metrics (B8)', () => {
  it('counts requests, tokens, cost and times of what was answered', async () => {
    await ask('plain')
    await (await ask('plain', { stream: true })).text()
    const seen = await scrape()
    expect(seen.get(`interlock_requests_total{${of('one/a')},status="2xx",error="none"}`)).toBe(2)
    expect(seen.get(`interlock_request_duration_seconds_count{${of('one/a')}}`)).toBe(2)
    expect(seen.get(`interlock_time_to_first_token_seconds_count{${of('one/a')}}`)).toBe(1)
    expect(seen.get(`interlock_request_tokens_bucket{${of('one/a')},type="input",le="+Inf"}`)).toBe(2)
    expect(seen.get(`interlock_request_cost_usd_count{${of('one/a')}}`)).toBe(2)
    expect(seen.get(`interlock_usage_estimated_total{${of('one/a')}}`)).toBe(1)
    expect(seen.get('interlock_overhead_seconds_count{stream="false"}')).toBe(1)
    expect(seen.get('interlock_overhead_seconds_count{stream="true"}')).toBe(1)
  })

  it('counts attempts by class, fallbacks, and refusals by our own code', async () => {
    first.otherwise = fails(500, { code: 'a_code_of_theirs' })
    await ask('plain')
    await ask('alone')
    await ask('no such route')
    await running.post('{', {})
    const seen = await scrape()
    const attempts = 'interlock_attempt_duration_seconds_count'
    expect(seen.get(`${attempts}{model="one/a",provider="one",error="server_error"}`)).toBe(2)
    expect(seen.get(`${attempts}{model="two/b",provider="two",error="none"}`)).toBe(1)
    expect(seen.get('interlock_fallbacks_total{route="plain"}')).toBe(1)
    expect(seen.get(`interlock_requests_total{${of('one/a', 'alone')},status="5xx",error="server_error"}`)).toBe(1)
    expect(seen.get('interlock_requests_refused_total{status="4xx",code="model_not_found"}')).toBe(1)
    expect(seen.get('interlock_requests_refused_total{status="4xx",code="invalid_json"}')).toBe(1)
  })

  it('reads circuits, rollouts, epoch, lease and requests under way at the moment of the scrape', async () => {
    first.otherwise = fails(500)
    for (let index = 0; index < 5; index += 1) await ask('alone')
    const seen = await scrape()
    expect(seen.get('interlock_circuit_open{model="one/a"}')).toBe(1)
    expect(seen.get('interlock_rollouts_open{stage="canary"}')).toBe(1)
    expect(seen.get('interlock_snapshot_epoch')).toBe(7)
    expect(seen.get('interlock_exposure_lease_valid')).toBe(1)
    expect(seen.get('interlock_requests_in_flight')).toBe(0)
    expect(seen.get('interlock_log_rows_dropped{kind="decisions"}')).toBe(0)
    const callsBefore = second.calls.length
    second.script.push(hangs)
    const waiting = ask('plain')
    await until(() => second.calls.length > callsBefore)
    expect(await metrics.render()).toMatch(/^interlock_requests_in_flight 1$/m)
    await waiting
  })

  it('never holds a request’s id, a provider’s words or a key', async () => {
    first.otherwise = fails(400, { code: 'hostile"} 1', message: 'words' })
    await ask('alone', { metadata: { session: 'session-77' } })
    const text = await metrics.render()
    for (const secret of ['req_', 'hostile', 'words', 'session-77', 'secret', 'key_1'])
      expect(text).not.toContain(secret)
  })
})

describe('a metric', () => {
  it('has a bounded number of series: more than that count as one', async () => {
    const family = counts('x_total', 'help', ['model'])
    for (let index = 0; index < maxSeries + 50; index += 1) family.series(`m${index}`).value += 1
    const { values } = await family.get()
    expect(values).toHaveLength(maxSeries + 1)
    expect(values.at(-1)).toEqual({ metricName: 'x_total', labels: { model: 'other' }, value: 50 })
  })

  it('of sizes has cumulative buckets and leaves out what is no size', async () => {
    const family = sizes('x', 'help', [], [1, 2])
    for (const value of [0.5, 1, 1.5, 9, Number.NaN, -1, Number.POSITIVE_INFINITY]) family.series().observe(value)
    const { values } = await family.get()
    expect(values.map(({ value }) => value)).toEqual([2, 3, 4, 12, 4])
  })
})

describe('the log of trouble', () => {
  it('names request, route and the class of each attempt, and no text', async () => {
    first.otherwise = fails(503, { message: 'their words' })
    await ask('plain')
    await ask('alone')
    await running.settle()
    expect(lines).toMatchObject([
      {
        level: 30,
        route: 'plain',
        attempts: ['one/a server_error', 'two/b answered'],
        msg: 'a fallback answered a request',
      },
      { level: 40, route: 'alone', attempts: ['one/a server_error'], status: 502, msg: 'a request failed' },
    ])
    expect(lines.every(({ requestId }) => String(requestId).startsWith('req_'))).toBe(true)
    expect(JSON.stringify(lines)).not.toMatch(/secret|their words/)
  })

  it('is silent about what went well, and writes at most twenty lines a second', async () => {
    await ask('plain')
    await running.settle()
    expect(lines).toEqual([])
    const record = { ...running.written.decisions[0], status: 502 } as Parameters<
      typeof metrics.observer.requestEnded
    >[0]
    let now = 0
    const log = createLog('info', { write: (line) => lines.push(JSON.parse(line)) })
    const trouble = troubleLog(log, () => now)
    for (let index = 0; index < 100; index += 1) trouble.requestEnded(record, null)
    expect(lines).toHaveLength(20)
    now = 1_000
    trouble.requestEnded(record, null)
    expect(lines.at(-1)).toMatchObject({ suppressed: 80 })
  })
})
