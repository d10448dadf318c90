import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findFaults } from '#test/browser/accessibility.ts'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { type PageServer, servePages } from '#test/browser/page-server.ts'
import { pages } from '#test/reports/pages.ts'

const path = chromiumPath()
const names = ['overview', 'proposal-inconclusive', 'eval-run', 'decisions', 'savings', 'audit', 'gateways', 'keys']

const moving = `[...document.querySelectorAll('*')].filter((element) => {
  const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element)
  return transitionDuration.split(',').some((each) => parseFloat(each) > 0) || animationName !== 'none' || scrollBehavior === 'smooth'
}).length`

/** Of every closed details: what it holds has a height. */
const unprinted = `[...document.querySelectorAll('details')].filter((details) => {
  const last = details.lastElementChild
  return last.localName !== 'summary' && last.getBoundingClientRect().height === 0 && details.checkVisibility() && !last.matches('form')
}).map((details) => details.id)`

describe.skipIf(path === null)('paper and stillness (E3)', () => {
  let browser: Browser
  let server: PageServer
  let page: Page

  beforeAll(async () => {
    server = await servePages(pages)
    browser = await launchChromium(path ?? '')
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 794, height: 1123 } })
  })

  afterEach(() => page.close())

  it.each(names)('%s prints in ink on white, with what was folded and without what is for hands', async (name) => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    await page.goto(`${server.url}/view/${name}`)
    expect(await page.evaluate(unprinted)).toEqual([])
    for (const part of ['.menu', '.viewer', '.act', '.jump', '.finder', '.filters', '.skip']) {
      expect([part, await page.locator(part).filter({ visible: true }).count()]).toEqual([part, 0])
    }
    expect(await page.getByRole('heading', { level: 1 }).isVisible()).toBe(true)
    expect(await page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`)).toBe('rgb(255, 255, 255)')
    const faults = (await findFaults(page)).filter((fault) => /^(contrast|reflow)/.test(fault))
    expect(faults).toEqual([])
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  })

  it.each(names)('%s does not move for those who asked for stillness', async (name) => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.goto(`${server.url}/view/${name}`)
    expect(await page.evaluate(moving)).toBe(0)
  })

  it('moves for others: stillness is a choice that was made', async () => {
    await page.emulateMedia({ reducedMotion: 'no-preference' })
    await page.goto(`${server.url}/view/proposal-inconclusive`)
    expect(await page.evaluate(moving)).toBeGreaterThan(0)
  })
})
