import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { liveOfRecord } from '#domain/live.ts'
import { factsOfRecord } from '#domain/request-facts.ts'
import { decideTargets } from '#domain/routing.ts'
import { Allowances, aloneSource } from '#gateway/allowances.ts'
import { answers, type Behaviour, fails, hangs, sends, type UpstreamCall } from '#test/support/fake-upstream.ts'
import { silentLog } from '#test/support/gateway.ts'
import { aVersion } from '#test/support/routing.ts'
import { base, byExamples, byModel, TaskBench } from '#test/support/task-bench.ts'

let bench: TaskBench
beforeAll(async () => {
  bench = await TaskBench.open()
})
beforeEach(() => bench.reset())
afterEach(() => bench.stop())
afterAll(() => bench.close())

describe('a classifier that fails (A2)', () => {
  const slow: Behaviour = hangs
  const garbage = sends(200, 'application/json', '<html>')
  const noVectors = sends(200, 'application/json', JSON.stringify({ data: [] }))
  const notFinite: Behaviour = (call, res) => {
    const input = call.body['input'] as string[]
    res.end(JSON.stringify({ data: input.map((_, index) => ({ index, embedding: [0, 0, null] })) }))
  }
  const otherLengths: Behaviour = (call: UpstreamCall, res) => {
    const input = call.body['input'] as string[]
    const length = input.length + 1
    res.end(JSON.stringify({ data: input.map((_, index) => ({ index, embedding: new Array(length).fill(1) })) }))
  }

  it.each([
    ['an error', fails(500), 'it failed: server_error'],
    ['a rate limit', fails(429), 'it failed: rate_limit'],
    ['no key', fails(401), 'it failed: auth'],
    ['silence', slow, 'no answer within 60 ms'],
    ['no JSON', garbage, /^it failed: invalid_response/],
    ['no vectors', noVectors, /^it failed: invalid_response/],
    ['vectors of nothing', notFinite, /^it failed: invalid_response \(the embeddings are no vectors of numbers\)$/],
    ['vectors of another length', otherLengths, /^it failed: invalid_response \(the vector is of another length/],
  ])('with %s gives the default, and the request is answered', async (_name, behaviour, note) => {
    bench.tasks.otherwise = behaviour
    const classifier = behaviour === slow ? { ...byExamples, deadlineMs: 60 } : byExamples
    await bench.start({ ...base, task: { default: 'generation', classifier } })
    const { status, record } = await bench.ask('sql')
    expect(status).toBe(200)
    expect(record).toMatchObject({ task: 'generation', model: 'acme/small' })
    expect(record.classification).toMatchObject({ by: 'default', classifier: 'embedding tasks/e', confidence: null })
    expect(record.classification?.note).toMatch(note)
    expect(record.classification?.call).toMatchObject({ isAnswered: false, costMicroUsd: null })
  })

  it('is waited for no longer than its deadline, which counts in the request’s total', async () => {
    bench.tasks.otherwise = hangs
    await bench.start({ ...base, task: { default: 'generation', classifier: { ...byModel, deadlineMs: 80 } } })
    const { record } = await bench.ask('x')
    expect(record.classification?.note).toBe('no answer within 80 ms')
    expect(record.totalMs).toBeGreaterThanOrEqual(record.classification?.call?.waitMs ?? Number.POSITIVE_INFINITY)
    // The answer's own cost: what never came is not charged.
    expect(record.costMicroUsd).toBe(20)
  })

  it('again and again is left alone for a while: nothing more is sent', async () => {
    bench.tasks.otherwise = fails(500)
    await bench.start({ ...base, task: { default: 'generation', classifier: byModel } })
    for (let index = 0; index < 5; index += 1) await bench.ask(`text ${index}`)
    const { record } = await bench.ask('text 6')
    expect(record.classification).toMatchObject({ by: 'default', note: 'it failed repeatedly and is given time' })
    expect(record.classification?.call).toBeUndefined()
    expect(bench.tasks.calls.length).toBe(5)
    // The circuit is the classifier's own: users still reach models of that provider.
    expect(record.live.openCircuits).toEqual([])
  })

  it('whose provider has no such model still lets the request pass', async () => {
    await bench.start({ ...base, task: { default: 'generation', classifier: { ...byModel, model: 'tasks/gone' } } })
    const { status, record } = await bench.ask('x')
    expect(status).toBe(200)
    expect(record.classification?.note).toBe(
      'this request may not be shown to tasks/gone (unknown_model: not in the catalogue)',
    )
  })

  it('asked the same by many at once sends one question', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    bench.tasks.otherwise = async (call, res) => {
      await promise
      answers('code')(call, res)
    }
    await bench.start({ ...base, task: { default: 'generation', classifier: { ...byModel, deadlineMs: 5_000 } } })
    const asked = Array.from({ length: 8 }, () => bench.ask('the same'))
    while (bench.tasks.calls.length === 0) await new Promise((done) => setTimeout(done, 2))
    resolve()
    await Promise.all(asked)
    expect(bench.running.written.decisions.map((record) => record.task)).toEqual(new Array(8).fill('code'))
    expect(bench.tasks.calls.length).toBe(1)
    const charges = bench.running.written.decisions.map((record) => record.classification?.call?.costMicroUsd)
    expect(charges.filter((charge) => charge === 20).length).toBe(1)
    expect(charges.filter((charge) => charge === 0).length).toBe(7)
  })
})

