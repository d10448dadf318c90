import { type Request, type Response, Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { ErrorPage } from '#http/error-handler.ts'
import { requireRole } from '#http/permissions.ts'
import { assets } from '#reports/assets.ts'
import type { EvalRunView } from '#reports/eval-run-view.ts'
import { renderPage } from '#reports/render.ts'
import { renderStandalone, type StandalonePage } from '#reports/standalone.ts'
import type { PageViews } from '#reports/views.ts'
import type { PageScope } from '#store/page-fingerprint.ts'
import { readJudgesOfRun } from '#store/report-judges.ts'
import { latestRunOf, readEvalRunView } from '#store/report-view-eval-run.ts'
import { readOverview } from '#store/report-view-overview.ts'
import { readProposalView } from '#store/report-view-proposal.ts'
import { readRouteView } from '#store/report-view-route.ts'
import { mountDatasetPages } from './dataset-pages.ts'
import { mountKeyPage } from './key-pages.ts'
import { mountLabelPage } from './label-pages.ts'
import { mountOversightPages } from './oversight-pages.ts'
import { createPageEvents } from './page-events.ts'
import { notFound, page, param, queryText, type ReportPagesDeps, show } from './page-shell.ts'
import { mountRecordPages } from './record-pages.ts'
import { proposalActions, routeRollback } from './report-actions.ts'

const defaultLeaseMs = 15_000
/** Finished runs do not change: their views are kept, so that a large report is summed up once. */
const maxKeptRuns = 30

/**
 * The HTML pages, their assets and their event streams: GET only, so nothing here changes anything. Without a login every page
 * leads to /login and back.
 */
export function reportPages(deps: ReportPagesDeps): Router {
  const router = Router()
  router.get('/assets/:name', (req, res) => sendAsset(req, res))
  mountRolloutPages(router, deps)
  mountRunPages(router, deps)
  mountDatasetPages(router, deps)
  mountRecordPages(router, deps)
  mountLabelPage(router, deps)
  mountOversightPages(router, deps)
  mountKeyPage(router, deps)
  mountLiveStreams(router, deps)
  return router
}

function mountRolloutPages(router: Router, deps: ReportPagesDeps): void {
  const moment = () => ({ nowMs: deps.clock(), leaseMs: deps.leaseMs ?? defaultLeaseMs })

  page(router, deps, '/', async (req, res) => {
    const view = await readOverview(deps.db, moment())
    await show(deps, req, res, { page: 'overview', view, title: 'Overview', liveUrl: '/live/overview' })
  })

  page(router, deps, '/routes/:name', async (req, res) => {
    const name = param(req, 'name')
    const found = await readRouteView(deps.db, name, deps.clock())
    if (found === null) throw notFound('route', name)
    const openShareBp = found.rollout?.shareBp ?? null
    const view = { ...found, rollback: routeRollback({ ...found, openShareBp }, deps.viewerOf(req)) }
    await show(deps, req, res, { page: 'route', view, title: name, liveUrl: liveUrl('routes', name) })
  })

  page(router, deps, '/proposals/:id', async (req, res) => {
    const id = param(req, 'id')
    const found = await readProposalView(deps.db, id, moment())
    if (found === null) throw notFound('proposal', id)
    const view = { ...found.view, actions: proposalActions(found.head, deps.viewerOf(req)) }
    const here = { liveUrl: liveUrl('proposals', id), exportUrl: exportUrl('proposals', id) }
    await show(deps, req, res, { page: 'proposal', view, title: view.title, ...here })
  })

  page(router, deps, '/proposals/:id/export', async (req, res) => {
    const id = param(req, 'id')
    const found = await readProposalView(deps.db, id, moment())
    if (found === null) throw notFound('proposal', id)
    sendExport(deps, req, res, { page: 'proposal', view: { ...found.view, actions: [] }, title: found.view.title })
  })
}

function mountRunPages(router: Router, deps: ReportPagesDeps): void {
  const kept = new Map<string, EvalRunView>()

  function keep(id: string, view: EvalRunView): void {
    const oldest = kept.keys().next().value
    if (kept.size >= maxKeptRuns && oldest !== undefined) kept.delete(oldest)
    kept.set(id, view)
  }

  async function readRun(id: string): Promise<{ view: EvalRunView; title: string; isFinal: boolean }> {
    const found = kept.get(id)
    // What is known of a judge grows with every label, also when its run has long ended.
    const known = found === undefined || found.judges.length === 0 ? {} : { judges: await readJudgesOfRun(deps.db, id) }
    const view = found === undefined ? await readEvalRunView(deps.db, id) : { ...found, ...known }
    if (view === null) throw notFound('eval run', id)
    const isFinal = view.status !== 'running' && (view.proposal === null || view.headline.verdict !== 'waiting')
    if (isFinal) keep(id, view)
    return { view, title: `Eval report ${view.dataset}@${view.datasetVersion}`, isFinal }
  }

  async function showRun(req: Request, res: Response, id: string): Promise<void> {
    const { view, title, isFinal } = await readRun(id)
    const live = isFinal ? {} : { liveUrl: liveUrl('eval-runs', id) }
    await show(deps, req, res, { page: 'eval-run', view, title, exportUrl: exportUrl('eval-runs', id), ...live })
  }

  page(router, deps, '/proposals/:id/report', async (req, res) => {
    const id = param(req, 'id')
    const run = await latestRunOf(deps.db, id)
    if (run === null) throw new InterlockError('NOT_FOUND', `proposal "${id}" has no eval run yet`)
    await showRun(req, res, run)
  })
  page(router, deps, '/eval-runs/:id', (req, res) => showRun(req, res, param(req, 'id')))
  page(router, deps, '/eval-runs/:id/export', async (req, res) => {
    sendExport(deps, req, res, { page: 'eval-run', ...(await readRun(param(req, 'id'))) })
  })
}

function mountLiveStreams(router: Router, deps: ReportPagesDeps): void {
  const events = createPageEvents(deps.db)
  for (const [path, scopeOf] of liveScopes) {
    router.get(path, (req, res) => {
      const viewer = deps.viewerOf(req)
      if (viewer === null) throw new InterlockError('UNAUTHENTICATED', 'log in to follow a page')
      requireRole(viewer, 'read')
      if (!events.open(scopeOf(req), res)) {
        const message = 'too many pages are followed at the moment; this one does not update by itself'
        throw new InterlockError('UNAVAILABLE', message)
      }
    })
  }
}

const liveScopes: readonly (readonly [string, (req: Request) => PageScope])[] = [
  ['/live/overview', () => ({ page: 'overview' })],
  ['/live/gateways', () => ({ page: 'gateways' })],
  ['/live/routes/:name', (req) => ({ page: 'route', name: param(req, 'name') })],
  ['/live/proposals/:id', (req) => ({ page: 'proposal', id: param(req, 'id') })],
  ['/live/eval-runs/:id', (req) => ({ page: 'eval-run', id: param(req, 'id') })],
]

function liveUrl(kind: 'routes' | 'proposals' | 'eval-runs', name: string): string {
  return `/live/${kind}/${encodeURIComponent(name)}`
}

function exportUrl(kind: 'proposals' | 'eval-runs', name: string): string {
  return `/${kind}/${encodeURIComponent(name)}/export`
}

/** The page as one file to keep: it needs neither this server nor a network to be read. */
function sendExport<N extends StandalonePage>(
  deps: ReportPagesDeps,
  req: Request,
  res: Response,
  of: { readonly page: N; readonly view: PageViews[N]; readonly title: string },
): void {
  const shell = { title: of.title, generatedAt: deps.clock() }
  const path = req.path.replace(/\/export$/, '')
  const html = renderStandalone(of.page, of.view, { shell, origin: `${req.protocol}://${req.host}`, path })
  const name = `${of.page}-${param(req, 'id')}`.replace(/[^\w.-]/g, '_')
  res.setHeader('content-disposition', `attachment; filename="interlock-${name.slice(0, 120)}.html"`)
  res.type('html').send(html)
}

/**
 * The error page for http/error-handler.ts.
 *
 * @returns a renderer that never throws on anything a request holds
 */
export function errorPages(
  deps: Pick<ReportPagesDeps, 'clock' | 'viewerOf' | 'csrfOf'>,
): (req: Request, error: ErrorPage) => string {
  return (req, error) => {
    const { status, title, detail, requestId, mayRetry } = error
    const retryUrl = mayRetry && req.method === 'GET' ? req.originalUrl : null
    const view = { status, title, detail, requestId, retryUrl }
    const shell = { title, viewer: deps.viewerOf(req), csrf: deps.csrfOf(req), generatedAt: deps.clock() }
    return renderPage('error', view, shell)
  }
}

/** The login page. @param next where to go afterwards: a path of this site, anything else becomes the overview */
export function loginPage(next: string, error: string | null, nowMs: number): string {
  const isOwnPath = /^\/(?![/\\])/.test(next)
  const shell = { title: 'Log in', viewer: null, csrf: '', generatedAt: nowMs }
  return renderPage('login', { next: isOwnPath ? next : '/', error }, shell)
}

function sendAsset(req: Request, res: Response): void {
  const asset = assets().get(`/assets/${param(req, 'name')}`)
  if (asset === undefined) throw notFound('asset', param(req, 'name'))
  const isVersioned = asset.etag.slice(1, 17) === queryText(req, 'v')
  res.setHeader('etag', asset.etag)
  res.setHeader('cache-control', isVersioned ? 'public, max-age=31536000, immutable' : 'no-cache')
  if (req.headers['if-none-match'] === asset.etag) {
    res.status(304).end()
    return
  }
  res.setHeader('content-type', asset.contentType)
  res.end(asset.body)
}
