import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorPages, reportPages } from '#control/report-pages.ts'
import type { Role } from '#domain/snapshot.ts'
import { csrfOf, viewerOf } from '#http/auth.ts'
import { errorHandler } from '#http/error-handler.ts'
import { type Answer, type ControlRig, controlRig, everyRole } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'

let database: TestDatabase
let rig: ControlRig

beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
  const pages = { db: database.db, clock: rig.deps.clock.nowMs, viewerOf, csrfOf, leaseMs: rig.deps.leaseMs }
  rig.app.use(reportPages(pages), errorHandler({ log: rig.deps.log, renderErrorPage: errorPages(pages) }))
  await seedThroughApi(rig)
})

afterAll(async () => {
  await rig.close()
  await database.close()
})

beforeEach(() => rig.pass(600_000))

const get = (path: string, role: Role = 'viewer') => rig.call('GET', path, { key: rig.keys[role] })

async function submit(role: Role, path: string, fields: Record<string, string>): Promise<Answer> {
  const send = (to: string, sent: Record<string, string>, headers: Record<string, string>) =>
    rig.call('POST', to, {
      key: null,
      raw: new URLSearchParams(sent).toString(),
      type: 'application/x-www-form-urlencoded',
      headers: { 'sec-fetch-site': 'same-origin', ...headers },
    })
  await database.db.deleteFrom('sessions').execute()
  const login = await send('/login', { key: rig.keys[role] }, {})
  const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const { csrf } = await database.db.selectFrom('sessions').select('csrf').executeTakeFirstOrThrow()
  return send(path, { csrf, ...fields }, { cookie })
}

describe('the page of the audit trail (E4)', () => {
  it('lists entries newest first, narrows them, and links to what they are about', async () => {
    const all = await get('/audit')
    expect(all.status).toBe(200)
    expect(all.text.indexOf('route.create')).toBeLessThan(all.text.indexOf('provider.put'))
    expect(all.text).toContain('href="/routes/support"')
    const one = await get('/audit?action=route.create')
    expect(one.text).toContain('route.create')
    expect(one.text).not.toContain('provider.put')
    expect((await get('/audit?acton=x')).status).toBe(422)
  })

  it('tells the outcome of verifying the chain, also for a head that was noted earlier', async () => {
    const { head } = (await rig.call('GET', '/api/audit/verify')).body
    expect((await get('/audit')).text).toContain('Intact')
    expect((await get(`/audit?verify=1&head=${head}`)).text).toContain('Intact')
    expect((await get(`/audit?verify=1&head=${'ab'.repeat(32)}`)).text).toContain('Cut or replaced')
    expect((await get('/audit?verify=1&head=short')).status).toBe(422)
    expect((await get('/audit?action=route.create')).text).toContain('Not verified for this page')
  })

  it('says which entry was changed behind its back', async () => {
    await sql`alter table audit_entries disable trigger user`.execute(database.db)
    await sql`update audit_entries set actor = 'nobody' where seq = 2`.execute(database.db)
    const { text } = await get('/audit?verify=1')
    await sql`update audit_entries set actor = 'admin-key' where seq = 2`.execute(database.db)
    await sql`alter table audit_entries enable trigger user`.execute(database.db)
    expect(text).toMatch(/Broken<\/span> Entry <b class="num">2<\/b> does not fit/)
    expect((await get('/audit?verify=1')).text).toContain('Intact')
  })
})

