import { type ChildProcess, fork } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import type { RouteSpec } from '#domain/route.ts'
import { DecisionBuffer } from '#gateway/decision-buffer.ts'
import { createGateway } from '#gateway/handler.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import { silentLog } from '#test/support/gateway.ts'
import { aModel, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

/**
 * Throughput and CPU of the gateway against a bare node:http + undici pass-through, in the same run and alternating, because
 * only their ratio means anything on a machine that others use too.
 *
 *   node test/bench/gateway.ts [rounds] [requests per round] [connections]
 */
const [rounds, requests, connections] = [3, 6_000, 64].map((fallback, index) =>
  Number(process.argv[index + 2] ?? fallback),
)

const prompt = 'Summarise the following ticket for the agent on duty, in two sentences. '.repeat(12)
const body = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: prompt }], temperature: 0.2 })
const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm0',
  choices: [{ index: 0, message: { role: 'assistant', content: 'All is well. '.repeat(60) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 180, total_tokens: 380 },
})
const streamed = [
  ...Array.from({ length: 63 }, (_, i) =>
    JSON.stringify({
      id: 'c',
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { content: `word${i} ` }, finish_reason: null }],
    }),
  ),
  JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
  }),
  '[DONE]',
].map((data) => `data: ${data}\n\n`)

/** What a child process serves; it tells its port and, when asked, the CPU it has used. */
type Part = 'upstream' | 'bare' | 'gateway'

if (process.send === undefined) await measure()
else await serve(process.argv[2] as Part, process.argv[3] ?? '')

async function serve(part: Part, upstream: string): Promise<void> {
  const server = { upstream: upstreamServer, bare: () => bareServer(upstream), gateway: () => gatewayServer(upstream) }[
    part
  ]()
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system })
  })
}

function upstreamServer() {
  return createServer((req, res) => {
    let isStream = false
    req.on('data', (chunk: Buffer) => {
      isStream ||= chunk.includes('"stream":true')
    })
    req.on('end', () => {
      if (!isStream) {
        res
          .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
          .end(answer)
        return
      }
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let at = 0; at < streamed.length; at += 8) res.write(streamed.slice(at, at + 8).join(''))
      res.end()
    })
  })
}

function bareServer(upstream: string) {
  const agent = new Agent({ connections: 512, pipelining: 1 })
  return createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      agent.dispatch(
        {
          origin: upstream,
          path: '/v1/chat/completions',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: Buffer.concat(chunks),
        },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, headers) {
            const type = String(headers['content-type'])
            const length = headers['content-length']
            res.writeHead(status, {
              'content-type': type,
              ...(length !== undefined && { 'content-length': String(length) }),
            })
          },
          onResponseData(_controller, chunk) {
            res.write(chunk)
          },
          onResponseEnd() {
            res.end()
          },
          onResponseError() {
            res.destroy()
          },
        },
      )
    })
  })
}

/** Ten rules, none of which matches until the last; the log is on and turned into JSON, as it is for the database. */
function gatewayServer(upstream: string) {
  const spec: RouteSpec = {
    models: Array.from({ length: 20 }, (_, index) => `acme/m${index}`),
    rules: Array.from({ length: 10 }, (_, index) => ({
      name: `rule ${index}`,
      when: index === 9 ? { inputTokens: { gt: 10 } } : { 'metadata.team': `team-${index}`, inputTokens: { gt: 10 } },
      select: { strategy: 'priority' },
    })),
  }
  const snapshot = aSnapshot({
    providers: [aProvider('acme', `${upstream}/v1`)],
    models: spec.models.map((model) => aModel(String(model))),
    routes: [aRoute('bench', spec)],
  })
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const written = { bytes: 0 }
  const write = async (batch: unknown) => {
    written.bytes += JSON.stringify(batch).length
  }
  const sink = new DecisionBuffer({ write }, silentLog)
  let lastId = 0
  const gateway = createGateway({
    table: { current: () => snapshot, isLeaseValid: () => true },
    clock,
    random: Math.random,
    newId: (prefix) => {
      lastId += 1
      return `${prefix}_${lastId}`
    },
    providers: createProviderRegistry({ upstreamAllow: ['127.0.0.0/8'], readEnvironment: () => null, clock }),
    lexical: readLexicalModel(lexicalModelDocument()),
    sink,
    log: silentLog,
    bootId: 'boot',
  })
  return createServer((req, res) => void gateway.handle(req, res))
}

