import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Bar } from '#domain/bar.ts'
import { InterlockError } from '#domain/errors.ts'
import type { RouteSpec } from '#domain/route.ts'
import { approveProposal } from '#rollout/act-on-proposal.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { submitProposal } from '#rollout/submit-proposal.ts'
import { json } from '#store/database.ts'
import { readImpact } from '#store/impact.ts'
import { readProposal } from '#store/proposals.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aBar, aCaller, aPlan, rolloutDeps, seedRoute } from '#test/support/factories.ts'

describe.each(engines())('policies at submission on %s', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let route: string
  let routes = 0
  const ada = aCaller({ name: 'ada', principal: 'ada', role: 'author' })
  const grace = aCaller()
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
  })
  beforeEach(async () => {
    routes += 1
    route = `policy-${routes}`
    await seedRoute(database.db, route, barWith({}))
    await database.db
      .insertInto('providers')
      .values({
        name: 'far',
        kind: 'openai',
        base_url: 'http://127.0.0.1:1/v1',
        credential: null,
        region: 'us',
        data_policies: json([]),
        limits: json({}),
        updated_at: new Date(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await database.db
      .insertInto('models')
      .values({
        provider: 'far',
        model: 'm',
        context_window: null,
        max_output_tokens: null,
        capabilities: json([]),
        price: null,
        updated_at: new Date(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  })
  afterAll(() => database.close())

  const barWith = (more: Partial<Bar>): Bar => aBar({ required: ['shadow', 'canary'], ...more })
  const setStable = (spec: RouteSpec) =>
    database.db
      .updateTable('route_versions')
      .set({ spec: json(spec) })
      .where('route', '=', route)
      .execute()
  const setBar = (bar: Bar) =>
    database.db
      .updateTable('bars')
      .set({ bar: json(bar) })
      .where('route', '=', route)
      .execute()
  const shadowPlan = (approvals: readonly { before: 'shadow' | 'canary' | 'promotion' }[] = []) => {
    const { offline: _, ...plan } = aPlan({ approvals })
    return { ...plan, shadow: { minSamples: 10 } }
  }
  const submit = (spec: RouteSpec, plan = shadowPlan()) =>
    submitProposal(rig.deps, ada, { route, title: 't', description: '', base: 1, spec, plan })
  const problemsOf = (work: Promise<unknown>) =>
    work.then(
      () => [],
      (error: unknown) => (error instanceof InterlockError ? error.problems : [error]),
    )

  test('a version that drops the region of the stable one is refused without an approval before its first live prompt (D3, D9)', async () => {
    await setStable({ models: ['p/strong'], constraints: { regions: ['eu'] } })
    const problems = await problemsOf(submit({ models: ['far/m', 'p/strong'] }))
    expect(problems).toMatchObject([{ path: '/spec/constraints' }])
    expect(JSON.stringify(problems)).toContain('far/m')
    expect(await database.db.selectFrom('proposals').select('id').where('route', '=', route).execute()).toEqual([])
  })

  test('with that approval it is taken, and no live prompt goes anywhere before a second person agreed', async () => {
    await setStable({ models: ['p/strong'], constraints: { regions: ['eu'] } })
    const { id } = await submit({ models: ['far/m'] }, shadowPlan([{ before: 'shadow' }]))
    await advanceProposal(rig.deps, id)
    expect((await readProposal(database.db, id))?.state).toMatchObject({
      status: 'awaiting_approval',
      waitingFor: 'shadow',
      shareBp: 0,
    })
    await advanceProposal(rig.deps, id)
    expect((await readProposal(database.db, id))?.state.status).toBe('awaiting_approval')
    const own = await problemsOf(approveProposal(rig.deps, ada, id, 'mine'))
    expect(own).toMatchObject([{ path: '{id}' }])
    await approveProposal(rig.deps, grace, id, 'the contract covers it')
    expect((await readProposal(database.db, id))?.state).toMatchObject({
      status: 'shadow',
      waitingFor: null,
      shareBp: 0,
    })
  })

  test('a version that keeps the constraint needs no approval, wherever its models are', async () => {
    await setStable({ models: ['p/strong'], constraints: { regions: ['eu'] } })
    await submit({ models: ['p/cheap', 'far/m'], constraints: { regions: ['eu'] } })
  })

  test('approvals that the bar demands are added to every plan, also where the plan lacks the stage', async () => {
    await setBar(barWith({ required: ['canary'], approvals: [{ before: 'shadow' }, { before: 'promotion' }] }))
    const { shadow: _, ...plan } = shadowPlan()
    const { id } = await submit({ models: ['p/cheap'] }, plan as ReturnType<typeof shadowPlan>)
    expect((await readProposal(database.db, id))?.plan.approvals).toEqual([
      { before: 'canary' },
      { before: 'promotion' },
    ])
  })

  test('a judge that either version calls is refused with its place: nobody judges in their own cause (C4)', async () => {
    const judgedBy = (config: object) =>
      setBar(
        barWith({
          evaluators: [{ name: 'json_validity' }, { name: 'llm_judge', config: { mode: 'rubric', ...config } }],
        }),
      )
    await judgedBy({ judge: 'p/cheap' })
    expect(await problemsOf(submit({ models: ['p/strong'], fallbacks: ['p/cheap'] }))).toMatchObject([
      { path: '/spec/models', message: expect.stringContaining('p/cheap judges answers of its own') },
    ])
    await judgedBy({ judges: ['far/m', 'p/strong'] })
    expect(await problemsOf(submit({ models: ['p/cheap'] }))).toMatchObject([{ path: '/route' }])
    await judgedBy({ judge: 'p/strong', escalate: 'p/cheap' })
    expect(await problemsOf(submit({ models: ['p/cheap'] }))).toMatchObject([
      { path: '/route' },
      { path: '/spec/models' },
    ])
    await judgedBy({ judge: 'far/m' })
    await submit({ models: ['p/cheap'] })
  })

  test('what was foreseen is kept with the proposal', async () => {
    const { id } = await submit({ models: ['p/cheap'] })
    expect(await readImpact(database.db, id)).toMatchObject({
      windowMs: 604_800_000,
      impact: { requests: 0, changed: 0 },
    })
  })
})
