import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from '#infra/config.ts'
import { createAppServer } from '#server/app.ts'
import { type Deps, openDeps } from '#server/deps.ts'
import { assembleParts } from '#server/parts.ts'
import { startReconciler } from './reconcile.ts'
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

/** Starts what the role says: the server, the workers, or both in one process. What was started ends when a later step fails. */
export async function startServer(config: Config): Promise<RunningServer> {
  const deps = await openDeps(config)
  const enders: Ender[] = [() => deps.close()]
  try {
    return await start(deps, enders)
  } catch (error) {
    await endAll(enders)
    throw error
  }
}

type Ender = () => Promise<void>

/** @param enders takes how to end each part, in the order of starting */
async function start(deps: Deps, enders: Ender[]): Promise<RunningServer> {
  const { config, table } = deps
  const state = { isDraining: false }
  const parts = assembleParts(deps, () => state.isDraining)
  enders.push(
    () => table.stop(),
    () => parts.close(),
  )
  await table.start()
  if (config.role === 'all' || config.role === 'worker') {
    const reconciler = startReconciler(wireRunners(deps), deps.queue, config.tickMs)
    enders.push(() => reconciler.stop())
  }
  const server = createAppServer(deps, parts)
  server.listen(config.port, config.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  enders.push(() => drain(server))
  const close = () => {
    state.isDraining = true
    return endAll(enders)
  }
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `http://${host}:${port}`, deps, close }
}

async function drain(server: Server): Promise<void> {
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), drainMs)
  await once(server, 'close')
  clearTimeout(timer)
}

/** In reverse. */
async function endAll(enders: Ender[]): Promise<void> {
  for (const end of enders.splice(0).reverse()) await end()
}
