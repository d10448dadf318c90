import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('idempotency keys on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  let used = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const fresh = () => {
    used += 1
    return `test-key-${used}`
  }
  const post = (path: string, body: unknown, idempotencyKey: string, key = rig.keys.admin) =>
    rig.call('POST', path, { body, key, headers: { 'idempotency-key': idempotencyKey } })
  const keyCount = async () => (await database.db.selectFrom('api_keys').select('id').execute()).length

  test('the same request again gets the same answer and does nothing (E5)', async () => {
    const key = fresh()
    const first = await post('/api/proposals', aProposalBody(), key)
    const again = await post('/api/proposals', aProposalBody(), key)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ])
    expect((await rig.call('GET', '/api/proposals')).body.items).toHaveLength(1)
  })

  test('of twenty sent at once the change is made once; the others are told to wait or get its answer', async () => {
    const before = await keyCount()
    const key = fresh()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post('/api/keys', { name: 'raced', role: 'viewer' }, key)),
    )
    expect(await keyCount()).toBe(before + 1)
    const shown = answers.filter((answer) => typeof answer.body.key === 'string')
    expect(shown).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status === 409) expect(answer.body.code).toBe('IDEMPOTENCY_IN_FLIGHT')
      else expect(answer.status).toBe(201)
    }
  })

  test('another body or address under the same key is refused; another caller has keys of their own', async () => {
    const key = fresh()
    await post('/api/keys', { name: 'one', role: 'viewer' }, key)
    const other = await post('/api/keys', { name: 'two', role: 'viewer' }, key)
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH'])
    expect((await post('/api/routes/support/rollback', {}, key)).body.code).toBe('IDEMPOTENCY_MISMATCH')
    const stranger = await post('/api/routes/support/rollback', {}, key, rig.keys.operator)
    expect([stranger.status, stranger.headers.get('idempotency-replayed')]).toEqual([200, null])
  })

  test('a refused request gives its key back: what was refused may be allowed later', async () => {
    const key = fresh()
    const body = { name: 'later', spec: { models: ['p/later'] }, bar: { gates: [{ metric: 'error_rate', max: 0.1 }] } }
    expect((await post('/api/routes', body, key)).status).toBe(422)
    await rig.call('PUT', '/api/models/p/later', { body: {} })
    const made = await post('/api/routes', body, key)
    expect([made.status, made.headers.get('idempotency-replayed')]).toEqual([201, null])
  })

  test('an answer without a body is replayed too', async () => {
    const { id } = (await rig.call('POST', '/api/keys', { body: { name: 'to-revoke', role: 'viewer' } })).body
    const headers = { 'idempotency-key': fresh() }
    expect((await rig.call('DELETE', `/api/keys/${id}`, { headers })).status).toBe(204)
    const again = await rig.call('DELETE', `/api/keys/${id}`, { headers })
    expect([again.status, again.headers.get('idempotency-replayed'), again.text]).toEqual([204, 'true', ''])
  })

  test('a key is forgotten after a day', async () => {
    const key = fresh()
    await post('/api/keys', { name: 'yesterday', role: 'viewer' }, key)
    rig.pass(24 * 3_600_000 + 1)
    const later = await post('/api/keys', { name: 'today', role: 'viewer' }, key)
    expect([later.status, later.headers.get('idempotency-replayed')]).toEqual([201, null])
  })

  test('a request whose end was lost is never run again by itself', async () => {
    const key = fresh()
    const row = {
      key,
      caller: 'key_admin',
      fingerprint: 'x',
      status: null,
      body: null,
      created_at: new Date(rig.deps.clock.nowMs()),
    }
    await database.db.insertInto('idempotency_keys').values(row).execute()
    await database.db
      .updateTable('idempotency_keys')
      .set({ fingerprint: await fingerprintOf(key) })
      .where('key', '=', key)
      .execute()
    const answer = await post('/api/keys', { name: 'lost', role: 'viewer' }, key)
    expect([answer.status, answer.body.code]).toEqual([409, 'IDEMPOTENCY_IN_FLIGHT'])
    expect(answer.headers.get('retry-after')).toBe('1')
  })

  /** What the server computes for the request of the test above, read from a twin of it. */
  async function fingerprintOf(_key: string): Promise<string> {
    const twin = fresh()
    await post('/api/keys', { name: 'lost', role: 'viewer' }, twin)
    const row = await database.db
      .selectFrom('idempotency_keys')
      .select('fingerprint')
      .where('key', '=', twin)
      .executeTakeFirstOrThrow()
    return row.fingerprint
  }

  test.each(['', 'a b', 'ä', 'x'.repeat(256)])('%j is no idempotency key', async (key) => {
    const answer = await rig.call('POST', '/api/routes/support/rollback', {
      headers: { 'idempotency-key': encodeHeader(key) },
    })
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([422, 'idempotency-key'])
  })

  const encodeHeader = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
})
