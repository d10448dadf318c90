import type { IncomingMessage, Server, ServerResponse } from 'node:http'

const maxBodyBytes = 16 * 1_048_576

/** An error as OpenAI words it; type defaults to `invalid_request_error`. */
export interface ErrorBody {
  readonly message: string
  readonly type?: string
  readonly code?: string | null
  readonly param?: string | null
}

/** Sends an OpenAI error body. */
export function sendError(res: ServerResponse, status: number, error: ErrorBody): void {
  sendBody(res, status, { error: { type: 'invalid_request_error', param: null, code: null, ...error } })
}

/** Sends one JSON body. */
export function sendBody(res: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** Reads a JSON body, then runs the step; answers 413 and 400 itself. */
export function readJson(req: IncomingMessage, res: ServerResponse, step: (body: unknown) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  req.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
  })
  req.on('end', () => {
    if (size > maxBodyBytes) {
      sendError(res, 413, { message: `the body is larger than ${maxBodyBytes} bytes` })
      return
    }
    let body: unknown
    try {
      body = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    } catch {
      sendError(res, 400, { message: 'We could not parse the JSON body of your request.' })
      return
    }
    step(body)
  })
}

/** A percent-decoded path segment; null when its escapes are broken. */
export function decodePath(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

/** Listens and gives the port; rejects when the address is taken. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/** Stops listening and ends open connections. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
