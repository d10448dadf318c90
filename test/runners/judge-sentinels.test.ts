import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { driftOf } from '#domain/judge-statistics-stability.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { workOnEvalRun } from '#runners/eval-run.ts'
import { judgeReplies } from '#runners/judge-replies.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { inTransaction, json } from '#store/database.ts'
import { insertEvalRun } from '#store/eval-work.ts'
import { replyKeptMs } from '#store/judge-replies.ts'
import { lastRetests, readSentinels, sentinelCount } from '#store/judge-sentinels.ts'
import { readJudgesOfRun } from '#store/report-judges.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps } from '#test/support/factories.ts'

const itemCount = 40
const config = { judge: 'acme/judge-1', mode: 'rubric', criteria: [{ id: 'right', text: 'It is right.' }] }
const evaluators = [{ name: 'llm_judge', config }]

describe.each(engines())('judges of eval runs on %s (C4)', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let runs = 0
  let version: string
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
          item: json({ id: `item-${position}`, messages: [{ role: 'user', content: `q${position}` }] }),
        })),
      )
      .execute()
    await database.db
      .insertInto('dataset_versions')
      .values({ name: 'd', version: 1, sha256: 's', created_by: 'a', created_at: now })
      .execute()
    const resolved = resolveEvaluators(evaluators)
    version = 'evaluators' in resolved ? resolved.evaluators[0]!.version : ''
  })
  afterAll(() => database.close())

  /** A judge that finds right what its rule says; counts what it was asked. */
  function judge(rule: (text: string) => boolean) {
    const asked: string[] = []
    const complete: ChatPort['complete'] = async ({ messages }) => {
      const text = messages.map(({ content }) => String(content)).join('\n')
      asked.push(text)
      const verdict = rule(text) ? 'met' : 'not_met'
      const reply = { criteria: [{ id: 'right', evidence: [], reasoning: 'seen', verdict }] }
      return { text: JSON.stringify(reply), finishReason: 'stop', costMicroUsd: 10 }
    }
    return { asked, chat: { complete } }
  }

  async function run(
    of: ReturnType<typeof judge>,
    answer: (item: DatasetItem, model: string) => string,
    maxCostMicroUsd?: number,
  ) {
    runs += 1
    rig.pass(1_000)
    const id = `run-${runs}`
    const targets = [
      { kind: 'baseline' as const, label: 'v1', model: 'p/a' },
      { kind: 'candidate' as const, label: 'v2', model: 'p/b' },
    ]
    await inTransaction(database.db, (tx) =>
      insertEvalRun(tx, {
        ...{ id, proposalId: null, datasetName: 'd', datasetVersion: 1, targets, evaluators, by: 'ada' },
        at: rig.deps.clock.nowMs(),
        ...(maxCostMicroUsd !== undefined && { maxCostMicroUsd }),
      }),
    )
    const catalogue = async () => ({ models: new Map(), providers: new Map() })
    const deps: RunnerDeps = {
      rollout: rig.deps,
      catalogue: async () => ({ models: new Map(), providers: new Map() }),
      bootId: 'boot-a',
      random: () => 0.5,
      chat: of.chat,
      replies: judgeReplies({ db: database.db, catalogue, clock: rig.deps.clock }),
      callTarget: async ({ model = '' }, item) => ({
        ...{ output: answer(item, model), finishReason: 'stop', toolCalls: null, model, errorClass: null, error: null },
        ...{ inputTokens: 1, outputTokens: 1, costMicroUsd: 1, latencyMs: 1 },
      }),
      evalConcurrency: 4,
      retention: { decisionsMs: 86_400_000 },
    }
    await workOnEvalRun(deps, id)
    return id
  }

  const even = (text: string) => /number \d*[02468]\b/.test(text)
  const byNumber = (item: DatasetItem, model: string) => `number ${item.id.slice(5)}${model === 'p/b' ? '0' : ''}`

  test('the first run of a version freezes cases, each under the value it got', async () => {
    const first = judge(even)
    const id = await run(first, byNumber)
    const sentinels = await readSentinels(database.db, { evaluator: 'llm_judge', version })
    expect(sentinels).toHaveLength(sentinelCount)
    expect(new Set(sentinels.map(({ runId }) => runId))).toEqual(new Set([id]))
    expect(first.asked).toHaveLength(2 * itemCount)
  })

  test('the next run pays for nothing it has asked before, and judges the frozen cases anew', async () => {
    const second = judge(even)
    const id = await run(second, byNumber)
    expect(second.asked).toHaveLength(sentinelCount)
    const retests = await lastRetests(database.db, { evaluator: 'llm_judge', version })
    expect(driftOf(retests)).toMatchObject({ retests: sentinelCount, flips: { count: 0 }, hasDrifted: false })
    const [known] = await readJudgesOfRun(database.db, id)
    expect(known).toMatchObject({ costMicroUsd: 0, drift: { retests: sentinelCount, hasDrifted: false } })
  })

  test('of a run with a cap the watch spends what is left, and no more (C7)', async () => {
    const capped = judge(even)
    // 80 answers at 1 and kept replies leave 45; four cases are judged at once, at 10 each.
    await run(capped, byNumber, 2 * itemCount + 45)
    expect(capped.asked.length).toBeGreaterThanOrEqual(5)
    expect(capped.asked.length).toBeLessThanOrEqual(8)
  })

  test('a judge that has changed behind its name is seen, though its kept replies say what they said', async () => {
    const changed = judge(() => false)
    const id = await run(changed, byNumber)
    const [known] = await readJudgesOfRun(database.db, id)
    expect(known?.drift).toMatchObject({ hasDrifted: true })
    expect(known?.drift?.shift).toBeLessThan(-0.3)
    const scores = await database.db.selectFrom('eval_scores').select('value').where('run_id', '=', id).execute()
    expect(scores.some(({ value }) => value === 1)).toBe(true)
  })

  test('equal answers of both arms are one question', async () => {
    const same = judge(() => true)
    await run(same, (item) => `the same for both, ${item.id}`)
    // One answer of an item is scored after the other, so the second finds the reply of the first.
    expect(same.asked.filter((text) => text.includes('the same for both'))).toHaveLength(itemCount)
  })

  test('a reply is used again for a week', async () => {
    rig.pass(replyKeptMs + 1)
    const late = judge(even)
    await run(late, byNumber)
    expect(late.asked).toHaveLength(2 * itemCount + sentinelCount)
  })

  test('a judge that cannot be reached leaves a gap in the watch and no mark on the run', async () => {
    const down = judge(() => true)
    down.chat.complete = async () => Promise.reject(new Error('503'))
    const id = await run(down, byNumber)
    const row = await database.db.selectFrom('eval_runs').select('status').where('id', '=', id).executeTakeFirst()
    expect(row?.status).toBe('completed')
    expect(await lastRetests(database.db, { evaluator: 'llm_judge', version })).toEqual([])
  })
})
