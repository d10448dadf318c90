import type { IncomingMessage } from 'node:http'
import { beginError, type ErrorReply, invalidRequest } from './openai-error.ts'

/** Longest request body. */
export const maxBodyBytes = 4 * 1024 * 1024
/** How long a body that is too long is still read and thrown away, so that its sender can see the answer. */
const drainMs = 1_000

/** Reads a request's body. @returns null when it was too long (answered) or the client has gone */
export function readBody(req: IncomingMessage, reply: ErrorReply): Promise<Buffer | null> {
  const { res } = reply
  const announced = Number(req.headers['content-length'] ?? 0)
  if (announced > maxBodyBytes) {
    refuse(req, reply)
    return Promise.resolve(null)
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBodyBytes) chunks.push(chunk)
      else if (!res.headersSent) {
        refuse(req, reply)
        resolve(null)
      }
    })
    req.on('end', () =>
      resolve(bytes > maxBodyBytes ? null : chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks)),
    )
    req.on('close', () => resolve(null))
  })
}

/** The answer is written at once, and ended only when the client has stopped sending: ending it sooner would reset the
 * connection before the client reads it. */
function refuse(req: IncomingMessage, reply: ErrorReply): void {
  const { res, head } = reply
  head['connection'] = 'close'
  const message = `The request is longer than ${maxBodyBytes} bytes.`
  res.write(beginError(reply, invalidRequest(413, 'request_too_large', message)))
  const finish = () => {
    clearTimeout(timer)
    res.end()
  }
  const timer = setTimeout(finish, drainMs)
  req.once('end', finish)
  req.once('close', finish)
  req.resume()
}
