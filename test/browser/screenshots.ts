import { mkdirSync, statSync } from 'node:fs'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { servePages } from '#test/browser/page-server.ts'
import { pages } from '#test/reports/pages.ts'

/** A screen of docs/pages.md: file name, page of the factories, and how it is looked at. */
interface Screen {
  readonly file: string
  readonly page: string
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'dark'
  /** Scrolled to; absent: the top. */
  readonly at?: string
}

const screens: readonly Screen[] = [
  { file: 'login', page: 'login', height: 420 },
  { file: 'overview', page: 'overview' },
  { file: 'route', page: 'route' },
  { file: 'proposal', page: 'proposal-inconclusive' },
  { file: 'proposal-gates', page: 'proposal-inconclusive', at: '#h-gates' },
  { file: 'proposal-phone', page: 'proposal-inconclusive', width: 320, height: 1000 },
  { file: 'proposal-rolled-back', page: 'proposal-rolled-back', colorScheme: 'dark' },
  { file: 'eval-report', page: 'eval-run' },
  { file: 'eval-report-cases', page: 'eval-run', at: '#regressions' },
  { file: 'decisions', page: 'decisions' },
  { file: 'decision', page: 'decision' },
  { file: 'inventory', page: 'inventory' },
  { file: 'savings', page: 'savings' },
  { file: 'datasets', page: 'datasets', height: 520 },
  { file: 'dataset', page: 'dataset' },
  { file: 'labels', page: 'labels' },
  { file: 'gateways', page: 'gateways', height: 700 },
  { file: 'audit', page: 'audit', height: 760 },
  { file: 'keys', page: 'keys', height: 780 },
  { file: 'keys-dark', page: 'keys-made', height: 780, colorScheme: 'dark' },
  { file: 'error', page: 'error', height: 420 },
]

const maxBytes = 150 * 1024
const folder = new URL('../../docs/screens/', import.meta.url)

/** Photographs every screen of docs/pages.md from the pages of the golden files: `node test/browser/screenshots.ts`. */
async function photograph(): Promise<void> {
  const path = chromiumPath()
  if (path === null) throw new Error('no Chromium was found; set CHROMIUM_PATH')
  mkdirSync(folder, { recursive: true })
  const server = await servePages(pages)
  const browser = await launchChromium(path)
  const large: string[] = []
  for (const { file, page: name, width = 1200, height = 780, colorScheme = 'light', at } of screens) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    await page.goto(`${server.url}/view/${name}`)
    // No stream is served here: a page that would be live says that it is, not that it lost its connection.
    await page.evaluate(`document.documentElement.dataset.connection = 'live'`)
    if (at !== undefined) await page.evaluate(`document.querySelector('${at}').scrollIntoView()`)
    const target = new URL(`${file}.png`, folder)
    await page.screenshot({ path: target.pathname, animations: 'disabled' })
    await page.close()
    const { size } = statSync(target)
    console.log(`${file}.png ${Math.round(size / 1024)} KB`)
    if (size > maxBytes) large.push(file)
  }
  await browser.close()
  await server.close()
  if (large.length > 0) throw new Error(`more than ${maxBytes} bytes: ${large.join(', ')}`)
}

await photograph()
