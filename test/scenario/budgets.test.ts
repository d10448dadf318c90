import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { engines, postgresDatabase } from '#test/support/database.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { adminKey, type ServerChild, startServerChild } from '#test/support/server-child.ts'

/** $1 per million tokens in and $2 out, 4 tokens in, at most 98 out: micro-dollars. */
const estimate = 200
const answer = answers('hello', { usage: { prompt_tokens: 4, completion_tokens: 98, total_tokens: 102 } })

interface Sent {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  readonly body: any
}

async function send(server: ServerChild, method: string, path: string, body?: unknown): Promise<Sent> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

const ask = (server: ServerChild) =>
  send(server, 'POST', '/v1/chat/completions', {
    model: 'r',
    messages: [{ role: 'user', content: 'hello you there' }],
    max_tokens: 98,
  })

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Asks, several at a time, until the budget says no. @returns answers of status 200 */
async function askUntilRefused(server: ServerChild, atOnce: number): Promise<number> {
  let passed = 0
  const one = async () => {
    for (;;) {
      const { status } = await ask(server).catch(() => ({ status: 0 }))
      if (status !== 200) return
      passed += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return passed
}

describe.runIf(engines().includes('postgres'))('one budget and two processes (B5, E6, E7)', () => {
  let upstream: FakeUpstream
  let servers: ServerChild[]
  let drop: () => Promise<void>
  beforeEach(async () => {
    upstream = await startUpstream(answer)
    const database = await postgresDatabase()
    drop = database.drop
    const redisUrl = process.env['REDIS_URL']
    const env = { DATABASE_URL: database.url, INTERLOCK_ROLE: 'all', ...(redisUrl && { REDIS_URL: redisUrl }) }
    // Gateways are told apart by host and port.
    servers = []
    for (const port of await freePorts(2)) servers.push(await startServerChild({ ...env, PORT: String(port) }))
    const [first] = servers as [ServerChild]
    await send(first, 'PUT', '/api/providers/p', { kind: 'openai', baseUrl: upstream.baseUrl })
    await send(first, 'PUT', '/api/models/p/m', { price: { input: 1, output: 2 } })
    const gates = [{ metric: 'error_rate', max: 0.5 }]
    const bar = { evaluators: [], gates }
    const made = await send(first, 'POST', '/api/routes', { name: 'r', spec: { models: ['p/m'] }, bar })
    expect([made.status, made.body]).toEqual([201, expect.anything()])
  })
  afterEach(async () => {
    for (const server of servers) if (server.process.exitCode === null && !server.process.killed) await server.stop()
    await upstream.close()
    await drop()
  })

  const budget = async (server: ServerChild) => (await send(server, 'GET', '/api/budgets/route/r')).body.budgets[0]
  const setBudget = (server: ServerChild, requests: number) =>
    send(server, 'PUT', '/api/budgets/route/r', {
      budgets: [{ period: 'monthly', hardUsd: (requests * estimate) / 1e6, softUsd: (requests * estimate) / 2e6 }],
    })

  /** A budget holds once the gateways have it. */
  const bothKnow = (server: ServerChild) =>
    expect
      .poll(
        async () => {
          const { items } = (await send(server, 'GET', '/api/gateways')).body
          return items.map((one: { isCurrent: boolean }) => one.isCurrent)
        },
        { timeout: 20_000 },
      )
      .toEqual([true, true])

  test('hammered at once, they spend all of it and nothing beyond; the soft alert is recorded once', async () => {
    const [first, second] = servers as [ServerChild, ServerChild]
    expect((await setBudget(first, 300)).status).toBe(201)
    await bothKnow(first)
    const passed = (await Promise.all(servers.map((server) => askUntilRefused(server, 12)))).reduce((a, b) => a + b, 0)
    // A gateway may have refused while the other still held a part; the rest is spent once that has come back.
    expect(passed).toBeLessThanOrEqual(300)
    expect(passed).toBeGreaterThan(200)
    let total = passed
    await expect
      .poll(
        async () => {
          total += await askUntilRefused(first, 1)
          return total
        },
        { timeout: 40_000, interval: 500 },
      )
      .toBe(300)
    const spent = async () => Math.round((await budget(second)).spentUsd * 1e6)
    await expect.poll(spent, { timeout: 5_000 }).toBe(300 * estimate)
    expect(upstream.calls).toHaveLength(300)
    const alerts = (await send(first, 'GET', '/api/budget-alerts')).body.items
    expect(alerts.map((alert: { kind: string }) => alert.kind).sort()).toEqual(['hard', 'soft'])
    const refused = await ask(second)
    expect([refused.status, refused.body.error.code]).toEqual([402, 'budget_exceeded'])
  })

  test('kill -9 between setting aside and settling: never less is counted than the decision log shows', async () => {
    const [first, second] = servers as [ServerChild, ServerChild]
    await setBudget(first, 2_000)
    await bothKnow(first)
    const hammered = askUntilRefused(first, 8)
    await expect.poll(() => upstream.calls.length, { timeout: 20_000 }).toBeGreaterThan(200)
    upstream.otherwise = () => undefined
    const before = upstream.calls.length
    await expect.poll(() => upstream.calls.length, { timeout: 5_000 }).toBeGreaterThan(before)
    await first.kill()
    await hammered
    const logged = async () => {
      let sum = 0
      for (let cursor = ''; ; ) {
        const page = (await send(second, 'GET', `/api/decisions?route=r&limit=200${cursor}`)).body
        sum += page.items.reduce((total: number, row: { costUsd: number | null }) => total + (row.costUsd ?? 0), 0)
        if (page.nextCursor === null) return Math.round(sum * 1e6)
        cursor = `&cursor=${page.nextCursor}`
      }
    }
    const spent = Math.round((await budget(second)).spentUsd * 1e6)
    expect(await logged()).toBeGreaterThan(0)
    expect(spent).toBeGreaterThanOrEqual(await logged())
    expect(spent).toBeLessThanOrEqual(upstream.calls.length * estimate)
    upstream.otherwise = answer
    expect((await ask(second)).status).toBe(200)
  })
})
