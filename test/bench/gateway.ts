import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { testKey } from '#test/support/routing.ts'
import { portkeyHeaders, startPortkey } from './portkey.ts'
import { barePassThrough, wholeGateway } from './proxies.ts'
import { closedLoop, jsonAnswer, type Load, openLoop, postBytes, streamAnswer, wireUpstream } from './wire.ts'

/**
 * The whole gateway against a bare node:http + undici pass-through and against `@portkey-ai/gateway` from npm, in one run and
 * taking turns, because only their ratios mean anything on a machine that others use too.
 *
 *   npm run bench:gateway -- [rounds] [requests per round] [connections]
 *
 * Where `taskset` is there each proxy has one core to itself and everything else the others.
 */
const [rounds = 0, requests = 0, connections = 0] = [5, 8_000, 64].map((fallback, index) =>
  Number(process.argv[index + 2] ?? fallback),
)

const prompt = 'Summarise the following ticket for the agent on duty, in two sentences. '.repeat(12)
const asked = { model: 'bench', messages: [{ role: 'user', content: prompt }], temperature: 0.2 }
const completion = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm0',
  choices: [{ index: 0, message: { role: 'assistant', content: 'All is well. '.repeat(60) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 180, total_tokens: 380 },
})
const chunkOf = (delta: object, finishReason: string | null) =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
const events = [
  ...Array.from({ length: 63 }, (_, index) => chunkOf({ content: `word${index} ` }, null)),
  chunkOf({}, 'stop'),
  '[DONE]',
].map((data) => `data: ${data}\n\n`)

type Part = 'upstream' | 'bare' | 'gateway'

if (process.send === undefined) await measure()
else serve(process.argv[2] as Part, process.argv[3] ?? '')

function serve(part: Part, upstream: string): void {
  const make = {
    upstream: () => wireUpstream({ json: jsonAnswer(completion), stream: streamAnswer(events, 8) }),
    bare: () => barePassThrough(upstream),
    gateway: () => wholeGateway(upstream),
  }
  const server = make[part]()
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system })
  })
}

interface Proxy {
  readonly name: string
  readonly process: ChildProcess
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  /** null: a program of others does not tell. */
  readonly cpuUs: (() => Promise<number>) | null
  /** Share of the requests it gets: a slow one would take all the time. */
  readonly share: number
}

async function start(part: Part, upstream = ''): Promise<Proxy> {
  const child = fork(import.meta.filename, [part, upstream], { execArgv: process.env['BENCH_NODE']?.split(' ') ?? [] })
  const ask = <T>(message?: string) =>
    new Promise<T>((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`${part} ended with code ${code}`))
      child.once('exit', ended)
      child.once('message', (value) => {
        child.off('exit', ended)
        resolve(value as T)
      })
      if (message !== undefined) child.send(message)
    })
  const { port } = await ask<{ port: number }>()
  const cpuUs = async () => (await ask<{ cpuUs: number }>('cpu')).cpuUs
  return { name: part, process: child, port, headers: { authorization: `Bearer ${testKey}` }, cpuUs, share: 1 }
}

