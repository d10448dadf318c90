import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bookOf, qualityFor } from '#domain/quality.ts'
import { type Database, json } from '#store/database.ts'
import { createLiveLog } from '#store/live-log.ts'
import { liveEveryMs, readQualityTallies, refreshQualityScores } from '#store/quality-scores.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { aBar, rolloutDeps, seedProposal, seedRoute } from '#test/support/factories.ts'
import { seedRequests } from '#test/support/traffic.ts'

const now = Date.parse('2026-03-01T00:00:00Z')

interface Answer {
  readonly model: string
  readonly value: number | null
  readonly metric?: string
  readonly version?: string
  readonly item?: Record<string, unknown>
  readonly errorClass?: string | null
}

interface Run {
  readonly id: string
  readonly answers: readonly Answer[]
  readonly dataset?: string
  readonly status?: string
  readonly agoMs?: number
  readonly evaluators?: readonly unknown[]
}

/** An eval run with one answer for each item. */
async function seedRun(db: Database, run: Run): Promise<void> {
  const { id, answers, dataset = id, status = 'completed', agoMs = 60_000, evaluators = [{ name: 'exact' }] } = run
  const at = new Date(now - agoMs)
  await sql`insert into dataset_contents values (${dataset}, ${answers.length}, ${at}) on conflict do nothing`.execute(
    db,
  )
  await sql`insert into eval_runs (id, dataset_name, dataset_version, sha256, targets, evaluators, status, planned,
      created_by, created_at, finished_at)
    values (${id}, ${dataset}, 1, ${dataset}, '[]', ${json(evaluators)}, ${status}, ${answers.length}, 'ada', ${at}, ${at})`.execute(
    db,
  )
  for (const [position, answer] of answers.entries()) {
    const { model, value, metric = 'exact', version = 'v1', item = {}, errorClass = null } = answer
    await sql`insert into dataset_items values (${dataset}, ${position}, ${`i${position}`}, ${json(item)})
      on conflict do nothing`.execute(db)
    await sql`insert into eval_answers (run_id, target, position, item_id, status, model, error_class)
      values (${id}, 0, ${position}, ${`i${position}`}, 'answered', ${model}, ${errorClass})`.execute(db)
    await sql`insert into eval_scores (run_id, target, position, evaluator, evaluator_version, status, value)
      values (${id}, 0, ${position}, ${metric}, ${version}, ${value === null ? 'errored' : 'scored'}, ${value})`.execute(
      db,
    )
  }
}

const times = (count: number, answer: Answer): Answer[] => Array.from({ length: count }, () => answer)

