import { fork } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { testKey } from '#test/support/routing.ts'
import { wholeGateway } from './proxies.ts'
import { postBytes } from './wire.ts'

/**
 * Memory of streams that are open for long: how much more the gateway's process holds, above idle, for each.
 *
 *   node test/bench/streams.ts [streams]
 *
 * A provider sends a word a second to each of 500 streams; the process that is measured holds the gateway and nothing else.
 */
const streams = Number(process.argv[2] ?? 500)
const wordsBefore = 3
const limitKb = 40
const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

if (process.send === undefined) await measure()
else serve(process.argv[2] ?? '')

function serve(upstream: string): void {
  const server = wholeGateway(upstream)
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('message', () => {
    for (let round = 0; round < 3; round += 1) (globalThis as { gc?: () => void }).gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send?.({ rss, held: heapUsed + external })
  })
}

function chunk(delta: object): string {
  const data = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
  return `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`
}

/** Answers every request with a word a second, for ever. */
function slowProvider() {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write(head + chunk({ role: 'assistant', content: '' }) + chunk({ content: 'first ' }))
      const timer = setInterval(() => socket.write(chunk({ content: 'word ' })), 1_000)
      socket.on('close', () => clearInterval(timer))
    })
  })
  return new Promise<string>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  )
}

/** Opens a stream and waits for some words of it. */
function open(port: number, bytes: Buffer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let words = 0
    socket.on('error', reject)
    socket.on('data', (data: Buffer) => {
      if (!data.includes('"content":"')) return
      words += 1
      if (words === wordsBefore) resolve(socket)
    })
  })
}

interface Memory {
  readonly rss: number
  readonly held: number
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, [await slowProvider()], { execArgv: ['--expose-gc'] })
  const ask = <T>(message?: string) =>
    new Promise<T>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the gateway ended with code ${code}`)))
      child.once('message', (value) => resolve(value as T))
      if (message !== undefined) child.send(message)
    })
  const { port } = await ask<{ port: number }>()
  const body = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'Hi' }], stream: true })
  const bytes = postBytes('/v1/chat/completions', body, { authorization: `Bearer ${testKey}` })
  // What is loaded and compiled once is not held by a stream.
  const warm = await Promise.all(Array.from({ length: 20 }, () => open(port, bytes)))
  for (const socket of warm) socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const idle = await ask<Memory>('memory')
  const sockets = await Promise.all(Array.from({ length: streams }, () => open(port, bytes)))
  const busy = await ask<Memory>('memory')
  const each = (name: keyof Memory) => (busy[name] - idle[name]) / streams / 1_024
  console.log(`${streams} streams of a word a second, after ${wordsBefore} words and a full collection:`)
  console.log(`  ${each('held').toFixed(1)} KB of heap and buffers each above idle (goal: ${limitKb})`)
  console.log(`  ${each('rss').toFixed(1)} KB of resident memory each, the kernel's socket buffers not counted`)
  for (const socket of sockets) socket.destroy()
  child.kill()
  process.exit(0)
}
