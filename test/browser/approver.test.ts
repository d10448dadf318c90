import { copyFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import express from 'express'
import { sql } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorPages, reportPages } from '#control/report-pages.ts'
import { controlRouter } from '#control/router.ts'
import { csrfOf, viewerOf } from '#http/auth.ts'
import { errorHandler } from '#http/error-handler.ts'
import { requestContext } from '#http/request-context.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { appendTimeline } from '#store/proposal-timeline.ts'
import { findFaults } from '#test/browser/accessibility.ts'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { seedEvalRun } from '#test/store/report-seed.ts'
import { type ControlRig, controlRig, listen } from '#test/support/control.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedProposal, seedRoute } from '#test/support/factories.ts'

const path = chromiumPath()

/** How a person gets things done: one with a mouse, one with keys alone. */
interface Hands {
  readonly type: (page: Page, label: string, text: string) => Promise<void>
  /** Follows a link or presses a button, by its name. */
  readonly press: (page: Page, name: RegExp) => Promise<void>
}

const mouse: Hands = {
  type: (page, label, text) => page.getByLabel(label, { exact: true }).fill(text),
  press: (page, name) =>
    page.locator('a[href], button, summary').filter({ visible: true, hasText: name }).first().click(),
}

/** Only ever Tab, letters and Enter; fails when the focus does not show or comes round without having been there. */
const keys: Hands = {
  type: async (page, label, text) => {
    await tabTo(page, new RegExp(`^${label}$`))
    await page.keyboard.type(text)
  },
  press: async (page, name) => {
    await tabTo(page, name)
    await page.keyboard.press('Enter')
  },
}

const focused = `(() => {
  const element = document.activeElement
  const style = getComputedStyle(element)
  return {
    name: (element.labels?.[0] ?? element).textContent.replace(/\\s+/g, ' ').trim(),
    isControl: element.matches('a[href], button, summary, input, textarea, select'),
    isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  }
})()`

async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let turn = 0; turn < 150; turn += 1) {
    await page.keyboard.press('Tab')
    const at = (await page.evaluate(focused)) as { name: string; isControl: boolean; isMarked: boolean }
    if (at.isControl && !at.isMarked) throw new Error(`nothing shows that the focus is on "${at.name}"`)
    if (at.isControl && name.test(at.name)) return
    passed.push(at.name.slice(0, 30))
  }
  throw new Error(`Tab never came to ${name}; it passed ${passed.join(' | ')}`)
}

