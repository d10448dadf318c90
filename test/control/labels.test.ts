import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveEvaluators } from '#evaluators/registry.ts'
import type { Database } from '#store/database.ts'
import { json } from '#store/database.ts'
import { type Answer, type ControlRig, controlRig } from '#test/support/control.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const hostile = '<script>alert(1)</script> \u202Egnp "\'>'
const at = new Date('2026-03-01T00:00:00Z')

const rubricConfig = { judge: 'acme/judge-1', mode: 'rubric', criteria: [{ id: 'polite', text: 'It is polite.' }] }
const pairConfig = { judge: 'openai/gpt-4o', mode: 'pairwise' }

/** A finished run of two targets over `count` items whose judge has scored every answer, or every pair. */
async function seedJudgedRun(
  db: Database,
  run: { id: string; config: object; count: number; details: (position: number, target: number) => unknown },
): Promise<string> {
  const resolved = resolveEvaluators([{ name: 'llm_judge', config: run.config as Record<string, unknown> }])
  if ('problems' in resolved) throw new Error(JSON.stringify(resolved.problems))
  const version = resolved.evaluators[0]!.version
  const sha256 = `sha-${run.id}`
  const positions = Array.from({ length: run.count }, (_, position) => position)
  await db.insertInto('dataset_contents').values({ sha256, item_count: run.count, created_at: at }).execute()
  await db
    .insertInto('dataset_versions')
    .values({ name: run.id, version: 1, sha256, created_by: 'ada', created_at: at })
    .execute()
  await db
    .insertInto('dataset_items')
    .values(
      positions.map((position) => ({
        sha256,
        position,
        item_id: `i${position}`,
        item: json({ id: `i${position}`, messages: [{ role: 'user', content: `question ${position} ${hostile}` }] }),
      })),
    )
    .execute()
  await db
    .insertInto('eval_runs')
    .values({
      id: run.id,
      proposal_id: null,
      dataset_name: run.id,
      dataset_version: 1,
      sha256,
      targets: json([
        { kind: 'baseline', label: 'support v1', route: 'support', version: 1 },
        { kind: 'candidate', label: 'support v2', route: 'support', version: 2 },
      ]),
      evaluators: json([{ name: 'llm_judge', config: run.config }]),
      status: 'completed',
      planned: run.count * 2,
      summary: null,
      error: null,
      created_by: 'ada',
      created_at: at,
      finished_at: at,
    })
    .execute()
  const places = positions.flatMap((position) => [0, 1].map((target) => ({ position, target })))
  await db
    .insertInto('eval_answers')
    .values(
      places.map(({ position, target }) => ({
        run_id: run.id,
        target,
        position,
        item_id: `i${position}`,
        status: 'answered',
        is_scored: true,
        model: target === 0 ? 'openai/gpt-4o-mini' : 'mistral/large',
        output: `${target === 0 ? 'baseline' : 'candidate'} says ${'so '.repeat(target * (position % 7))}${hostile}`,
      })),
    )
    .execute()
  await db
    .insertInto('eval_scores')
    .values(
      places.map(({ position, target }) => {
        const value = valueAt(position)
        return {
          run_id: run.id,
          target,
          position,
          evaluator: 'llm_judge',
          evaluator_version: version,
          status: 'scored',
          value: target === 0 ? 1 - value : value,
          reason: 'because',
          details: json(run.details(position, target)),
          cost_micro_usd: 100,
        }
      }),
    )
    .execute()
  return version
}

/** Two thirds won. */
const valueAt = (position: number) => (position % 3 === 0 ? 0 : 1)

function rubricDetails(position: number, target: number) {
  const isMet = (target === 0 ? 1 - valueAt(position) : valueAt(position)) === 1
  const entry = { id: 'polite', evidence: [], reasoning: `saw ${hostile}`, verdict: isMet ? 'met' : 'not_met' }
  return { mode: 'rubric', judge: 'acme/judge-1', costMicroUsd: 100, criteria: [entry] }
}

/** Every fourth pair is undecided between its orders. */
function pairDetails(position: number) {
  const winner = valueAt(position) === 1 ? 'candidate' : 'baseline'
  const isSplit = position % 4 === 3
  const order = (first: string, won: string) => ({
    first,
    winner: won,
    criteria: [{ id: 'better', evidence: [], reasoning: `${first} was first`, verdict: 'tie' }],
  })
  return {
    mode: 'pairwise',
    judge: 'openai/gpt-4o',
    winner,
    isUndecided: isSplit,
    orderDisagreement: isSplit,
    costMicroUsd: 100,
    orders: [order('baseline', isSplit ? 'baseline' : winner), order('candidate', winner)],
  }
}

