import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChatPort, JudgeBudget, KeptReply, Score, Tools } from '#evaluators/evaluator.ts'
import { majorityOf, meanOf } from '#evaluators/judge-panel.ts'
import { aCase, evaluator, problemsOf, tools } from './support.ts'

type Request = Parameters<ChatPort['complete']>[0]
type Word = 'baseline' | 'candidate' | 'tie' | 'first' | 'nonsense' | 'unreachable'

const question = [{ role: 'user', content: 'How do I reset my password?' }]
const [baseline, candidate] = ['Call us.', 'Open the settings and choose "reset".']

const textOf = (request: Request) => request.messages.map(({ content }) => String(content)).join('\n')
const isBaselineFirst = (text: string) => text.indexOf(baseline) < text.indexOf(candidate)

/** Judges that answer every comparison with a fixed opinion; remembers who was asked. */
function judges(opinions: Readonly<Record<string, Word>>) {
  const asked: string[] = []
  const complete = async (request: Request) => {
    asked.push(request.model)
    const opinion = opinions[request.model] ?? 'nonsense'
    if (opinion === 'unreachable') throw new Error('503')
    const place = { first: 'response_1', tie: 'tie' } as Record<string, string>
    const isFirst = (opinion === 'baseline') === isBaselineFirst(textOf(request))
    const verdict = place[opinion] ?? (isFirst ? 'response_1' : 'response_2')
    const entry = { id: 'better', evidence: [], reasoning: `${request.model} says ${opinion}`, verdict }
    const text = opinion === 'nonsense' ? 'no idea' : JSON.stringify({ criteria: [entry] })
    return { text, finishReason: 'stop', costMicroUsd: 100 }
  }
  return { asked, tools: tools(complete) }
}

function compare(config: Record<string, unknown>, with_: Tools): Promise<Score> {
  const side = (output: string) => aCase({ output, messages: question })
  const judge = evaluator('llm_judge', { mode: 'pairwise', ...config })
  return judge.scorePair!(side(baseline), side(candidate), with_)
}

const three = { judges: ['a/one', 'b/two', 'c/three'] }

describe('a panel on a pair (C4)', () => {
  it.each<[string, Word[], number, boolean]>([
    ['two of three agree', ['candidate', 'candidate', 'baseline'], 1, false],
    ['two agree and one is undecided between its orders', ['baseline', 'baseline', 'first'], 0, false],
    ['two agree and one says nothing usable', ['candidate', 'candidate', 'nonsense'], 1, false],
    ['two agree and one cannot be reached', ['candidate', 'candidate', 'unreachable'], 1, false],
    ['all call it a tie', ['tie', 'tie', 'tie'], 0.5, false],
    ['each says something else', ['candidate', 'baseline', 'tie'], 0.5, true],
    ['one decides and two are undecided', ['candidate', 'first', 'first'], 0.5, true],
    ['one decides, one is undecided, one silent', ['candidate', 'first', 'nonsense'], 0.5, true],
  ])('%s', async (_title, [one, two, last], value, isUndecided) => {
    const panel = judges({ 'a/one': one!, 'b/two': two!, 'c/three': last! })
    const score = await compare(three, panel.tools)
    expect(score).toMatchObject({ status: 'scored', value, details: { isUndecided, judges: three.judges } })
  })

  it('has no score when half of it or more gives no verdict, and an upstream that failed is told before nonsense', async () => {
    const score = await compare(three, judges({ 'a/one': 'candidate', 'b/two': 'nonsense' }).tools)
    expect(score).toMatchObject({ status: 'unscored', reason: expect.stringContaining('b/two') })
    const failed = judges({ 'a/one': 'candidate', 'b/two': 'nonsense', 'c/three': 'unreachable' })
    expect(await compare(three, failed.tools)).toMatchObject({
      status: 'errored',
      reason: expect.stringContaining('c/three'),
    })
  })

  it('takes the mean where the bar asks for it', async () => {
    const panel = judges({ 'a/one': 'candidate', 'b/two': 'candidate', 'c/three': 'tie' })
    const score = await compare({ ...three, aggregate: 'mean' }, panel.tools)
    expect(score).toMatchObject({ status: 'scored', value: expect.closeTo(2.5 / 3, 12) })
  })

  it('sums the calls of all judges and keeps what each said', async () => {
    const score = await compare(three, judges({ 'a/one': 'candidate', 'b/two': 'candidate', 'c/three': 'tie' }).tools)
    expect(score.details).toMatchObject({ spend: { calls: 6, costMicroUsd: 600 } })
    const panel = score.details?.['panel'] as { judge: string; winner: string; orders: unknown[] }[]
    expect(panel.map(({ judge, winner }) => [judge, winner])).toEqual([
      ['a/one', 'candidate'],
      ['b/two', 'candidate'],
      ['c/three', 'tie'],
    ])
    expect(panel[0]?.orders).toHaveLength(2)
  })
})

