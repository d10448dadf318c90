import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { appendAudit } from '#store/audit.ts'
import { inTransaction } from '#store/database.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { seedThroughApi } from '#test/support/control-seed.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('the audit trail on %s', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    await seedThroughApi(rig)
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const verify = async (query = '') =>
    (await rig.call('GET', `/api/audit/verify${query}`, { key: rig.keys.viewer })).body

  test('every write is in it once, with who and what', async () => {
    const { items } = (await rig.call('GET', '/api/audit?limit=200')).body
    expect(items.map((entry: { action: string }) => entry.action).reverse()).toEqual([
      'provider.put',
      'model.put',
      'model.put',
      'dataset.upload',
      'route.create',
    ])
    expect(items.every((entry: { actor: string }) => entry.actor === 'admin-key')).toBe(true)
    expect(await verify()).toMatchObject({
      valid: true,
      entries: 5,
      broken: null,
      head: items[0].hash,
      holdsHead: null,
    })
  })

  test('fifty writers at once leave a chain without gaps', async () => {
    const append = (index: number) =>
      inTransaction(database.db, (tx) =>
        appendAudit(tx, {
          at: 1_000 + index,
          actor: 'a',
          action: 'x',
          subject: 's',
          details: { index, none: undefined, f: 0.1 },
        }),
      )
    await Promise.all(Array.from({ length: 50 }, (_, index) => append(index)))
    expect(await verify()).toMatchObject({ valid: true, entries: 55 })
  })

  test('details come back from the database exactly as they were hashed', async () => {
    const details = {
      big: 1e21,
      small: 1e-7,
      text: 'ü 😀 "\\\u2028',
      list: [null, true, -0],
      deep: { b: 1, a: 2 },
      '': 'empty',
    }
    await inTransaction(database.db, (tx) =>
      appendAudit(tx, { at: 1, actor: 'a', action: 'odd', subject: 's', details }),
    )
    expect((await verify()).valid).toBe(true)
  })

  test('the database itself refuses to change or remove an entry', async () => {
    await expect(
      sql`update audit_entries set actor = 'someone else' where seq = 2`.execute(database.db),
    ).rejects.toThrow('never')
    await expect(sql`delete from audit_entries where seq = 2`.execute(database.db)).rejects.toThrow('never')
  })

  describe('with the guard of the database taken away', () => {
    let head = ''
    beforeAll(async () => {
      head = (await verify()).head
      await sql`alter table audit_entries disable trigger audit_entries_final`.execute(database.db)
      await sql`create table kept as select * from audit_entries`.execute(database.db)
    })
    beforeEach(async () => {
      await sql`delete from audit_entries`.execute(database.db)
      await sql`insert into audit_entries select * from kept`.execute(database.db)
    })

    test.each([
      ['an actor changed', `update audit_entries set actor = 'engine' where seq = 3`, 3, 2],
      ['details changed', `update audit_entries set details = details || '{"x": 1}' where seq = 4`, 4, 3],
      ['a time changed by a millisecond', `update audit_entries set at = at + interval '1 ms' where seq = 2`, 2, 1],
      ['an entry removed', 'delete from audit_entries where seq = 3', 4, 2],
      ['the first entry removed', 'delete from audit_entries where seq = 1', 2, 0],
      ['a hash changed', `update audit_entries set hash = repeat('0', 64) where seq = 5`, 5, 4],
      [
        'two entries swapped',
        'update audit_entries set seq = case seq when 2 then -3 else -2 end where seq in (2, 3); update audit_entries set seq = -seq where seq < 0',
        2,
        1,
      ],
    ])('%s is found', async (_name, statements, seq, entries) => {
      for (const statement of statements.split('; ')) await sql.raw(statement).execute(database.db)
      expect(await verify()).toMatchObject({ valid: false, entries, broken: { seq } })
    })

    test('an end cut off is found by a head that was kept elsewhere', async () => {
      expect(await verify(`?head=${head}`)).toMatchObject({ valid: true, holdsHead: true })
      await sql`delete from audit_entries where seq = (select max(seq) from audit_entries)`.execute(database.db)
      expect(await verify()).toMatchObject({ valid: true, holdsHead: null })
      expect(await verify(`?head=${head}`)).toMatchObject({ valid: false, holdsHead: false, broken: null })
    })
  })

  test('a head that is no hash is refused', async () => {
    expect((await verify('?head=abc')).errors[0].path).toBe('?head')
  })
})
