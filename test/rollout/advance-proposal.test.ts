import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accumulate, engineVersion, judge, policyOf, startEngine } from '#domain/promotion.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { readEvidence } from '#store/observations.ts'
import { readDecisions } from '#store/promotion-decisions.ts'
import { readTimeline } from '#store/proposal-timeline.ts'
import { readProposal } from '#store/proposals.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import {
  aPlan,
  rolloutDeps,
  type SeededAnswer,
  seedObservations,
  seedProposal,
  seedRoute,
} from '#test/support/factories.ts'

const inCanary = { status: 'canary', step: 0, shareBp: 2_000 } as const

/** One candidate answer after every four baseline answers. */
function answers(count: number, candidate: (index: number) => Partial<SeededAnswer> = () => ({})): SeededAnswer[] {
  return Array.from({ length: count }, (_, index) => [
    ...Array.from({ length: 4 }, () => ({ arm: 'baseline' as const })),
    { arm: 'candidate' as const, ...candidate(index) },
  ]).flat()
}

describe.each(engines())('advancing a proposal on %s', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let route: string
  let routes = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
  })
  beforeEach(async () => {
    routes += 1
    route = `support-${routes}`
    await seedRoute(database.db, route)
  })
  afterAll(() => database.close())

  const stableOf = () =>
    database.db.selectFrom('routes').selectAll().where('name', '=', route).executeTakeFirstOrThrow()

  async function until(id: string): Promise<void> {
    while (await advanceProposal(rig.deps, id));
  }

  test('an equal candidate takes the next step, with the verdict that allowed it stored (D6, D7)', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await seedObservations(rig.deps, id, answers(200))
    await until(id)
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'canary', step: 1, shareBp: 5_000 })
    const [decision] = await readDecisions(database.db, id, 1)
    expect(decision).toMatchObject({ action: 'advance', stage: 'canary', step: 0 })
    const audit = await database.db
      .selectFrom('audit_entries')
      .selectAll()
      .where('subject', '=', `proposal:${id}`)
      .execute()
    expect(audit).toMatchObject([{ action: 'proposal.stage_passed', actor: 'engine' }])
  })

  test('no data never advances, and ends inconclusive when the time is over (D7)', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await until(id)
    expect((await readProposal(database.db, id))?.state.status).toBe('canary')
    rig.pass(11 * 60_000)
    await until(id)
    const proposal = await readProposal(database.db, id)
    expect(proposal).toMatchObject({ state: { status: 'rolled_back', shareBp: 0 }, endedInconclusive: true })
  })

  test('scores that are all missing never advance (C6)', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await seedObservations(
      rig.deps,
      id,
      answers(300, () => ({ jsonValidity: null })),
    )
    await until(id)
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'canary', step: 0 })
  })

  test('a broken candidate is rolled back, also while paused and while an approval is due (D8)', async () => {
    for (const state of [
      inCanary,
      { ...inCanary, isPaused: true },
      { ...inCanary, status: 'awaiting_approval' as const, waitingFor: 'promotion' as const },
    ]) {
      const id = await seedProposal(rig.deps, { route, state })
      await seedObservations(
        rig.deps,
        id,
        answers(40, () => ({ jsonValidity: 0 })),
      )
      await until(id)
      const proposal = await readProposal(database.db, id)
      expect(proposal?.state).toMatchObject({ status: 'rolled_back', shareBp: 0 })
      expect((await readTimeline(database.db, id)).at(-1)).toMatchObject({
        to: 'rolled_back',
        by: 'engine',
        shareBp: 0,
      })
    }
  })

  test('a paused proposal keeps its share however good the evidence', async () => {
    const id = await seedProposal(rig.deps, { route, state: { ...inCanary, isPaused: true } })
    await seedObservations(rig.deps, id, answers(300))
    await until(id)
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'canary', step: 0, isPaused: true })
  })

  test('evidence behind an open request waits for it, and the open request fails its arm at the deadline', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await database.db
      .insertInto('gateways')
      .values({
        id: 'g',
        boot_id: 'boot',
        epoch: 1,
        digest: '',
        started_at: new Date(),
        seen_at: new Date(rig.deps.clock.nowMs() + 120_000),
      })
      .execute()
    await seedObservations(rig.deps, id, [{ arm: 'candidate', isOpen: true }])
    await seedObservations(rig.deps, id, answers(20))
    await until(id)
    expect((await readProposal(database.db, id))?.engineState).toBeNull()
    rig.pass(61_000)
    await until(id)
    const state = (await readProposal(database.db, id))?.engineState as {
      candidate: number
      fastFail: { candidate: number }
    }
    expect(state.candidate).toBe(21)
    expect(state.fastFail.candidate).toBe(1)
  })

  test('an open request of a gateway that is gone is missing at once, not a failure of its arm', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await seedObservations(rig.deps, id, [{ arm: 'candidate', isOpen: true }], { bootId: 'gone' })
    await until(id)
    const state = (await readProposal(database.db, id))?.engineState as { fastFail: { candidate: number } }
    expect(state.fastFail.candidate).toBe(0)
  })

  test('the last step moves the stable version and the bake promotes when no harm was found (D10)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 1, shareBp: 5_000 } })
    await seedObservations(rig.deps, id, answers(400), { step: 1, shareBp: 2_000 })
    await until(id)
    expect((await readProposal(database.db, id))?.state).toMatchObject({ status: 'bake', shareBp: 9_500 })
    expect(await stableOf()).toMatchObject({ stable_version: 2, previous_version: 1 })
    const inBake = Array.from({ length: 400 }, (_, index) => ({
      arm: index % 20 === 0 ? ('baseline' as const) : ('candidate' as const),
    }))
    await seedObservations(rig.deps, id, inBake, { stage: 'bake', step: 1, shareBp: 9_500 })
    rig.pass(61_000)
    await until(id)
    expect((await readProposal(database.db, id))?.state.status).toBe('promoted')
  })

  test('a bake that turns bad returns the route to the version before (D10)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 1, shareBp: 5_000 } })
    await seedObservations(rig.deps, id, answers(400), { step: 1, shareBp: 2_000 })
    await until(id)
    await seedObservations(
      rig.deps,
      id,
      answers(60, () => ({ jsonValidity: 0 })),
      { stage: 'bake', step: 1, shareBp: 9_500 },
    )
    await until(id)
    expect((await readProposal(database.db, id))?.state.status).toBe('rolled_back')
    expect(await stableOf()).toMatchObject({ stable_version: 1, previous_version: null })
  })

  test('a bake that nobody asked anything is not promoted: it ends inconclusive, back on the version before (D10)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 1, shareBp: 5_000 } })
    await seedObservations(rig.deps, id, answers(400), { step: 1, shareBp: 2_000 })
    await until(id)
    expect((await readProposal(database.db, id))?.state.status).toBe('bake')
    rig.pass(3_600_000)
    await until(id)
    expect((await readProposal(database.db, id))?.state.status).toBe('bake')
    rig.pass(60_000)
    await until(id)
    expect(await readProposal(database.db, id)).toMatchObject({
      state: { status: 'rolled_back', shareBp: 0 },
      endedInconclusive: true,
    })
  })

  test('evidence that an older engine gathered is taken in anew, from the first observation of the stage (D7)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await seedObservations(rig.deps, id, answers(40))
    await until(id)
    const seen = async () => {
      const [last] = await readDecisions(database.db, id, 1)
      return (last?.evidence as { observed: number } | undefined)?.observed
    }
    const before = await seen()
    expect(before).toBeGreaterThan(0)
    await sql`update proposals set engine_state = jsonb_set(engine_state, '{version}', '"interlock-engine/0"') where id = ${id}`.execute(
      database.db,
    )
    await seedObservations(rig.deps, id, answers(10))
    rig.pass(4_000)
    await until(id)
    expect(await seen()).toBe((before ?? 0) + 50)
    const stored = await readProposal(database.db, id)
    expect(stored?.engineState).toMatchObject({ version: engineVersion })
  })

  test('two ticks at once change a proposal once', async () => {
    const id = await seedProposal(rig.deps, { route, state: inCanary })
    await seedObservations(rig.deps, id, answers(200))
    await Promise.all([until(id), until(id), until(id)])
    const steps = (await readTimeline(database.db, id)).filter((entry) => entry.by === 'engine')
    expect(steps).toHaveLength(1)
  })

  test('stored observations replay to the stored verdict, bit for bit (D7)', async () => {
    const id = await seedProposal(rig.deps, { route, plan: aPlan(), state: inCanary })
    await seedObservations(
      rig.deps,
      id,
      answers(60, (index) => ({ jsonValidity: index % 7 === 0 ? 0 : 1 })),
    )
    await until(id)
    await seedObservations(
      rig.deps,
      id,
      answers(60, (index) => ({ jsonValidity: index % 9 === 0 ? 0.5 : 1 })),
    )
    await until(id)
    const proposal = await readProposal(database.db, id)
    if (proposal === null) throw new Error('gone')
    const [stored] = await readDecisions(database.db, id, 1)
    const policy = policyOf(proposal.bar, proposal.plan, 'canary')
    const batch = await database.db.transaction().execute((tx) =>
      readEvidence(tx, {
        proposalId: id,
        after: { tx: '0', seq: '0' },
        stage: 'canary',
        evaluators: policy.evaluatorMetrics,
        nowMs: rig.deps.clock.nowMs(),
        gatewayGoneAfterMs: 30_000,
        limit: 10_000,
      }),
    )
    const seen = (stored!.evidence as { observed: number }).observed
    const observations = batch.observations
      .slice(0, seen)
      .map((observation, index) => ({ ...observation, seq: index + 1 }))
    const verdict = judge(accumulate(startEngine(), policy, observations), policy, {
      step: 0,
      elapsedInStageMs: 0,
      elapsedInStepMs: 0,
    })
    expect(JSON.parse(JSON.stringify(verdict.evidence))).toEqual(stored?.evidence)
    expect(JSON.parse(JSON.stringify(verdict.gates))).toEqual(stored?.gates)
  })
})
