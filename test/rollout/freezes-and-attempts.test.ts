import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InterlockError } from '#domain/errors.ts'
import { abortProposal, approveProposal } from '#rollout/act-on-proposal.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { rebaseProposal, retryProposal } from '#rollout/resubmit-proposal.ts'
import { rollbackRoute } from '#rollout/rollback-route.ts'
import { type ProposalInput, submitProposal } from '#rollout/submit-proposal.ts'
import { json } from '#store/database.ts'
import { insertFreezeWindow } from '#store/freeze-windows.ts'
import { readDecisions } from '#store/promotion-decisions.ts'
import { readTimeline } from '#store/proposal-timeline.ts'
import { readProposal } from '#store/proposals.ts'
import { readVersion } from '#store/routes.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import {
  aBar,
  aCaller,
  aPlan,
  rolloutDeps,
  type SeededAnswer,
  seedObservations,
  seedProposal,
  seedRoute,
} from '#test/support/factories.ts'

describe.each(engines())('freeze windows and further attempts on %s', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let route: string
  let routes = 0
  const ada = aCaller({ name: 'ada', principal: 'ada', role: 'author' })
  const bob = aCaller({ name: 'bob', principal: 'bob', role: 'author' })
  const grace = aCaller()
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
  })
  beforeEach(async () => {
    routes += 1
    route = `freeze-${routes}`
    await seedRoute(database.db, route, aBar({ required: ['canary'] }))
  })
  afterAll(() => database.close())

  const stateOf = async (id: string) => (await readProposal(database.db, id))?.state
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof InterlockError ? error.code : String(error)),
    )
  const good = (count: number): SeededAnswer[] =>
    Array.from({ length: count }, () => [
      ...Array.from({ length: 4 }, () => ({ arm: 'baseline' as const })),
      { arm: 'candidate' as const },
    ]).flat()
  const freeze = (more: { readonly forMs?: number; readonly routes?: readonly string[] } = {}) => {
    const now = rig.deps.clock.nowMs()
    return insertFreezeWindow(database.db, {
      id: rig.deps.newId('freeze'),
      startsAt: now - 1_000,
      endsAt: now + (more.forMs ?? 60_000),
      reason: 'holiday',
      routes: more.routes ?? [route],
      createdBy: 'grace',
      createdAt: now,
    })
  }
  const plan = () => {
    const { offline: _o, shadow: _s, ...rest } = aPlan()
    return rest
  }
  const input = (more: Partial<ProposalInput> = {}): ProposalInput => ({
    route,
    title: 'cheaper',
    description: '',
    base: 1,
    spec: { models: ['p/cheap'] },
    plan: plan(),
    ...more,
  })

  test('a proven step waits for the end of the window, says so, and is taken after it (D9)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await seedObservations(rig.deps, id, good(400))
    await freeze()
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ status: 'canary', step: 0, shareBp: 2_000 })
    const [verdict] = await readDecisions(database.db, id, 1)
    expect(verdict).toMatchObject({ action: 'wait', reasons: [{ rule: 'freeze_window' }, {}] })
    rig.pass(61_000)
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ step: 1 })
  })

  test('harm rolls back inside a window, by the engine and by a person (D8)', async () => {
    const id = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await freeze()
    const bad = good(200).map((answer) => (answer.arm === 'candidate' ? { ...answer, jsonValidity: 0 } : answer))
    await seedObservations(rig.deps, id, bad)
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ status: 'rolled_back', shareBp: 0 })
    const second = await seedProposal(rig.deps, { route, state: { status: 'canary', step: 0, shareBp: 2_000 } })
    await rollbackRoute(rig.deps, grace, route, { reason: 'now' })
    expect(await stateOf(second)).toMatchObject({ status: 'rolled_back' })
  })

  test('nobody approves inside a window, and nothing begins that touches live requests', async () => {
    await freeze({ forMs: 5_000 })
    const state = { status: 'awaiting_approval', waitingFor: 'canary' } as const
    const waiting = await seedProposal(rig.deps, { route, state, plan: aPlan({ approvals: [{ before: 'canary' }] }) })
    expect(await codeOf(approveProposal(rig.deps, grace, waiting, 'fine'))).toBe('FROZEN')
    expect(await stateOf(waiting)).toMatchObject({ status: 'awaiting_approval' })
    await abortProposal(rig.deps, grace, waiting, 'another day')
    const { id } = await submitProposal(rig.deps, ada, input())
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ status: 'queued' })
    rig.pass(6_000)
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ status: 'canary' })
  })

  test('a window of other routes holds nobody else', async () => {
    await freeze({ routes: ['another'] })
    const { id } = await submitProposal(rig.deps, ada, input())
    await advanceProposal(rig.deps, id)
    expect(await stateOf(id)).toMatchObject({ status: 'canary' })
  })

  test('an ended proposal is tried again as one of its own, from the start', async () => {
    const { id } = await submitProposal(rig.deps, ada, input())
    expect(await codeOf(retryProposal(rig.deps, ada, id))).toBe('ILLEGAL_TRANSITION')
    await abortProposal(rig.deps, grace, id, 'provider was down')
    const again = await retryProposal(rig.deps, bob, id)
    const retried = await readProposal(database.db, again.id)
    expect(retried).toMatchObject({
      origin: { kind: 'retry', of: id },
      author: 'bob',
      base: 1,
      state: { status: 'queued' },
    })
    const versions = await Promise.all(
      [id, again.id].map(async (of) =>
        readVersion(database.db, route, (await readProposal(database.db, of))?.version ?? 0),
      ),
    )
    expect(versions[0]?.digest).toBe(versions[1]?.digest)
    expect(versions[0]?.version).not.toBe(versions[1]?.version)
  })

  test('who wrote a proposal cannot approve it after another has submitted it again for them (S2, separation of duties)', async () => {
    const waits = { ...plan(), approvals: [{ before: 'canary' as const }] }
    const again = async (id: string, by: typeof bob) => {
      await abortProposal(rig.deps, grace, id, 'once more')
      return (await retryProposal(rig.deps, by, id)).id
    }
    const { id: first } = await submitProposal(rig.deps, ada, input({ plan: waits }))
    const second = await again(first, bob)
    const third = await again(second, aCaller({ name: 'eve', principal: 'eve', role: 'author' }))
    await advanceProposal(rig.deps, third)
    expect(await stateOf(third)).toMatchObject({ status: 'awaiting_approval', waitingFor: 'canary' })
    for (const { principal } of [ada, bob]) {
      const otherKey = aCaller({ name: `${principal}-approves`, principal, role: 'approver' })
      expect(await codeOf(approveProposal(rig.deps, otherKey, third, 'looks good'))).toBe('OWN_PROPOSAL')
    }
    expect(await stateOf(third)).toMatchObject({ status: 'awaiting_approval' })
    await approveProposal(rig.deps, grace, third, 'read it')
    expect(await stateOf(third)).toMatchObject({ waitingFor: null })
  })

  test('who wrote what another proposal replaced cannot approve its replacement (S2)', async () => {
    const waits = { ...plan(), approvals: [{ before: 'canary' as const }] }
    const { id: first } = await submitProposal(rig.deps, ada, input({ plan: waits }))
    const operator = aCaller({ name: 'root', principal: 'root', role: 'admin' })
    const origin = { kind: 'supersede', of: first } as const
    const { id } = await submitProposal(rig.deps, operator, input({ plan: waits, origin }))
    await advanceProposal(rig.deps, id)
    const otherKey = aCaller({ name: 'ada-approves', principal: 'ada', role: 'approver' })
    expect(await codeOf(approveProposal(rig.deps, otherKey, id, 'mine'))).toBe('OWN_PROPOSAL')
  })

  test('a proposal takes the place of an open one in one step, if it may (D12)', async () => {
    const { id } = await submitProposal(rig.deps, ada, input())
    const origin = { kind: 'supersede', of: id } as const
    expect(await codeOf(submitProposal(rig.deps, bob, input()))).toBe('ROLLOUT_IN_PROGRESS')
    expect(await codeOf(submitProposal(rig.deps, bob, input({ origin })))).toBe('FORBIDDEN')
    expect(await stateOf(id)).toMatchObject({ status: 'queued' })
    const bad = input({ origin, spec: { models: ['p/unknown'] } })
    expect(await codeOf(submitProposal(rig.deps, ada, bad))).toBe('VALIDATION_FAILED')
    expect(await stateOf(id)).toMatchObject({ status: 'queued' })
    const { id: second } = await submitProposal(rig.deps, ada, input({ origin }))
    expect(await stateOf(id)).toMatchObject({ status: 'aborted' })
    expect(await stateOf(second)).toMatchObject({ status: 'queued' })
    expect((await readTimeline(database.db, id)).at(-1)?.reason).toContain(second)
    expect(await codeOf(submitProposal(rig.deps, ada, input({ origin })))).toBe('ROLLOUT_IN_PROGRESS')
  })

  test('a change whose base has moved on is carried over, or its conflicts are named (D12)', async () => {
    const { id } = await submitProposal(
      rig.deps,
      ada,
      input({ spec: { models: ['p/strong'], retry: { attempts: 3 } } }),
    )
    await abortProposal(rig.deps, grace, id, 'later')
    expect(await codeOf(rebaseProposal(rig.deps, ada, id))).toBe('ILLEGAL_TRANSITION')
    await promote(1, { models: ['p/cheap'] })
    expect(await codeOf(retryProposal(rig.deps, ada, id))).toBe('STALE_BASE')
    const rebased = await rebaseProposal(rig.deps, ada, id)
    const proposal = await readProposal(database.db, rebased.id)
    expect(proposal?.origin).toEqual({ kind: 'rebase', of: id })
    expect((await readVersion(database.db, route, proposal?.version ?? 0))?.spec).toEqual({
      models: ['p/cheap'],
      retry: { attempts: 3 },
    })
    await abortProposal(rig.deps, grace, rebased.id, 'later still')
    await promote(proposal?.base ?? 0, { models: ['p/cheap'], retry: { attempts: 1 } })
    expect(await codeOf(rebaseProposal(rig.deps, ada, rebased.id))).toBe('REBASE_CONFLICT')
  })

  /** Another change became stable meanwhile. */
  async function promote(from: number, spec: object): Promise<void> {
    const { id } = await submitProposal(rig.deps, bob, input({ base: from, spec: spec as ProposalInput['spec'] }))
    const proposal = await readProposal(database.db, id)
    await database.db
      .updateTable('proposals')
      .set({ status: 'promoted', gates: json([]) })
      .where('id', '=', id)
      .execute()
    await database.db
      .updateTable('routes')
      .set({ stable_version: proposal?.version ?? 0, previous_version: from })
      .where('name', '=', route)
      .execute()
  }
})
