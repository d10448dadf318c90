import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { type PageServer, servePages } from '#test/browser/page-server.ts'
import { fullPages, singlePages } from '#test/browser/xss-pages.ts'
import { corpusFile, corpusText, type Payload } from '#test/browser/xss-payloads.ts'
import { pages } from '#test/reports/pages.ts'

const path = chromiumPath()
const corpus = JSON.parse(readFileSync(corpusFile, 'utf8')) as readonly Payload[]
const lists = fullPages(corpus.map(({ text }) => text))

/** What a payload would call, kept in a list of the page; a dialog or a way out of the page counts as well. */
const trap = 'globalThis.ran = []; globalThis.xss = (id) => { globalThis.ran.push(id) }'

/** Opens everything, then does to every element what a hand could do, but for leaving the page. */
const provoke = `(() => {
  addEventListener('click', (event) => event.preventDefault(), true)
  addEventListener('submit', (event) => event.preventDefault(), true)
  for (const details of document.querySelectorAll('details')) { details.removeAttribute('name'); details.open = true }
  for (const element of document.querySelectorAll('body, body *')) {
    for (const type of ['pointerover', 'mouseover', 'mouseenter', 'focus', 'focusin', 'keydown', 'click', 'blur', 'animationstart', 'toggle', 'load', 'error'])
      element.dispatchEvent(new Event(type, { bubbles: type !== 'load' && type !== 'error', cancelable: true }))
  }
  return document.querySelectorAll('*').length
})()`

/** Names of elements and of attributes in use; addresses that lead to a program or to another host. */
const inventory = `(() => {
  const names = new Set()
  const addresses = []
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      names.add(element.localName + ' ' + name)
      if (!['href', 'src', 'action', 'formaction', 'data', 'srcdoc'].includes(name)) continue
      const url = new URL(value, location.href)
      // Out of this site only where the text says so from its first letter: nothing may be taken for a path and not be one.
      const isOther = url.host !== location.host && !/^https?:\\/\\//.test(value)
      if (!['http:', 'https:'].includes(url.protocol) || isOther) addresses.push(value)
    }
    names.add(element.localName)
  }
  return { names: [...names], addresses }
})()`

interface Inventory {
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

describe('the corpus of payloads (S5)', () => {
  it('is what its patterns make, at least 500, each different', () => {
    expect(readFileSync(corpusFile, 'utf8')).toBe(corpusText())
    expect(new Set(corpus.map(({ text }) => text)).size).toBe(corpus.length)
    expect(corpus.length).toBeGreaterThanOrEqual(500)
  })
})

describe.skipIf(path === null)('hostile text in a browser (S5)', () => {
  let browser: Browser
  let server: PageServer
  let known: ReadonlySet<string>

  beforeAll(async () => {
    const raw = () => `<!doctype html><title>raw</title>${corpus.map(({ text }) => `<div>${text}</div>`).join('\n')}`
    const each = Object.fromEntries(corpus.map(({ id, text }) => [`raw-${id}`, () => `<!doctype html><p>${text}`]))
    server = await servePages({ ...pages, ...lists, ...each, raw })
    browser = await launchChromium(path ?? '')
    const page = await browser.newPage()
    const names = new Set<string>()
    for (const name of Object.keys(pages).filter((each) => !each.endsWith('-hostile'))) {
      await page.goto(`${server.url}/view/${name}`)
      for (const found of ((await page.evaluate(inventory)) as Inventory).names) names.add(found)
    }
    known = names
    await page.close()
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  /** A context in which payloads are counted. @param hasPolicy false: the header is taken off on the way */
  async function trapped(hasPolicy: boolean): Promise<{ page: Page; context: BrowserContext; left: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const left: string[] = []
    await context.addInitScript(trap)
    if (!hasPolicy) {
      await context.route('**/view/**', async (route) => {
        const response = await route.fetch()
        const { 'content-security-policy': _, ...headers } = response.headers()
        await route.fulfill({ response, headers })
      })
    }
    const page = await context.newPage()
    page.on('dialog', (dialog) => {
      left.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => {
      const { host, pathname } = new URL(request.url())
      const isOwn = host === new URL(server.url).host && /^\/(view|assets|live)\//.test(pathname)
      if (!isOwn) left.push(`request: ${request.url()}`)
    })
    return { page, context, left }
  }

  // Hundreds of documents, one after the other.
  it('would run where a page let it: the trap sees hundreds of the corpus without a policy', async () => {
    const { page, context } = await trapped(false)
    const ran = new Set<number>()
    for (const { id } of corpus.filter(({ kind }) => kind === 'element' || kind === 'reread')) {
      await page.goto(`${server.url}/view/raw-${id}`, { waitUntil: 'load' }).catch(() => undefined)
      for (const each of (await page.evaluate('globalThis.ran').catch(() => [])) as number[]) ran.add(each)
    }
    await context.close()
    expect(ran.size).toBeGreaterThan(150)
  }, 240_000)

  describe.each([
    ['with the policy', true],
    ['without the policy', false],
  ])('%s', (_name, hasPolicy) => {
    it.each(Object.keys(lists))('runs nothing on %s, and leaves the page for nothing', async (name) => {
      const { page, context, left } = await trapped(hasPolicy)
      const response = await page.goto(`${server.url}/view/${name}`)
      expect(response?.headers()['content-security-policy'] !== undefined).toBe(hasPolicy)
      const elements = await page.evaluate(provoke)
      const found = (await page.evaluate(inventory)) as Inventory
      expect(await page.evaluate('globalThis.ran')).toEqual([])
      expect(found.names.filter((each) => !known.has(each))).toEqual([])
      expect(found.addresses).toEqual([])
      expect(left).toEqual([])
      expect(elements).toBeGreaterThan(100)
      expect(page.url()).toBe(`${server.url}/view/${name}`)
      await context.close()
    })
  })

  it('runs nothing in titles, headings, fields and choices, each payload alone and without a policy', async () => {
    const { page, context, left } = await trapped(false)
    const names = Object.keys(singlePages('x'))
    const ran: unknown[] = []
    await page.goto(`${server.url}/view/login`)
    for (const [index, { text }] of corpus.entries()) {
      // Each payload on one kind of page, each kind with every way of writing: the numbers have no common factor.
      const name = names[index % names.length] ?? ''
      await page.setContent(singlePages(text)[name] ?? '')
      await page.evaluate(provoke)
      const found = (await page.evaluate(inventory)) as Inventory
      const unknown = found.names.filter((each) => !known.has(each))
      const seen = (await page.evaluate('globalThis.ran')) as number[]
      if (seen.length + unknown.length + found.addresses.length > 0) {
        ran.push([name, text, seen, unknown, found.addresses])
      }
    }
    await context.close()
    expect(ran).toEqual([])
    expect(left).toEqual([])
  }, 240_000)
})
