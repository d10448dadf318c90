import { describe, expect, it } from 'vitest'
import { aCase, evaluator, problemsOf, scoredValue, scoreOf, tools } from './support.ts'

const value = (facts: unknown[], output: string) =>
  scoredValue('factual', {}, { output, expect: { factual: { facts } } })

describe('factual by aliases and numbers (C5)', () => {
  it.each<[string, unknown, string, number]>([
    ['a name', 'Marie Curie', 'It was marie  curie.', 1],
    ['a name with accents', 'Zürich', 'in Zurich', 1],
    ['another script', { aliases: ['東京', 'Tokyo'] }, '首都は東京です。', 1],
    ['a word within another', 'cat', 'a concatenation', 0],
    ['a name that is denied', 'Paris', 'The capital is not Paris.', 0],
    ['a name that is denied first and said later', 'Lyon', 'It is not Lyon as of 1900; now it is Lyon.', 1],
    ['a number', { number: 1234 }, 'There are 1,234 of them.', 1],
    ['a number in words of size', { number: 3_200_000 }, 'about 3.2 million people', 1],
    ['a number of another size', { number: 3_200_000 }, 'about 3.2 thousand', 0],
    ['a number within its tolerance', { number: { value: 100, tolerance: 0.05, relative: true } }, 'some 104 m', 1],
    ['a number beyond it', { number: { value: 100, tolerance: 0.05, relative: true } }, 'some 106 m', 0],
    ['a number with its unit', { number: { value: 5, unit: ['kg', 'kilograms'] } }, 'It weighs 5 kg.', 1],
    ['a number with another unit', { number: { value: 5, unit: 'kg' } }, 'It is 5 m long.', 0],
    ['a percentage as a share', { number: 0.25 }, 'a quarter, 25%', 1],
    ['a pattern', { pattern: '(?i)act of \\d{4}' }, 'the Act of 1911', 1],
  ])('looks for %s', async (_title, fact, output, wanted) => {
    expect(await value([fact], output)).toBe(wanted)
  })

  it('weighs facts, and gives nothing for an answer that states what it must not', async () => {
    const facts = [{ text: 'red', weight: 3 }, 'blue', { text: 'green', must: false }]
    expect(await value(facts, 'It is red.')).toBe(0.75)
    expect(await value(facts, 'It is red and blue.')).toBe(1)
    expect(await value(facts, 'It is red, blue and green.')).toBe(0)
  })

  it('keeps "does not know" apart from wrong', async () => {
    const expectOf = { factual: { facts: ['Paris'] } }
    const abstained = await scoreOf('factual', {}, { output: 'I do not know that.', expect: expectOf })
    expect(abstained).toMatchObject({ value: 0, details: { outcome: 'not_attempted' } })
    const wrong = await scoreOf('factual', {}, { output: 'It is Lyon.', expect: expectOf })
    expect(wrong).toMatchObject({ value: 0, details: { outcome: 'incorrect' } })
  })

  it('is not applicable without facts, unless it may compare words with the reference', async () => {
    const fields = { output: 'the red house', reference: 'a red house' }
    expect(await scoreOf('factual', {}, fields)).toMatchObject({ status: 'not_applicable' })
    expect(await scoredValue('factual', { fallback: 'word_f1' }, fields)).toBeCloseTo(2 / 3)
  })

  it.each([
    [
      [
        { id: 'a', text: 'x' },
        { id: 'a', text: 'y' },
      ],
      'twice',
    ],
    [[{ pattern: '(a)\\1' }], 'linear'],
    [[{ weight: 1 }], ''],
    [[], ''],
  ])('errs for an item’s broken facts %j, and refuses them in a bar', async (facts, message) => {
    const score = await scoreOf('factual', {}, { expect: { factual: { facts } } })
    expect(score).toMatchObject({ status: 'errored', reason: expect.stringContaining(message) })
    expect(problemsOf('factual', { facts }).length).toBeGreaterThan(0)
  })

  it('asks for a judge only in the mode that has one', () => {
    expect(problemsOf('factual', { mode: 'llm' })[0]?.path).toContain('/judge')
    expect(problemsOf('factual', { judge: 'a/b' })[0]?.path).toContain('/judge')
  })
})

