import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GateResult } from '#domain/promotion-types.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'
import { json } from '#store/database.ts'
import { appendDecision } from '#store/promotion-decisions.ts'
import { appendTimeline } from '#store/proposal-timeline.ts'
import { readEvalRunView } from '#store/report-view-eval-run.ts'
import { readOverview } from '#store/report-view-overview.ts'
import { readProposalView } from '#store/report-view-proposal.ts'
import { readRouteView } from '#store/report-view-route.ts'
import { readStaleness } from '#store/report-views.ts'
import { seedDecision, seedEvalRun, seedMs } from '#test/store/report-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps, seedObservations, seedProposal, seedRoute } from '#test/support/factories.ts'

const moment = { nowMs: seedMs, leaseMs: 15_000 }
let database: TestDatabase
let deps: RolloutDeps

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.close())

beforeEach(async () => {
  await sql`truncate routes, providers, decisions, observations, dataset_contents cascade`.execute(database.db)
  await database.db.updateTable('snapshot_state').set({ engine_seen_at: null }).execute()
  deps = rolloutDeps(database.db, seedMs).deps
  await seedRoute(database.db)
})

function aResult(over: Partial<GateResult> = {}): GateResult {
  return {
    stage: 'canary',
    step: 0,
    metric: 'json_validity',
    baseline: 0.9,
    candidate: 0.91,
    difference: 0.01,
    interval: [-0.05, 0.07],
    samples: 40,
    missing: 2,
    threshold: { maxDrop: 0.05 },
    verdict: 'inconclusive',
    eValue: 3,
    harmEValue: 1,
    margin: 0.2,
    mde: null,
    ...over,
  }
}

async function seedVerdict(
  proposalId: string,
  over: { action?: string; samples?: number; atMs?: number } = {},
): Promise<void> {
  const { action = 'wait', samples = 40, atMs = seedMs } = over
  await database.db.transaction().execute((tx) =>
    appendDecision(tx, proposalId, {
      at: atMs,
      stage: 'canary',
      step: 0,
      action,
      reasons: [
        {
          rule: 'min_samples',
          metric: null,
          observed: 40,
          threshold: 50,
          samples: 40,
          message: 'the step has 40 of 50 samples',
        },
      ],
      gates: [aResult({ samples })],
      evidence: { scoredInStep: 40 },
      engine: 'engine/1',
    } as never),
  )
}

describe('the overview (E1)', () => {
  it('tells how to make the first route while there is none', async () => {
    await sql`truncate routes cascade`.execute(database.db)
    const view = await readOverview(database.db, moment)
    expect(view.routes).toEqual([])
    expect(view.firstCommand).toContain('/api/routes')
  })

  it('shows a route with its open rollout, the traffic of both arms and the last verdict', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    await seedVerdict(id)
    await database.db
      .updateTable('proposals')
      .set({ stage_started_at: new Date(seedMs - 10_000) })
      .execute()
    for (let index = 0; index < 4; index += 1) await seedDecision(database.db, { id: `b${index}`, proposalId: id })
    // Sent before this step, under another share.
    await seedDecision(database.db, { id: 'early', proposalId: id, agoMs: 20_000 })
    await seedDecision(database.db, { id: 'c0', arm: 'candidate', version: 2, proposalId: id, status: 502 })
    const [route] = (await readOverview(database.db, moment)).routes
    expect(route).toMatchObject({
      name: 'support',
      stableVersion: 1,
      models: ['p/strong'],
      rollout: { id, shareBp: 2000 },
    })
    expect(route?.traffic.arms.map((arm) => [arm.arm, arm.requests, arm.errors])).toEqual([
      ['baseline', 4, 0],
      ['candidate', 1, 1],
    ])
    expect(route?.traffic.windowMs).toBe(10_000)
    expect(route?.lastVerdict).toMatchObject({
      action: 'wait',
      sentence: 'The step has 40 of 50 samples.',
      proposalId: id,
    })
  })

  it('calls the numbers stale when the engine is silent while a proposal is open, and only then', async () => {
    await database.db
      .updateTable('snapshot_state')
      .set({ engine_seen_at: new Date(seedMs - 60_000) })
      .execute()
    expect(await readStaleness(database.db, seedMs)).toBeNull()
    await seedProposal(deps)
    expect(await readStaleness(database.db, seedMs)).toBe(60)
    await database.db
      .updateTable('snapshot_state')
      .set({ engine_seen_at: new Date(seedMs - 1000) })
      .execute()
    expect(await readStaleness(database.db, seedMs)).toBeNull()
  })
})

