import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { workOnEvalRun } from '#runners/eval-run.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { inTransaction, json } from '#store/database.ts'
import { readPairs, type StoredAnswer, storeScores } from '#store/eval-answers.ts'
import { claimUnscored } from '#store/eval-claims.ts'
import type { EvalSummary } from '#store/eval-summary.ts'
import { readFunnel } from '#store/eval-summary.ts'
import { insertEvalRun, type NewEvalRun } from '#store/eval-work.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps } from '#test/support/factories.ts'

const itemCount = 12

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

describe.each(engines())('eval runs in depth on %s (C7)', (engine) => {
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

  async function plan(overrides: Partial<NewEvalRun> = {}): Promise<string> {
    runs += 1
    const id = `run-${runs}`
    await inTransaction(database.db, (tx) =>
      insertEvalRun(tx, {
        id,
        proposalId: null,
        datasetName: 'd',
        datasetVersion: 1,
        targets: [
          { kind: 'baseline', label: 'baseline', model: 'p/a' },
          { kind: 'candidate', label: 'candidate', model: 'p/b' },
        ],
        evaluators: [{ name: 'numeric' }],
        by: 'ada',
        at: rig.deps.clock.nowMs(),
        ...overrides,
      }),
    )
    return id
  }

  function deps(callTarget: RunnerDeps['callTarget'], over: Partial<RunnerDeps> = {}): RunnerDeps {
    return {
      rollout: rig.deps,
      bootId: 'boot-a',
      random: () => 0.5,
      chat: {
        complete: async () => {
          throw new Error('no judge here')
        },
      },
      callTarget,
      evalConcurrency: 4,
      retention: { decisionsMs: 86_400_000 },
      ...over,
    } as RunnerDeps
  }
  const right: RunnerDeps['callTarget'] = async (_target, item) => anAnswer(`the answer is ${item.reference}`)
  const read = async (id: string) => {
    const row = await database.db.selectFrom('eval_runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    return { ...row, summary: row.summary as EvalSummary | null }
  }

  test('repeats are answers of their own, and pairs of one item are one cluster (C8)', async () => {
    const id = await plan({ repeats: 3 })
    const asked: string[] = []
    await workOnEvalRun(
      deps(async (target, item, order) => {
        asked.push(`${target.label} ${item.id} ${order.sample}`)
        return right(target, item, order)
      }),
      id,
    )
    expect(new Set(asked).size).toBe(2 * 3 * itemCount)
    expect(await read(id)).toMatchObject({ status: 'completed', planned: 2 * 3 * itemCount, repeats: 3 })
    const pairs = await readPairs(database.db, { runId: id, candidate: 1, pairwise: [] })
    expect(pairs).toHaveLength(3 * itemCount)
    expect(new Set(pairs.map((pair) => pair.cluster)).size).toBe(itemCount)
  })

  test('the baseline answers a sample again, drawn anew and the same in every run', async () => {
    const targets = [
      { kind: 'baseline', label: 'v1', model: 'p/a' },
      { kind: 'candidate', label: 'v2', model: 'p/b' },
      { kind: 'noise', label: 'v1 again', model: 'p/a', sample: 5 },
    ] as const
    const seen: string[][] = []
    for (const id of [await plan({ targets }), await plan({ targets })]) {
      const again: string[] = []
      await workOnEvalRun(
        deps(async (target, item, order) => {
          if (target.kind === 'noise') again.push(item.id)
          expect(order.sample).toBe(target.kind === 'noise' ? '1.0' : '0.0')
          return right(target, item, order)
        }),
        id,
      )
      seen.push(again.sort())
    }
    expect(seen[0]).toHaveLength(5)
    expect(seen[1]).toEqual(seen[0])
  })

  test('the funnel counts from planned to scored, and what is not on a path is no failure', async () => {
    const id = await plan({
      targets: [
        { kind: 'baseline', label: 'v1', model: 'p/a' },
        { kind: 'path', label: 'v2 forced', route: 'r', version: 2, model: 'p/b' },
      ],
    })
    await workOnEvalRun(
      deps(async (target, item, order) => {
        if (target.kind === 'baseline') return right(target, item, order)
        const number = Number(item.reference)
        if (number < 3) return anAnswer('', { output: null, errorClass: 'not_on_path', error: 'not this way' })
        if (number < 5) return anAnswer('', { output: null, errorClass: 'timeout', error: 'late' })
        return right(target, item, order)
      }),
      id,
    )
    expect(await readFunnel(database.db, id)).toMatchObject([
      {
        target: 0,
        planned: itemCount,
        sent: itemCount,
        answered: itemCount,
        scored: itemCount,
        errored: 0,
        skipped: 0,
      },
      { target: 1, planned: itemCount, sent: itemCount - 3, answered: itemCount - 5, errored: 2, skipped: 3 },
    ])
    const pairs = await readPairs(database.db, { runId: id, candidate: 1, pairwise: [] })
    expect(pairs).toHaveLength(itemCount - 3)
  })

  const judged = [{ name: 'llm_judge', config: { judge: 'p/j', mode: 'rubric' } }]

  test('two workers pay the judge of an answer once (C7)', async () => {
    const id = await plan({ evaluators: judged })
    let calls = 0
    const chat = {
      complete: async () => {
        calls += 1
        await new Promise((resolve) => setImmediate(resolve))
        throw new Error('the judge is down')
      },
    }
    await workOnEvalRun(deps(right, { chat }), id)
    const alone = calls
    calls = 0
    const shared = await plan({ evaluators: judged })
    await Promise.all(['a', 'b', 'c'].map((bootId) => workOnEvalRun(deps(right, { chat, bootId }), shared)))
    expect(alone).toBeGreaterThan(0)
    expect(calls).toBe(alone)
    expect((await read(shared)).status).toBe('completed')
  })

  test('a lease on scoring runs out with its holder, and what the holder brings later is discarded (F24)', async () => {
    const id = await plan({ evaluators: judged })
    // Answers come, and the worker is told to end before it scores anything.
    const ending = new AbortController()
    let answered = 0
    const call: RunnerDeps['callTarget'] = async (target, item, order) => {
      answered += 1
      if (answered === 2 * itemCount) ending.abort()
      return right(target, item, order)
    }
    await workOnEvalRun(deps(call), id, ending.signal)
    const nowMs = rig.deps.clock.nowMs()
    const claim = { runId: id, by: 'zombie', nowMs, untilMs: nowMs + 15_000, limit: 5 }
    const held = await claimUnscored(database.db, claim)
    expect(held).toHaveLength(5)
    expect(held[0]?.answers).toMatchObject([{ target: 0 }, { target: 1 }])
    expect(await claimUnscored(database.db, { ...claim, by: 'other', limit: 100 })).toHaveLength(itemCount - 5)
    rig.pass(16_000)
    const later = { ...claim, by: 'other', nowMs: nowMs + 16_000, untilMs: nowMs + 31_000, limit: 100 }
    expect(await claimUnscored(database.db, later)).toHaveLength(itemCount)
    const row = { evaluator: 'llm_judge', version: 'v', status: 'scored', reason: null, details: null, costMicroUsd: 7 }
    const place = { target: 0, position: 0, repeat: 0 }
    expect(await storeScores(database.db, id, [{ place, scores: [{ ...row, value: 1 }] }])).toBe(1)
    expect(await storeScores(database.db, id, [{ place, scores: [{ ...row, value: 0 }] }])).toBe(0)
    const stored = await database.db.selectFrom('eval_scores').select('value').where('run_id', '=', id).execute()
    expect(stored).toEqual([{ value: 1 }])
    expect(Number((await read(id)).spent_micro_usd)).toBe(2 * itemCount * 100 + 7)
  })

  test('a run ends at its cap, spends no more, and says why', async () => {
    const id = await plan({ maxCostMicroUsd: 1_000 })
    await workOnEvalRun(deps(right), id)
    const run = await read(id)
    expect(run).toMatchObject({ status: 'capped' })
    expect(run.error).toContain('the cap of')
    expect(Number(run.spent_micro_usd)).toBe(1_000)
    expect(run.summary?.byTarget.reduce((sum, target) => sum + target.answered, 0)).toBe(10)
  })

  test('a capped run ends at the first answer without a price: unknown is not free', async () => {
    const id = await plan({ maxCostMicroUsd: 1_000_000 })
    await workOnEvalRun(
      deps(async () => anAnswer('1', { costMicroUsd: null })),
      id,
    )
    const run = await read(id)
    expect(run.status).toBe('capped')
    expect(run.error).toContain('p/m has no price')
    expect(run.summary?.byTarget.reduce((sum, target) => sum + target.answered, 0)).toBe(1)
  })

  test('a judge without a price ends a capped run too', async () => {
    const id = await plan({ maxCostMicroUsd: 1_000_000, evaluators: judged })
    const chat = { complete: async () => ({ text: '{}', finishReason: 'stop', costMicroUsd: null }) }
    await workOnEvalRun(deps(right, { chat }), id)
    const run = await read(id)
    expect(run.status).toBe('capped')
    expect(run.error).toContain('a judge has no price')
  })

  test('an answer with bytes that no database takes is stored with a mark in their place, and takes no other with it', async () => {
    const id = await plan()
    await workOnEvalRun(
      deps(async (target, item, order) =>
        item.id === 'item-4' ? anAnswer('NUL \u0000 and half a pair \ud83d here') : right(target, item, order),
      ),
      id,
    )
    const rows = await database.db
      .selectFrom('eval_answers')
      .select('output')
      .where('run_id', '=', id)
      .where('item_id', '=', 'item-4')
      .execute()
    expect(rows[0]?.output).toBe('NUL \ufffd and half a pair \ufffd here')
    expect((await read(id)).status).toBe('completed')
  })

  describe('answers used again', () => {
    /** Answers as call-target does: through the order's cache, by a key of target and sample. */
    const cached =
      (paid: string[]): RunnerDeps['callTarget'] =>
      async (target, item: DatasetItem, order) => {
        const key = `${target.model} ${item.id} ${order.sample} ${runs}`
        const fetchIt = async () => {
          paid.push(key)
          return anAnswer(`the answer is ${item.reference}`, { cacheKey: key })
        }
        return order.cache === null ? fetchIt() : order.cache.answer(key, fetchIt)
      }
    const paths = [
      { kind: 'baseline', label: 'v1', route: 'r', version: 1, model: 'p/a' },
      { kind: 'path', label: 'v2 forced', route: 'r', version: 2, model: 'p/b' },
      { kind: 'path', label: 'v2 failing', route: 'r', version: 2, model: 'p/b', failing: ['p/x'] },
    ] as const

    test('two paths that meet in one model pay its answers once, and the second costs nothing', async () => {
      const id = await plan({ targets: paths })
      const paid: string[] = []
      await workOnEvalRun(deps(cached(paid)), id)
      expect(paid).toHaveLength(2 * itemCount)
      const run = await read(id)
      expect(run.summary?.byTarget.map((target) => target.cached).reduce((a, b) => a + b)).toBe(itemCount)
      expect(Number(run.spent_micro_usd)).toBe(2 * itemCount * 100)
    })

    test('another run uses them where that was asked for, with their cost and latency kept', async () => {
      const targets = [paths[0]]
      const first = await plan({ targets })
      const paid: string[] = []
      const call = cached(paid)
      await workOnEvalRun(deps(call), first)
      runs -= 1
      const sinceMs = rig.deps.clock.nowMs() - 60_000
      runs += 1
      const id = `again-${runs}`
      await inTransaction(database.db, (tx) =>
        insertEvalRun(tx, {
          id,
          proposalId: null,
          datasetName: 'd',
          datasetVersion: 1,
          targets,
          evaluators: [{ name: 'numeric' }],
          by: 'ada',
          at: rig.deps.clock.nowMs(),
          cacheSinceMs: sinceMs,
        }),
      )
      await workOnEvalRun(deps(call), id)
      expect(paid).toHaveLength(itemCount)
      const run = await read(id)
      expect(run.summary?.byTarget).toMatchObject([{ cached: itemCount, answered: itemCount, latencyP50Ms: null }])
      expect(Number(run.spent_micro_usd)).toBe(0)
      expect(run.summary?.digest).toBe((await read(first)).summary?.digest)
    })
  })
})
