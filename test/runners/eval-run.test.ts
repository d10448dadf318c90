import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { workOnEvalRun } from '#runners/eval-run.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { inTransaction, json } from '#store/database.ts'
import { readPairs, type StoredAnswer } from '#store/eval-answers.ts'
import { claimAnswers } from '#store/eval-claims.ts'
import type { EvalSummary } from '#store/eval-summary.ts'
import { insertEvalRun, readProgress } from '#store/eval-work.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps } from '#test/support/factories.ts'

const itemCount = 30

function anAnswer(output: string, overrides: Partial<StoredAnswer> = {}): StoredAnswer {
  return {
    output,
    finishReason: 'stop',
    toolCalls: null,
    model: 'p/m',
    errorClass: null,
    error: null,
    inputTokens: 10,
    outputTokens: 5,
    costMicroUsd: 100,
    latencyMs: 12,
    ...overrides,
  }
}

describe.each(engines())('an eval run on %s (C7)', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let runs = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
    const now = new Date()
    await database.db
      .insertInto('dataset_contents')
      .values({ sha256: 's', item_count: itemCount, created_at: now })
      .execute()
    await database.db
      .insertInto('dataset_items')
      .values(
        Array.from({ length: itemCount }, (_, position) => ({
          sha256: 's',
          position,
          item_id: `item-${position}`,
          item: json({
            id: `item-${position}`,
            messages: [{ role: 'user', content: `q${position}` }],
            reference: `${position}`,
          }),
        })),
      )
      .execute()
    await database.db
      .insertInto('dataset_versions')
      .values({ name: 'd', version: 1, sha256: 's', created_by: 'a', created_at: now })
      .execute()
  })
  afterAll(() => database.close())

  async function plan(
    evaluators: readonly { name: string; config?: unknown }[] = [{ name: 'numeric' }],
  ): Promise<string> {
    runs += 1
    const id = `run-${runs}`
    const targets = [
      { kind: 'baseline' as const, label: 'baseline', model: 'p/a' },
      { kind: 'candidate' as const, label: 'candidate', model: 'p/b' },
    ]
    await inTransaction(database.db, (tx) =>
      insertEvalRun(tx, {
        id,
        proposalId: null,
        datasetName: 'd',
        datasetVersion: 1,
        targets,
        evaluators,
        by: 'ada',
        at: rig.deps.clock.nowMs(),
      }),
    )
    return id
  }

  function runnerDeps(callTarget: RunnerDeps['callTarget'], bootId = 'boot-a'): RunnerDeps {
    return {
      rollout: rig.deps,
      catalogue: async () => ({ models: new Map(), providers: new Map() }),
      bootId,
      random: () => 0.5,
      chat: {
        complete: async () => {
          throw new Error('no judge here')
        },
      },
      callTarget,
      evalConcurrency: 4,
      retention: { decisionsMs: 86_400_000 },
    }
  }
  const right = async (_target: unknown, item: DatasetItem) => anAnswer(`the answer is ${item.reference}`)
  const summaryOf = async (id: string) => {
    const row = await database.db.selectFrom('eval_runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    return { status: row.status, summary: row.summary as EvalSummary | null }
  }

  test('asks every target every item once, at most so many at a time', async () => {
    const id = await plan()
    const asked: string[] = []
    let running = 0
    let most = 0
    await workOnEvalRun(
      runnerDeps(async (target, item) => {
        asked.push(`${target.label} ${item.id}`)
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setImmediate(resolve))
        running -= 1
        return right(target, item)
      }),
      id,
    )
    expect(new Set(asked).size).toBe(2 * itemCount)
    expect(asked).toHaveLength(2 * itemCount)
    expect(most).toBeLessThanOrEqual(4)
    expect(await summaryOf(id)).toMatchObject({
      status: 'completed',
      summary: { byEvaluator: [{ evaluator: 'numeric', scored: itemCount, mean: 1 }, { mean: 1 }] },
    })
  })

  test('a worker that dies leaves its claims to the next, and nothing stored is asked again (E7)', async () => {
    const id = await plan()
    let calls = 0
    const dying = workOnEvalRun(
      runnerDeps((target, item) => {
        calls += 1
        // From here on the first worker never hears back from its provider: as good as dead.
        return calls > 11 ? new Promise(() => undefined) : right(target, item)
      }, 'boot-dead'),
      id,
    )
    await expect.poll(async () => (await readProgress(database.db, id)).answered).toBe(11)
    const stored = 11
    rig.pass(16_000)
    let more = 0
    await workOnEvalRun(
      runnerDeps(async (target, item) => {
        more += 1
        return right(target, item)
      }, 'boot-new'),
      id,
    )
    expect(more).toBe(2 * itemCount - stored)
    const undisturbed = await plan()
    await workOnEvalRun(runnerDeps(right), undisturbed)
    const [resumed, whole] = [await summaryOf(id), await summaryOf(undisturbed)]
    expect(resumed.status).toBe('completed')
    expect(resumed.summary?.digest).toBe(whole.summary?.digest)
    expect(resumed.summary?.byTarget.reduce((sum, target) => sum + target.attempts, 0)).toBe(2 * itemCount + 4)
    void dying
  })

  test('a living worker keeps its claims', async () => {
    const id = await plan()
    const nowMs = rig.deps.clock.nowMs()
    const claim = { runId: id, by: 'x', untilMs: nowMs + 15_000, nowMs, limit: 100 }
    expect(await claimAnswers(database.db, claim)).toHaveLength(2 * itemCount)
    expect(await claimAnswers(database.db, { ...claim, by: 'y' })).toHaveLength(0)
  })

  test('a worker that is told to end finishes what is under way and leaves the rest', async () => {
    const id = await plan()
    const ending = new AbortController()
    let calls = 0
    const call: RunnerDeps['callTarget'] = (target, item) => {
      calls += 1
      if (calls === 10) ending.abort()
      return right(target, item)
    }
    await workOnEvalRun(runnerDeps(call), id, ending.signal)
    expect(calls).toBeLessThan(2 * itemCount)
    expect(await readProgress(database.db, id)).toMatchObject({ answered: calls, pending: 2 * itemCount - calls })
    await workOnEvalRun(runnerDeps(right), id)
    expect((await summaryOf(id)).status).toBe('completed')
  })

  test('two workers share a run without asking anything twice', async () => {
    const id = await plan()
    const asked: string[] = []
    const call: RunnerDeps['callTarget'] = async (target, item) => {
      asked.push(`${target.label} ${item.id}`)
      return right(target, item)
    }
    await Promise.all([workOnEvalRun(runnerDeps(call, 'a'), id), workOnEvalRun(runnerDeps(call, 'b'), id)])
    expect(asked).toHaveLength(2 * itemCount)
    expect((await summaryOf(id)).status).toBe('completed')
  })

  test('an answer that never came is errored: an error of its arm, and no score of 0', async () => {
    const id = await plan()
    await workOnEvalRun(
      runnerDeps(async (target, item) =>
        target.label === 'candidate' && item.id === 'item-3'
          ? anAnswer('', { output: null, errorClass: 'timeout', error: 'no answer' })
          : right(target, item),
      ),
      id,
    )
    const pairs = await readPairs(database.db, { runId: id, candidate: 1, pairwise: [] })
    expect(pairs[3]?.candidate).toEqual({ values: { error_rate: 1 }, missing: {} })
    expect(pairs[3]?.baseline?.values).toMatchObject({ error_rate: 0, numeric: 1 })
  })

  test('a judge that cannot be reached leaves its scores missing, never a pass (C6)', async () => {
    const id = await plan([
      { name: 'json_validity' },
      {
        name: 'llm_judge',
        config: { judge: 'p/j', mode: 'rubric' },
      },
    ])
    await workOnEvalRun(runnerDeps(right), id)
    const { summary } = await summaryOf(id)
    const judged = summary?.byEvaluator.filter((row) => row.evaluator === 'llm_judge')
    expect(judged).toMatchObject([{ scored: 0, errored: itemCount, mean: null }, { scored: 0 }])
    const pairs = await readPairs(database.db, { runId: id, candidate: 1, pairwise: [] })
    expect(pairs[0]?.candidate?.missing).toEqual({ llm_judge: 'infrastructure' })
  })

  test('a run whose evaluators cannot be used fails instead of waiting for ever', async () => {
    const id = await plan([{ name: 'no_such' }])
    await workOnEvalRun(runnerDeps(right), id)
    expect((await summaryOf(id)).status).toBe('failed')
  })
})