/** Gives a process and all its threads one set of cores. */
function pin(pid: number | undefined, cores: string): boolean {
  try {
    execFileSync('taskset', ['-apc', cores, String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function measure(): Promise<void> {
  const upstream = await start('upstream')
  const origin = `http://127.0.0.1:${upstream.port}`
  const proxies = [await start('bare', origin), await start('gateway', origin)]
  const portkey = await startPortkey()
  if ('reason' in portkey) console.log(`@portkey-ai/gateway is left out: ${portkey.reason}`)
  else proxies.push({ ...portkey, name: 'portkey', headers: portkeyHeaders(origin), cpuUs: null, share: 0.1 })
  const rest = `1-${availableParallelism() - 1}`
  const isPinned =
    availableParallelism() > 1 &&
    [process.pid, upstream.process.pid].every((pid) => pin(pid, rest)) &&
    proxies.every((proxy) => pin(proxy.process.pid, '0'))
  console.log(
    isPinned ? 'each proxy on core 0, everything else on the others' : 'cores are shared: taskset is not there',
  )
  try {
    const rate = await compare('JSON', proxies, JSON.stringify(asked), requests)
    await compare('SSE of 64 events', proxies, JSON.stringify({ ...asked, stream: true }), Math.ceil(requests / 4))
    await compareLatency(proxies.slice(0, 2), JSON.stringify(asked), rate / 2)
  } finally {
    for (const { process: child } of [upstream, ...proxies]) child.kill()
  }
}

function loadOf(proxy: Proxy, body: string): Load {
  return { port: proxy.port, bytes: postBytes('/v1/chat/completions', body, proxy.headers), connections }
}

/** @returns null where a program of others fails under the load: it is left out, ours must not fail */
async function rateOf(proxy: Proxy, body: string, count: number): Promise<number | null> {
  try {
    return await closedLoop(loadOf(proxy, body), count)
  } catch (error) {
    if (proxy.cpuUs !== null) throw error
    console.log(`  ${proxy.name} failed: ${String(error).split('\n')[0]}`)
    return null
  }
}

/** Throughput at full load. @returns the gateway's requests per second */
async function compare(what: string, proxies: readonly Proxy[], body: string, count: number): Promise<number> {
  const rates = new Map(proxies.map(({ name }) => [name, [] as number[]]))
  const cpu = new Map(proxies.map(({ name }) => [name, [] as number[]]))
  for (let round = -1; round < rounds; round += 1) {
    for (const proxy of proxies) {
      const own = Math.ceil(count * proxy.share)
      const before = (await proxy.cpuUs?.()) ?? 0
      if (!rates.has(proxy.name)) continue
      const rate = await rateOf(proxy, body, own)
      if (rate === null) rates.delete(proxy.name)
      if (round === -1 || rate === null) continue
      rates.get(proxy.name)?.push(rate)
      if (proxy.cpuUs !== null) cpu.get(proxy.name)?.push(((await proxy.cpuUs()) - before) / own)
    }
  }
  const of = (values: ReadonlyMap<string, readonly number[]>, name: string) => median(values.get(name) ?? [])
  console.log(`${what}, ${connections} connections, median of ${rounds} rounds of ${count}:`)
  for (const { name, cpuUs } of proxies.filter((proxy) => rates.has(proxy.name))) {
    const used = cpuUs === null ? '' : `, ${of(cpu, name).toFixed(0)} us CPU each`
    console.log(`  ${name}: ${of(rates, name).toFixed(0)}/s${used}`)
  }
  const ratio = of(rates, 'gateway') / of(rates, 'bare')
  const byCpu = of(cpu, 'bare') / of(cpu, 'gateway')
  console.log(`  gateway / bare = ${ratio.toFixed(2)} by throughput, ${byCpu.toFixed(2)} by CPU (goal: 0.70)`)
  if (rates.has('portkey')) {
    console.log(`  gateway / portkey = ${(of(rates, 'gateway') / of(rates, 'portkey')).toFixed(1)} (goal: 8)`)
  }
  return of(rates, 'gateway')
}

/** Times at one steady rate for all, half of what the gateway can take. */
async function compareLatency(proxies: readonly Proxy[], body: string, perSecond: number): Promise<void> {
  const p99 = new Map(proxies.map(({ name }) => [name, [] as number[]]))
  const p50 = new Map(proxies.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round += 1) {
    for (const proxy of proxies) {
      const times = await openLoop(loadOf(proxy, body), perSecond, Math.ceil(perSecond * 3))
      p50.get(proxy.name)?.push(times[Math.floor(times.length * 0.5)] ?? 0)
      p99.get(proxy.name)?.push(times[Math.floor(times.length * 0.99)] ?? 0)
    }
  }
  console.log(
    `JSON at ${perSecond.toFixed(0)}/s, half of what the gateway can take, median of ${rounds} rounds of 3 s:`,
  )
  for (const { name } of proxies) {
    const [middle, late] = [median(p50.get(name) ?? []), median(p99.get(name) ?? [])]
    console.log(`  ${name}: p50 ${middle.toFixed(2)} ms, p99 ${late.toFixed(2)} ms`)
  }
  const added = median(p99.get('gateway') ?? []) - median(p99.get('bare') ?? [])
  console.log(`  added at p99: ${added.toFixed(2)} ms (goal: 1)`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