describe('a proposal (E1, D7)', () => {
  it('that does not exist is null', async () => {
    expect(await readProposalView(database.db, 'nothing', moment)).toBeNull()
  })

  it('in a canary shows the stage, what is missing, and each gate with the margin of its step', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    await database.db
      .updateTable('proposals')
      .set({ gates: json([aResult(), aResult({ stage: 'offline', step: -1, eValue: 0, mde: 0.02 })]) })
      .execute()
    await seedVerdict(id)
    await seedObservations(deps, id, [{ arm: 'baseline' }, { arm: 'candidate' }, { arm: 'candidate', isOpen: true }])
    const view = (await readProposalView(database.db, id, moment))?.view
    expect(view?.headline).toMatchObject({ verdict: 'waiting', reason: 'The step has 40 of 50 samples.' })
    expect(view?.headline.sentence).toContain('stays at 20\u00a0%')
    expect(view?.stages.map((stage) => stage.state)).toEqual(['done', 'done', 'current', 'todo', 'todo', 'todo'])
    expect(view?.stages[2]).toMatchObject({ stepPercent: 20, detail: '40 of 50 samples' })
    expect(view?.gates.map((group) => [group.stage, group.isCurrent])).toEqual([
      ['canary', true],
      ['offline', false],
    ])
    expect(view?.gates[0]?.rows[0]).toMatchObject({ margin: 0.2, eValue: 3, eValueNeeded: 20, stepPercent: 20 })
    expect(view?.gates[1]?.rows[0]).toMatchObject({ eValue: null, detectable: 0.02, history: [] })
    expect(view?.live?.next).toBe('Next: 50\u00a0% of requests')
    expect(view?.live?.candidateRequests).toBe(2)
    expect(view?.live?.funnel).toContainEqual({ arm: 'candidate', planned: 2, answered: 1, scored: 1 })
    expect(view?.live?.needs).toContainEqual({ sentence: 'Every requirement is proven (0 of 1 are).', isMet: false })
  })

  it('in its bake is asked for harm, and without it is not called inconclusive', async () => {
    const id = await seedProposal(deps, { state: { status: 'bake', step: 1, shareBp: 9500 } })
    const bake = [
      aResult({ stage: 'bake', step: -1, harmEValue: 1.7 }),
      aResult({ stage: 'bake', step: -1, samples: 0 }),
    ]
    await database.db
      .updateTable('proposals')
      .set({ gates: json(bake) })
      .execute()
    const view = (await readProposalView(database.db, id, moment))?.view
    const rows = view?.gates[0]?.rows
    expect(rows?.[0]).toMatchObject({ verdict: 'no_harm', evidenceFor: 'harm', eValue: 1.7, eValueNeeded: 100 })
    expect(rows?.[1]?.verdict).toBe('blocked')
  })

  it('that waited for an approval says who may give it, and that no evidence replaces it', async () => {
    const plan = { canary: { steps: [20] }, approvals: [{ before: 'canary' as const }] }
    const id = await seedProposal(deps, { plan, state: { status: 'awaiting_approval', waitingFor: 'canary' } })
    const view = (await readProposalView(database.db, id, moment))?.view
    expect(view?.approvals).toEqual([{ before: 'canary', by: null, at: null, reason: null }])
    expect(view?.headline.reason).toBe('Someone other than ada must approve it before the canary.')
    expect(view?.stages.map((stage) => stage.state)).toEqual(['skipped', 'skipped', 'waiting', 'skipped', 'todo'])
  })

  it('that ended inconclusive is told as inconclusive, never as a failure or a pass', async () => {
    const id = await seedProposal(deps, { state: { status: 'rolled_back', step: 0, shareBp: 0 } })
    const ended = {
      ended_inconclusive: true,
      ended_at: new Date(seedMs),
      end_reason: 'canary has run its 24 h without an answer',
    }
    await database.db.updateTable('proposals').set(ended).execute()
    await database.db.transaction().execute(async (tx) => {
      await appendTimeline(tx, id, {
        at: seedMs - 2,
        from: 'shadow',
        to: 'canary',
        by: 'engine',
        reason: 'passed',
        shareBp: 2000,
      })
      await appendTimeline(tx, id, {
        at: seedMs,
        from: 'canary',
        to: 'rolled_back',
        by: 'engine',
        reason: 'time',
        shareBp: 0,
      })
    })
    const view = (await readProposalView(database.db, id, moment))?.view
    expect(view?.headline).toMatchObject({
      verdict: 'inconclusive',
      reason: 'Canary has run its 24 h without an answer.',
    })
    expect(view?.stages[2]).toMatchObject({ stepPercent: 20, state: 'failed' })
    expect(view?.stages.slice(3).map((stage) => stage.state)).toEqual(['unreached', 'unreached', 'unreached'])
    expect(view?.live).toBeNull()
  })

  it('tells pauses, resumes and steps apart in its timeline', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 1, shareBp: 5000 } })
    await database.db.transaction().execute(async (tx) => {
      const entry = { at: seedMs, from: 'canary', to: 'canary', reason: 'r', shareBp: 5000 }
      await appendTimeline(tx, id, { ...entry, from: null, to: 'queued', by: 'ada', shareBp: 0 })
      for (const by of ['grace', 'grace', 'engine']) await appendTimeline(tx, id, { ...entry, by })
      await appendTimeline(tx, id, { ...entry, to: 'aborted', by: 'grace', shareBp: 0 })
    })
    const view = (await readProposalView(database.db, id, moment))?.view
    expect(view?.timeline.map((row) => row.kind)).toEqual(['ended', 'step', 'resumed', 'paused', 'submitted'])
  })

  it('draws the course of an interval from at most 40 of its verdicts, the last always among them', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    await database.db
      .updateTable('proposals')
      .set({ gates: json([aResult()]) })
      .execute()
    for (let index = 1; index <= 95; index += 1) await seedVerdict(id, { samples: index, atMs: seedMs + index })
    const view = (await readProposalView(database.db, id, moment))?.view
    const history = view?.gates[0]?.rows[0]?.history ?? []
    expect(history.length).toBeGreaterThan(20)
    expect(history.length).toBeLessThanOrEqual(40)
    expect(history.at(-1)?.samples).toBe(95)
    expect(view?.verdictCount).toBe(95)
    expect(view?.verdicts.length).toBe(20)
  })
})

