import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorPages, reportPages } from '#control/report-pages.ts'
import { errorHandler } from '#http/error-handler.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { createLog } from '#infra/log.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aCaller } from '#test/support/factories.ts'

describe.each(engines())('pages of datasets on %s (C1, E1)', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  let server: Server
  let base: string
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    const pages = {
      db: database.db,
      clock: () => rig.deps.clock.nowMs(),
      viewerOf: () => aCaller({ role: 'viewer' }),
      csrfOf: () => 'token',
    }
    const app = express()
    app.set('query parser', 'simple')
    app.use(securityHeaders(), reportPages(pages))
    app.use(errorHandler({ log: createLog('silent'), renderErrorPage: errorPages(pages) }))
    server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rig.close()
    await database.close()
  })
  const get = async (path: string) => {
    const response = await fetch(base + path, { redirect: 'manual' })
    return { status: response.status, html: await response.text() }
  }
  const upload = (name: string, raw: string, query = '', type = 'application/x-ndjson') =>
    rig.call('POST', `/api/datasets/${name}/versions${query}`, { raw, type })

  test('without a dataset the list says how to make one', async () => {
    const { status, html } = await get('/datasets')
    expect(status).toBe(200)
    expect(html).toContain('There is no dataset yet')
    expect(html).toContain('npx interlock import')
  })

  test('the list has every dataset; a page has its versions, parts, uses and items, hostile text as text', async () => {
    await seedThroughApi(rig)
    const hostile = '<img src=x onerror=alert(1)>'
    const line = (index: number) =>
      JSON.stringify({
        id: `i${index}`,
        messages: [{ role: 'user', content: `${hostile} ${index}` }],
        context: ['passage'],
        tags: [index % 2 === 0 ? 'edge' : 'normal'],
        slice: { language: hostile },
      })
    await upload('faq', line(0))
    await upload('faq', Array.from({ length: 25 }, (_, index) => line(index)).join('\n'))
    const list = (await get('/datasets')).html
    expect(list).toContain('href="/datasets/faq"')
    expect(list).toContain('href="/datasets/support"')
    const { status, html } = await get('/datasets/faq')
    expect(status).toBe(200)
    expect(html).not.toContain('<img src=x')
    expect(html).toContain('&lt;img src')
    expect(html).toContain('uploaded as JSONL')
    expect(html).toContain('1 to 20 of 25')
    expect(html).toContain('href="/datasets/faq?version=1"')
    expect(html).toContain('Nothing has used it yet')
    const next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=') ?? ''
    expect((await get(next.replace(/#.*/, ''))).html).toContain('21 to 25 of 25')
    expect((await get('/datasets/faq?version=1')).html).toContain('1 to 1 of 1')
  })

  test('a dataset that a plan names shows the proposal, and one that was run its eval runs', async () => {
    const proposal = await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })
    expect(proposal.status).toBe(201)
    const run = await rig.call('POST', '/api/eval-runs', {
      body: { dataset: 'support@1', targets: [{ model: 'p/good' }], evaluators: [{ name: 'json_validity' }] },
    })
    expect(run.status).toBe(202)
    const { html } = await get('/datasets/support')
    expect(html).toContain(`href="/proposals/${proposal.body.id}"`)
    expect(html).toContain(`href="/eval-runs/${run.body.id}"`)
  })

  test('what was not carried over of a file is told', async () => {
    const tests = 'tests: [{vars: {q: hi}, assert: [{type: llm-rubric, value: polite}]}]'
    expect((await upload('foreign', tests, '?format=promptfoo', 'application/yaml')).status).toBe(201)
    const { html } = await get('/datasets/foreign')
    expect(html).toContain('uploaded as a promptfoo file')
    expect(html).toContain('llm-rubric')
  })

  test.each(['/datasets/none', '/datasets/support?version=9', '/datasets/%00', "/datasets/a'b"])(
    '%s is not there',
    async (path) => {
      expect((await get(path)).status).toBe(404)
    },
  )

  test.each(['/datasets/support?version=x', '/datasets/support?cursor=zzz', '/datasets?from=1'])(
    '%s is refused',
    async (path) => {
      expect((await get(path)).status).toBe(422)
    },
  )
})
