import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapAdminKey } from '#control/bootstrap.ts'
import { randomText } from '#control/key-secret.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe.each(engines())('keys on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const works = async (key: string) => (await rig.call('GET', '/api/routes', { key })).status === 200
  const everything = async () => {
    const tables = ['api_keys', 'audit_entries', 'idempotency_keys', 'sessions', 'snapshot_state'] as const
    const rows = tables.map((table) => database.db.selectFrom(table).selectAll().execute())
    return JSON.stringify(await Promise.all(rows)) + rig.logged.join('')
  }

  test('a key is shown once, works, and is nowhere stored or logged in clear (E4)', async () => {
    const body = { name: 'ci', role: 'author', principal: 'ada', metadata: { team: 'x' }, routes: ['support'] }
    const made = await rig.call('POST', '/api/keys', { body, headers: { 'idempotency-key': 'make-ci' } })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ ...body, createdBy: 'admin-key', revokedAt: null })
    const { key, id } = made.body
    expect(key).toMatch(/^ilk_author_[0-9A-Za-z]{43}$/)
    expect(await works(key)).toBe(true)
    const stored = await everything()
    expect(stored).not.toContain(key)
    expect(stored).toContain(sha256(key))
    const replay = await rig.call('POST', '/api/keys', { body, headers: { 'idempotency-key': 'make-ci' } })
    expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(replay.body).toMatchObject({ id, key: null })
    for (const path of [`/api/keys/${id}`, '/api/keys', '/api/audit']) {
      const { text } = await rig.call('GET', path)
      expect(text).not.toContain(key)
      expect(text).not.toContain(sha256(key))
    }
  })

  test('a key without a principal is a person of its own; its name is never given twice', async () => {
    const made = await rig.call('POST', '/api/keys', { body: { name: 'solo', role: 'viewer' } })
    expect(made.body).toMatchObject({ principal: 'solo', metadata: {}, routes: null })
    await rig.call('DELETE', `/api/keys/${made.body.id}`)
    const again = await rig.call('POST', '/api/keys', { body: { name: 'solo', role: 'admin' } })
    expect([again.status, again.body.code]).toEqual([409, 'ALREADY_EXISTS'])
  })

  test.each([
    ['an unknown role', { role: 'root' }, '/role'],
    ['a role in a list', { role: ['admin'] }, '/role'],
    ['a hash of its own', { hash: 'x' }, '/hash'],
    ['a key of its own', { key: 'ilk_admin_mine' }, '/key'],
    ['an id of its own', { id: 'key_admin' }, '/id'],
    ['metadata that is no text', { metadata: { team: 7 } }, '/metadata/team'],
    ['metadata under a strange name', { metadata: { 'a b': 'x' } }, '/metadata/a b'],
    ['a route that cannot be', { routes: ['a b'] }, '/routes/0'],
    ['a budget without a period', { budgets: [{ hardUsd: 5 }] }, '/budgets/0/period'],
    ['a budget under a name of its own', { budgets: [{ period: 'daily', hardUsd: 5, daily: 5 }] }, '/budgets/0/daily'],
    ['a budget below nothing', { budgets: [{ period: 'daily', hardUsd: -1 }] }, '/budgets/0/hardUsd'],
    ['an unknown period', { budgets: [{ period: 'hourly', hardUsd: 5 }] }, '/budgets/0/period'],
    ['budgets as an object', { budgets: { daily: 5 } }, '/budgets'],
    ['an alert above the stop', { budgets: [{ period: 'daily', hardUsd: 5, softUsd: 6 }] }, '/budgets/0/softUsd'],
    [
      'one period twice',
      {
        budgets: [
          { period: 'daily', hardUsd: 5 },
          { period: 'daily', hardUsd: 6 },
        ],
      },
      '/budgets/1/period',
    ],
    ['a limit of nothing', { limits: { requestsPerMinute: 0 } }, '/limits/requestsPerMinute'],
    ['an unknown limit', { limits: { perSecond: 1 } }, '/limits/perSecond'],
    ['a model that is not in the catalogue', { models: ['p/none'] }, '/models/0'],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['an end that is no time', { expiresAt: 'soon' }, '/expiresAt'],
  ])('%s is refused with its path', async (_name, overrides, path) => {
    const answer = await rig.call('POST', '/api/keys', { body: { name: 'refused', role: 'viewer', ...overrides } })
    expect([answer.status, ...answer.body.errors.map((problem: { path: string }) => problem.path)]).toEqual([422, path])
  })

  test('a revoked key is refused at once and gateways are told; revoking twice is no error', async () => {
    const { key, id } = (await rig.call('POST', '/api/keys', { body: { name: 'gone', role: 'viewer' } })).body
    expect(await works(key)).toBe(true)
    const changes = rig.changes()
    expect((await rig.call('DELETE', `/api/keys/${id}`)).status).toBe(204)
    expect(await works(key)).toBe(false)
    expect(rig.changes()).toBe(changes + 1)
    expect((await rig.call('DELETE', `/api/keys/${id}`)).status).toBe(204)
    expect((await rig.call('GET', `/api/keys/${id}`)).body.revokedAt).not.toBeNull()
    expect((await rig.call('DELETE', '/api/keys/key_nope')).status).toBe(404)
  })

  test('the last admin key stays: nobody locks everybody out', async () => {
    const answer = await rig.call('DELETE', '/api/keys/key_admin')
    expect([answer.status, answer.body.code]).toEqual([409, 'IN_USE'])
    expect(await works(rig.keys.admin)).toBe(true)
  })

  test('the key of the environment becomes the admin key, and follows it when it changes', async () => {
    const { db } = database
    const boot = {
      db,
      clock: rig.deps.clock,
      newId: rig.deps.newId,
      randomBytes: (count: number) => randomBytes(count),
    }
    const [first, second] = ['a'.repeat(32), 'b'.repeat(32)]
    expect(await bootstrapAdminKey(boot, first)).toBeNull()
    expect(await works(first)).toBe(true)
    expect(await bootstrapAdminKey(boot, first)).toBeNull()
    rig.deps.authenticator.forget()
    await bootstrapAdminKey(boot, second)
    rig.deps.authenticator.forget()
    expect([await works(first), await works(second)]).toEqual([false, true])
    expect(await bootstrapAdminKey(boot, null)).toBeNull()
    const names = (await db.selectFrom('api_keys').select('name').where('name', '=', 'admin').execute()).length
    expect(names).toBe(1)
    const actions = (await rig.call('GET', '/api/audit?subject=key:admin', { key: second })).body.items
    expect(actions.map((entry: { action: string }) => entry.action)).toEqual(['key.replace', 'key.create'])
  })
})

