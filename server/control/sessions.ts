import { type Request, type Response, Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import { requireSession, secretHash, sessionHashOf } from '#http/auth.ts'
import { requireFormToken, requireSameOrigin } from '#http/csrf.ts'
import { answers } from '#http/error-handler.ts'
import { readForm } from '#http/form.ts'
import { mayDo } from '#http/permissions.ts'
import { RateLimit } from '#http/rate-limit.ts'
import { clearSessionCookie, sessionMs, setSessionCookie } from '#http/session-cookie.ts'
import { deleteSession, insertSession } from '#store/sessions.ts'
import { changeStored } from './change.ts'
import type { ControlDeps } from './control-deps.ts'
import { loginPage } from './report-pages.ts'

/** Ten attempts at once from one address, then one every six seconds; a hundred and ten a second from all together. */
const perAddress = { burst: 10, everyMs: 6_000 }
const overall = { burst: 100, everyMs: 100 }

/** Logging in with a key and out again: browsers get a session, because they cannot send a key with every request. */
export function sessionRouter(deps: ControlDeps): Router {
  const router = Router()
  const limits = { address: new RateLimit(perAddress), all: new RateLimit(overall) }
  router.get('/login', (req, res) => {
    const { next } = req.query
    res.type('html').send(loginPage(typeof next === 'string' ? next : '/', null, deps.clock.nowMs()))
  })
  router.post('/login', async (req, res) => {
    requireSameOrigin(req)
    limit(deps, limits, req, res)
    await logIn(deps, limits.address, req, res)
  })
  router.post('/logout', async (req, res) => {
    requireSameOrigin(req)
    const { csrf } = requireSession(req)
    requireFormToken(csrf, (await readForm(req)).get('csrf'))
    await endSession(deps, req)
    clearSessionCookie(req, res)
    res.redirect(303, '/login')
  })
  return router
}

function limit(
  deps: ControlDeps,
  limits: { readonly address: RateLimit; readonly all: RateLimit },
  req: Request,
  res: Response,
): void {
  const nowMs = deps.clock.nowMs()
  const waitMs = limits.address.take(req.ip ?? '', nowMs) || limits.all.take('*', nowMs)
  if (waitMs === 0) return
  const seconds = Math.ceil(waitMs / 1000)
  res.setHeader('retry-after', String(seconds))
  throw new InterlockError('TOO_MANY_ATTEMPTS', `too many attempts to log in; try again in ${seconds} s`)
}

async function logIn(deps: ControlDeps, attempts: RateLimit, req: Request, res: Response): Promise<void> {
  const form = await readForm(req)
  const next = form.get('next') ?? '/'
  const caller = await deps.authenticator.callerOfKey((form.get('key') ?? '').trim())
  if (caller === null || !mayDo(caller.role, 'read')) {
    const words = caller === null ? 'This key is not known, or it was revoked.' : 'A gateway key opens no pages.'
    res
      .status(answers.UNAUTHENTICATED.status)
      .type('html')
      .send(loginPage(next, words, deps.clock.nowMs()))
    return
  }
  attempts.forgive(req.ip ?? '')
  // A new id at every login: one that somebody planted before is worth nothing afterwards.
  await endSession(deps, req)
  const id = Buffer.from(deps.randomBytes(32)).toString('base64url')
  const csrf = Buffer.from(deps.randomBytes(32)).toString('base64url')
  const act = { actor: caller.name, action: 'session.begin', subject: `key:${caller.name}` }
  await changeStored(deps, act, async (tx, at) => {
    const { keyId } = caller
    await insertSession(tx, { idHash: secretHash(id), keyId, csrf, createdAt: at, expiresAt: at + sessionMs })
    return { result: undefined, details: { keyId } }
  })
  setSessionCookie(req, res, id)
  res.redirect(303, ownPath(next))
}

async function endSession(deps: ControlDeps, req: Request): Promise<void> {
  const hash = sessionHashOf(req)
  if (hash !== null) await deleteSession(deps.db, hash)
}

/** A path of this site; anything else becomes the overview, so that a link cannot lead a fresh login elsewhere. */
function ownPath(next: string): string {
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(next)) return '/'
  const url = new URL(next, 'http://own.invalid')
  // `/..//elsewhere` is one path, but what is left of it would be read as another host.
  return url.pathname.startsWith('//') ? '/' : `${url.pathname}${url.search}`
}
