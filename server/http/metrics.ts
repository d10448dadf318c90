import type { IncomingMessage } from 'node:http'
import { type RequestHandler, Router } from 'express'
import type { Caller, Role } from '#domain/snapshot.ts'
import { secretHash } from './auth.ts'

/** Who may read `/metrics`: this machine (others need a key that may read), anybody, or nobody without such a key. */
export type MetricsAccess = 'loopback' | 'open' | 'key'

export interface MetricsPage {
  readonly contentType: string
  render(): Promise<string>
  readonly access: MetricsAccess
  /** The caller of a key by its sha256, from memory: a scrape works while the database is away. */
  readonly callerOfHash: (hash: string) => Caller | undefined
}

const readers: readonly Role[] = ['viewer', 'author', 'approver', 'operator', 'admin']
const loopback = /^(?:::1|(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/

/**
 * `GET /metrics` for Prometheus. It names routes, models and what they cost, so it is not for everybody: see MetricsAccess. A
 * request that a proxy passed on is not from this machine, whatever its socket says.
 */
export function metricsRouter(page: MetricsPage): Router {
  const show: RequestHandler = async (req, res) => {
    const refusal = refusalOf(req, page)
    if (refusal === null) {
      res
        .set('cache-control', 'no-store')
        .type(page.contentType)
        .send(await page.render())
      return
    }
    if (refusal === 401) res.set('www-authenticate', 'Bearer')
    res.status(refusal).type('text/plain').send(words[refusal])
  }
  return Router().get('/metrics', show)
}

const words = {
  401: 'Metrics need "authorization: Bearer KEY" of a key that may read, or a request from this machine (INTERLOCK_METRICS).\n',
  403: 'A key of role gateway may not read metrics.\n',
} as const

function refusalOf(req: IncomingMessage, { access, callerOfHash }: MetricsPage): keyof typeof words | null {
  if (access === 'open') return null
  const key = /^Bearer +([^\s]{1,512})$/i.exec(req.headers.authorization ?? '')?.[1]
  if (key !== undefined) {
    const caller = callerOfHash(secretHash(key))
    if (caller === undefined) return 401
    return readers.includes(caller.role) ? null : 403
  }
  const isProxied = req.headers['x-forwarded-for'] !== undefined || req.headers['forwarded'] !== undefined
  return access === 'loopback' && !isProxied && loopback.test(req.socket.remoteAddress ?? '') ? null : 401
}
