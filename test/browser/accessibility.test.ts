import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findFaults } from '#test/browser/accessibility.ts'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { type PageServer, servePages } from '#test/browser/page-server.ts'
import { pages } from '#test/reports/pages.ts'

const path = chromiumPath()

/** One page with one fault of each rule: what the checks would miss here they would miss everywhere. */
const faulty = `<!doctype html><html lang=""><head><meta name="viewport" content="width=device-width, user-scalable=no"><title> </title></head>
<body><div><p>outside</p></div><main><h1>One</h1><h3>Three</h3><p id="a">x</p><p id="a">y</p>
<a href="#nowhere">z</a><button></button><input id="no-label" style="border:1px solid #eee"><p style="color:#999;background:#fff">pale</p>
<table><tr><td>no header</td></tr></table><ul><p>no item</p></ul><p role="knob" aria-lable="x">p</p>
<div aria-hidden="true"><a href="#a">hidden</a></div><a href="#a" tabindex="3">first</a>
<div style="overflow:auto;width:100px"><p style="width:900px">wide</p></div>
<button style="font-size:8px;padding:0;border:0;height:10px">a</button><button style="font-size:8px;padding:0;border:0;height:10px">b</button>
<div style="width:3000px">wide</div></main></body></html>`

const rules = [
  'lang',
  'title',
  'landmark',
  'heading',
  'skip',
  'zoom',
  'id',
  'name',
  'table',
  'list',
  'aria',
  'focus',
  'scroll',
  'target',
  'contrast',
  'edge',
  'reflow',
]

describe.skipIf(path === null)('accessibility in a browser (E3)', () => {
  let browser: Browser
  let server: PageServer

  beforeAll(async () => {
    server = await servePages(pages)
    browser = await launchChromium(path ?? '')
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  it.each(rules)('the rule "%s" finds its fault on a page that has one', async (rule) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await page.setContent(faulty)
    const found = (await findFaults(page)).filter((fault) => fault.startsWith(`${rule}: `))
    await page.close()
    expect(found.length).toBeGreaterThan(0)
  })

  describe.each(['light', 'dark'] as const)('in the %s scheme', (colorScheme) => {
    it.each([1280, 320])('finds nothing on any page at %i pixels', async (width) => {
      const viewport = { width, height: 800 }
      const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' })
      const found: string[] = []
      for (const name of Object.keys(pages)) {
        await page.goto(`${server.url}/view/${name}`)
        found.push(...(await findFaults(page)).map((fault) => `${name}: ${fault}`))
      }
      await page.close()
      expect(found).toEqual([])
    })
  })

  it('shows where the focus is, on every control of every page, in both schemes', async () => {
    const hidden: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme })
      for (const name of ['overview', 'proposal-inconclusive', 'eval-run', 'decisions', 'keys', 'audit', 'login']) {
        await page.goto(`${server.url}/view/${name}`)
        hidden.push(...(await tabThrough(page)).unmarked.map((what) => `${name} ${colorScheme}: ${what}`))
      }
      await page.close()
    }
    expect(hidden).toEqual([])
  })

  it('lets Tab pass every control once, in the order of the page, and leave it: no trap', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    for (const name of ['proposal-inconclusive', 'eval-run', 'decisions', 'keys']) {
      await page.goto(`${server.url}/view/${name}`)
      const { order, reachable } = await tabThrough(page)
      expect([name, order]).toEqual([name, reachable])
    }
    await page.close()
  })
})

interface Walk {
  /** Places of controls in the document, in the order Tab found them. */
  readonly order: readonly number[]
  /** Places of all that should be found. */
  readonly reachable: readonly number[]
  /** Controls on which nothing showed the focus, or that were out of sight. */
  readonly unmarked: readonly string[]
}

/** Presses Tab until the focus leaves the document. */
async function tabThrough(page: Page): Promise<Walk> {
  const focusable = `[...document.querySelectorAll('a[href], button, summary, input, select, textarea, [tabindex="0"]')]
    .filter((e) => !e.disabled && e.type !== 'hidden' && e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })
      && (e.type !== 'radio' || e.checked))`
  await page.evaluate(`globalThis.controls = ${focusable}`)
  const reachable = (await page.evaluate('controls.map((_, index) => index)')) as number[]
  const order: number[] = []
  const unmarked: string[] = []
  for (let turn = 0; turn < reachable.length + 5; turn += 1) {
    await page.keyboard.press('Tab')
    const at = (await page.evaluate('controls.indexOf(document.activeElement)')) as number
    const isOut = (await page.evaluate('document.activeElement === document.body')) as boolean
    if (isOut || at === order[0]) break
    order.push(at)
    const fault = await page.evaluate(`(() => {
      const element = document.activeElement
      const style = getComputedStyle(element)
      const box = element.getBoundingClientRect()
      const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      const isInSight = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 1
      const what = element.localName + ' ' + (element.id || element.textContent.trim().slice(0, 30))
      return isMarked && isInSight ? '' : what + (isMarked ? ' is out of sight' : ' shows no focus')
    })()`)
    if (typeof fault === 'string' && fault !== '') unmarked.push(fault)
  }
  return { order, reachable, unmarked }
}
