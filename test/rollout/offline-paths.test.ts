import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { workOnEvalRun } from '#runners/eval-run.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { json } from '#store/database.ts'
import { evalRunsOf } from '#store/eval-work.ts'
import { readDecisions } from '#store/promotion-decisions.ts'
import { readProposal } from '#store/proposals.ts'
import { readEvalRunView } from '#store/report-view-eval-run.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aPlan, rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'

const items = 120
const spec = { models: ['p/cheap'], fallbacks: ['p/strong'] }
const offline = { datasets: ['d@1'], noiseItems: 20 }

describe.each(engines())('fallbacks before production on %s (D4, C7)', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let routes = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
    const now = new Date()
    await database.db
      .insertInto('dataset_contents')
      .values({ sha256: 's', item_count: items, created_at: now })
      .execute()
    await database.db
      .insertInto('dataset_items')
      .values(
        Array.from({ length: items }, (_, position) => ({
          sha256: 's',
          position,
          item_id: `item-${position}`,
          item: json({ id: `item-${position}`, messages: [{ role: 'user', content: 'q' }], tags: ['code'] }),
        })),
      )
      .execute()
    await database.db
      .insertInto('dataset_versions')
      .values({ name: 'd', version: 1, sha256: 's', created_by: 'a', created_at: now })
      .execute()
  })
  afterAll(() => database.close())

  /** Runs the offline stage to its end. `broken`: the kind of target whose answers are no JSON. */
  async function runStage(broken: string, plan: object = {}) {
    routes += 1
    const route = `support-${routes}`
    await seedRoute(database.db, route)
    const state = { status: 'offline' } as const
    const id = await seedProposal(rig.deps, { route, spec, state, plan: aPlan({ offline: { ...offline, ...plan } }) })
    await advanceProposal(rig.deps, id)
    const [run] = await evalRunsOf(database.db, id)
    if (run === undefined) throw new Error('no run was planned')
    const deps = {
      rollout: rig.deps,
      catalogue: async () => ({ models: new Map(), providers: new Map() }),
      bootId: 'boot',
      random: () => 0.5,
      chat: { complete: () => Promise.reject(new Error('no judge here')) },
      callTarget: async (target) => ({
        output: target.kind === broken ? 'no JSON' : '{}',
        finishReason: 'stop',
        toolCalls: null,
        model: 'p/cheap',
        errorClass: null,
        error: null,
        inputTokens: 10,
        outputTokens: 5,
        costMicroUsd: 1_000,
        latencyMs: 12,
      }),
      evalConcurrency: 16,
      retention: { decisionsMs: 86_400_000 },
    } as RunnerDeps
    await workOnEvalRun(deps, run.id)
    await advanceProposal(rig.deps, id)
    const proposal = await readProposal(database.db, id)
    const [decision] = await readDecisions(database.db, id, 1)
    return { id, run, proposal, decision, view: await readEvalRunView(database.db, run.id) }
  }

  test('the primary is made to fail on a sample, beside baseline, candidate and the baseline once more', async () => {
    const { run, proposal, view } = await runStage('nobody')
    expect(run.targets).toMatchObject([
      { kind: 'baseline' },
      { kind: 'candidate' },
      { kind: 'path', failing: ['p/cheap'], sample: 100 },
      { kind: 'noise', sample: 20 },
    ])
    expect(proposal?.state.status).toBe('shadow')
    expect(view?.targets.map((target) => target.planned)).toEqual([items, items, 100, 20])
    expect(view?.paths).toMatchObject([{ verdict: 'pass', pairs: 100 }])
    // The same answer to the same question every time: chance makes no difference.
    expect(view?.comparisons).toMatchObject([
      { evaluator: 'json_validity', noiseBand: 0, pairs: items, clusters: null },
    ])
  })

  test('a version whose fallback misses the bar does not leave the offline stage, and the verdict names the path', async () => {
    const { proposal, decision, view } = await runStage('path')
    expect(proposal?.state.status).toBe('failed')
    expect(decision).toMatchObject({ action: 'rollback', stage: 'offline' })
    const [reason] = (decision?.reasons ?? []) as { message: string }[]
    expect(reason?.message).toContain('v2 with p/cheap failing')
    expect(view?.paths).toMatchObject([{ verdict: 'fail' }])
    expect(view?.headline.reason).toContain('with p/cheap failing')
  })

  test('a run that reaches the cap of the plan is no evidence: inconclusive, never a pass', async () => {
    const { proposal, view } = await runStage('nobody', { maxCostUsd: 0.05 })
    expect(proposal).toMatchObject({ endedInconclusive: true })
    expect(view?.status).toBe('capped')
    expect(view?.headline).toMatchObject({ verdict: 'blocked' })
    expect(view?.headline.reason).toContain('cap')
  })

  test('what it was expected to cost was written down before it began', async () => {
    const { id } = await runStage('nobody')
    const entries = await database.db
      .selectFrom('audit_entries')
      .select('details')
      .where('action', '=', 'eval_run.start')
      .execute()
    const own = entries.find((entry) => (entry.details as { proposal?: string }).proposal === id)
    const { estimate } = (own?.details ?? {}) as { estimate?: { answers: number } }
    expect(estimate?.answers).toBe(2 * items + 100 + 20)
  })
})
