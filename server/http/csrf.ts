import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { InterlockError } from '#domain/errors.ts'

/**
 * Refuses a form that a page of another site submitted. Browsers say where a request comes from (Sec-Fetch-Site, else Origin);
 * clients that are no browsers say neither and carry no cookie of ours by themselves.
 *
 * @throws InterlockError FORBIDDEN
 */
export function requireSameOrigin(req: IncomingMessage): void {
  const site = req.headers['sec-fetch-site']
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none') return
    throw new InterlockError('FORBIDDEN', 'this form came from another site; open the page here and send it again')
  }
  const { origin, host } = req.headers
  if (origin === undefined) return
  if (URL.canParse(origin) && new URL(origin).host === host) return
  throw new InterlockError('FORBIDDEN', 'this form came from another site; open the page here and send it again')
}

/**
 * Refuses a form without the token of the session it is sent in.
 *
 * @throws InterlockError FORBIDDEN
 */
export function requireFormToken(expected: string, sent: unknown): void {
  const want = Buffer.from(expected)
  const got = Buffer.from(typeof sent === 'string' ? sent : '')
  if (want.length > 0 && want.length === got.length && timingSafeEqual(want, got)) return
  throw new InterlockError('FORBIDDEN', 'this form belongs to another session; reload the page and send it again')
}
