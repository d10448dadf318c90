import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { canonicalDigest } from '#domain/canonical.ts'
import { RouteTable } from '#gateway/route-table.ts'
import { type Database, inTransaction, json } from '#store/database.ts'
import { bumpEpoch } from '#store/epoch.ts'
import { createSnapshotSource, loadSnapshot, readSnapshotState, recordGateway } from '#store/snapshot.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { silentLog, until } from '#test/support/gateway.ts'

const now = new Date('2026-03-01T12:00:00Z')
const specs = [{ models: ['acme/a'] }, { models: ['acme/a/b'] }]

async function seed(db: Database): Promise<void> {
  await db
    .insertInto('providers')
    .values({
      name: 'acme',
      kind: 'openai',
      base_url: 'https://acme.example/v1',
      credential: 'env:KEY',
      region: 'eu',
      data_policies: json(['no-training']),
      limits: json({ concurrency: 4 }),
      updated_at: now,
    })
    .execute()
  for (const model of ['a', 'a/b']) {
    await db
      .insertInto('models')
      .values({
        provider: 'acme',
        model,
        context_window: 8_000,
        max_output_tokens: null,
        capabilities: json(['tools']),
        price: model === 'a' ? json({ input: 1, cachedInput: null, output: 2 }) : null,
        updated_at: now,
      })
      .execute()
  }
  await db.transaction().execute(async (tx) => {
    await tx
      .insertInto('routes')
      .values({
        name: 'r',
        owner: 'team',
        purpose: 'p',
        risk: 'low',
        stable_version: 1,
        previous_version: null,
        bar_version: 1,
        created_by: 'x',
        created_at: now,
      })
      .execute()
    for (const [index, spec] of specs.entries()) {
      await tx
        .insertInto('route_versions')
        .values({
          route: 'r',
          version: index + 1,
          spec: json(spec),
          digest: canonicalDigest(spec),
          created_by: 'x',
          created_at: now,
        })
        .execute()
    }
  })
  for (const [id, revoked] of [
    ['k1', null],
    ['k2', now],
  ] as const) {
    await db
      .insertInto('api_keys')
      .values({
        id,
        name: id,
        hash: `hash-${id}`,
        principal: 'ann',
        role: 'gateway',
        metadata: json({ team: 'x' }),
        routes: json(['r']),
        budgets: null,
        created_by: 'x',
        created_at: now,
        revoked_at: revoked,
      })
      .execute()
  }
}

async function propose(db: Database, more: Record<string, unknown> = {}): Promise<void> {
  await db
    .insertInto('proposals')
    .values({
      id: 'prop',
      route: 'r',
      version: 2,
      base_version: 1,
      title: 't',
      description: '',
      author: 'a',
      author_principal: 'a',
      plan: json({ shadow: { sampleRate: 0.4 }, canary: { steps: [5, 25], unit: 'user', scoreRate: 0.5 } }),
      bar: json({ evaluators: [{ name: 'json_validity' }], gates: [] }),
      bar_version: 1,
      status: 'canary',
      step: 1,
      share_bp: 2_500,
      waiting_for: null,
      salt: 'salt',
      engine_state: null,
      end_reason: null,
      created_at: now,
      stage_started_at: now,
      ...more,
    })
    .execute()
}

