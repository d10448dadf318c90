import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorPages, loginPage, reportPages } from '#control/report-pages.ts'
import type { Caller } from '#domain/snapshot.ts'
import { errorHandler } from '#http/error-handler.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { createLog } from '#infra/log.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'
import { seedDecision, seedEvalRun, seedMs } from '#test/store/report-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aCaller, rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'

let database: TestDatabase
let deps: RolloutDeps
let server: Server
let base: string
let viewer: Caller | null

beforeAll(async () => {
  database = await testDatabase()
  const pages = {
    db: database.db,
    clock: () => seedMs,
    viewerOf: () => viewer,
    csrfOf: () => (viewer === null ? '' : 'form-token'),
  }
  const app = express()
  app.set('query parser', 'simple')
  app.use(securityHeaders())
  app.use(reportPages(pages))
  app.use(errorHandler({ log: createLog('silent'), renderErrorPage: errorPages(pages) }))
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await database.close()
})

beforeEach(async () => {
  await sql`truncate routes, providers, decisions, observations, dataset_contents cascade`.execute(database.db)
  deps = rolloutDeps(database.db, seedMs).deps
  await seedRoute(database.db)
  viewer = aCaller()
})

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(base + path, { redirect: 'manual', headers })
}

describe('pages over HTTP (E1)', () => {
  it('answer 200 with HTML under a policy that allows nothing inline, each of them', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    await seedEvalRun(database.db, { id: 'run', proposalId: id, items: [{ baseline: 1, candidate: 0 }] })
    await seedDecision(database.db, { id: 'req' })
    const paths = [
      '/',
      '/routes/support',
      `/proposals/${id}`,
      `/proposals/${id}/report`,
      '/eval-runs/run',
      '/decisions',
      '/decisions/req',
    ]
    for (const path of paths) {
      const response = await get(path)
      const html = await response.text()
      expect([path, response.status, response.headers.get('content-type')]).toEqual([
        path,
        200,
        'text/html; charset=utf-8',
      ])
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(html).toContain('<h1')
    }
  })

  it('send people who are not logged in to the login, and back to where they were going', async () => {
    viewer = null
    const response = await get('/decisions?arm=candidate')
    expect([response.status, response.headers.get('location')]).toEqual([
      303,
      '/login?next=%2Fdecisions%3Farm%3Dcandidate',
    ])
    expect(loginPage('/decisions?arm=candidate', null, seedMs)).toContain('value="/decisions?arm&#x3D;candidate"')
    expect(loginPage('//evil.example', null, seedMs)).toContain('name="next" value="/"')
  })

  it('are closed to keys of the data plane', async () => {
    viewer = aCaller({ role: 'gateway' })
    expect((await get('/')).status).toBe(403)
    expect((await get('/live/overview')).status).toBe(403)
  })

  it.each([
    '/routes/nowhere',
    '/proposals/none',
    '/proposals/none/report',
    '/eval-runs/none',
    '/decisions/none',
    '/routes/%00',
    '/assets/none.css',
  ])('answer %s with a page that says what is not there', async (path) => {
    const response = await get(path)
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('<h1>Not found</h1>')
  })

  it('refuse a cursor that no page gave out', async () => {
    expect((await get('/decisions?cursor=xyz')).status).toBe(422)
  })

  it('keep their filters on the way to older decisions', async () => {
    for (let index = 0; index < 51; index += 1) await seedDecision(database.db, { id: `r${index}` })
    const html = await (await get('/decisions?route=support&arm=baseline')).text()
    const next = /href="(\/decisions\?[^"]+)" rel="next"/
      .exec(html)?.[1]
      ?.replaceAll('&amp;', '&')
      .replaceAll('&#x3D;', '=')
    expect(next).toContain('route=support&arm=baseline&cursor=')
    const older = await (await get(next ?? '')).text()
    expect(older.match(/data-label="Outcome"/g)?.length).toBe(1)
  })
})