describe('what a classifier’s provider may see (A3)', () => {
  const task = { default: 'generation', classifier: byModel }
  beforeEach(() => {
    bench.tasks.otherwise = answers('code')
  })

  it.each([
    ['the route', { ...base, constraints: { regions: ['us'] }, task }],
    [
      'a rule that applies whatever the task',
      { ...base, rules: [{ name: 'us', when: { 'metadata.team': 'a' }, constraints: { regions: ['us'] } }], task },
    ],
    [
      'a rule that one of the tasks would lead to',
      { ...base, rules: [{ name: 'code', when: { task: 'code' }, constraints: { regions: ['us'] } }], task },
    ],
  ])('is nothing that %s keeps from it', async (_name, spec) => {
    await bench.start(spec)
    const { status, record } = await bench.ask('confidential', { metadata: { team: 'a' } })
    expect(status).toBe(200)
    expect(bench.tasks.calls).toEqual([])
    expect(record.classification).toMatchObject({ by: 'default', task: 'generation' })
    expect(record.classification?.note).toBe('this request may not be shown to tasks/cheap (region: needs us, is eu)')
  })

  it('is no restricted request unless it states that it may', async () => {
    await bench.start({ ...base, task })
    const { record } = await bench.ask('secret', { metadata: { sensitivity: 'restricted' } })
    expect(record.classification?.note).toMatch(/^this request may not be shown to tasks\/cheap \(sensitivity: /)
    expect(bench.tasks.calls).toEqual([])
  })

  it('depends on the rules in reach only: a rule for others does not stand in the way', async () => {
    const other = { name: 'us', when: { 'metadata.team': 'b' }, constraints: { regions: ['us'] } }
    await bench.start({ ...base, rules: [other, ...base.rules], task })
    expect((await bench.ask('x', { metadata: { team: 'a' } })).record).toMatchObject({ task: 'code' })
  })

  it('is no request that a pattern blocks', async () => {
    await bench.start({ ...base, task, guardrails: { blocked: [{ name: 'key', pattern: 'sk-[0-9]+' }] } })
    const { status, record } = await bench.ask('my key is sk-123')
    expect(status).toBe(403)
    expect(bench.tasks.calls).toEqual([])
    expect(record.classification?.note).toBe('the request is blocked: it is shown to nobody')
  })
})

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }

describe('what a request may still spend (B5)', () => {
  const task = { default: 'generation', classifier: byModel }
  const allowing = (left: Partial<ReturnType<Allowances['view']>>) => {
    const allowances = new Allowances({ source: aloneSource, clock, log: silentLog })
    allowances.view = () => ({ budgetLeftMicroUsd: null, limitedProviders: new Map(), ...left })
    return { allowances }
  }
  it.each([
    ['its budget is used up', { budgetLeftMicroUsd: 0 }, 'the budget is used up'],
    [
      'the classifier’s provider is at its limit',
      { limitedProviders: new Map([['tasks', '600 requests a minute']]) },
      'its provider takes no more now: 600 requests a minute',
    ],
  ])('nobody is asked when %s', async (_name, left, note) => {
    bench.tasks.otherwise = answers('code')
    await bench.start({ ...base, task }, {}, allowing(left))
    const { record } = await bench.ask('x')
    expect(record.classification).toMatchObject({ by: 'default', note })
    expect(bench.tasks.calls).toEqual([])
  })

  it('nobody is asked by a model without a price where a budget applies: the whole request would cost nothing known', async () => {
    bench.tasks.otherwise = answers('code')
    const unpriced = { ...byModel, model: 'tasks/unpriced' }
    const spec = { ...base, task: { default: 'generation', classifier: unpriced } }
    await bench.start(spec, {}, allowing({ budgetLeftMicroUsd: 1_000_000 }))
    const { record } = await bench.ask('x')
    expect(record.classification).toMatchObject({ by: 'default', note: 'a budget applies, which needs a price' })
    expect(record.costMicroUsd).toBe(20)
    expect(bench.tasks.calls).toEqual([])
  })
})

