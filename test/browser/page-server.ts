import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { securityHeaders } from '#http/security-headers.ts'
import { assets } from '#reports/assets.ts'

export interface PageServer {
  readonly url: string
  /** Requests that asked for something other than a page or an asset: pages must make none. */
  readonly strays: string[]
  close(): Promise<void>
}

/**
 * Serves rendered pages by name at `/view/NAME`, with the assets and the headers of the real server.
 *
 * @param pages a page is rendered when it is asked for
 */
export async function servePages(pages: Readonly<Record<string, () => string>>): Promise<PageServer> {
  const strays: string[] = []
  const app = express()
  app.use(securityHeaders())
  app.get('/view/:name', (req, res) => {
    const render = pages[req.params.name]
    if (render === undefined) throw new Error(`no page "${req.params.name}"`)
    res.type('html').send(render())
  })
  app.get('/assets/:name', (req, res) => {
    const asset = assets().get(`/assets/${req.params.name}`)
    if (asset === undefined) throw new Error(`no asset "${req.params.name}"`)
    res.type(asset.contentType).send(asset.body)
  })
  app.use((req, res) => {
    strays.push(`${req.method} ${req.originalUrl}`)
    res.status(404).end()
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strays,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
