import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { sql } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorPages, reportPages } from '#control/report-pages.ts'
import { errorHandler } from '#http/error-handler.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { createLog } from '#infra/log.ts'
import { appendTimeline } from '#store/proposal-timeline.ts'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { seedMs } from '#test/store/report-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aCaller, rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'

const path = chromiumPath()

describe.skipIf(path === null)('live pages in a browser (E1)', () => {
  let database: TestDatabase
  let server: Server
  let browser: Browser
  let page: Page
  let base: string
  let proposalId: string
  let problems: string[]

  beforeAll(async () => {
    database = await testDatabase()
    const { deps } = rolloutDeps(database.db, seedMs)
    await seedRoute(database.db)
    proposalId = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    const pages = {
      db: database.db,
      clock: () => seedMs,
      viewerOf: () => aCaller({ role: 'admin' }),
      csrfOf: () => 'token',
    }
    const app = express()
    app.use(securityHeaders(), reportPages(pages))
    app.use(errorHandler({ log: createLog('silent'), renderErrorPage: errorPages(pages) }))
    server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launchChromium(path ?? '')
  })

  afterAll(async () => {
    await browser.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await database.close()
  })

  beforeEach(async () => {
    problems = []
    page = await browser.newPage({ viewport: { width: 1280, height: 700 } })
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await page.goto(`${base}/proposals/${proposalId}`)
    await page.waitForSelector('html[data-connection="live"]')
  })

  afterEach(async () => {
    await page.close()
    expect(problems).toEqual([])
  })

  /** Moves the proposal until the page has noticed; the stream compares states, so the first move may only be remembered. */
  async function moveUntil(reason: string, isSeen: () => Promise<boolean>): Promise<void> {
    for (let turn = 0; !(await isSeen()); turn += 1) {
      await database.db.transaction().execute(async (tx) => {
        await appendTimeline(tx, proposalId, {
          at: seedMs,
          from: 'canary',
          to: 'canary',
          by: 'engine',
          reason: `${reason} ${turn}`,
          shareBp: 2000,
        })
        await sql`update proposals set revision = revision + 1 where id = ${proposalId}`.execute(tx)
      })
      await page.waitForTimeout(200)
    }
  }

  const timelineHas = (reason: string) => async () =>
    (await page.locator('.timeline').textContent())?.includes(reason) === true

  it('show a change without a reload, and what one reads stays in its place', async () => {
    await page.evaluate(`document.querySelector('#h-time').scrollIntoView()`)
    const placeOf = () => page.locator('#h-time').evaluate((element) => Math.round(element.getBoundingClientRect().top))
    const before = await placeOf()
    await page.evaluate(`document.body.setAttribute('data-mine', 'same document')`)
    await moveUntil('First', timelineHas('First'))
    expect(await page.evaluate(`document.body.dataset.mine`)).toBe('same document')
    expect(Math.abs((await placeOf()) - before)).toBeLessThanOrEqual(1)
  })

  it('leave an open form alone while a person writes in it, and keep details open that are', async () => {
    await page.locator('#diff-json > summary').click()
    await page.locator('#act-rollback > summary').click()
    await page.locator('#reason-rollback').fill('error budget is gone')
    await moveUntil('Second', timelineHas('Second'))
    expect(await page.locator('#reason-rollback').inputValue()).toBe('error budget is gone')
    expect(await page.locator('#diff-json').getAttribute('open')).not.toBeNull()
  })

  it('put a rollback two clicks away, by keyboard too', async () => {
    const posted = page.waitForRequest((request) => request.method() === 'POST')
    await page.route('**/rollback', (route) => route.fulfill({ status: 204 }))
    await page.locator('#act-rollback > summary').focus()
    await page.keyboard.press('Enter')
    await page.locator('#act-rollback button').focus()
    await page.keyboard.press('Enter')
    const request = await posted
    expect(new URL(request.url()).pathname).toBe(`/proposals/${proposalId}/rollback`)
    expect(request.postData()).toBe('csrf=token&reason=')
  })
})
