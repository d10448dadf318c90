import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash } from '#evaluators/content-hash.ts'
import type { Score } from '#evaluators/evaluator.ts'
import { indexContext } from '#evaluators/grounding-context.ts'
import { compareClaim, featureNames, featureSigns } from '#evaluators/grounding-features.ts'
import { calibrationError } from '#evaluators/grounding-fit.ts'
import { groundingModel } from '#evaluators/grounding-model.ts'
import { aCase, evaluator, problemsOf, scoredValue, scoreOf, tools } from './support.ts'

const context = [
  'The Atlas 3 ships with a 5,000 mAh battery and weighs 212 grams. It was released in March 2023 by Norden Labs.',
  'Returns are accepted within 30 days of delivery, except for opened software. The warranty does not cover water damage. ' +
    'As Dr. Meyer of Norden Labs put it, "a phone should outlive its contract".',
]
const value = (output: string) => scoredValue('grounding', {}, { output, context })
const claimsOf = (score: Score) =>
  score.details!['claims'] as {
    claim: string
    start: number
    end: number
    supported: number
    evidence: { passage: number; text: string }
    unsupported: string[]
  }[]

describe('the lexical scorer (C3)', () => {
  it('ranks copies above paraphrases of detail above inventions', async () => {
    const copied = await value('It was released in March 2023 by Norden Labs.')
    const wrong = await value('It was released in May 2021 by Acme Corp.')
    const elsewhere = await value('Photosynthesis converts light into chemical energy inside leaves of green plants.')
    expect(copied).toBeGreaterThan(0.75)
    expect(wrong).toBeLessThan(0.25)
    expect(elsewhere).toBeLessThan(0.25)
  })

  it.each([
    ['a number', 'The Atlas 3 weighs 212 grams.', 'The Atlas 3 weighs 312 grams.'],
    ['a name', 'It was released in March 2023 by Norden Labs.', 'It was released in March 2023 by Sutton Labs.'],
    ['a negation taken away', 'The warranty does not cover water damage.', 'The warranty covers water damage.'],
    [
      'a negation put in',
      'Returns are accepted within 30 days of delivery.',
      'Returns are not accepted within 30 days of delivery.',
    ],
    ['a limit', 'Returns are accepted within 30 days.', 'All returns are always accepted within 30 days.'],
    ['a quotation', 'He said "a phone should outlive its contract".', 'He said "a phone should outlive its owner".'],
    ['an opposite', 'Returns are accepted within 30 days.', 'Returns are rejected within 30 days.'],
  ])('scores lower after a change of %s', async (_title, right, wrong) => {
    expect(await value(wrong)).toBeLessThan(await value(right))
  })

  it('reads numbers as numbers, however they are written', async () => {
    const features = (text: string) =>
      compareClaim(text, indexContext(['It sold 3.2 million units for $1,500 in twelve months.'])).features
    expect(features('It sold 3,200,000 units.').numberMissing).toBe(0)
    expect(features('It costs 1500 dollars.').numberMissing).toBe(0)
    expect(features('It took 12 months.').numberMissing).toBe(0)
    expect(features('It took 13 months.').numberMissing).toBe(1)
  })

  it('lists each claim with its place, its evidence and what is nowhere in the context', async () => {
    const output = 'Sure! The Atlas 3 weighs 212 grams. It comes from Acme.'
    const score = await scoreOf('grounding', {}, { output, context })
    const [first, second] = claimsOf(score)
    expect(output.slice(first!.start, first!.end)).toBe('The Atlas 3 weighs 212 grams.')
    expect(first).toMatchObject({
      evidence: { passage: 0, text: expect.stringContaining('212 grams') },
      unsupported: [],
    })
    expect(second!.unsupported).toContain('Acme')
    expect(score).toMatchObject({
      status: 'scored',
      reason: expect.stringContaining('1 of 2 statements look unsupported'),
    })
    expect((score as { value: number }).value).toBeCloseTo((first!.supported + second!.supported) / 2, 3)
  })

  it.each([
    ['no context', { output: 'The Atlas 3 weighs 212 grams.' }],
    ['an empty context', { output: 'The Atlas 3 weighs 212 grams.', context: [' '] }],
    ['a refusal', { output: 'I am sorry, the documents do not mention the price.', context }],
    ['a question', { output: 'Which Atlas do you mean?', context }],
  ])('is not applicable to %s', async (_title, fields) => {
    expect((await scoreOf('grounding', {}, fields)).status).toBe('not_applicable')
  })

  it('still judges the claims beside a refusal', async () => {
    const score = await scoreOf('grounding', {}, { output: 'I do not know the price. It weighs 999 grams.', context })
    expect(claimsOf(score).map(({ claim }) => claim)).toEqual(['It weighs 999 grams.'])
  })

  const messages = [
    { role: 'system', content: 'Context: The Atlas 3 weighs 212 grams.' },
    { role: 'user', content: 'The Borea 9 weighs 512 grams. And the Atlas?' },
    { role: 'assistant', content: null },
    { role: 'tool', content: '{"items":[{"name":"Ceres 7","weight":"712 grams"}]}' },
    { role: 'user', content: [{ type: 'text', text: 'The Delos 5 weighs 912 grams. Compare.' }] },
  ]
  it.each([
    ['system', 'The Atlas 3 weighs 212 grams.'],
    ['last_user', 'The Delos 5 weighs 912 grams.'],
    ['tool_messages', 'The Ceres 7 has a weight of 712 grams.'],
  ])('takes the context from %s', async (contextFrom, output) => {
    const features = async (text: string) =>
      claimsOf(await scoreOf('grounding', { contextFrom }, { output: text, messages }))[0]!
    expect((await features(output)).unsupported).toEqual([])
    expect((await features('The Borea 9 weighs 512 grams.')).unsupported).toContain('512')
    expect((await scoreOf('grounding', {}, { output, messages })).status).toBe('not_applicable')
  })

  it('gives the same score whatever else the case holds and whatever the order of passages (property)', async () => {
    const sentence = fc.constantFrom(
      'The Atlas 3 weighs 212 grams.',
      'It is red.',
      'Acme sold 7 units.',
      'Is it?',
      'Returns take 30 days.',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(sentence, { minLength: 1, maxLength: 5 }), async (sentences) => {
        const output = sentences.join(' ')
        const there = await scoreOf('grounding', {}, { output, context })
        const back = await scoreOf('grounding', {}, { output, context: [...context].reverse(), reference: 'x' })
        expect(back.status).toBe(there.status)
        if (there.status === 'scored' && back.status === 'scored') {
          expect(back.value).toBeCloseTo(there.value, 6)
          expect(there.value).toBeGreaterThan(0)
          expect(there.value).toBeLessThan(1)
        }
      }),
      { seed: 32, numRuns: 30 },
    )
  })

  it('never scores a claim lower when its own sentence joins the context (property)', () => {
    const word = fc.constantFrom(
      'battery',
      'phone',
      'Norden',
      'weighs',
      '212',
      'grams',
      'not',
      'red',
      'Acme',
      'contract',
      'opened',
    )
    fc.assert(
      fc.property(fc.array(word, { minLength: 3, maxLength: 8 }), (words) => {
        const claim = `The ${words.join(' ')}.`
        const own = compareClaim(claim, indexContext([claim])).features
        for (const name of featureNames.filter((feature) => featureSigns[feature] > 0)) expect(own[name]).toBe(1)
        for (const name of ['numberMissing', 'nameMissing', 'negationAdded', 'limitAdded'] as const)
          expect(own[name]).toBe(0)
      }),
      { seed: 33 },
    )
  })

  it('has a weight for every feature, of the sign it may have', () => {
    for (const name of featureNames) {
      const sign = featureSigns[name]
      if (sign !== 0) expect(Math.sign(groundingModel.weights[name]) * sign).toBeGreaterThanOrEqual(0)
    }
  })

  it.each([
    ['letters without end', 'a'.repeat(190_000)],
    ['full stops', '. '.repeat(90_000)],
    ['list marks', '\n- '.repeat(30_000)],
    ['fences', '```'.repeat(30_000)],
    ['open links', '[a]('.repeat(40_000)],
    ['quotation marks', '"a b c '.repeat(20_000)],
    ['commas between digits', '1,'.repeat(90_000)],
    ['half a surrogate pair', 'The \ud800 is here. '.repeat(1_000)],
  ])('settles on hostile text: %s', async (_title, text) => {
    expect((await scoreOf('grounding', {}, { output: text, context: [text] })).status).toMatch(/scored|not_applicable/)
  })

  it('says that a context is too long instead of reading part of it', async () => {
    const score = await scoreOf(
      'grounding',
      {},
      { output: 'The Atlas 3 weighs 212 grams.', context: ['x '.repeat(600_000)] },
    )
    expect(score).toMatchObject({ status: 'errored', reason: expect.stringContaining('limit') })
  })
})

