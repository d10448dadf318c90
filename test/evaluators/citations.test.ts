import { describe, expect, it } from 'vitest'
import { citationsOf } from '#evaluators/citation-markers.ts'
import { aCase, evaluator, problemsOf, scoredValue, scoreOf, tools } from './support.ts'

const passages = [
  'Ray uses 4 GB of memory by default.',
  'Ray was made in 2017 at Berkeley by three people.',
  'Cats sleep.',
]
const read = (text: string, given = passages) =>
  citationsOf(text, given).map(({ source, passage }) => [source, passage])

describe('finding citations', () => {
  it.each<[string, unknown]>([
    ['true[1].', [['1', 0]]],
    [
      'true [1, 2] and [3]',
      [
        ['1', 0],
        ['2', 1],
        ['3', 2],
      ],
    ],
    [
      'true [1-3]',
      [
        ['1', 0],
        ['2', 1],
        ['3', 2],
      ],
    ],
    ['true [^2]', [['2', 1]]],
    [
      'true [1][2]',
      [
        ['1', 0],
        ['2', 1],
      ],
    ],
    ['true【2†source】', [['2', 1]]],
    ['true (Source 2)', [['2', 1]]],
    [
      'made up [7], [0]',
      [
        ['7', null],
        ['0', null],
      ],
    ],
    ['list[0] and x[1].name and a[2] = b', []],
    ['```\n[1]\n```', []],
    ['an array [a, b]', []],
  ])('%j', (text, wanted) => {
    expect(read(text)).toEqual(wanted)
  })

  it('takes an address for the passage it stands in, and for made up where it stands in none', () => {
    const given = ['see https://a.example/x for more', 'nothing']
    expect(read('as [told](https://a.example/x). Also https://b.example/y.', given)).toEqual([
      ['https://a.example/x', 0],
      ['https://b.example/y', null],
    ])
  })

  it('takes a label that a passage begins with', () => {
    expect(read('so [handbook]', ['[Handbook] Rules', 'faq.md: Answers'])).toEqual([['handbook', 0]])
    expect(read('so [faq.md]', ['[Handbook] Rules', 'faq.md: Answers'])).toEqual([['faq.md', 1]])
  })
})

describe('citations (C5)', () => {
  const details = async (output: string, config: Record<string, unknown> = {}) => {
    const score = await scoreOf('citations', config, { output, context: passages })
    return { value: score.status === 'scored' ? score.value : score.status, ...score.details }
  }

  it('gives full marks when every statement is supported by what it cites', async () => {
    const found = await details('Ray uses 4 GB of memory by default [1]. It was made in 2017 at Berkeley. [2]')
    expect(found).toMatchObject({ value: 1, recall: 1, precision: 1, validity: 1, coverage: 1, misattributed: [] })
  })

  it('counts a citation of nothing against validity and precision, also behind a remark', async () => {
    const found = await details('Ray uses 4 GB of memory by default [1]. See [9].')
    expect(found).toMatchObject({ recall: 1, validity: 0.5, precision: 0.5, madeUp: ['9'] })
  })

  it('finds that another passage says it, not the one cited', async () => {
    const found = await details('Ray uses 4 GB of memory by default [3].')
    expect(found).toMatchObject({ value: 0, recall: 0, misattributed: [{ passage: 0 }] })
  })

  it('calls a citation that adds nothing unneeded', async () => {
    const found = await details('Ray uses 4 GB of memory by default [1][3].')
    expect(found).toMatchObject({ recall: 1, precision: 0.5, unneeded: 1 })
  })

  it('asks for citations of statements, and not of greetings and questions', async () => {
    expect(await details('Hello! Ray uses 4 GB of memory by default. Do you need more?')).toMatchObject({
      value: 0,
      coverage: 0,
    })
    expect(await details('Ray uses 4 GB of memory by default.', { required: false })).toMatchObject({
      value: 'not_applicable',
    })
    expect(await details('Hello! Do you need more?')).toMatchObject({ value: 'not_applicable' })
  })

  it('is not applicable without passages', async () => {
    expect(await scoreOf('citations', {}, { output: 'True [1].' })).toMatchObject({ status: 'not_applicable' })
  })

  it('gives the measure it is asked for', async () => {
    const output = 'Ray uses 4 GB of memory by default [1]. Ray was made in 2017 at Berkeley.'
    expect(await scoredValue('citations', { measure: 'coverage' }, { output, context: passages })).toBe(0.5)
    expect(await scoredValue('citations', { measure: 'precision' }, { output, context: passages })).toBe(1)
    expect(problemsOf('citations', { measure: 'accuracy' })[0]?.message).toContain('f1, recall')
  })
})

describe('citations by a judge', () => {
  const output = 'Ray needs four gigabytes [1]. It comes from Berkeley [3]. It is written in Rust [2].'
  const entry = (id: string, verdict: string, quote?: string) => ({
    id,
    evidence: quote === undefined ? [] : [{ quote, source: 'context' }],
    reasoning: 'r',
    verdict,
  })
  const run = async (criteria: unknown[]) => {
    const asked: string[] = []
    const chat = async (request: { messages: readonly { content: unknown }[] }) => {
      asked.push(JSON.stringify(request.messages))
      return { text: JSON.stringify({ criteria }), finishReason: 'stop', costMicroUsd: 5 }
    }
    const subject = evaluator('citations', { mode: 'llm', judge: 'x/judge' })
    return { score: await subject.score(aCase({ output, context: passages }), tools(chat)), asked }
  }
  const replies = [
    entry('s1', 'supported', '4 GB of memory'),
    entry('s2', 'supported', 'in 2017 at Berkeley'),
    entry('s3', 'not_in_context'),
  ]

  it('finds by its quotes which passages support what, and who was cited for it', async () => {
    const { score, asked } = await run(replies)
    expect(score).toMatchObject({
      status: 'scored',
      value: 1 / 3,
      details: { recall: 0.3333, precision: 0.3333, coverage: 1, misattributed: [{ passage: 1 }], spend: { calls: 1 } },
    })
    expect(asked[0]).not.toContain('[3]')
  })

  it('has no verdict for a quote that stands in no passage, and none where most cannot be told', async () => {
    const madeUp = await run([entry('s1', 'supported', '8 GB of memory'), ...replies.slice(1)])
    expect(madeUp.score).toMatchObject({ status: 'unscored' })
    const open = await run([replies[0], entry('s2', 'cannot_tell'), entry('s3', 'cannot_tell')])
    expect(open.score).toMatchObject({ status: 'unscored' })
  })

  it.each([
    [{ mode: 'llm' }, '/config/judge'],
    [{ judge: 'a/b' }, '/config/judge'],
    [{ mode: 'llm', judge: 'a/b', minSupport: 0.4 }, '/config/minSupport'],
  ])('refuses %j', (config, path) => {
    expect(problemsOf('citations', config)[0]?.path).toBe(`/evaluators/0${path}`)
  })
})