describe('the page of keys (E4)', () => {
  it.each(everyRole)('is for admins alone: %s', async (role) => {
    expect((await get('/keys', role)).status).toBe(role === 'admin' ? 200 : 403)
    const made = await submit(role === 'gateway' ? 'viewer' : role, '/keys', { name: `by ${role}`, role: 'viewer' })
    expect(made.status).toBe(role === 'admin' ? 201 : 403)
    const nav = await get('/audit', role === 'gateway' ? 'viewer' : role)
    expect(nav.text.includes('href="/keys"')).toBe(role === 'admin')
  })

  it('shows a new key once, and nothing on the list could open anything', async () => {
    const made = await submit('admin', '/keys', { name: 'nightly', role: 'author', principal: 'robot' })
    const key = /ilk_author_\w{43}/.exec(made.text)?.[0] ?? ''
    expect((await rig.call('GET', '/api/routes', { key })).status).toBe(200)
    expect(made.headers.get('cache-control')).toBe('no-store')
    const list = await get('/keys', 'admin')
    expect(list.text).toContain('nightly')
    expect(list.text).not.toMatch(/ilk_\w+_\w{20}/)
    expect(rig.logged.join('')).not.toContain(key)
  })

  it('keeps what was typed when nothing was made, and says why', async () => {
    const taken = await submit('admin', '/keys', { name: 'admin-key', role: 'operator' })
    expect(taken.status).toBe(422)
    expect(taken.text).toContain('names of keys are never used again')
    expect(taken.text).toContain('value="admin-key"')
    expect(taken.text).toMatch(/value="operator" required checked/)
    expect((await submit('admin', '/keys', { name: 'x', role: 'root' })).text).toContain('Nothing was made')
    expect((await submit('admin', '/keys', { role: 'viewer' })).status).toBe(422)
  })

  it('makes nothing for a form without the token of the session, or of another site', async () => {
    const forged = await submit('admin', '/keys', { csrf: 'x', name: 'forged', role: 'admin' })
    expect(forged.status).toBe(403)
    expect((await get('/keys', 'admin')).text).not.toContain('forged')
  })

  it('revokes at once, and never the last admin key', async () => {
    const made = await submit('admin', '/keys', { name: 'short-lived', role: 'viewer' })
    const key = /ilk_viewer_\w{43}/.exec(made.text)?.[0] ?? ''
    const id = /\/keys\/(key_\w+)\/revoke"[^/]*?<p>Every request with <b><bdi>short-lived/s.exec(made.text)?.[1] ?? ''
    const answer = await submit('admin', `/keys/${id}/revoke`, {})
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/keys'])
    expect((await rig.call('GET', '/api/routes', { key })).status).toBe(401)
    expect((await get('/keys', 'admin')).text).toContain('Revoked')
    expect((await submit('admin', '/keys/key_admin/revoke', {})).status).toBe(409)
    expect((await submit('operator', '/keys/key_viewer/revoke', {})).status).toBe(403)
  })
})

describe('the page of gateways (D7)', () => {
  it('tells replicas that are current, behind and out of contact apart, with what is left of their leases', async () => {
    const now = rig.deps.clock.nowMs()
    const { epoch } = await database.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()
    const current = Number(epoch)
    const replica = (id: string, at: number, ageMs: number) => ({
      id,
      boot_id: `boot-${id}`,
      epoch: at,
      digest: 'd',
      started_at: new Date(now - 60_000),
      seen_at: new Date(now - ageMs),
    })
    await database.db
      .insertInto('gateways')
      .values([replica('gw-1', current, 1_000), replica('gw-2', current - 2, 2_000), replica('gw-3', 0, 20_000)])
      .execute()
    const { text } = await get('/gateways')
    const rowOf = (id: string) => new RegExp(`<bdi>${id}</bdi>.*?</tr>`, 's').exec(text)?.[0] ?? ''
    expect(rowOf('gw-1')).toMatch(/Current.*14\.0/s)
    expect(rowOf('gw-2')).toMatch(/Behind.*2 epochs.*13\.0/s)
    expect(rowOf('gw-3')).toMatch(/Out of contact.*ended/s)
    expect(text).toContain('data-live-url="/live/gateways"')
    expect(text).toContain('nothing to lease')
  })
})

describe('exports (E3)', () => {
  it('are a download of one file, for those who may read', async () => {
    const { id } = (await rig.call('POST', '/api/proposals', { body: aProposalBody() })).body
    const answer = await get(`/proposals/${id}/export`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="interlock-proposal-${id}.html"`)
    expect(answer.text).toContain(`${rig.url}/proposals/${id}`)
    expect((await get(`/proposals/${id}`)).text).toContain(`href="/proposals/${id}/export" download`)
    expect((await get(`/proposals/${id}/export`, 'gateway')).status).toBe(403)
    expect((await rig.call('GET', `/proposals/${id}/export`, { key: null })).status).toBe(303)
    for (const path of ['/proposals/none/export', '/eval-runs/none/export']) expect((await get(path)).status).toBe(404)
  })
})