describe('escalation (C4)', () => {
  const one = { judge: 'a/one', escalate: 'z/strong' }

  it('asks nobody else while the judge agrees with itself', async () => {
    const { asked, tools: with_ } = judges({ 'a/one': 'candidate', 'z/strong': 'baseline' })
    expect(await compare(one, with_)).toMatchObject({ value: 1 })
    expect(asked).not.toContain('z/strong')
  })

  it.each<[string, Word, Word, number]>([
    ['orders that disagree', 'first', 'baseline', 0],
    ['a judge without a verdict', 'nonsense', 'candidate', 1],
    ['a judge that cannot be reached', 'unreachable', 'candidate', 1],
    ['both undecided', 'first', 'first', 0.5],
    ['an escalation that says nothing', 'first', 'nonsense', 0.5],
  ])('decides after %s', async (_title, first, last, value) => {
    const { asked, tools: with_ } = judges({ 'a/one': first, 'z/strong': last })
    const score = await compare(one, with_)
    expect(score).toMatchObject({ status: 'scored', value, details: { isUndecided: true } })
    expect(asked.filter((model) => model === 'z/strong').length).toBeGreaterThanOrEqual(2)
    expect(score.details?.['escalation']).toMatchObject({ judge: 'z/strong' })
  })

  it('is no score when neither gives a verdict', async () => {
    expect((await compare(one, judges({}).tools)).status).toBe('unscored')
  })

  it('decides for a panel without a majority only', async () => {
    const config = { ...three, escalate: 'z/strong' }
    const split = judges({ 'a/one': 'candidate', 'b/two': 'baseline', 'c/three': 'tie', 'z/strong': 'candidate' })
    expect(await compare(config, split.tools)).toMatchObject({ value: 1 })
    const agreed = judges({ 'a/one': 'tie', 'b/two': 'tie', 'c/three': 'baseline' })
    expect(await compare(config, agreed.tools)).toMatchObject({ value: 0.5 })
    expect(agreed.asked).not.toContain('z/strong')
  })
})

