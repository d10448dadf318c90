import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import express, { type Express, type Router } from 'express'
import { controlRouter } from '#control/router.ts'
import { type ErrorPage, errorHandler } from '#http/error-handler.ts'
import { healthRouter, type Readiness } from '#http/health.ts'
import { type MetricsPage, metricsRouter } from '#http/metrics.ts'
import { requestContext } from '#http/request-context.ts'
import { securityHeaders } from '#http/security-headers.ts'
import type { Deps } from './deps.ts'

/** Answers `/v1/*` on plain node:http, in front of express. @returns false when the address is not its own */
export type GatewayHandler = (req: IncomingMessage, res: ServerResponse) => boolean

export interface AppParts {
  /** null: this process serves no data plane. */
  readonly gateway: GatewayHandler | null
  /** null: this process serves no control plane. */
  readonly pages: Router | null
  readonly renderErrorPage: (req: express.Request, page: ErrorPage) => string
  readonly readiness: () => Readiness
  readonly metrics: MetricsPage
}

/** Everything but the data plane: health, the control plane's API, pages, errors. */
function createControlApp(deps: Deps, parts: AppParts): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.use(healthRouter(parts.readiness), metricsRouter(parts.metrics))
  app.use(requestContext(deps.newId), securityHeaders())
  if (parts.pages !== null) {
    app.use(deps.control.authenticator.identify)
    app.use(controlRouter(deps.control))
    app.use(parts.pages)
  }
  app.use(errorHandler({ log: deps.log, renderErrorPage: parts.renderErrorPage }))
  return app
}

/**
 * The server of a process. Receiving a request is bounded (10 s for headers, 60 s for a body); how long an answer may take
 * is for the gateway's own deadlines to say.
 */
export function createAppServer(deps: Deps, parts: AppParts): Server {
  const app = createControlApp(deps, parts)
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      // Longer than a load balancer keeps an idle connection, so that it is never the one to find it closed.
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16_384,
    },
    (req, res) => {
      if (parts.gateway?.(req, res) !== true) app(req, res)
    },
  )
  server.maxHeadersCount = 100
  return server
}