interface Task {
  id: string
  verdict: string
  others: string[]
  responses: string[]
  doubt: string | null
}

describe.each(engines())('labels on judges on %s (C4)', (engine) => {
  let database: TestDatabase
  let rig: ControlRig
  let version: string
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = await controlRig(database.db)
    version = await seedJudgedRun(database.db, {
      id: 'rubric',
      config: rubricConfig,
      count: 60,
      details: rubricDetails,
    })
    await seedJudgedRun(database.db, { id: 'pairs', config: pairConfig, count: 24, details: pairDetails })
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })

  const queue = async (query: string, key = rig.keys.author): Promise<Task[]> =>
    (await rig.call('GET', `/api/labels/queue?${query}`, { key })).body.items
  const label = (body: object, key = rig.keys.author): Promise<Answer> => rig.call('POST', '/api/labels', { body, key })

  test('the queue is in an order of its own, the same for everyone, and tells neither arm nor model', async () => {
    const tasks = await queue('run=rubric&sample=drawn&limit=20')
    expect(tasks).toHaveLength(20)
    expect(tasks.map(({ id }) => id)).toEqual([...tasks.map(({ id }) => id)].sort())
    expect(tasks).toEqual(await queue('run=rubric&sample=drawn&limit=20', rig.keys.operator))
    expect(tasks[0]).toMatchObject({ version, question: ['It is polite.'], kind: 'criterion', doubt: null })
    const told = JSON.stringify(tasks.map(({ responses: _, ...task }) => task))
    expect(told).not.toMatch(/baseline|candidate|gpt-4o-mini|mistral|"target"/)
  })

  test('a pair is shown in an order that its id decides, with the judge’s words of that order', async () => {
    const tasks = await queue('run=pairs&sample=drawn&limit=20')
    const firsts = tasks.map(({ responses }) => responses[0]!.split(' ')[0])
    expect(new Set(firsts)).toEqual(new Set(['baseline', 'candidate']))
    for (const task of tasks as (Task & { says: { reasoning: string }[] })[]) {
      expect(task.says[0]?.reasoning).toBe(`${task.responses[0]!.split(' ')[0]} was first`)
      expect([task.verdict, ...task.others].sort()).toEqual(['response_1', 'response_2', 'tie'])
    }
  })

  test('doubtful verdicts can be asked for alone, and are one in three otherwise', async () => {
    const doubtful = await queue('run=pairs&sample=doubt&limit=20')
    expect(doubtful.map(({ doubt }) => doubt)).toEqual(Array(6).fill('disagreement'))
    const mixed = await queue('run=pairs&limit=6', rig.keys.operator)
    expect(mixed[2]?.doubt).toBe('disagreement')
  })

  test('labels measure the judge: drawn ones alone, and a second label by the same person replaces the first', async () => {
    const key = rig.keys.approver
    for (let i = 0; i < 30; i++) {
      const [task] = await queue('run=rubric&sample=drawn&limit=1', key)
      // People find every tenth verdict wrong.
      const answer = await label({ task: task!.id, mark: i % 10 === 9 ? 'wrong' : 'right', comment: hostile }, key)
      expect([answer.status, answer.body.isRight]).toEqual([201, i % 10 !== 9])
    }
    const { body } = await rig.call('GET', '/api/labels/stats?evaluator=llm_judge')
    const all = body.calibrations.find((each: { dataset: string | null }) => each.dataset === null)
    expect(all).toMatchObject({ version, labels: 30, measured: [{ kind: 'criterion', labels: 30, people: 1 }] })
    expect(all.measured[0].exact).toMatchObject({ count: 27, of: 30 })
    expect(all.measured[0].kappa.value).toBeGreaterThan(0.6)
    expect(all.measured[0].kappa.interval[0]).toBeLessThan(all.measured[0].kappa.value)
    expect(body.versions).toMatchObject([{ evaluator: 'llm_judge', version, labels: 30, own: 0, people: 1 }])
  })

  test('verdicts labelled out of turn are counted apart until the draw has reached them', async () => {
    const [doubtful] = (await queue('run=pairs&sample=doubt&limit=20')).reverse()
    await label({ task: doubtful!.id, mark: 'wrong', instead: 'tie' })
    const measured = async () => {
      const { body } = await rig.call('GET', '/api/labels/stats')
      const pairs = body.calibrations.find((each: { dataset: string | null }) => each.dataset === 'pairs')
      return pairs.measured[0]
    }
    expect(await measured()).toMatchObject({ kind: 'pair', labels: 0, doubtful: { count: 0, of: 1 } })
    for (;;) {
      const [task] = await queue('run=pairs&sample=drawn&limit=1')
      if (task === undefined) break
      await label({ task: task.id, mark: 'right' })
    }
    expect(await measured()).toMatchObject({ labels: 24, exact: { count: 23, of: 24 }, doubtful: { count: 5, of: 6 } })
  })

  test('a wrong verdict on a pair says what is right instead; a person may decide without the judge', async () => {
    const [task] = await queue('run=pairs&sample=drawn&limit=1', rig.keys.admin)
    const open = await label({ task: task!.id, mark: 'wrong' }, rig.keys.admin)
    expect([open.status, open.body.errors[0].path]).toEqual([422, '/instead'])
    const same = await label({ task: task!.id, mark: 'wrong', instead: task!.verdict }, rig.keys.admin)
    expect(same.status).toBe(422)
    const own = await label({ task: task!.id, mark: 'says', instead: task!.verdict }, rig.keys.admin)
    expect([own.status, own.body.isRight]).toEqual([201, true])
    expect((await label({ task: task!.id, mark: 'cannot_tell' }, rig.keys.admin)).body.isRight).toBeNull()
  })

  test.each([
    ['no such run', 'nope.0123456789abcdef.polite', 404],
    ['no such verdict', 'rubric.0123456789abcdef.polite', 404],
    ['no such criterion', null, 404],
    ['no id', 'x', 422],
  ])('%s is refused and nothing is stored', async (_title, id, status) => {
    const [known] = await queue('run=rubric&sample=drawn&limit=1', rig.keys.admin)
    const before = (await rig.call('GET', '/api/labels/stats')).body.versions
    const answer = await label({ task: id ?? known!.id.replace(/polite$/, 'other'), mark: 'right' }, rig.keys.admin)
    expect([answer.status, answer.body.errors[0].path]).toEqual([status, '/task'])
    expect((await rig.call('GET', '/api/labels/stats')).body.versions).toEqual(before)
  })

  test('what is known of the judges stands beside the run: conflicts, agreement, corrected rates, order, length', async () => {
    const { body } = await rig.call('GET', '/api/eval-runs/rubric/judges', { key: rig.keys.viewer })
    expect(body.items).toHaveLength(1)
    const [judge] = body.items
    expect(judge).toMatchObject({ evaluator: 'llm_judge', version, judges: ['acme/judge-1'], conflicts: [] })
    expect(judge.calibration).toMatchObject({
      dataset: 'rubric',
      labels: 30,
      fitness: expect.stringMatching(/thin|none/),
    })
    expect(judge.rates[1]).toMatchObject({ what: 'criteria met', raw: { count: 40, of: 60, share: 40 / 60 } })
    const pairs = (await rig.call('GET', '/api/eval-runs/pairs/judges')).body.items[0]
    expect(pairs.conflicts).toEqual([expect.stringContaining('same family as openai/gpt-4o-mini')])
    expect(pairs.orders).toMatchObject([{ judge: 'openai/gpt-4o', flips: { of: 24 } }])
    expect(pairs.length).toMatchObject({ pairs: 24, rate: expect.closeTo(16 / 24, 9) })
    expect((await rig.call('GET', '/api/eval-runs/nope/judges')).status).toBe(404)
  })

  test('another version of the evaluator has no calibration: the record has expired, and says of which version it was', async () => {
    const other = { ...rubricConfig, criteria: [{ id: 'polite', text: 'It is very polite.' }] }
    const later = await seedJudgedRun(database.db, { id: 'later', config: other, count: 6, details: rubricDetails })
    expect(later).not.toBe(version)
    const [judge] = (await rig.call('GET', '/api/eval-runs/later/judges')).body.items
    expect(judge).toMatchObject({ version: later, calibration: null, expired: { labels: expect.any(Number) } })
    expect(judge.rates[0].corrected).toMatchObject({ rate: null, note: expect.stringContaining('nobody has labelled') })
  })

  test('every label is in the audit trail, without a word of prompt or answer', async () => {
    const { body } = await rig.call('GET', '/api/audit?action=label.put&limit=200')
    expect(body.items.length).toBeGreaterThan(30)
    expect(JSON.stringify(body.items)).not.toContain('script')
    expect(rig.logged.join('\n')).not.toContain('question ')
  })
})
