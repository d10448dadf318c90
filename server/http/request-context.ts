import type { IncomingMessage } from 'node:http'
import type { RequestHandler } from 'express'

const ids = new WeakMap<IncomingMessage, string>()

/**
 * Gives every request an id and says it in `x-interlock-request-id`. A client's own id is not taken over: ids are in logs and
 * audit entries, where nobody else's text belongs.
 */
export function requestContext(newId: (prefix: string) => string): RequestHandler {
  return (req, res, next) => {
    const id = newId('req')
    ids.set(req, id)
    res.setHeader('x-interlock-request-id', id)
    next()
  }
}

/** The id of a request; `unknown` when it never passed `requestContext`. */
export function requestIdOf(req: IncomingMessage): string {
  return ids.get(req) ?? 'unknown'
}