interface Child {
  readonly process: ChildProcess
  readonly origin: string
  cpuUs(): Promise<number>
}

async function start(part: Part, upstream = ''): Promise<Child> {
  const child = fork(import.meta.filename, [part, upstream])
  const ask = <T>(message?: string) =>
    new Promise<T>((resolve) => {
      child.once('message', (value) => resolve(value as T))
      if (message !== undefined) child.send(message)
    })
  const { port } = await ask<{ port: number }>()
  return {
    process: child,
    origin: `http://127.0.0.1:${port}`,
    cpuUs: async () => (await ask<{ cpuUs: number }>('cpu')).cpuUs,
  }
}

/** Sends requests at a fixed concurrency. @returns seconds, and each latency in milliseconds */
function load(
  agent: Agent,
  origin: string,
  text: string,
  count: number,
): Promise<{ seconds: number; latencies: number[] }> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${testKey}` }
  const latencies: number[] = []
  const startedAt = performance.now()
  let sent = 0
  return new Promise((resolve, reject) => {
    const next = () => {
      if (sent >= count) return
      sent += 1
      const at = performance.now()
      agent.dispatch(
        { origin, path: '/v1/chat/completions', method: 'POST', headers, body: text },
        {
          onRequestStart() {},
          onResponseStart(_controller, status) {
            if (status !== 200) reject(new Error(`status ${status}`))
          },
          onResponseData() {},
          onResponseEnd() {
            latencies.push(performance.now() - at)
            if (latencies.length === count) resolve({ seconds: (performance.now() - startedAt) / 1_000, latencies })
            else next()
          },
          onResponseError: (_controller, error) => reject(error),
        },
      )
    }
    for (let index = 0; index < (connections ?? 64); index += 1) next()
  })
}

async function measure(): Promise<void> {
  const upstream = await start('upstream')
  const bare = await start('bare', upstream.origin)
  const gateway = await start('gateway', upstream.origin)
  const agent = new Agent({ connections: connections ?? 64, pipelining: 1 })
  for (const [name, text, count] of [
    ['JSON', body, requests ?? 0],
    ['SSE of 64 events', body.replace('"temperature"', '"stream":true,"temperature"'), Math.ceil((requests ?? 0) / 4)],
  ] as const) {
    const results = { bare: [] as number[], gateway: [] as number[] }
    const cpu = { bare: [] as number[], gateway: [] as number[] }
    const p99 = { bare: [] as number[], gateway: [] as number[] }
    for (let round = -1; round < (rounds ?? 1); round += 1) {
      for (const [part, child] of [
        ['bare', bare],
        ['gateway', gateway],
      ] as const) {
        const before = await child.cpuUs()
        const { seconds, latencies } = await load(agent, child.origin, text, count)
        if (round === -1) continue
        results[part].push(count / seconds)
        cpu[part].push(((await child.cpuUs()) - before) / count)
        p99[part].push(latencies.toSorted((a, b) => a - b)[Math.floor(count * 0.99)] ?? 0)
      }
    }
    const [bareRate, gatewayRate] = [median(results.bare), median(results.gateway)]
    const [bareCpu, gatewayCpu] = [median(cpu.bare), median(cpu.gateway)]
    console.log(
      `${name}, ${connections} connections: bare ${bareRate.toFixed(0)}/s ${bareCpu.toFixed(0)} us CPU p99 ${median(p99.bare).toFixed(1)} ms; ` +
        `gateway ${gatewayRate.toFixed(0)}/s ${gatewayCpu.toFixed(0)} us CPU p99 ${median(p99.gateway).toFixed(1)} ms; ` +
        `throughput ${(gatewayRate / bareRate).toFixed(2)} of bare, by CPU ${(bareCpu / gatewayCpu).toFixed(2)}`,
    )
  }
  await agent.destroy()
  for (const child of [upstream, bare, gateway]) child.process.kill()
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