describe('configuration', () => {
  it.each([
    [{ mode: 'semantic' }, '/evaluators/0/config/mode', 'lexical, llm'],
    [{ contextFrom: 'user' }, '/evaluators/0/config/contextFrom', 'interlock, system, last_user, tool_messages'],
    [{ mode: 'llm' }, '/evaluators/0/config/judge', 'required with mode llm'],
    [{ mode: 'llm', judge: 'gpt-4o' }, '/evaluators/0/config/judge', 'provider/model'],
    [{ judge: 'openai/gpt-4o' }, '/evaluators/0/config/judge', 'only used with mode llm'],
  ])('refuses %j', (config, path, message) => {
    expect(problemsOf('grounding', config)).toEqual([{ path, message: expect.stringContaining(message) }])
  })

  it('makes lexical the default, without a judge', () => {
    expect(evaluator('grounding')).toMatchObject({ usesJudge: false, needsReference: false })
    expect(evaluator('grounding', { mode: 'lexical' }).version).toBe(evaluator('grounding').version)
    expect(evaluator('grounding', { mode: 'llm', judge: 'a/b' })).toMatchObject({ usesJudge: true })
  })
})

describe('evidence spans (C3)', () => {
  it('are the sentence as it stands in its passage, also behind the first part of a long one', async () => {
    const filler = `${'The weather was fine. '.repeat(3_000)}\n`
    const passages = ['Unrelated text.', `${filler}The Atlas 3 weighs 212 grams. More follows.`]
    const score = await scoreOf('grounding', {}, { output: 'The Atlas 3 weighs 212 grams.', context: passages })
    const [claim] = (score.details as { claims: { evidence: { passage: number; start: number; end: number } }[] })
      .claims
    const { passage, start, end } = claim!.evidence
    expect(passages[passage]?.slice(start, end)).toBe('The Atlas 3 weighs 212 grams.')
  })

  it('score the lowest statement where that is asked for', async () => {
    const context = ['The Atlas 3 weighs 212 grams.']
    const output = 'The Atlas 3 weighs 212 grams. It was sold by Acme for 999 dollars.'
    const mean = await scoreOf('grounding', {}, { output, context })
    const lowest = await scoreOf('grounding', { score: 'lowest' }, { output, context })
    if (mean.status !== 'scored' || lowest.status !== 'scored') throw new Error('not scored')
    expect(lowest.value).toBeLessThan(mean.value)
    expect(lowest.value).toBe((lowest.details as { lowest: number }).lowest)
  })
})