describe('a route (E1)', () => {
  it('shows its versions with what became of them, and the change that is open', async () => {
    const id = await seedProposal(deps, { state: { status: 'canary', step: 0, shareBp: 2000 } })
    const view = await readRouteView(database.db, 'support', seedMs)
    expect(view?.versions.map((row) => [row.version, row.state, row.proposalId])).toEqual([
      [2, 'candidate', id],
      [1, 'stable', null],
    ])
    expect(view?.diff?.lines.map((line) => line.kind)).toEqual(['removed', 'added'])
    expect(view?.specWords).toEqual(['Requests go to p/strong.'])
    expect(await readRouteView(database.db, 'nowhere', seedMs)).toBeNull()
  })
})

describe('an eval run (C8)', () => {
  const items = [
    { baseline: 1, candidate: 1, slice: 'en' },
    { baseline: 1, candidate: 0, slice: 'de' },
    { baseline: 1, candidate: 0.5, slice: 'de' },
    { baseline: 0, candidate: 1, slice: 'en' },
    { baseline: 1, candidate: null, slice: 'en' },
    { baseline: 1, candidate: 'timeout', slice: 'en' },
  ] as const

  it('pairs what both arms have scored and counts the rest as missing, by arm', async () => {
    await seedEvalRun(database.db, { id: 'run1', proposalId: null, items })
    const view = await readEvalRunView(database.db, 'run1')
    expect(view?.comparisons).toMatchObject([
      { evaluator: 'json_validity', pairs: 4, wins: 1, ties: 1, losses: 2, baseline: 0.75, candidate: 0.625 },
    ])
    expect(view?.health.map((row) => [row.target, row.scored, row.errored])).toEqual([
      ['support v1', 6, 0],
      ['support v2', 4, 1],
    ])
    expect(view?.targets.map((target) => [target.answered, target.errored, target.costMicroUsd])).toEqual([
      [6, 0, 6000],
      [5, 1, 600],
    ])
  })

  it('lists regressions worst first, an answer that never came among them, and wins apart', async () => {
    await seedEvalRun(database.db, { id: 'run2', proposalId: null, items })
    const view = await readEvalRunView(database.db, 'run2')
    expect(view?.regressions.map((item) => item.position)).toEqual([1, 5, 2])
    expect(view?.regressionCount).toBe(3)
    expect(view?.improvements.map((item) => item.position)).toEqual([3])
    expect(view?.regressions[1]?.candidate).toMatchObject({ output: null, errorClass: 'timeout' })
    expect(view?.regressions[0]?.scores[0]).toMatchObject({
      difference: -1,
      candidate: { value: 0, details: [{ label: '/a', isGood: false }, { text: 'inside prose' }] },
    })
  })

  it('puts the slice that loses most first', async () => {
    await seedEvalRun(database.db, { id: 'run3', proposalId: null, items })
    const view = await readEvalRunView(database.db, 'run3')
    expect(view?.slices).toMatchObject([
      {
        dimension: 'language',
        rows: [
          { slice: 'de', pairs: 2, difference: -0.75 },
          { slice: 'en', pairs: 2, difference: 0.5 },
        ],
      },
    ])
  })

  it('shows no scores while it runs', async () => {
    await seedEvalRun(database.db, { id: 'run4', proposalId: null, items, status: 'running' })
    const view = await readEvalRunView(database.db, 'run4')
    expect(view).toMatchObject({
      comparisons: [],
      regressions: [],
      headline: { verdict: 'waiting', sentence: 'Running: 12 of 12 answers.' },
    })
  })

  it('reads no more rows of a large run than of a small one', async () => {
    const many = Array.from({ length: 3000 }, (_, index) => ({
      baseline: 1,
      candidate: index % 2,
      slice: `s${index % 40}`,
    }))
    await seedEvalRun(database.db, { id: 'run5', proposalId: null, items: many })
    const view = await readEvalRunView(database.db, 'run5')
    expect([view?.regressions.length, view?.regressionCount]).toEqual([20, 1500])
    expect(view?.slices[0]?.rows.length).toBe(7)
    expect(view?.slices[0]?.hiddenCount).toBe(33)
  })
})
