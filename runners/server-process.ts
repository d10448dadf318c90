import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Config } from '#infra/config.ts'
import { createAppServer } from '#server/app.ts'
import { type Deps, openDeps } from '#server/deps.ts'
import { assembleParts } from '#server/parts.ts'
import { type Reconciler, startReconciler } from './reconcile.ts'
import { wireRunners } from './wiring.ts'

export interface RunningServer {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string
  readonly deps: Deps
  /** Drains: no new requests, streams under way may end, what was decided is written. */
  close(): Promise<void>
}

/** Streams under way get this long when a process ends. */
const drainMs = 20_000

/** Starts what the role says: the server, the workers, or both in one process. */
export async function startServer(config: Config): Promise<RunningServer> {
  const deps = await openDeps(config)
  try {
    return await start(deps)
  } catch (error) {
    await deps.close()
    throw error
  }
}

async function start(deps: Deps): Promise<RunningServer> {
  const { config, table } = deps
  const state = { isDraining: false }
  const parts = assembleParts(deps, () => state.isDraining)
  await table.start()
  const isWorker = config.role === 'all' || config.role === 'worker'
  const reconciler: Reconciler | null = isWorker ? startReconciler(wireRunners(deps), deps.queue, config.tickMs) : null
  const server = createAppServer(deps, parts)
  server.listen(config.port, config.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    state.isDraining = true
    server.close()
    server.closeIdleConnections()
    const timer = setTimeout(() => server.closeAllConnections(), drainMs)
    await once(server, 'close')
    clearTimeout(timer)
    await parts.close()
    await reconciler?.stop()
    await table.stop()
    await deps.close()
  }
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `http://${host}:${port}`, deps, close }
}