describe('limits of a provider (B5)', () => {
  it('count what classifiers ask of it, once each and until it is answered', async () => {
    bench.tasks.otherwise = answers('code')
    const allowances = new Allowances({ source: aloneSource, clock, log: silentLog })
    const entered: string[] = []
    allowances.enterProvider = (provider) => {
      entered.push(provider.name)
      return (usage) => entered.push(`left with ${usage?.inputTokens}`)
    }
    await bench.start({ ...base, task: { classifier: byModel } }, {}, { allowances })
    await bench.ask('x')
    await bench.ask('x')
    expect(entered).toEqual(['tasks', 'left with 10', 'acme', 'left with 10', 'acme', 'left with 10'])
  })
})

describe('what identifying a task costs (B4)', () => {
  it('is part of the request’s cost', async () => {
    bench.tasks.otherwise = answers('code')
    await bench.start({ ...base, task: { classifier: byModel } })
    const { record } = await bench.ask('x')
    // 10 input tokens at $1 and 5 output tokens at $2 per million, twice.
    expect(record.classification?.call).toMatchObject({ inputTokens: 10, outputTokens: 5, costMicroUsd: 20 })
    expect(record.costMicroUsd).toBe(40)
    expect(record.attempts[0]?.costMicroUsd).toBe(20)
  })

  it('makes the request’s cost unknown where the classifier’s model is unpriced', async () => {
    bench.tasks.otherwise = answers('code')
    await bench.start({ ...base, task: { classifier: { ...byModel, model: 'tasks/unpriced' } } })
    expect((await bench.ask('x')).record.costMicroUsd).toBeNull()
  })

  it('is charged though no target answered', async () => {
    bench.tasks.otherwise = answers('code')
    bench.acme.otherwise = fails(400)
    await bench.start({ ...base, task: { classifier: byModel } })
    expect((await bench.ask('x')).record).toMatchObject({ status: 400, costMicroUsd: 20 })
  })
})

describe('shadow and replay', () => {
  it('mirrored requests are identified by the candidate’s classifier, users’ by the baseline’s (D5)', async () => {
    bench.tasks.otherwise = answers('code')
    const candidate = { ...base, task: { classifier: byModel } }
    await bench.start(base, { candidate, rollout: { stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 } })
    const { record } = await bench.ask('x', { metadata: { session: 's' } })
    expect(record).toMatchObject({ task: null, model: 'acme/small' })
    expect(bench.running.written.shadowCalls).toMatchObject([{ model: 'acme/coder', costMicroUsd: 40 }])
    expect(bench.tasks.calls.length).toBe(1)
  })

  it('a recorded classification gives the recorded decision again, without asking anybody (A14)', async () => {
    await bench.start({ ...base, task: { default: 'generation', classifier: byExamples } })
    const snapshot = bench.snapshotOf({ ...base, task: { default: 'generation', classifier: byExamples } })
    for (const text of ['sql', 'a refund', 'a poem', '']) {
      const { record } = await bench.ask(text)
      const sent = bench.tasks.calls.length
      const again = decideTargets({
        catalogue: snapshot,
        version: aVersion('r', 1, { ...base, task: { default: 'generation', classifier: byExamples } }),
        request: factsOfRecord(record),
        random: record.random,
        live: liveOfRecord(record.live),
        task: JSON.parse(JSON.stringify(record.classification)),
      })
      expect(again).toMatchObject({ rule: record.rule, task: record.task, eligible: record.eligible })
      expect(again.targets[0]?.model).toBe(record.model)
      expect(bench.tasks.calls.length).toBe(sent)
    }
  })
})