describe.each(engines())('snapshots on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
    await seed(database.db)
  })
  afterEach(async () => {
    await database.db.deleteFrom('proposals').execute()
    await database.db.updateTable('routes').set({ stable_version: 1 }).execute()
  })
  afterAll(() => database.close())

  it('hold providers, models, routes and the keys that are not revoked', async () => {
    const snapshot = await loadSnapshot(database.db)
    expect(snapshot.providers.get('acme')).toEqual({
      name: 'acme',
      kind: 'openai',
      baseUrl: 'https://acme.example/v1',
      credential: 'env:KEY',
      region: 'eu',
      dataPolicies: ['no-training'],
      limits: { concurrency: 4 },
    })
    expect(snapshot.models.get('acme/a/b')).toMatchObject({ provider: 'acme', model: 'a/b', price: null })
    expect(snapshot.routes.get('r')).toEqual({
      name: 'r',
      owner: 'team',
      rollout: null,
      stable: { route: 'r', version: 1, spec: specs[0], digest: canonicalDigest(specs[0]) },
    })
    expect([...snapshot.callers.keys()]).toEqual(['hash-k1'])
    expect(snapshot.callers.get('hash-k1')).toMatchObject({ keyId: 'k1', metadata: { team: 'x' }, routes: ['r'] })
  })

  it.each<[string, Record<string, unknown>, Record<string, unknown> | null]>([
    ['queued', { status: 'queued', step: -1, share_bp: 0 }, null],
    ['offline', { status: 'offline', step: -1, share_bp: 0 }, null],
    ['shadow', { status: 'shadow', step: -1, share_bp: 0 }, { stage: 'shadow', shareBp: 0, step: -1, mirrorRate: 0.4 }],
    ['waiting before the canary', { status: 'awaiting_approval', step: -1, share_bp: 0, waiting_for: 'canary' }, null],
    ['canary', {}, { stage: 'canary', shareBp: 2_500, step: 1, mirrorRate: 0, scoreRate: 0.5, unit: 'user' }],
    [
      'waiting before promotion',
      { status: 'awaiting_approval', waiting_for: 'promotion' },
      { stage: 'canary', shareBp: 2_500 },
    ],
    ['paused', { is_paused: true }, { stage: 'canary', shareBp: 2_500 }],
    ['bake', { status: 'bake', share_bp: 9_500 }, { stage: 'bake', shareBp: 9_500 }],
    ['rolled back', { status: 'rolled_back' }, null],
    ['promoted', { status: 'promoted' }, null],
  ])('show a proposal that is %s', async (_name, more, expected) => {
    await propose(database.db, more)
    if (more['status'] === 'bake') await database.db.updateTable('routes').set({ stable_version: 2 }).execute()
    const entry = (await loadSnapshot(database.db)).routes.get('r')
    if (expected === null) {
      expect(entry?.rollout).toBeNull()
      return
    }
    expect(entry?.rollout).toMatchObject({
      proposal: 'prop',
      salt: 'salt',
      hasEvaluators: true,
      baseline: { version: 1 },
      candidate: { version: 2 },
      ...expected,
    })
    expect(entry?.stable.version).toBe(more['status'] === 'bake' ? 2 : 1)
  })

  it('have a digest that follows what is served and nothing else', async () => {
    const before = await loadSnapshot(database.db)
    await inTransaction(database.db, bumpEpoch)
    const same = await loadSnapshot(database.db)
    expect(same.epoch).toBe(before.epoch + 1)
    expect(same.digest).toBe(before.digest)
    await propose(database.db)
    expect((await loadSnapshot(database.db)).digest).not.toBe(before.digest)
  })

  it('are followed by a running gateway: at once on a change, with a row that shows what it serves', async () => {
    const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
    const identity = { id: 'gw-1', bootId: 'boot-1', startedAtMs: Date.now() }
    const table = new RouteTable({
      source: createSnapshotSource(database, identity, clock),
      clock,
      random: () => 0.5,
      log: silentLog,
      leaseMs: 15_000,
    })
    await table.start()
    const first = table.current()?.epoch ?? 0
    const epoch = await inTransaction(database.db, async (tx) => bumpEpoch(tx))
    expect(epoch).toBe(first + 1)
    await until(() => table.current()?.epoch === epoch)
    await inTransaction(database.db, bumpEpoch)
    await table.refresh()
    const row = await database.db.selectFrom('gateways').selectAll().where('id', '=', 'gw-1').executeTakeFirstOrThrow()
    expect(row).toMatchObject({ boot_id: 'boot-1', epoch: String(epoch + 1), digest: table.current()?.digest })
    await table.stop()
  })

  it('know when the engine was last alive, and which gateway started anew', async () => {
    expect((await readSnapshotState(database.db)).engineSeenAtMs).toBeNull()
    await database.db.updateTable('snapshot_state').set({ engine_seen_at: now }).execute()
    expect((await readSnapshotState(database.db)).engineSeenAtMs).toBe(now.getTime())
    const gateway = { id: 'gw-2', startedAtMs: 1, epoch: 3, digest: 'd', seenAtMs: 2 }
    await recordGateway(database.db, { ...gateway, bootId: 'one' })
    await recordGateway(database.db, { ...gateway, bootId: 'two' })
    const rows = await database.db.selectFrom('gateways').select('boot_id').where('id', '=', 'gw-2').execute()
    expect(rows).toEqual([{ boot_id: 'two' }])
  })
})