describe.skipIf(path === null)('an approver in a browser (E1, E3, D9)', () => {
  let database: TestDatabase
  let rig: ControlRig
  let server: Server
  let browser: Browser
  let page: Page
  let base: string
  let problems: string[]

  beforeAll(async () => {
    database = await testDatabase()
    rig = await controlRig(database.db)
    const pages = { db: database.db, clock: rig.deps.clock.nowMs, viewerOf, csrfOf }
    const app = express()
    app.use(requestContext(rig.deps.newId), securityHeaders(), rig.deps.authenticator.identify)
    app.use(reportPages(pages), controlRouter(rig.deps))
    app.use(errorHandler({ log: rig.deps.log, renderErrorPage: errorPages(pages) }))
    server = createServer(app)
    base = await listen(server)
    browser = await launchChromium(path ?? '')
  })

  afterAll(async () => {
    await browser.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rig.close()
    await database.close()
  })

  beforeEach(async () => {
    rig.pass(600_000)
    problems = []
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
  })

  afterEach(async () => {
    await page.context().close()
    expect(problems).toEqual([])
  })

  /** The engine takes the candidate a step further. */
  async function step(id: string, shareBp: number): Promise<void> {
    await database.db.transaction().execute(async (tx) => {
      const at = rig.deps.clock.nowMs()
      const reason = 'every gate of the step passed'
      await appendTimeline(tx, id, { at, from: 'canary', to: 'canary', by: 'engine', reason, shareBp })
      await sql`update proposals set share_bp = ${shareBp}, revision = revision + 1 where id = ${id}`.execute(tx)
    })
  }

  const stateOf = (id: string) =>
    database.db.selectFrom('proposals').select(['status', 'share_bp']).where('id', '=', id).executeTakeFirstOrThrow()

  it.each([
    ['with a mouse', mouse],
    ['with keys alone', keys],
  ])('logs in, reads the report, approves, watches the canary and rolls it back, %s', async (how, hands) => {
    const route = how === 'with a mouse' ? 'support' : 'billing'
    await seedRoute(database.db, route)
    const id = await seedProposal(rig.deps, { route, state: { status: 'awaiting_approval', waitingFor: 'canary' } })
    const items = [{ baseline: 1, candidate: 0 }, ...Array.from({ length: 40 }, () => ({ baseline: 1, candidate: 1 }))]
    await seedEvalRun(database.db, { id: `run-${route}`, proposalId: id, items })

    await page.goto(`${base}/routes/${route}`)
    await hands.type(page, 'Key', rig.keys.approver)
    await hands.press(page, /^Log in$/)
    await page.waitForURL(`${base}/routes/${route}`)

    await hands.press(page, /^cheaper$/)
    await page.waitForURL(`${base}/proposals/${id}`)
    await hands.press(page, /^Report on/)
    await page.waitForURL(`${base}/eval-runs/run-${route}`)
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain(`run-${route}`)
    expect(await page.getByText('question 0').first().isVisible()).toBe(true)
    await page.goBack()

    await hands.press(page, /^Approve$/)
    await hands.press(page, /^Confirm: Approve$/)
    await page.getByText('Live exposure').waitFor()
    expect((await stateOf(id)).status).toBe('canary')

    await page.waitForSelector('html[data-connection="live"]')
    for (let shareBp = 5000; !(await page.getByText('took the candidate to').first().isVisible()); shareBp += 1) {
      await step(id, shareBp)
      await page.waitForTimeout(200)
    }
    expect(page.url()).toBe(`${base}/proposals/${id}`)

    await hands.press(page, /^Roll back now$/)
    await hands.press(page, /^Confirm: Roll back now$/)
    await page.getByText('Rolled back').first().waitFor()
    expect(await stateOf(id)).toMatchObject({ status: 'rolled_back' })
    const { items: entries } = (await rig.call('GET', `/api/audit?subject=proposal:${id}`)).body
    expect(entries.map((entry: { action: string; actor: string }) => [entry.action, entry.actor])).toEqual([
      ['proposal.roll_back', 'approver-key'],
      ['proposal.approve', 'approver-key'],
    ])
  })

  it('saves the proposal and its report as files that open without this server or any network', async () => {
    await seedRoute(database.db, 'export')
    const id = await seedProposal(rig.deps, { route: 'export', state: { status: 'canary', step: 0, shareBp: 2000 } })
    const items = Array.from({ length: 60 }, (_, index) => ({ baseline: 1, candidate: index % 5 === 0 ? 0 : 1 }))
    await seedEvalRun(database.db, { id: 'run-export', proposalId: id, items })
    await page.goto(`${base}/login`)
    await mouse.type(page, 'Key', rig.keys.viewer)
    await mouse.press(page, /^Log in$/)
    for (const from of [`/proposals/${id}`, '/eval-runs/run-export']) {
      await page.goto(`${base}${from}`)
      const coming = page.waitForEvent('download')
      await mouse.press(page, /^Save as one file$/)
      await openFromDisk(await (await coming).path(), `${base}${from}`)
    }
  })

  /** Opens a saved file in a browser of its own that is offline. */
  async function openFromDisk(file: string, source: string): Promise<void> {
    const named = `${file}.html`
    copyFileSync(file, named)
    expect(statSync(named).size).toBeLessThanOrEqual(1.5 * 1024 * 1024)
    const context = await browser.newContext({ offline: true, viewport: { width: 1280, height: 800 } })
    const copy = await context.newPage()
    const asked: string[] = []
    copy.on('request', (request) => asked.push(request.url()))
    copy.on('console', (message) => asked.push(message.text()))
    await copy.goto(`file://${named}`)
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([`file://${named}`])
    expect(await copy.evaluate(`getComputedStyle(document.querySelector('.card')).borderRadius`)).toBe('8px')
    expect(await copy.locator('script, form, iframe, img').count()).toBe(0)
    expect(await copy.locator('svg[role="img"]').count()).toBeGreaterThan(0)
    expect(await copy.getByRole('link', { name: source }).getAttribute('href')).toBe(source)
    const open = await copy.locator('details[open]').count()
    await copy.locator('details:not([open]) > summary').first().click()
    expect(await copy.locator('details[open]').count()).toBe(open + 1)
    for (const width of [1280, 320]) {
      await copy.setViewportSize({ width, height: 800 })
      expect(await findFaults(copy)).toEqual([])
    }
    await context.close()
  }
})