describe('a panel on a rubric (C4)', () => {
  const criteria = [
    { id: 'polite', text: 'It is polite.' },
    { id: 'right', text: 'It is right.' },
  ]
  type Said = Record<string, string>
  const rubricTools = (said: Record<string, Said | null>) => {
    const asked: string[] = []
    const complete = async (request: Request) => {
      asked.push(request.model)
      const verdicts = said[request.model]
      const entries = Object.entries(verdicts ?? {}).map(([id, verdict]) => ({
        id,
        evidence: [],
        reasoning: `${request.model} on ${id}`,
        verdict,
      }))
      return { text: verdicts ? JSON.stringify({ criteria: entries }) : '?', finishReason: 'stop', costMicroUsd: 1 }
    }
    return { asked, tools: tools(complete) }
  }
  const score = (config: Record<string, unknown>, with_: Tools) =>
    evaluator('llm_judge', { mode: 'rubric', criteria, ...config }).score(aCase({ messages: question }), with_)

  it('decides criterion by criterion', async () => {
    const { tools: with_ } = rubricTools({
      'a/one': { polite: 'met', right: 'met' },
      'b/two': { polite: 'met', right: 'not_met' },
      'c/three': { polite: 'not_met', right: 'not_met' },
    })
    const result = await score(three, with_)
    expect(result).toMatchObject({ status: 'scored', value: 0.5, reason: expect.stringContaining('not met: right') })
    expect(result.details?.['criteria']).toMatchObject([
      { id: 'polite', verdict: 'met', reasoning: 'a/one on polite' },
      { id: 'right', verdict: 'not_met', reasoning: 'b/two on right' },
    ])
  })

  it('asks the judge to escalate to once, and takes its word only where the panel is open', async () => {
    const { asked, tools: with_ } = rubricTools({
      'a/one': { polite: 'met', right: 'met' },
      'b/two': { polite: 'met', right: 'not_met' },
      'z/strong': { polite: 'not_met', right: 'met' },
    })
    const result = await score({ judges: ['a/one', 'b/two'], escalate: 'z/strong' }, with_)
    expect(result).toMatchObject({ status: 'scored', value: 1 })
    expect(asked.filter((model) => model === 'z/strong')).toHaveLength(1)
  })

  it('takes the mean of those that could tell', async () => {
    const { tools: with_ } = rubricTools({
      'a/one': { polite: 'met', right: 'met' },
      'b/two': { polite: 'met', right: 'not_met' },
      'c/three': null,
    })
    expect(await score({ ...three, aggregate: 'mean' }, with_)).toMatchObject({ value: 0.75 })
  })

  it('is unscored when most of the panel says nothing usable', async () => {
    const { tools: with_ } = rubricTools({ 'a/one': { polite: 'met', right: 'met' } })
    expect((await score(three, with_)).status).toBe('unscored')
  })
})

