import { Router } from 'express'
import { errorPages, reportPages } from '#control/report-pages.ts'
import { createGateway, type Gateway } from '#gateway/handler.ts'
import { LiveStats } from '#gateway/live-stats.ts'
import { LiveSync } from '#gateway/live-sync.ts'
import { troubleLog } from '#gateway/trouble-log.ts'
import { csrfOf, viewerOf } from '#http/auth.ts'
import { createMetrics } from '#infra/metrics.ts'
import { observers } from '#infra/observer.ts'
import { createLiveExchange } from '#store/live-statistics.ts'
import type { AppParts } from './app.ts'
import type { Deps } from './deps.ts'

/** The parts of a server that a process's role asks for, put together once. */
export function assembleParts(deps: Deps, isDraining: () => boolean): AppParts & { close(): Promise<void> } {
  const { config } = deps
  const isGateway = config.role === 'all' || config.role === 'gateway'
  const isControl = config.role === 'all' || config.role === 'control'
  const metrics = createMetrics(() => gateway?.readings() ?? null)
  const observer = observers([metrics.observer, troubleLog(deps.log, deps.clock.monotonicMs)])
  const { bootId } = deps.identity
  const live = new LiveStats(deps.clock)
  const gateway: Gateway | null = isGateway
    ? createGateway({ ...deps, sink: deps.buffer, bootId, observer, live })
    : null
  const sync = new LiveSync(live, createLiveExchange(deps.database.db, bootId, deps.clock), deps.log)
  if (isGateway) sync.start()
  const pageDeps = { db: deps.database.db, clock: deps.clock.nowMs, viewerOf, csrfOf, leaseMs: config.leaseMs }
  const pages = isControl ? Router().use(reportPages(pageDeps)) : null
  const readiness = () => {
    const reasons = [
      ...(isDraining() ? ['the process is ending'] : []),
      ...(deps.table.current() === null ? ['no snapshot of the routes was read yet'] : []),
      ...(isGateway && !sync.hasTried ? ['no quality scores were read yet'] : []),
    ]
    return { isReady: reasons.length === 0, reasons }
  }
  return {
    gateway: gateway === null ? null : (req, res) => gateway.handle(req, res),
    pages,
    renderErrorPage: errorPages(pageDeps),
    readiness,
    metrics: {
      ...metrics,
      access: config.metrics,
      callerOfHash: (hash) => deps.table.current()?.callers.get(hash),
    },
    close: async () => {
      await gateway?.close()
      if (isGateway) await sync.stop()
    },
  }
}
