import { createServer, type Server } from 'node:http'
import express from 'express'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorPages, reportPages } from '#control/report-pages.ts'
import { controlRouter } from '#control/router.ts'
import { csrfOf, viewerOf } from '#http/auth.ts'
import { errorHandler } from '#http/error-handler.ts'
import { requestContext } from '#http/request-context.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { chromiumPath, launchChromium } from '#test/browser/chromium.ts'
import { type ControlRig, controlRig, listen } from '#test/support/control.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { pairConfig, pairDetails, rubricConfig, rubricDetails, seedJudgedRun } from '#test/support/judged-run.ts'

const path = chromiumPath()

describe.skipIf(path === null)('labelling in a browser without scripts (C4, E1)', () => {
  let database: TestDatabase
  let rig: ControlRig
  let server: Server
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let base: string

  beforeAll(async () => {
    database = await testDatabase()
    rig = await controlRig(database.db)
    await seedJudgedRun(database.db, { id: 'rubric', config: rubricConfig, count: 12, details: rubricDetails })
    await seedJudgedRun(database.db, { id: 'pairs', config: pairConfig, count: 12, details: pairDetails })
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
    context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1280, height: 900 } })
    page = await context.newPage()
  })
  afterEach(() => context.close())

  async function logIn(role: 'author' | 'viewer' | 'operator', next: string): Promise<void> {
    rig.pass(60_000)
    await page.goto(`${base}/login?next=${encodeURIComponent(next)}`)
    await page.getByLabel('Key').fill(rig.keys[role])
    await page.keyboard.press('Enter')
    await page.waitForURL(`${base}${next}`)
  }
  const labels = () => database.db.selectFrom('judge_labels').selectAll().orderBy('labelled_at').orderBy('id').execute()

  it('a verdict is marked with the keyboard alone, and the next one follows', async () => {
    await logIn('author', '/labels?run=pairs&sample=drawn')
    const id = await page.locator('input[name="task"]').getAttribute('value')
    await page.locator('.choices button').first().focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(/saved=1/)
    const [label] = await labels()
    expect(label).toMatchObject({ kind: 'pair', labelled_by: 'author-key' })
    expect(label?.human_verdict).not.toBe(label?.judge_verdict)
    expect(`${label?.run_id}.${label?.draw}.pair`).toBe(id)
    expect(await page.locator('input[name="task"]').getAttribute('value')).not.toBe(id)
    expect(await page.getByText('Saved. Here is the next one.').isVisible()).toBe(true)
    expect(new URL(page.url()).searchParams.get('sample')).toBe('drawn')
  })

  it('texts of answers are text: nothing of them becomes an element, and what is invisible is written out', async () => {
    await logIn('author', '/labels?run=rubric&sample=drawn')
    const answer = page.locator('.answer pre')
    expect(await answer.textContent()).toContain('<script>alert(1)</script> ‹U+202E›gnp')
    expect(await page.locator('main script, main img').count()).toBe(0)
    expect(await page.content()).not.toMatch(/support v[12]|gpt-4o-mini|mistral/)
  })

  it('one may decide without the judge’s verdict: it is nowhere on the page then', async () => {
    await logIn('operator', '/labels?run=rubric&sample=drawn')
    expect(await page.getByText('The judge says').count()).toBe(1)
    await page.getByRole('link', { name: 'Decide without' }).click()
    expect(await page.getByText('The judge says').count()).toBe(0)
    expect(await page.getByText('saw <script>').count()).toBe(0)
    await page.getByRole('button', { name: 'not met' }).click()
    await page.waitForURL(/saved=1/)
    expect(new URL(page.url()).searchParams.get('verdict')).toBe('hidden')
    expect((await labels()).at(-1)).toMatchObject({ human_verdict: 'not_met', unit: 'polite' })
  })

  it('who may only read sees why there is no form', async () => {
    await logIn('viewer', '/labels')
    expect(await page.getByText('Needs the role author or approver or operator or admin').isVisible()).toBe(true)
    expect(await page.locator('form.label-form').count()).toBe(0)
  })

  it('fits a phone: nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await logIn('author', '/labels?run=pairs')
    const main = await page.locator('main').boundingBox()
    expect((main?.x ?? 0) + (main?.width ?? 0)).toBeLessThanOrEqual(360)
    const choices = await page.locator('.choices').boundingBox()
    expect((choices?.x ?? 0) + (choices?.width ?? 0)).toBeLessThanOrEqual(360)
  })
})
