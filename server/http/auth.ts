import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { RequestHandler } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import { findCallerByHash } from '#store/callers.ts'
import type { Database } from '#store/database.ts'
import { findSession } from '#store/sessions.ts'
import { readSessionCookie } from './session-cookie.ts'

/** Who sent a request. `none` with a refusal: a credential was sent and is not valid. */
type Identity =
  | { readonly kind: 'key'; readonly caller: Caller }
  | { readonly kind: 'session'; readonly caller: Caller; readonly csrf: string; readonly sessionHash: string }
  | { readonly kind: 'none'; readonly refusal: string }

const identities = new WeakMap<IncomingMessage, Identity>()

/** sha256 of a whole key or session id, hex. Keys are 256 random bits: a fast hash is the right one. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

export interface Authenticator {
  readonly identify: RequestHandler
  /** @returns null for an unknown or revoked key */
  readonly callerOfKey: (key: string) => Promise<Caller | null>
  /** Forgets what was cached: after every change of keys. */
  readonly forget: () => void
}

/** Replicas other than the one that revoked a key may take it for this long. */
const cacheMs = 1_000
const cacheSize = 1_000

/**
 * Finds out who sends a request, by `Authorization: Bearer KEY` or, for pages and safe methods, by the session cookie. Refuses
 * nothing itself: routes ask with `requireCaller`.
 */
export function createAuthenticator(db: Database, clock: { nowMs(): number }): Authenticator {
  const cache = new Map<string, { caller: Caller; until: number }>()
  let generation = 0

  async function callerOfKey(key: string): Promise<Caller | null> {
    const hash = secretHash(key)
    const known = cache.get(hash)
    if (known !== undefined && known.until > clock.nowMs()) return known.caller
    const asked = generation
    const caller = await findCallerByHash(db, hash, clock.nowMs())
    cache.delete(hash)
    if (caller === null) return null
    if (cache.size >= cacheSize) cache.clear()
    // A key revoked while the row was read must not be remembered.
    if (asked === generation) cache.set(hash, { caller, until: clock.nowMs() + cacheMs })
    return caller
  }

  async function identityOf(req: IncomingMessage): Promise<Identity> {
    const header = req.headers.authorization
    if (header !== undefined) {
      const key = /^Bearer +([^\s]{1,512})$/i.exec(header)?.[1]
      if (key === undefined) return { kind: 'none', refusal: 'authorization must be "Bearer KEY"' }
      const caller = await callerOfKey(key)
      return caller === null
        ? { kind: 'none', refusal: 'the key is not known, was revoked, or has expired' }
        : { kind: 'key', caller }
    }
    const cookie = readSessionCookie(req)
    if (cookie === null) return { kind: 'none', refusal: 'no key was sent; send "authorization: Bearer KEY"' }
    const sessionHash = secretHash(cookie)
    const session = await findSession(db, sessionHash, clock.nowMs())
    if (session === null) return { kind: 'none', refusal: 'the session has ended; log in again' }
    return { kind: 'session', sessionHash, ...session }
  }

  return {
    identify: async (req, _res, next) => {
      identities.set(req, await identityOf(req))
      next()
    },
    callerOfKey,
    forget: () => {
      generation += 1
      cache.clear()
    },
  }
}

function identified(req: IncomingMessage): Identity {
  return identities.get(req) ?? { kind: 'none', refusal: 'no key was sent; send "authorization: Bearer KEY"' }
}

/** The person or service behind a page request; null: nobody is logged in. */
export function viewerOf(req: IncomingMessage): Caller | null {
  const identity = identified(req)
  return identity.kind === 'none' ? null : identity.caller
}

/** The session's form token; '' without a session. */
export function csrfOf(req: IncomingMessage): string {
  const identity = identified(req)
  return identity.kind === 'session' ? identity.csrf : ''
}

/** Hash of the session a request belongs to; null without one. */
export function sessionHashOf(req: IncomingMessage): string | null {
  const identity = identified(req)
  return identity.kind === 'session' ? identity.sessionHash : null
}

/**
 * The caller of an API request. A cookie is enough to read, never to write: browsers attach it to requests of other sites.
 *
 * @throws InterlockError UNAUTHENTICATED
 */
export function requireCaller(req: IncomingMessage): Caller {
  const identity = identified(req)
  if (identity.kind === 'none') throw new InterlockError('UNAUTHENTICATED', identity.refusal)
  if (identity.kind === 'session' && req.method !== 'GET' && req.method !== 'HEAD') {
    throw new InterlockError('UNAUTHENTICATED', 'a session may only read here; send "authorization: Bearer KEY"')
  }
  return identity.caller
}

/**
 * The person who submits a form of a page.
 *
 * @throws InterlockError UNAUTHENTICATED without a session
 */
export function requireSession(req: IncomingMessage): { readonly caller: Caller; readonly csrf: string } {
  const identity = identified(req)
  if (identity.kind === 'session') return identity
  throw new InterlockError(
    'UNAUTHENTICATED',
    identity.kind === 'none' ? 'log in first' : 'forms need a browser session',
  )
}