describe('the card of the coefficients (C3)', () => {
  const card = readFileSync(new URL('../../evaluators/grounding-model.card.md', import.meta.url), 'utf8')

  it('is of the coefficients in use: their version, and every weight', () => {
    expect(card).toContain(contentHash(groundingModel))
    for (const [name, weight] of Object.entries(groundingModel.weights))
      expect(card).toContain(`| ${name} | ${weight} |`)
  })

  it('has AUROC, balanced accuracy and calibration of each set with intervals, in and out of domain', () => {
    const rows = card.split('\n').filter((line) => /^\| [a-z-]+ \| \d+ \|/.test(line))
    expect(rows.map((row) => row.split('|')[1]?.trim())).toEqual([
      'summary-consistency',
      'grounded-claims-expert-labelled',
      'rag-conversations-human-scored',
      'mismatched-contexts',
    ])
    for (const row of rows) expect(row.match(/0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]/g)).toHaveLength(8)
  })

  it('no weight counts against its sign', () => {
    for (const [name, sign] of Object.entries(featureSigns)) {
      expect(groundingModel.weights[name as keyof typeof featureSigns] * sign).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('the calibration error', () => {
  it('is 0 for probabilities that are met, and the distance where they are not', () => {
    const units = (score: number, supported: number, of: number) =>
      Array.from({ length: of }, (_, i) => ({ group: `${score}-${i}`, score, isSupported: i < supported }))
    expect(calibrationError([...units(0.2, 20, 100), ...units(0.8, 80, 100)])).toBeLessThan(0.05)
    expect(calibrationError([...units(0, 50, 50), ...units(1, 0, 50)])).toBeCloseTo(1, 6)
  })
})

describe('the weakest statement (C3)', () => {
  it('is not known where some were not compared', async () => {
    const sentence = 'The Atlas 3 weighs 212 grams.'
    const judge = (count: number) =>
      evaluator('grounding', { score: 'lowest' }).score(
        aCase({ output: Array(count).fill(sentence).join(' '), context: [sentence] }),
        tools(),
      )
    expect(await judge(3)).toMatchObject({ status: 'scored' })
    expect(await judge(201)).toMatchObject({ status: 'unscored', reason: expect.stringContaining('1 more') })
  })
})