describe('factual by a judge', () => {
  const facts = ['Ray was made in Berkeley.', 'It has 4 workers.']
  const config = { mode: 'llm', judge: 'x/judge', facts }
  const entry = (id: string, verdict: string, quote?: string) => ({
    id,
    evidence: quote === undefined ? [] : [{ quote, source: 'answer' }],
    reasoning: 'r',
    verdict,
  })
  const run = async (criteria: unknown[], output = 'Ray comes from Berkeley.') => {
    const asked: string[] = []
    const chat = async (request: { messages: readonly { content: unknown }[] }) => {
      asked.push(JSON.stringify(request.messages))
      return { text: JSON.stringify({ criteria }), finishReason: 'stop', costMicroUsd: 5 }
    }
    const fields = aCase({ output, reference: 'SECRET-REFERENCE' })
    return { score: await evaluator('factual', config).score(fields, tools(chat)), asked }
  }

  it('gives the share of facts stated, with quotes that stand in the answer', async () => {
    const { score, asked } = await run([entry('f1', 'entailed', 'Ray comes from Berkeley'), entry('f2', 'absent')])
    expect(score).toMatchObject({ status: 'scored', value: 0.5, details: { spend: { calls: 1 } } })
    expect(asked[0]).toContain('Ray was made in Berkeley.')
    expect(asked[0]).not.toContain('SECRET-REFERENCE')
  })

  it('has no verdict when a statement comes without a quote, twice', async () => {
    const { score, asked } = await run([entry('f1', 'entailed'), entry('f2', 'absent')])
    expect(score).toMatchObject({ status: 'unscored' })
    expect(asked.length).toBe(2)
  })

  it('has no verdict when a quote is made up', async () => {
    const { score } = await run([entry('f1', 'entailed', 'made at Stanford'), entry('f2', 'absent')])
    expect(score).toMatchObject({ status: 'unscored' })
  })

  it('counts a contradicted fact as not stated, and gives no score where half cannot be told', async () => {
    const contradicted = await run([entry('f1', 'contradicted', 'Berkeley'), entry('f2', 'absent')])
    expect(contradicted.score).toMatchObject({ value: 0, reason: expect.stringContaining('1 contradicted') })
    const open = await run([entry('f1', 'cannot_tell'), entry('f2', 'absent')])
    expect(open.score).toMatchObject({ status: 'unscored' })
  })

  it('gives no score where it could not tell about what must not be said, or about all that must', async () => {
    const mixed = [
      { text: 'Ray was made in Berkeley.', weight: 1 },
      { text: 'It is closed source.', must: false, weight: 0.5 },
    ]
    const judged = async (facts: unknown[], criteria: unknown[]) => {
      const chat = async () => ({ text: JSON.stringify({ criteria }), finishReason: 'stop', costMicroUsd: 5 })
      const fields = aCase({ output: 'Ray comes from Berkeley.' })
      return evaluator('factual', { mode: 'llm', judge: 'x/judge', facts }).score(fields, tools(chat))
    }
    const stated = entry('f1', 'entailed', 'Ray comes from Berkeley')
    expect(await judged(mixed, [stated, entry('f2', 'absent')])).toMatchObject({ status: 'scored', value: 1 })
    expect(await judged(mixed, [stated, entry('f2', 'cannot_tell')])).toMatchObject({ status: 'unscored' })
    const [must, mustNot] = mixed
    const heavy = [must, { ...mustNot, weight: 5 }]
    expect(await judged(heavy, [entry('f1', 'cannot_tell'), entry('f2', 'absent')])).toMatchObject({
      status: 'unscored',
    })
  })
})