describe('forms of a proposal (D9)', () => {
  const waiting = { status: 'awaiting_approval', waitingFor: 'canary' } as const

  async function actionsSeenBy(
    caller: Caller,
    state: Parameters<typeof seedProposal>[1],
  ): Promise<Record<string, string>> {
    viewer = caller
    const id = await seedProposal(deps, state)
    const html = await (await get(`/proposals/${id}`)).text()
    const seen = html.matchAll(
      /<div class="act act-(\w+)">\s*(?:<details|<button[\s\S]*?<p class="act-why"[^>]*>([^<]*)<)/g,
    )
    return Object.fromEntries([...seen].map((match) => [match[1], match[2] ?? 'open']))
  }

  it('are open to an approver who did not write it', async () => {
    const actions = await actionsSeenBy(aCaller({ role: 'approver' }), { state: waiting })
    expect(actions['approve']).toBe('open')
    expect(actions['pause']).toContain('Needs the role operator or admin; your key has the role approver.')
  })

  it('are closed to its author for approval, admin or not, with the reason in sight', async () => {
    const actions = await actionsSeenBy(aCaller({ name: 'ada', role: 'admin' }), { state: waiting })
    expect(actions['approve']).toBe('You wrote this: someone other than ada must approve it.')
    expect(actions['abort']).toBe('open')
  })

  it('offer the way back first while the candidate has traffic', async () => {
    const actions = await actionsSeenBy(aCaller({ role: 'operator' }), {
      state: { status: 'canary', step: 0, shareBp: 2000 },
    })
    expect(Object.keys(actions)[0]).toBe('rollback')
    expect(actions['rollback']).toBe('open')
    expect(actions['approve']).toContain('Needs the role approver or admin')
  })

  it('offer no way back where no request reaches the candidate, and say so', async () => {
    const actions = await actionsSeenBy(aCaller({ role: 'admin' }), { state: { status: 'shadow' } })
    expect(actions['rollback']).toBe('The candidate serves no request yet: there is nothing to roll back.')
  })

  it('of an ended proposal are down to the rollback, closed', async () => {
    const id = await seedProposal(deps, { state: { status: 'rolled_back' } })
    const html = await (await get(`/proposals/${id}`)).text()
    expect(html.match(/class="act act-/g)?.length).toBe(1)
    expect(html).toContain('The proposal has ended: every request goes to v1.')
  })

  it('carry the token of the session and post to their own address', async () => {
    viewer = aCaller({ role: 'admin' })
    const id = await seedProposal(deps, { state: waiting })
    const html = await (await get(`/proposals/${id}`)).text()
    expect(html).toMatch(
      new RegExp(
        `method="post" action="/proposals/${id}/approve"[^>]*>\\s*<input type="hidden" name="csrf" value="form-token">`,
      ),
    )
  })
})

describe('assets', () => {
  it('may be kept for ever under their hashed address, and are asked about under a plain one', async () => {
    const html = await (await get('/')).text()
    const address = /href="(\/assets\/style\.css[^"]*)"/.exec(html)?.[1]?.replace('&#x3D;', '=') ?? ''
    const hashed = await get(address)
    expect(hashed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(hashed.headers.get('content-type')).toBe('text/css; charset=utf-8')
    const plain = await get('/assets/style.css')
    expect(plain.headers.get('cache-control')).toBe('no-cache')
    const again = await get('/assets/style.css', { 'if-none-match': plain.headers.get('etag') ?? '' })
    expect(again.status).toBe(304)
  })
})

describe('event streams', () => {
  it('say that there is something new when a proposal moves, and end with the page', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    const leave = new AbortController()
    const response = await fetch(`${base}/live/proposals/${id}`, { signal: leave.signal })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    let heard = ''
    const listening = (async () => {
      for await (const part of response.body as ReadableStream<Uint8Array>) heard += new TextDecoder().decode(part)
    })().catch(() => undefined)
    // The first look remembers, a later one compares: move until it is heard.
    while (!heard.includes('data: changed')) {
      await sql`update proposals set revision = revision + 1 where id = ${id}`.execute(database.db)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(heard).toContain('retry: 3000')
    leave.abort()
    await listening
  })

  it('are not for strangers', async () => {
    viewer = null
    expect((await get('/live/overview')).status).toBe(401)
  })
})
