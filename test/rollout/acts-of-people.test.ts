import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InterlockError } from '#domain/errors.ts'
import {
  abortProposal,
  approveProposal,
  pauseProposal,
  rejectProposal,
  resumeProposal,
} from '#rollout/act-on-proposal.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { rollbackRoute } from '#rollout/rollback-route.ts'
import { submitProposal } from '#rollout/submit-proposal.ts'
import { readTimeline } from '#store/proposal-timeline.ts'
import { readProposal } from '#store/proposals.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aCaller, aPlan, rolloutDeps, seedObservations, seedProposal, seedRoute } from '#test/support/factories.ts'

describe.each(engines())('acts of people on %s', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let route: string
  let routes = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
    await database.db
      .insertInto('dataset_contents')
      .values({ sha256: 'x', item_count: 0, created_at: new Date() })
      .execute()
    await database.db
      .insertInto('dataset_versions')
      .values({ name: 'd', version: 1, sha256: 'x', created_by: 'a', created_at: new Date() })
      .execute()
  })
  beforeEach(async () => {
    routes += 1
    route = `acts-${routes}`
    await seedRoute(database.db, route)
  })
  afterAll(() => database.close())

  const grace = aCaller()
  const stableOf = async () => {
    const row = await database.db.selectFrom('routes').selectAll().where('name', '=', route).executeTakeFirstOrThrow()
    return { stable: row.stable_version, previous: row.previous_version }
  }
  const statusOf = async (id: string) => (await readProposal(database.db, id))?.state.status
  const input = (overrides = {}) => ({
    route,
    title: 'cheaper',
    description: '',
    base: 1,
    spec: { models: ['p/cheap'] },
    plan: aPlan(),
    ...overrides,
  })
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof InterlockError ? error.code : String(error)),
    )
  const counts = async () => {
    const of = async (table: 'route_versions' | 'proposals' | 'audit_entries') =>
      (
        await database.db
          .selectFrom(table)
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .executeTakeFirstOrThrow()
      ).n
    return [await of('route_versions'), await of('proposals'), await of('audit_entries')]
  }

  test('a submission stores an immutable version, its proposal and an audit entry (D1)', async () => {
    const { id } = await submitProposal(rig.deps, aCaller({ name: 'ada', role: 'author' }), input())
    const proposal = await readProposal(database.db, id)
    expect(proposal).toMatchObject({ version: 2, base: 1, author: 'ada', state: { status: 'queued', shareBp: 0 } })
    expect(rig.rung.at(-1)).toEqual({ name: 'advance-proposal', id })
  })

  test('what is wrong with a submission is said with its path, and nothing is stored (D12)', async () => {
    const before = await counts()
    const ada = aCaller({ name: 'ada', role: 'author' })
    expect(await codeOf(submitProposal(rig.deps, ada, input({ base: 7 })))).toBe('STALE_BASE')
    expect(await codeOf(submitProposal(rig.deps, ada, input({ route: 'nowhere' })))).toBe('NOT_FOUND')
    const bad = input({
      spec: { models: ['p/cheap', 'p/unknown'] },
      plan: aPlan({ offline: { datasets: ['gone@9'] } }),
    })
    const problems = await submitProposal(rig.deps, ada, bad).then(
      () => [],
      (error: InterlockError) => error.problems.map((problem) => problem.path),
    )
    expect(problems).toEqual(expect.arrayContaining(['/spec/models/1', '/plan/offline/datasets/0']))
    expect(await counts()).toEqual(before)
  })

  test('of many submissions at once exactly one opens a rollout (D12)', async () => {
    const ada = aCaller({ name: 'ada', role: 'author' })
    const results = await Promise.all(Array.from({ length: 8 }, () => codeOf(submitProposal(rig.deps, ada, input()))))
    expect(results.filter((result) => result === 'done')).toHaveLength(1)
    expect(new Set(results)).toEqual(new Set(['done', 'ROLLOUT_IN_PROGRESS']))
  })

  test('the author approves nothing of their own, by whatever key and role (D9)', async () => {
    const state = { status: 'awaiting_approval', waitingFor: 'canary' } as const
    const id = await seedProposal(rig.deps, { route, state, plan: aPlan({ approvals: [{ before: 'canary' }] }) })
    const secondKey = aCaller({ name: 'ada-admin', principal: 'ada', role: 'admin' })
    expect(await codeOf(approveProposal(rig.deps, secondKey, id, 'fine'))).toBe('OWN_PROPOSAL')
    expect(await statusOf(id)).toBe('awaiting_approval')
    await approveProposal(rig.deps, grace, id, 'read the report')
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'canary', step: 0, shareBp: 2_000 })
    const approval = await database.db
      .selectFrom('approvals')
      .selectAll()
      .where('proposal_id', '=', id)
      .executeTakeFirst()
    expect(approval).toMatchObject({ before: 'canary', by: 'grace', digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  test('an approval that nothing waits for is refused and changes nothing', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'offline' } })
    expect(await codeOf(approveProposal(rig.deps, grace, id, ''))).toBe('ILLEGAL_TRANSITION')
    expect(await statusOf(id)).toBe('offline')
  })

  test('pause, resume, reject and abort do what they say, once', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await pauseProposal(rig.deps, grace, id, 'looking')
    expect(await codeOf(pauseProposal(rig.deps, grace, id, 'again'))).toBe('ILLEGAL_TRANSITION')
    await resumeProposal(rig.deps, grace, id, 'go on')
    await rejectProposal(rig.deps, grace, id, 'no')
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'rejected', shareBp: 0 })
    expect(await codeOf(abortProposal(rig.deps, grace, id, ''))).toBe('ILLEGAL_TRANSITION')
  })

  test('a rollback ends a canary and keeps the stable version (D8)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 1, shareBp: 5_000 } })
    const rollback = await rollbackRoute(rig.deps, grace, route, { reason: 'looks wrong' })
    expect(rollback).toMatchObject({ from: 2, to: 1, confirmed: true })
    expect(await statusOf(id)).toBe('rolled_back')
    expect(await stableOf()).toEqual({ stable: 1, previous: null })
  })

  test('a rollback in the bake returns to the version before (D8)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 1, shareBp: 5_000 } })
    await seedObservations(
      rig.deps,
      id,
      Array.from({ length: 1_000 }, (_, index) => ({
        arm: index % 5 === 0 ? ('candidate' as const) : ('baseline' as const),
      })),
      { step: 1 },
    )
    await advanceProposal(rig.deps, id)
    expect(await stableOf()).toEqual({ stable: 2, previous: 1 })
    expect(await rollbackRoute(rig.deps, grace, route, { reason: 'tickets' })).toMatchObject({ from: 2, to: 1 })
    expect(await stableOf()).toEqual({ stable: 1, previous: null })
    expect((await readTimeline(database.db, id)).at(-1)).toMatchObject({ to: 'rolled_back', by: 'grace' })
  })

  test('after promotion a rollback returns once, and again does nothing rather than going forward', async () => {
    await seedProposal(rig.deps, { route, state: { status: 'promoted', shareBp: 10_000 } })
    await database.db
      .updateTable('routes')
      .set({ stable_version: 2, previous_version: 1 })
      .where('name', '=', route)
      .execute()
    expect(await rollbackRoute(rig.deps, grace, route, { reason: 'worse' })).toMatchObject({ from: 2, to: 1 })
    expect(await rollbackRoute(rig.deps, grace, route, { reason: 'again' })).toMatchObject({ from: 1, to: 1 })
    expect(await stableOf()).toEqual({ stable: 1, previous: null })
  })

  test('a version that never passed its stages is no way back (invariant 1)', async () => {
    await seedProposal(rig.deps, { route, state: { status: 'failed' } })
    expect(await codeOf(rollbackRoute(rig.deps, grace, route, { reason: 'x', toVersion: 2 }))).toBe('VALIDATION_FAILED')
    expect(await codeOf(rollbackRoute(rig.deps, grace, route, { reason: 'x', toVersion: 9 }))).toBe('NOT_FOUND')
    expect(await codeOf(rollbackRoute(rig.deps, grace, 'nowhere', { reason: 'x' }))).toBe('NOT_FOUND')
  })

  test('a rollback never leads forward, not even to a version that was promoted once', async () => {
    await seedProposal(rig.deps, { route, state: { status: 'promoted', shareBp: 10_000 } })
    const forward = rollbackRoute(rig.deps, grace, route, { reason: 'x', toVersion: 2 })
    expect(await codeOf(forward)).toBe('VALIDATION_FAILED')
    expect((await stableOf()).stable).toBe(1)
  })

  test('a submission and a rollback at once leave no rollout on a version that was left', async () => {
    const ada = aCaller({ name: 'ada', role: 'author' })
    for (let round = 0; round < 8; round += 1) {
      routes += 1
      route = `race-${routes}`
      await seedRoute(database.db, route)
      await seedProposal(rig.deps, { route, state: { status: 'promoted', shareBp: 10_000 } })
      await database.db
        .updateTable('routes')
        .set({ stable_version: 2, previous_version: 1 })
        .where('name', '=', route)
        .execute()
      await Promise.all([
        codeOf(submitProposal(rig.deps, ada, input({ base: 2 }))),
        rollbackRoute(rig.deps, grace, route, { reason: 'x' }),
      ])
      const { stable } = await stableOf()
      const open = await database.db
        .selectFrom('proposals')
        .selectAll()
        .where('route', '=', route)
        .where('status', '=', 'queued')
        .execute()
      expect(open.filter((row) => row.base_version !== stable)).toEqual([])
    }
  })

  test('a gateway that does not follow leaves the rollback unconfirmed but done', async () => {
    await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await database.db
      .insertInto('gateways')
      .values({
        id: 'slow',
        boot_id: 'b',
        epoch: 0,
        digest: '',
        started_at: new Date(),
        seen_at: new Date(rig.deps.clock.nowMs()),
      })
      .execute()
    const ticking = setInterval(() => rig.pass(100), 10)
    const rollback = await rollbackRoute(rig.deps, grace, route, { reason: 'x' })
    clearInterval(ticking)
    expect(rollback).toMatchObject({ confirmed: false, replicas: [{ id: 'slow', ms: null }] })
    expect((await stableOf()).stable).toBe(1)
    await database.db.deleteFrom('gateways').execute()
  })

  test('rollback, approve and tick at once: the rollback stands', async () => {
    for (let round = 0; round < 5; round += 1) {
      const state = { status: 'awaiting_approval', waitingFor: 'canary' } as const
      const id = await seedProposal(rig.deps, { route, state, plan: aPlan({ approvals: [{ before: 'canary' }] }) })
      await Promise.all([
        codeOf(approveProposal(rig.deps, grace, id, '')),
        rollbackRoute(rig.deps, grace, route, { reason: 'stop' }),
        advanceProposal(rig.deps, id),
      ])
      expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'rolled_back', shareBp: 0 })
    }
  })
})
