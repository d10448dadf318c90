import type { IncomingMessage } from 'node:http'
import type { Request, Response } from 'express'

/** A session ends this long after login, whatever happens. */
export const sessionMs: number = 12 * 3_600_000

/** `__Host-` (https only) keeps other hosts of the domain from setting it; plain http cannot have it. */
const secureName = '__Host-interlock_session'
const plainName = 'interlock_session'

/** The session id a request carries; null without one. An https request never listens to the plain cookie. */
export function readSessionCookie(req: IncomingMessage): string | null {
  const found = new Map<string, string>()
  for (const part of (req.headers.cookie ?? '').split(';')) {
    const [name, value] = part.split('=', 2).map((text) => text.trim())
    if (name !== undefined && value !== undefined && /^[\w-]{43}$/.test(value)) found.set(name, value)
  }
  const isSecure = (req as Partial<Request>).secure === true
  return found.get(isSecure ? secureName : plainName) ?? null
}

export function setSessionCookie(req: Request, res: Response, id: string): void {
  res.cookie(req.secure ? secureName : plainName, id, { ...attributes(req), maxAge: sessionMs })
}

export function clearSessionCookie(req: Request, res: Response): void {
  res.clearCookie(req.secure ? secureName : plainName, attributes(req))
}

function attributes(req: Request) {
  return { httpOnly: true, secure: req.secure, sameSite: 'lax', path: '/' } as const
}