describe.each(engines())('quality scores on %s (C9)', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    const { db } = database
    await sql`truncate eval_scores, eval_answers, eval_runs, dataset_items, dataset_contents, dataset_versions,
      quality_scores, quality_state, observations, decisions, shadow_calls, proposals, promotion_decisions, approvals,
      proposal_events cascade`.execute(db)
  })

  const tallies = async (nowMs = now) => {
    await refreshQualityScores(database.db, nowMs)
    return (await readQualityTallies(database.db, null))?.rows ?? []
  }

  it('counts scores by the task an item names in its slice or a tag', async () => {
    await seedRun(database.db, {
      id: 'run',
      answers: [
        { model: 'p/a', value: 1, item: { slice: { task: 'legal' } } },
        { model: 'p/a', value: 0, item: { tags: ['edge', 'task:legal'] } },
        { model: 'p/a', value: 1, item: { tags: ['code', 'edge'] } },
        { model: 'p/a', value: 0.5, item: { tags: ['edge'] } },
        { model: 'p/b', value: 0.25 },
      ],
    })
    expect(await tallies()).toEqual([
      { model: 'p/a', metric: 'exact', task: null, samples: 1, sum: 0.5 },
      { model: 'p/a', metric: 'exact', task: 'code', samples: 1, sum: 1 },
      { model: 'p/a', metric: 'exact', task: 'legal', samples: 2, sum: 1 },
      { model: 'p/b', metric: 'exact', task: null, samples: 1, sum: 0.25 },
    ])
  })

  it('leaves out what is missing, what a fallback answered, runs that are not finished, pairs and answers of long ago', async () => {
    const answers = [{ model: 'p/a', value: 1 }]
    await seedRun(database.db, { id: 'missing', answers: [{ model: 'p/a', value: null }] })
    await seedRun(database.db, { id: 'rescued', answers: [{ model: 'p/a', value: 1, errorClass: 'timeout' }] })
    await seedRun(database.db, { id: 'running', status: 'running', answers })
    await seedRun(database.db, { id: 'old', agoMs: 91 * 86_400_000, answers })
    const judge = { name: 'llm_judge', config: { judge: 'p/j', mode: 'pairwise' } }
    await seedRun(database.db, {
      id: 'pairs',
      evaluators: [judge],
      answers: [{ model: 'p/a', value: 1, metric: 'llm_judge' }],
    })
    expect(await tallies()).toEqual([])
  })

  it('counts an item once, by the newest run, and only scores of the evaluator as it is now', async () => {
    await seedRun(database.db, {
      id: 'first',
      dataset: 'd',
      agoMs: 9_000,
      answers: times(3, { model: 'p/a', value: 0 }),
    })
    await seedRun(database.db, {
      id: 'again',
      dataset: 'd',
      agoMs: 1_000,
      answers: times(2, { model: 'p/a', value: 1 }),
    })
    expect(await tallies()).toEqual([{ model: 'p/a', metric: 'exact', task: null, samples: 3, sum: 2 }])
    await seedRun(database.db, { id: 'newer', agoMs: 10, answers: [{ model: 'p/a', value: 0.5, version: 'v2' }] })
    expect(await tallies(now + 1)).toEqual([{ model: 'p/a', metric: 'exact', task: null, samples: 1, sum: 0.5 }])
  })

  it('counts again when a run has finished, not when nothing has changed', async () => {
    expect(await refreshQualityScores(database.db, now)).toBe(true)
    expect(await refreshQualityScores(database.db, now + 1_000)).toBe(false)
    const known = (await readQualityTallies(database.db, null))?.revision ?? ''
    expect(await readQualityTallies(database.db, known)).toBeNull()
    await seedRun(database.db, { id: 'run', answers: [{ model: 'p/a', value: 1 }] })
    expect(await refreshQualityScores(database.db, now + 2_000)).toBe(true)
    expect((await readQualityTallies(database.db, known))?.rows).toHaveLength(1)
  })

  it('counts live scores of the model that answered, both arms of a mirrored request, while a proposal is open', async () => {
    const { db } = database
    const { deps } = rolloutDeps(db)
    if ((await db.selectFrom('routes').select('name').execute()).length === 0) await seedRoute(db)
    const pairs = { name: 'llm_judge', config: { judge: 'p/j', mode: 'pairwise' } }
    const proposalId = await seedProposal(deps, { bar: aBar({ evaluators: [{ name: 'grounding' }, pairs] }) })
    await refreshQualityScores(db, now)
    await seedRequests(db, [
      { requestId: 'canary', model: 'p/cheap', task: 'code', atMs: now },
      { requestId: 'mirrored', model: 'p/strong', atMs: now },
    ])
    const assigned = { proposalId, stage: 'canary', step: 0, shareBp: 500, unit: null, bootId: 'b', assignedAtMs: now }
    const open = {
      proposalId,
      baseline: null,
      candidate: null,
      isScored: true,
      baselineScores: null,
      candidateScores: null,
    }
    const scores = (grounding: number) => ({ values: { grounding, llm_judge: 1 }, missing: {} })
    await createLiveLog(db).write({
      assignments: [
        { ...assigned, requestId: 'canary', arm: 'candidate', deadlineAtMs: now + 1 },
        { ...assigned, requestId: 'mirrored', arm: 'pair', deadlineAtMs: now + 1 },
      ],
      completions: [
        { ...open, requestId: 'canary', candidateScores: scores(0.5) },
        { ...open, requestId: 'mirrored', baselineScores: scores(0.75), candidateScores: scores(0.25) },
      ],
      samples: [],
      decisions: [],
      payloads: [],
      shadowCalls: [
        {
          requestId: 'mirrored',
          proposalId,
          atMs: now,
          model: 'p/cheap',
          status: 200,
          errorClass: null,
          inputTokens: 1,
          outputTokens: 1,
          costMicroUsd: 1,
          latencyMs: 1,
        },
      ],
    })
    expect(await refreshQualityScores(db, now + 1_000)).toBe(false)
    expect(await tallies(now + liveEveryMs)).toEqual([
      { model: 'p/cheap', metric: 'grounding', task: null, samples: 1, sum: 0.25 },
      { model: 'p/cheap', metric: 'grounding', task: 'code', samples: 1, sum: 0.5 },
      { model: 'p/strong', metric: 'grounding', task: null, samples: 1, sum: 0.75 },
    ])
  })

  it('gives routing a score by task', async () => {
    await seedRun(database.db, {
      id: 'run',
      answers: [
        ...times(30, { model: 'p/a', value: 1, item: { tags: ['code'] } }),
        ...times(30, { model: 'p/a', value: 0, item: { tags: ['reasoning'] } }),
      ],
    })
    const book = bookOf(await tallies())
    expect(qualityFor(book, 'p/a', 'code')['exact']).toMatchObject({ score: 0.75, samples: 30 })
    expect(qualityFor(book, 'p/a', 'reasoning')['exact']?.score).toBe(0.25)
    expect(qualityFor(book, 'p/a', 'summarization')['exact']).toBeUndefined()
    expect(qualityFor(book, 'p/a', null)['exact']).toMatchObject({ score: 0.5, samples: 60 })
  })
})
