import { createHash } from 'node:crypto'
import { assets } from './assets.ts'
import { renderPage } from './render.ts'
import type { PageViews, Shell } from './views.ts'

/** Pages that can be handed to somebody without access to this server. */
export type StandalonePage = 'proposal' | 'eval-run'

/**
 * A page as one file that asks the network for nothing: styles inside, let in by their hash alone, and no script, form or
 * picture. Links to other pages lead to the server it came from.
 *
 * @param origin scheme and host of that server: `https://interlock.example.com`
 */
export function renderStandalone<N extends StandalonePage>(
  page: N,
  view: PageViews[N],
  of: { readonly shell: Pick<Shell, 'title' | 'generatedAt'>; readonly origin: string; readonly path: string },
): string {
  const { shell, origin, path } = of
  const html = renderPage(page, view, { ...shell, viewer: null, csrf: '', sourceUrl: `${origin}${path}` })
  const css = textOf('/assets/style.css')
  if (css.includes('<')) throw new Error('a stylesheet that holds "<" could end its own element')
  return html
    .replace(/<meta charset="utf-8">/, (charset) => `${charset}\n${policyOf(css)}`)
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`)
    .replace(/<link rel="icon"[^>]*>/, () => `<link rel="icon" href="${iconAddress()}">`)
    .replace(
      /(<a [^>]*?href=")(\/[^"]*")/g,
      (_link, start: string, rest: string) => `${start}${escaped(origin)}${rest}`,
    )
}

/** What a browser may load for the file: nothing but the styles in it. */
function policyOf(css: string): string {
  const hash = createHash('sha256').update(css).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`
}

function iconAddress(): string {
  return `data:image/svg+xml;base64,${Buffer.from(textOf('/assets/icon.svg')).toString('base64')}`
}

function textOf(path: string): string {
  return assets().get(path)?.body.toString('utf8') ?? ''
}

/** An origin comes from a request: kept out of the attribute's quotes whatever it holds. */
function escaped(text: string): string {
  return text.replace(/[^\w.:/[\]-]/g, '')
}
