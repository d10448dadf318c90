import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Outcome } from '#domain/evidence.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'
import { workOnEvalRun } from '#runners/eval-run.ts'
import type { RunnerDeps } from '#runners/runner-deps.ts'
import { inTransaction, json } from '#store/database.ts'
import { readPairs, type StoredAnswer } from '#store/eval-answers.ts'
import type { EvalSummary } from '#store/eval-summary.ts'
import { insertEvalRun, type NewEvalRun } from '#store/eval-work.ts'
import { readEvalRunView } from '#store/report-view-eval-run.ts'
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

describe.each(engines())('eval runs that ask judges, on %s (C4, C7, C8)', (engine) => {
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
        evaluators: [],
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
  const read = async (id: string) => {
    const row = await database.db.selectFrom('eval_runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    return { ...row, summary: row.summary as EvalSummary | null }
  }

  test('a judge is not asked once the cap is reached, within an item too, and such a run is no evidence (C7)', async () => {
    const verdict = { criteria: [{ id: 'right', evidence: [], reasoning: 'seen', verdict: 'met' }] }
    const dear = async (maxCostMicroUsd: number, costOf: (text: string) => number) => {
      let asked = 0
      const complete: ChatPort['complete'] = async ({ messages }) => {
        asked += 1
        const costMicroUsd = costOf(messages.map(({ content }) => String(content)).join(' '))
        return { text: JSON.stringify(verdict), finishReason: 'stop', costMicroUsd }
      }
      const config = { judge: 'p/j', mode: 'rubric', criteria: [{ id: 'right', text: 'It is right.' }] }
      const id = await plan({ maxCostMicroUsd, evaluators: [{ name: 'llm_judge', config }] })
      const answer: RunnerDeps['callTarget'] = async (_, item) => anAnswer(`to ${item.id}.`)
      await workOnEvalRun(deps(answer, { chat: { complete } }), id)
      return { asked, run: await read(id) }
    }
    const answers = 2 * itemCount * 100
    const first = await dear(answers + 500, () => 1_000)
    expect(first).toMatchObject({ asked: 1, run: { status: 'capped' } })
    // The last item alone is dear: nothing is left to do, and yet a judge was not asked.
    const last = await dear(answers + 5_000, (text) => (text.includes(`to item-${itemCount - 1}.`) ? 10_000 : 10))
    expect(last.asked).toBeLessThan(2 * itemCount)
    expect(last.run).toMatchObject({ status: 'capped', error: expect.stringContaining('judges are not asked') })
  })

  test('a comparison is read against the target compared, and its noise from the second answers alone (C8)', async () => {
    const evaluators = [{ name: 'llm_judge', config: { judge: 'p/j', mode: 'pairwise' } }]
    const id = await plan({
      evaluators,
      targets: [
        { kind: 'baseline', label: 'baseline', model: 'p/a' },
        { kind: 'candidate', label: 'candidate', model: 'p/b' },
        { kind: 'path', label: 'path', model: 'p/c' },
        { kind: 'noise', label: 'again', model: 'p/a' },
      ],
    })
    const words: Record<string, string> = { baseline: 'plain', again: 'plain', candidate: 'better', path: 'worse' }
    const quality = ['worse', 'plain', 'better']
    const complete: ChatPort['complete'] = async ({ messages }) => {
      const text = messages.map(({ content }) => String(content)).join('\n')
      const [first = -1, second = -1] = ['response_1', 'response_2'].map((label) =>
        quality.indexOf(new RegExp(`<<<${label} \\w+>>>\\n(\\w+)`).exec(text)?.[1] ?? ''),
      )
      const verdict = first === second ? 'tie' : first > second ? 'response_1' : 'response_2'
      const reply = { criteria: [{ id: 'better', evidence: [], reasoning: 'seen', verdict }] }
      return { text: JSON.stringify(reply), finishReason: 'stop', costMicroUsd: 1 }
    }
    const silent = new Set(['candidate item-0', 'path item-1'])
    const answer: RunnerDeps['callTarget'] = async (target, item) =>
      silent.has(`${target.label} ${item.id}`)
        ? anAnswer('', { output: null, errorClass: 'timeout', error: 'no answer' })
        : anAnswer(words[target.label] ?? '')
    await workOnEvalRun(deps(answer, { chat: { complete } }), id)
    const pairwise = ['llm_judge']
    const value = (outcome: Outcome | null | undefined) => outcome?.values['llm_judge']
    const won = await readPairs(database.db, { runId: id, candidate: 1, pairwise })
    expect(won.slice(1).map((pair) => [value(pair.baseline), value(pair.candidate)])).toEqual(
      Array.from({ length: itemCount - 1 }, () => [0, 1]),
    )
    // No answer has lost to one that is there: nothing is missing on the other side.
    expect(won[0]?.baseline).toMatchObject({ values: { llm_judge: 1 }, missing: {} })
    expect(won[0]?.candidate).toEqual({ values: { error_rate: 1 }, missing: {} })
    const lost = await readPairs(database.db, { runId: id, candidate: 2, pairwise })
    expect(lost.map((pair) => value(pair.baseline))).toEqual(Array.from({ length: itemCount }, () => 1))
    expect(lost[0]?.candidate?.values).toMatchObject({ llm_judge: 0 })
    const view = await readEvalRunView(database.db, id)
    expect(view?.comparisons).toMatchObject([{ evaluator: 'llm_judge', difference: 1, noiseBand: 0 }])
  })
})
