import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One request as the provider saw it. */
export interface UpstreamCall {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: { model?: string; stream?: boolean; messages?: { content: unknown }[]; [field: string]: unknown }
  /** 0 for the first call. */
  readonly index: number
  /** Resolves when the gateway has closed the connection or the answer is over. */
  readonly closed: Promise<void>
}

export type Behaviour = (call: UpstreamCall, res: ServerResponse) => void | Promise<void>

export interface FakeUpstream {
  readonly baseUrl: string
  readonly calls: UpstreamCall[]
  /** Behaviours for the next calls, in order; afterwards `otherwise`. */
  readonly script: Behaviour[]
  otherwise: Behaviour
  close(): Promise<void>
}

/** An OpenAI-compatible provider that does as it is told. */
export async function startUpstream(otherwise: Behaviour = answers('hello')): Promise<FakeUpstream> {
  const calls: UpstreamCall[] = []
  const sockets = new Set<Socket>()
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    res.once('close', resolve)
    const call = {
      path: req.url ?? '',
      headers: req.headers,
      text,
      body: JSON.parse(text),
      index: calls.length,
      closed,
    }
    calls.push(call)
    const behaviour = upstream.script.shift() ?? upstream.otherwise
    await behaviour(call, res)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream: FakeUpstream = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    script: [],
    otherwise,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
  return upstream
}

/** A whole chat completion. */
export function completion(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'fake-model',
    choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    ...more,
  }
}

/** Answers in one piece or, where a stream is asked for, word by word. */
export function answers(text: string, more: Record<string, unknown> = {}): Behaviour {
  return (call, res) => {
    if (call.body.stream === true) return streams([role(), ...words(text), finish(), '[DONE]'])(call, res)
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(completion(text, more)))
  }
}

export function fails(
  status: number,
  error: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Behaviour {
  return (_call, res) => {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    res.setHeader('content-type', 'application/json')
    res.writeHead(status)
    res.end(JSON.stringify({ error: { message: `failed with ${status}`, type: 'server_error', code: null, ...error } }))
  }
}

/** Sends bytes as they are. */
export function sends(status: number, contentType: string, body: string | Buffer): Behaviour {
  return (_call, res) => {
    res.writeHead(status, { 'content-type': contentType })
    res.end(body)
  }
}

/** Accepts the request and says nothing. */
export const hangs: Behaviour = () => undefined

/** How a scripted stream ends: in order, by reset, or not at all. */
export type StreamEnding = 'close' | 'reset' | 'hang'

/** A stream of events: objects are sent as chunks, strings as the data of an event, buffers as raw bytes. */
export function streams(
  events: readonly (Record<string, unknown> | string | Buffer)[],
  ending: StreamEnding = 'close',
): Behaviour {
  return async (call, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.flushHeaders()
    for (const event of events) {
      const isGone = await Promise.race([call.closed.then(() => true), Promise.resolve(false)])
      if (isGone) return
      const bytes = Buffer.isBuffer(event)
        ? event
        : `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`
      if (!res.write(bytes)) await Promise.race([new Promise((resolve) => res.once('drain', resolve)), call.closed])
      // Each event in a packet of its own.
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (ending === 'close') res.end()
    if (ending === 'reset') res.socket?.resetAndDestroy()
  }
}

export function chunk(
  delta: Record<string, unknown>,
  finishReason: string | null = null,
  more: Record<string, unknown> = {},
) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'fake-model',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
    ...more,
  }
}

export function role() {
  return chunk({ role: 'assistant', content: '' })
}

export function words(text: string) {
  return text.split(/(?<= )/).map((content) => chunk({ content }))
}

export function finish(reason = 'stop') {
  return chunk({}, reason)
}