describe('configurations that cannot be', () => {
  it.each([
    [{}, '/judge'],
    [{ judge: 'a/x', judges: ['a/x', 'b/y'] }, '/judges'],
    [{ judges: ['a/x'] }, '/judges'],
    [{ judges: ['a/x', 'a/x'] }, '/judges/1'],
    [{ judges: ['a', 'b'] }, '/judges/0'],
    [{ judges: ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6'] }, '/judges'],
    [{ judge: 'a/x', escalate: 'a/x' }, '/escalate'],
    [{ judge: 'a/x', aggregate: 'mean' }, '/aggregate'],
    [{ judges: ['a/x', 'b/y'], aggregate: 'mean', escalate: 'c/z' }, '/escalate'],
    [{ judges: ['a/x', 'b/y'], aggregate: 'median' }, '/aggregate'],
  ])('%j is refused at %s', (config, path) => {
    const problems = problemsOf('llm_judge', { mode: 'pairwise', ...config })
    expect(problems.map((problem) => problem.path)).toContain(`/evaluators/0/config${path}`)
  })

  it('names every model it may ask, and another panel is another version', () => {
    const judge = evaluator('llm_judge', { mode: 'pairwise', ...three, escalate: 'z/strong' })
    expect(judge.judges).toEqual([...three.judges, 'z/strong'])
    const others = [
      three,
      { judge: 'a/one' },
      { ...three, aggregate: 'mean' },
      { judges: ['b/two', 'a/one', 'c/three'] },
    ]
    const versions = others.map((config) => evaluator('llm_judge', { mode: 'pairwise', ...config }).version)
    expect(new Set([judge.version, ...versions]).size).toBe(5)
    expect(evaluator('grounding', { mode: 'llm', judge: 'a/one' }).judges).toEqual(['a/one'])
    expect(evaluator('exact').judges).toBeUndefined()
  })
})

describe('votes', () => {
  const vote = fc.constantFrom('candidate', 'baseline', 'tie', null)
  it('no order of judges changes the majority, and one vote more for it never undoes it', () => {
    fc.assert(
      fc.property(fc.array(vote, { minLength: 1, maxLength: 7 }), (votes) => {
        const word = majorityOf(votes)
        expect(majorityOf([...votes].reverse())).toBe(word)
        if (word !== null) expect(majorityOf([...votes, word])).toBe(word)
        if (votes.every((each) => each === null)) expect(word).toBeNull()
      }),
      { seed: 2 },
    )
  })
  it('a mean needs more than half of the panel', () => {
    expect(meanOf([1, null])).toBeNull()
    expect(meanOf([1, 0, null])).toBe(0.5)
    expect(meanOf([])).toBeNull()
  })
})

describe('kept replies (C4, C7)', () => {
  function kept() {
    const replies = new Map<string, KeptReply>()
    return {
      replies,
      cache: {
        read: async (key: string) => replies.get(key) ?? null,
        write: async (key: string, _model: string, reply: KeptReply) => void replies.set(key, reply),
      },
    }
  }

  it('the same question is paid once, whatever the nonce; each order is a question of its own', async () => {
    const { replies, cache } = kept()
    const panel = judges({ 'a/one': 'candidate' })
    const with_ = { ...panel.tools, replies: cache }
    const first = await compare({ judge: 'a/one' }, with_)
    const second = await compare({ judge: 'a/one' }, with_)
    expect(panel.asked).toHaveLength(2)
    expect(replies.size).toBe(2)
    expect(second).toMatchObject({
      status: 'scored',
      value: 1,
      details: { costMicroUsd: 0, spend: { cachedCalls: 2 } },
    })
    expect(first).toMatchObject({ details: { spend: { calls: 2, costMicroUsd: 200 } } })
  })

  it('another answer, judge, criterion or repetition is another question', async () => {
    const { cache } = kept()
    const panel = judges({ 'a/one': 'candidate', 'b/two': 'candidate' })
    const with_ = { ...panel.tools, replies: cache }
    await compare({ judge: 'a/one' }, with_)
    await compare({ judge: 'b/two' }, with_)
    await compare({ judge: 'a/one' }, { ...with_, repeat: 1 })
    await compare({ judge: 'a/one', criteria: [{ id: 'better', text: 'Shorter.' }] }, with_)
    const judge = evaluator('llm_judge', { mode: 'pairwise', judge: 'a/one' })
    const side = (output: string) => aCase({ output, messages: question })
    await judge.scorePair!(side(baseline), side(`${candidate} `), with_)
    expect(panel.asked).toHaveLength(10)
  })

  it('what gave no verdict is not kept, and a kept reply that has gone bad is asked for again', async () => {
    const { replies, cache } = kept()
    await compare({ judge: 'a/one' }, { ...judges({ 'a/one': 'nonsense' }).tools, replies: cache })
    expect(replies.size).toBe(0)
    const panel = judges({ 'a/one': 'candidate' })
    await compare({ judge: 'a/one' }, { ...panel.tools, replies: cache })
    for (const key of replies.keys()) replies.set(key, { text: '{"pass": true}' })
    expect(await compare({ judge: 'a/one' }, { ...panel.tools, replies: cache })).toMatchObject({ value: 1 })
    expect(panel.asked).toHaveLength(4)
  })

  it('a cache that fails costs a call and no verdict', async () => {
    const fail = async () => Promise.reject(new Error('down'))
    const panel = judges({ 'a/one': 'candidate' })
    const score = await compare({ judge: 'a/one' }, { ...panel.tools, replies: { read: fail, write: fail } })
    expect(score).toMatchObject({ status: 'scored', value: 1 })
  })
})

describe('a spent budget (C4)', () => {
  it('asks no more: no verdict, never a pass', async () => {
    let left = 100
    const budget: JudgeBudget = {
      refusal: () => (left > 0 ? null : 'the cap of the run is reached'),
      spent: (cost) => {
        left -= cost ?? Number.POSITIVE_INFINITY
      },
    }
    const panel = judges({ 'a/one': 'candidate' })
    const rubric = evaluator('llm_judge', { mode: 'rubric', judge: 'a/one', criteria: [{ id: 'better', text: 'x' }] })
    const with_ = { ...panel.tools, budget }
    await rubric.score(aCase(), with_)
    const score = await rubric.score(aCase(), with_)
    expect(score).toMatchObject({
      status: 'unscored',
      reason: expect.stringContaining('the cap of the run is reached'),
    })
    expect(panel.asked).toHaveLength(1)
  })
})