test('with no key at all, replicas that start together make one admin key between them', async () => {
  const database = await testDatabase()
  let ids = 0
  const boot = {
    db: database.db,
    clock: { nowMs: () => 0 },
    newId: (prefix: string) => `${prefix}_${++ids}`,
    randomBytes: (count: number) => randomBytes(count),
  }
  const made = await Promise.all([1, 2, 3].map(() => bootstrapAdminKey(boot, null)))
  const keys = made.filter((key) => key !== null)
  expect(keys).toHaveLength(1)
  expect(keys[0]).toMatch(/^ilk_admin_/)
  expect(await bootstrapAdminKey(boot, null)).toBeNull()
  await database.close()
})

test('secrets are uniform over the alphabet: bytes that would favour a character are drawn again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.integer({ min: 1, max: 60 }), (bytes, length) => {
      let round = 0
      const text = randomText(length, (count) => {
        round += 1
        // Bytes of 248 and more would favour the first characters; a source of only those would never end.
        return Uint8Array.from({ length: count }, (_, index) => (round === 1 ? (bytes[index] ?? 255) : index))
      })
      expect(text).toMatch(new RegExp(`^[0-9A-Za-z]{${length}}$`))
    }),
    { seed: 71 },
  )
  const counts = new Map<string, number>()
  for (const character of randomText(62_000, () => Uint8Array.from({ length: 256 }, (_, byte) => byte))) {
    counts.set(character, (counts.get(character) ?? 0) + 1)
  }
  expect(counts.size).toBe(62)
  expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(4)
})
