import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type ControlRig, controlRig } from '#test/support/control.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import {
  hostile,
  pairConfig,
  pairDetails,
  rubricConfig,
  rubricDetails,
  seedJudgedRun,
} from '#test/support/judged-run.ts'

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

describe('the form of the label page', () => {
  let database: TestDatabase
  let rig: ControlRig
  let task: string
  beforeAll(async () => {
    database = await testDatabase()
    rig = await controlRig(database.db)
    await seedJudgedRun(database.db, { id: 'rubric', config: rubricConfig, count: 4, details: rubricDetails })
    task = (await rig.call('GET', '/api/labels/queue?limit=1')).body.items[0].id
  })
  afterAll(async () => {
    await rig.close()
    await database.close()
  })
  const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    rig.call('POST', path, {
      key: null,
      raw: new URLSearchParams(fields).toString(),
      type: 'application/x-www-form-urlencoded',
      headers: { 'sec-fetch-site': 'same-origin', ...headers },
    })
  const sessionOf = async (role: 'author' | 'viewer') => {
    rig.pass(60_000)
    await database.db.deleteFrom('sessions').execute()
    const answer = await form('/login', { key: rig.keys[role], next: '/labels' })
    const { csrf } = await database.db.selectFrom('sessions').select('csrf').executeTakeFirstOrThrow()
    return { headers: { cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '' }, csrf }
  }
  const count = async () => (await database.db.selectFrom('judge_labels').select('id').execute()).length

  test('is refused without a session, its token, the role, or from another site, and stores nothing', async () => {
    const fields = { task, choice: 'right' }
    expect((await form('/labels', fields)).status).toBe(401)
    const author = await sessionOf('author')
    expect((await form('/labels', fields, author.headers)).status).toBe(403)
    const foreign = { ...author.headers, 'sec-fetch-site': 'cross-site' }
    expect((await form('/labels', { ...fields, csrf: author.csrf }, foreign)).status).toBe(403)
    const viewer = await sessionOf('viewer')
    expect((await form('/labels', { ...fields, csrf: viewer.csrf }, viewer.headers)).status).toBe(403)
    expect(await count()).toBe(0)
  })

  test.each([
    [{ choice: 'pass' }, 422],
    [{ choice: 'wrong:met' }, 422],
    [{ choice: '' }, 422],
    [{ choice: 'right', task: 'rubric.0123456789abcdef.polite' }, 404],
    [{ choice: 'right', comment: 'x'.repeat(2001) }, 422],
  ])('with %j stores nothing', async (fields, status) => {
    const { headers, csrf } = await sessionOf('author')
    const verdict = (await rig.call('GET', '/api/labels/queue?limit=1')).body.items[0].verdict
    const sent = fields.choice === 'wrong:met' ? { ...fields, choice: `wrong:${verdict}` } : fields
    expect((await form('/labels', { task, csrf, ...sent }, headers)).status).toBe(status)
    expect(await count()).toBe(0)
  })

  test('stores the label and leads to the next verdict, under the same filter', async () => {
    const { headers, csrf } = await sessionOf('author')
    const kept = { run: 'rubric', sample: 'drawn' }
    const answer = await form('/labels', { task, choice: 'right', comment: ' ok ', csrf, ...kept }, headers)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/labels?saved=1&run=rubric&sample=drawn'])
    expect(await database.db.selectFrom('judge_labels').select(['comment', 'principal']).execute()).toEqual([
      { comment: 'ok', principal: 'author-person' },
    ])
  })
})
