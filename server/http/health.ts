import { Router } from 'express'

/** Whether this process can do its part; `reasons` say what is missing. */
export interface Readiness {
  readonly isReady: boolean
  readonly reasons: readonly string[]
}

/**
 * `/healthz`: the process runs. `/readyz`: it can serve; 503 until then, and while it drains.
 *
 * Both need no key and tell nothing about routes or versions.
 */
export function healthRouter(readiness: () => Readiness | Promise<Readiness>): Router {
  const router = Router()
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' })
  })
  router.get('/readyz', async (_req, res) => {
    const { isReady, reasons } = await readiness()
    res.status(isReady ? 200 : 503).json(isReady ? { status: 'ready' } : { status: 'not_ready', reasons })
  })
  return router
}
