import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTransaction, json, openEmbedded } from '#store/database.ts'
import { EmbeddedDatabaseLockedError } from '#store/embedded-lock.ts'
import { migrate, NewerSchemaError } from '#store/migrate.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

describe.each(engines())('database on %s (E6)', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())

  test('migrating a migrated database changes nothing', async () => {
    expect(await migrate(database.db)).toEqual([])
  })

  test('jsonb, bigint and timestamps read the same on both engines', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    await database.db
      .insertInto('providers')
      .values({
        name: 'p',
        kind: 'openai',
        base_url: 'https://example.test/v1',
        credential: null,
        region: null,
        data_policies: json(['a', 'b']),
        limits: json({ concurrency: 2 }),
        updated_at: at,
      })
      .execute()
    const row = await database.db.selectFrom('providers').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ data_policies: ['a', 'b'], limits: { concurrency: 2 }, updated_at: at })
    const state = await database.db.selectFrom('snapshot_state').selectAll().executeTakeFirstOrThrow()
    expect(state.epoch).toBe('1')
  })

  test('fifty concurrent read-modify-write transactions lose no update', async () => {
    const increment = () =>
      inTransaction(database.db, async (tx) => {
        const row = await tx.selectFrom('snapshot_state').select('epoch').forUpdate().executeTakeFirstOrThrow()
        await tx
          .updateTable('snapshot_state')
          .set({ epoch: Number(row.epoch) + 1 })
          .execute()
      })
    await Promise.all(Array.from({ length: 50 }, increment))
    const row = await database.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()
    expect(row.epoch).toBe('51')
  })

  test('a failed transaction leaves nothing behind and the session free', async () => {
    await expect(
      inTransaction(database.db, async (tx) => {
        await tx.updateTable('snapshot_state').set({ epoch: 999 }).execute()
        throw new Error('stop')
      }),
    ).rejects.toThrow('stop')
    const row = await database.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()
    expect(row.epoch).toBe('51')
  })

  test('a client released in the middle of a transaction is rolled back', async () => {
    const client = await database.pool.connect()
    await client.query('begin')
    await client.query('update snapshot_state set epoch = 777')
    if (engine === 'embedded') await client.release()
    else (client as { release(destroy: boolean): void }).release(true)
    const row = await database.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()
    expect(row.epoch).toBe('51')
  })

  test('a notification reaches a listening client', async () => {
    const client = await database.pool.connect()
    const heard = new Promise<string>((resolve) => {
      ;(client as { on(event: string, f: (m: { payload: string }) => void): void }).on('notification', (m) =>
        resolve(m.payload),
      )
    })
    await client.query('listen interlock_epoch')
    await sql`select pg_notify('interlock_epoch', '7')`.execute(database.db)
    expect(await heard).toBe('7')
    await client.release()
  })

  test('audit entries cannot be changed or removed', async () => {
    await database.db
      .insertInto('audit_entries')
      .values({
        seq: 1,
        at: new Date(),
        actor: 'a',
        action: 'b',
        subject: 'c',
        details: json({}),
        prev_hash: '',
        hash: 'h',
      })
      .execute()
    await expect(database.db.updateTable('audit_entries').set({ actor: 'x' }).execute()).rejects.toThrow(
      'never changed',
    )
    await expect(database.db.deleteFrom('audit_entries').execute()).rejects.toThrow('never changed')
  })

  test('NaN is refused as a score', async () => {
    const insert = sql`insert into eval_scores (run_id, target, position, evaluator, evaluator_version, status, value)
      values ('r', 0, 0, 'e', 'v', 'scored', 'NaN'::float8)`.execute(database.db)
    await expect(insert).rejects.toThrow(/check constraint/)
  })

  test('a schema from a newer version is refused at start', async () => {
    await sql`insert into schema_migrations (name, timestamp) values ('9999_future', '2030-01-01')`.execute(database.db)
    await expect(migrate(database.db)).rejects.toThrow(NewerSchemaError)
  })
})

describe('embedded data directory', () => {
  test('a second opener is refused and the first keeps its rows', async () => {
    const first = await testDatabase('embedded')
    await expect(openEmbedded(first.directory ?? '')).rejects.toThrow(EmbeddedDatabaseLockedError)
    await first.db.updateTable('snapshot_state').set({ epoch: 5 }).execute()
    const row = await first.db.selectFrom('snapshot_state').select('epoch').executeTakeFirstOrThrow()
    expect(row.epoch).toBe('5')
    await first.close()
    expect(existsSync(first.directory ?? '')).toBe(false)
  })
})
