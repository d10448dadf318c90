import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Role } from '#domain/snapshot.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('browser sessions on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
  })
  beforeEach(() => rig.pass(600_000))
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    rig.call('POST', path, {
      key: null,
      raw: new URLSearchParams(fields).toString(),
      type: 'application/x-www-form-urlencoded',
      headers: { 'sec-fetch-site': 'same-origin', ...headers },
    })
  const logIn = async (role: Role, headers: Record<string, string> = {}, next = '/routes/support') => {
    const answer = await form('/login', { key: rig.keys[role], next }, headers)
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const row = await database.db
      .selectFrom('sessions')
      .select('csrf')
      .orderBy('created_at', 'desc')
      .orderBy('id_hash')
      .execute()
    return { answer, cookie, tokens: row.map(({ csrf }) => csrf) }
  }
  const sessionOf = async (role: Role) => {
    await database.db.deleteFrom('sessions').execute()
    const { cookie, tokens } = await logIn(role)
    return { headers: { cookie }, csrf: tokens[0] ?? '' }
  }

  test('a key opens a session: cookie for this site only, out of reach of scripts, then on to the page (E4)', async () => {
    const { answer } = await logIn('viewer')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/routes/support'])
    const cookie = answer.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^interlock_session=[\w-]{43}; /)
    for (const part of ['HttpOnly', 'SameSite=Lax', 'Path=/', 'Max-Age=43200']) expect(cookie).toContain(part)
    const stored = await database.db.selectFrom('sessions').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(cookie.slice(18, 61))
  })

  test('behind TLS the cookie is Secure and bound to the host', async () => {
    rig.app.set('trust proxy', true)
    const { answer } = await logIn('viewer', { 'x-forwarded-proto': 'https' })
    rig.app.set('trust proxy', false)
    expect(answer.headers.get('set-cookie')).toMatch(/^__Host-interlock_session=[\w-]{43};.*Secure/)
    expect(answer.headers.get('strict-transport-security')).toContain('max-age')
  })

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
    '',
    '/..//evil.example',
  ])('after login %j leads nowhere else', async (next) => {
    const { answer } = await logIn('viewer', {}, next)
    expect(answer.status).toBe(303)
    const target = new URL(answer.headers.get('location') ?? '', rig.url)
    expect(target.origin).toBe(rig.url)
  })

  test('a wrong key, a revoked key and a gateway key open nothing, and the page does not repeat them', async () => {
    for (const key of ['ilk_admin_wrong', rig.keys.gateway, '']) {
      const answer = await form('/login', { key })
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([401, null])
      if (key !== '') expect(answer.text).not.toContain(key)
    }
  })

  test('guessing is slowed: after ten attempts one must wait, and time helps', async () => {
    const attempts = []
    for (let attempt = 0; attempt < 12; attempt += 1) attempts.push((await form('/login', { key: 'guess' })).status)
    expect(attempts).toEqual([...Array(10).fill(401), 429, 429])
    const refused = await form('/login', { key: rig.keys.viewer })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.text).toContain('Too many attempts')
    rig.pass(7_000)
    expect((await form('/login', { key: rig.keys.viewer })).status).toBe(303)
  })

  test('logging in again ends the old session: an id planted before is worth nothing', async () => {
    const before = await logIn('viewer')
    expect((await rig.call('GET', '/api/routes', { key: null, headers: { cookie: before.cookie } })).status).toBe(200)
    const after = await logIn('viewer', { cookie: before.cookie })
    expect(after.cookie).not.toBe(before.cookie)
    expect((await rig.call('GET', '/api/routes', { key: null, headers: { cookie: before.cookie } })).status).toBe(401)
    expect((await rig.call('GET', '/api/routes', { key: null, headers: { cookie: after.cookie } })).status).toBe(200)
  })

  test('a session ends after twelve hours, at logout, and with its key', async () => {
    const reads = async (headers: Record<string, string>) =>
      (await rig.call('GET', '/api/routes', { key: null, headers })).status
    const first = await sessionOf('viewer')
    rig.pass(12 * 3_600_000 - 1)
    expect(await reads(first.headers)).toBe(200)
    rig.pass(2)
    expect(await reads(first.headers)).toBe(401)
    const second = await sessionOf('viewer')
    expect((await form('/logout', { csrf: 'guessed' }, second.headers)).status).toBe(403)
    expect(await reads(second.headers)).toBe(200)
    expect((await form('/logout', { csrf: second.csrf }, second.headers)).headers.get('location')).toBe('/login')
    expect(await reads(second.headers)).toBe(401)
    const { key, id } = (await rig.call('POST', '/api/keys', { body: { name: 'short-lived', role: 'viewer' } })).body
    const third = await form('/login', { key })
    const cookie = (third.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    expect(await reads({ cookie })).toBe(200)
    await rig.call('DELETE', `/api/keys/${id}`)
    expect(await reads({ cookie })).toBe(401)
  })

  test('a cookie may read the API, never write: browsers send it with forms of other sites', async () => {
    const { headers } = await sessionOf('admin')
    const answer = await rig.call('POST', '/api/keys', { key: null, headers, body: { name: 'csrf', role: 'admin' } })
    expect([answer.status, answer.body.code]).toEqual([401, 'UNAUTHENTICATED'])
    expect((await rig.call('DELETE', '/api/models/p/cheap', { key: null, headers })).status).toBe(401)
    expect((await rig.call('GET', '/api/models/p/cheap', { key: null, headers })).status).toBe(200)
  })

  describe('forms', () => {
    let id = ''
    beforeEach(async () => {
      id = (await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })).body.id ?? id
    })
    afterEach(() => rig.call('POST', `/api/proposals/${id}/abort`))
    const statusOf = async () => (await rig.call('GET', `/api/proposals/${id}`)).body

    test('a person acts on the page and lands on it again (D9)', async () => {
      const { headers, csrf } = await sessionOf('operator')
      const paused = await form(`/proposals/${id}/pause`, { csrf, reason: '  let me look  ' }, headers)
      expect([paused.status, paused.headers.get('location')]).toEqual([303, `/proposals/${id}`])
      expect((await statusOf()).timeline.at(-1)).toMatchObject({ by: 'operator-key', reason: 'let me look' })
      await form(`/proposals/${id}/resume`, { csrf, reason: '' }, headers)
      expect((await statusOf()).timeline.at(-1)).toMatchObject({ reason: 'no reason given' })
      const back = await form('/routes/support/rollback', { csrf, reason: 'now' }, headers)
      expect([back.status, back.headers.get('location')]).toEqual([303, '/routes/support'])
      expect((await statusOf()).status).toBe('rolled_back')
    })

    test.each([
      ['no token', {}, {}],
      ['a token of another length', { csrf: 'x' }, {}],
      ['a form of another site', null, { 'sec-fetch-site': 'cross-site' }],
      ['a form of a sibling site', null, { 'sec-fetch-site': 'same-site' }],
    ])('%s is refused and changes nothing', async (_name, fields, extra) => {
      const { headers, csrf } = await sessionOf('operator')
      const answer = await form(`/proposals/${id}/abort`, fields ?? { csrf, reason: 'x' }, { ...headers, ...extra })
      expect(answer.status).toBe(403)
      expect(answer.headers.get('content-type')).toContain('text/html')
      expect((await statusOf()).status).toBe('queued')
    })

    test('the token of one session is worth nothing in another', async () => {
      const mine = await sessionOf('operator')
      const other = await logIn('operator')
      const answer = await form(`/proposals/${id}/abort`, { csrf: mine.csrf, reason: 'x' }, { cookie: other.cookie })
      expect(answer.status).toBe(403)
      expect((await statusOf()).status).toBe('queued')
    })

    test('an old browser is judged by its Origin', async () => {
      const { headers, csrf } = await sessionOf('operator')
      const send = (origin: string) =>
        rig.call('POST', `/proposals/${id}/pause`, {
          key: null,
          raw: new URLSearchParams({ csrf, reason: 'x' }).toString(),
          type: 'application/x-www-form-urlencoded',
          headers: { ...headers, origin },
        })
      expect((await send('https://evil.example')).status).toBe(403)
      expect((await send('null')).status).toBe(403)
      expect((await send(rig.url)).status).toBe(303)
    })

    test('a key cannot submit a form, and nobody can without logging in', async () => {
      const raw = new URLSearchParams({ reason: 'x', csrf: '' }).toString()
      const sent = { raw, type: 'application/x-www-form-urlencoded' }
      expect((await rig.call('POST', `/proposals/${id}/abort`, sent)).status).toBe(401)
      expect((await rig.call('POST', `/proposals/${id}/abort`, { ...sent, key: null })).status).toBe(401)
      expect((await statusOf()).status).toBe('queued')
    })

    test.each<[Role, string, boolean]>([
      ['viewer', 'pause', false],
      ['author', 'pause', false],
      ['approver', 'pause', false],
      ['operator', 'pause', true],
      ['viewer', 'reject', false],
      ['operator', 'reject', false],
      ['approver', 'reject', true],
      ['author', 'rollback', false],
      ['approver', 'rollback', true],
    ])('the form of %s to %s works: %s', async (role, action, may) => {
      const { headers, csrf } = await sessionOf(role)
      const answer = await form(`/proposals/${id}/${action}`, { csrf, reason: 'x' }, headers)
      expect(answer.status).toBe(may ? 303 : 403)
      expect((await statusOf()).timeline).toHaveLength(may ? 2 : 1)
    })

    test('a refusal is a page with the reason, not JSON and not a blank', async () => {
      const { headers, csrf } = await sessionOf('approver')
      const answer = await form(`/proposals/${id}/reject`, { csrf, reason: ' ' }, headers)
      expect(answer.status).toBe(422)
      expect(answer.text).toContain('say why')
      const twice = await form(`/proposals/${id}/approve`, { csrf }, headers)
      expect([twice.status, twice.headers.get('content-type')]).toEqual([409, 'text/html; charset=utf-8'])
    })
  })

  test('every answer carries the headers that keep browsers in bounds', async () => {
    for (const path of ['/login', '/api/routes', '/api/nothing']) {
      const { headers } = await rig.call('GET', path)
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('content-security-policy')).not.toContain('unsafe')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-powered-by')).toBeNull()
      expect(headers.get('x-interlock-request-id')).toMatch(/^req_/)
    }
  })
})
