import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A provider and its clients over bare sockets: they cost so little that the proxy between them is what is measured, also where
 * both share one core (see docs/performance.md).
 */

const headEnd = Buffer.from('\r\n\r\n')

/** Answers every POST with the same bytes; a request that asks for a stream with the stream's. */
export function wireUpstream(answers: { readonly json: Buffer; readonly stream: readonly Buffer[] }): Server {
  return createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    let pending: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      for (;;) {
        const end = pending.indexOf(headEnd)
        if (end === -1) return
        const length = Number(/content-length: *(\d+)/i.exec(pending.toString('latin1', 0, end))?.[1] ?? 0)
        const total = end + headEnd.length + length
        if (pending.length < total) return
        const isStream = pending.subarray(end, total).includes('"stream":true')
        pending = pending.subarray(total)
        if (!isStream) socket.write(answers.json)
        else for (const part of answers.stream) socket.write(part)
      }
    })
  })
}

/** The bytes of an answer in one piece. */
export function jsonAnswer(body: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.from(head + body)
}

/** The writes of a streamed answer: its head, then several events in each chunk. */
export function streamAnswer(events: readonly string[], perChunk: number): Buffer[] {
  const writes: Buffer[] = []
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
  for (let at = 0; at < events.length; at += perChunk) {
    const text = events.slice(at, at + perChunk).join('')
    const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
    writes.push(Buffer.from(at === 0 ? head + chunk : chunk))
  }
  writes.push(Buffer.from('0\r\n\r\n'))
  return writes
}

/** The bytes of one POST. */
export function postBytes(path: string, body: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** One connection that sends one request at a time. */
class Client {
  readonly #socket: Socket
  #onAnswer: ((error: Error | null) => void) | null = null
  /** Bytes of the body still to come; null: it is chunked; -1: the head is still to come. */
  #left: number | null = -1
  #tail = ''

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#end(error))
    this.#socket.on('close', () => this.#end(new Error('the connection was closed')))
  }

  send(bytes: Buffer, onAnswer: (error: Error | null) => void): void {
    this.#onAnswer = onAnswer
    this.#left = -1
    this.#socket.write(bytes)
  }

  close(): void {
    this.#onAnswer = null
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    let body = chunk
    if (this.#left === -1) {
      const end = chunk.indexOf(headEnd)
      if (end === -1) {
        this.#end(new Error('a head came in parts'))
        return
      }
      const head = chunk.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 200')) {
        this.#end(new Error(chunk.toString('latin1', 0, 600)))
        return
      }
      const length = /content-length: *(\d+)/i.exec(head)?.[1]
      this.#left = length === undefined ? null : Number(length)
      this.#tail = ''
      body = chunk.subarray(end + headEnd.length)
    }
    if (this.#left !== null) {
      this.#left -= body.length
      if (this.#left <= 0) this.#end(null)
      return
    }
    this.#tail = (this.#tail + body.toString('latin1', Math.max(0, body.length - 7))).slice(-7)
    if (this.#tail.endsWith('\r\n0\r\n\r\n') || this.#tail === '0\r\n\r\n') this.#end(null)
  }

  #end(error: Error | null): void {
    const onAnswer = this.#onAnswer
    this.#onAnswer = null
    onAnswer?.(error)
  }
}

export interface Load {
  readonly port: number
  readonly bytes: Buffer
  readonly connections: number
}

/** Sends requests as fast as they are answered. @returns requests per second */
export function closedLoop({ port, bytes, connections }: Load, count: number): Promise<number> {
  const clients = Array.from({ length: connections }, () => new Client(port))
  const startedAt = performance.now()
  let sent = 0
  let answered = 0
  return new Promise<number>((resolve, reject) => {
    const next = (client: Client) => {
      if (sent >= count) return
      sent += 1
      client.send(bytes, (error) => {
        if (error !== null) return reject(error)
        answered += 1
        if (answered === count) resolve((count / (performance.now() - startedAt)) * 1_000)
        else next(client)
      })
    }
    for (const client of clients) next(client)
  }).finally(() => {
    for (const client of clients) client.close()
  })
}

/**
 * Sends requests at a steady rate, those of a millisecond together, whether or not the ones before were answered. A request's time
 * runs from that moment, so that waiting for a free connection counts (no coordinated omission). Between them this process
 * sleeps: the provider may share its core. @returns every time, milliseconds, rising
 */
export function openLoop({ port, bytes, connections }: Load, perSecond: number, count: number): Promise<number[]> {
  const free = Array.from({ length: connections }, () => new Client(port))
  const all = [...free]
  const due: number[] = []
  const times: number[] = []
  const startedAt = performance.now()
  return new Promise<number[]>((resolve, reject) => {
    const start = (client: Client, dueAt: number) => {
      client.send(bytes, (error) => {
        if (error !== null) return reject(error)
        times.push(performance.now() - dueAt)
        const waiting = due.shift()
        if (waiting === undefined) free.push(client)
        else start(client, waiting)
        if (times.length === count) resolve(times.sort((a, b) => a - b))
      })
    }
    let begun = 0
    const tick = () => {
      const now = performance.now()
      while (begun < count && startedAt + (begun * 1_000) / perSecond <= now) {
        begun += 1
        const client = free.pop()
        if (client === undefined) due.push(now)
        else start(client, now)
      }
      if (begun < count) setTimeout(tick, 1)
    }
    tick()
  }).finally(() => {
    for (const client of all) client.close()
  })
}
