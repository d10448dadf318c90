import type { IncomingMessage } from 'node:http'
import type { Request, Response, Router } from 'express'
import { InterlockError, type Problem } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import { requireRole } from '#http/permissions.ts'
import type { Checked } from '#http/validate.ts'
import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews } from '#reports/views.ts'
import type { Database } from '#store/database.ts'
import { readStaleness } from '#store/report-views.ts'

export interface ReportPagesDeps {
  readonly db: Database
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** null: nobody is logged in. */
  readonly viewerOf: (req: IncomingMessage) => Caller | null
  readonly csrfOf: (req: IncomingMessage) => string
  /** A gateway not heard from for longer serves the baseline only. */
  readonly leaseMs?: number
}

/** A page for people who may read: others are sent to log in, and come back. */
export function page(
  router: Router,
  deps: ReportPagesDeps,
  path: string,
  handle: (req: Request, res: Response) => Promise<void>,
): void {
  router.get(path, async (req, res) => {
    const viewer = deps.viewerOf(req)
    if (viewer === null) {
      res.redirect(303, `/login?next=${encodeURIComponent(req.originalUrl)}`)
      return
    }
    requireRole(viewer, 'read')
    await handle(req, res)
  })
}

export async function show<N extends PageName>(
  deps: ReportPagesDeps,
  req: Request,
  res: Response,
  of: {
    readonly page: N
    readonly view: PageViews[N]
    readonly title: string
    readonly liveUrl?: string
    readonly exportUrl?: string
  },
): Promise<void> {
  const nowMs = deps.clock()
  const staleSeconds = of.liveUrl === undefined ? null : await readStaleness(deps.db, nowMs)
  const html = renderPage(of.page, of.view, {
    title: of.title,
    viewer: deps.viewerOf(req),
    csrf: deps.csrfOf(req),
    generatedAt: nowMs,
    ...(staleSeconds !== null && { staleSeconds }),
    ...(of.liveUrl !== undefined && { liveUrl: of.liveUrl }),
    ...(of.exportUrl !== undefined && { exportUrl: of.exportUrl }),
  })
  res.type('html').send(html)
}

/** One query parameter; '' when absent, given twice or holding what no database stores. */
export function queryText(req: Request, name: string): string {
  const value = req.query[name]
  return typeof value === 'string' && !value.includes('\u0000') ? value.slice(0, 512) : ''
}

export function param(req: Request, name: string): string {
  const value = req.params[name]
  const text = typeof value === 'string' ? value : ''
  if (text.includes('\u0000')) throw new InterlockError('NOT_FOUND', 'there is nothing at this address')
  return text
}

export function notFound(kind: string, name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no ${kind} "${name}"`)
}

/**
 * The query of a page with a form, checked as strictly as the API's. Fields of a form that were left empty are not there.
 *
 * @throws InterlockError VALIDATION_FAILED for a parameter that is unknown, given twice or not valid
 */
export function formQuery<T>(req: Request, validate: (value: unknown) => Checked<T>): T {
  const sent = new Map<string, string>()
  for (const [name, value] of new URL(req.originalUrl, 'http://localhost').searchParams) {
    if (value.trim() === '') continue
    if (value.includes('\u0000')) throw invalidForm([{ path: `/${name}`, message: 'holds a NUL character' }])
    if (sent.has(name)) throw invalidForm([{ path: `/${name}`, message: 'is given more than once' }])
    sent.set(name, value.trim())
  }
  const checked = validate(Object.fromEntries(sent))
  if ('problems' in checked) throw invalidForm(checked.problems)
  return checked.value
}

function invalidForm(problems: readonly Problem[]): InterlockError {
  const named = problems.map(({ path, message }) => ({ path: `?${path.slice(1)}`, message }))
  const words = named.map(({ path, message }) => `${path.slice(1)} ${message}`).join('; ')
  return new InterlockError('VALIDATION_FAILED', `the filter is not valid: ${words}`, named)
}
