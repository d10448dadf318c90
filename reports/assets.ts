import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** A file the pages load, kept in memory. */
export interface Asset {
  readonly contentType: string
  readonly body: Buffer
  /** Strong entity tag, quotes included: sha256 of the body. */
  readonly etag: string
}

const room = new URL('./', import.meta.url)

/** Stylesheets in the order of their names: 1-base.css before 2-layout.css. */
function stylesheet(): string {
  const folder = new URL('styles/', room)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.css'))
    .sort()
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
}

let loaded: ReadonlyMap<string, Asset> | null = null

/** Everything under /assets by path, read once. */
export function assets(): ReadonlyMap<string, Asset> {
  loaded ??= new Map([
    ['/assets/style.css', asset('text/css; charset=utf-8', stylesheet())],
    ['/assets/live.js', asset('text/javascript; charset=utf-8', readFileSync(new URL('client/live.js', room), 'utf8'))],
    ['/assets/icon.svg', asset('image/svg+xml', readFileSync(new URL('client/icon.svg', room), 'utf8'))],
  ])
  return loaded
}

function asset(contentType: string, text: string): Asset {
  const body = Buffer.from(text, 'utf8')
  return { contentType, body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` }
}

/** Address of an asset with its content hash, so that it may be cached for ever. @throws for an unknown name */
export function assetUrl(name: string): string {
  const found = assets().get(`/assets/${name}`)
  if (found === undefined) throw new Error(`no asset "${name}"; known: ${[...assets().keys()].join(', ')}`)
  return `/assets/${name}?v=${found.etag.slice(1, 17)}`
}
