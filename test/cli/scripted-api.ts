import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CliIo } from '#cli/io.ts'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export interface ScriptedAnswer {
  readonly status?: number
  readonly body?: unknown
  /** Answers this text with its type instead of JSON. */
  readonly text?: string
  /** Breaks the connection instead of answering. */
  readonly isBroken?: boolean
  /** Runs before the answer is sent. */
  readonly before?: () => void
}

/**
 * A control plane that answers from a script: for each `METHOD path` its answers in order, the last one for ever. A request
 * the script does not know is answered 599 and fails the test through `unplanned`.
 */
export async function scriptedApi(script: Readonly<Record<string, readonly ScriptedAnswer[]>>) {
  const seen: SeenRequest[] = []
  const unplanned: string[] = []
  const used = new Map<string, number>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const path = request.url ?? ''
    const isJson = request.headers['content-type'] === 'application/json'
    const name = `${request.method} ${path}`
    seen.push({
      method: request.method ?? '',
      path,
      headers: request.headers,
      body: text === '' ? null : isJson ? JSON.parse(text) : text,
    })
    const answers = script[name] ?? []
    const turn = used.get(name) ?? 0
    used.set(name, turn + 1)
    const answer = answers[Math.min(turn, answers.length - 1)]
    if (answer === undefined) unplanned.push(name)
    answer?.before?.()
    if (answer?.isBroken) return request.socket.destroy()
    const isProblem = (answer?.status ?? 599) >= 400
    const json = isProblem ? 'application/problem+json' : 'application/json; charset=utf-8'
    response.writeHead(answer?.status ?? (answer ? 200 : 599), { 'content-type': answer?.text ? 'text/html' : json })
    response.end(answer?.text ?? JSON.stringify(answer?.body ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, port, seen, unplanned, close }
}

/** A terminal that keeps what was written to it. */
export function terminal(env: Record<string, string | undefined> = {}) {
  const out: string[] = []
  const err: string[] = []
  const interrupt = new AbortController()
  const io: CliIo = {
    stdout: (line) => out.push(line),
    stderr: (line) => err.push(line),
    env: { INTERLOCK_KEY: 'key-of-an-author', ...env },
    signal: interrupt.signal,
  }
  return { io, out, err, interrupt }
}

/** A proposal as the API shows it; only what matters is given. */
export function aProposal(over: Record<string, unknown> = {}) {
  return {
    id: 'prop_1',
    route: 'support-reply',
    version: 2,
    base: 1,
    title: 'cheaper model',
    author: 'ann',
    status: 'queued',
    share: 0,
    waitingFor: null,
    isPaused: false,
    endReason: null,
    endedInconclusive: false,
    gates: [],
    timeline: [],
    links: { report: '/proposals/prop_1' },
    ...over,
  }
}
