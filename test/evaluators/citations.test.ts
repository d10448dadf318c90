import { describe, expect, it } from 'vitest'
import { citationsOf } from '#evaluators/citation-markers.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

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
