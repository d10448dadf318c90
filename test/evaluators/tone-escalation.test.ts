import { describe, expect, it } from 'vitest'
import { toneOf } from '#evaluators/tone-checks.ts'
import { aCase, evaluator, problemsOf, scoredValue, scoreOf, tools } from './support.ts'

describe('tone by rules (C5)', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['profanity', { maxProfanities: 0 }, 'That is classic.', 'That is shit.'],
    ['shouting', { maxShouted: 0 }, 'Use the HTTP API.', 'DO NOT PANIC'],
    ['exclamation marks', { maxExclamations: 1 }, 'Hi!', 'Hi!！'],
    ['emoji', { maxEmoji: 0 }, 'ok', 'ok 👍'],
    ['apologies', { maxApologies: 1 }, 'Sorry about that.', 'Sorry, I apologise.'],
    ['apologies in Japanese', { maxApologies: 0 }, 'はい。', '申し訳ありません。'],
    ['blame', { maxBlame: 0 }, 'You can set it.', 'You should have read it.'],
    ['promises', { maxPromises: 0 }, 'It should work.', 'I guarantee it works.'],
    ['hedges', { maxHedges: 0 }, 'It is so.', 'Perhaps it is so.'],
    ['contractions', { maxContractions: 0 }, 'It is so.', "It's so."],
    ['long sentences', { maxSentenceWords: 3 }, 'One two. Three four.', 'One two three four.'],
    ['banned words', { banned: ['cheap'] }, 'good value', 'Cheap!'],
    ['required words', { required: ['thank you'] }, 'Thank  you.', 'Thanks.'],
    ['the reader addressed', { secondPerson: true }, 'You can go.', 'One can go.'],
    ['the reader not addressed', { secondPerson: false }, 'One can go.', 'Your way.'],
  ])('keeps or breaks: %s', async (_title, config, kept, broken) => {
    expect(await scoredValue('tone', config, { output: kept })).toBe(1)
    expect(await scoredValue('tone', config, { output: broken })).toBe(0)
  })

  it('has rules of its own where a bar gives none, each a share of the value', async () => {
    expect(await scoredValue('tone', {}, { output: 'Your parcel arrives on Monday.' })).toBe(1)
    expect(await scoredValue('tone', {}, { output: 'I guarantee it arrives.' })).toBeCloseTo(6 / 7)
  })

  it('leaves words in code alone', () => {
    expect(toneOf('Run `git damn --sorry!` now.')).toMatchObject({ profanities: 0, apologies: 0, exclamations: 0 })
  })

  it('grades English prose only: nothing is said of Japanese or of a line', async () => {
    expect(toneOf('これは読みやすい文章です。'.repeat(20)).readingGrade).toBeNull()
    const easy = toneOf('The cat sat on the mat. It was a warm day. '.repeat(5)).readingGrade
    const hard = toneOf(
      'Notwithstanding considerable methodological heterogeneity, subsequent investigations corroborated preliminary observations regarding pharmacological interventions. '.repeat(
        5,
      ),
    ).readingGrade
    expect(easy).toBeLessThan(4)
    expect(hard).toBeGreaterThan(15)
    expect(await scoreOf('tone', { maxReadingGrade: 8 }, { output: '短い。' })).toMatchObject({
      status: 'not_applicable',
    })
  })

  it('asks a judge binary questions in mode llm', async () => {
    const ids = ['acknowledges', 'no_blame', 'no_promise', 'formality']
    const criteria = ids.map((id, at) => ({ id, evidence: [], reasoning: 'r', verdict: at === 0 ? 'not_met' : 'met' }))
    const chat = async () => ({ text: JSON.stringify({ criteria }), finishReason: 'stop', costMicroUsd: 1 })
    const judge = evaluator('tone', { mode: 'llm', judge: 'x/judge' })
    expect(judge).toMatchObject({ usesJudge: true, judges: ['x/judge'] })
    expect(await judge.score(aCase(), tools(chat))).toMatchObject({ status: 'scored', value: 0.75 })
  })

  it.each([
    [{ mode: 'llm' }, '/config/judge'],
    [{ mode: 'llm', judge: 'a/b', maxEmoji: 1 }, '/config/maxEmoji'],
    [{ judge: 'a/b' }, '/config/judge'],
    [{ maxEmojis: 1 }, '/config/maxEmojis'],
  ])('refuses %j', (config, path) => {
    expect(problemsOf('tone', config).map((problem) => problem.path)).toContain(`/evaluators/0${path}`)
  })
})

describe('escalation (C5)', () => {
  const handOver = { function: { name: 'transfer_to_human_agents', arguments: '{"summary":"order 17 is lost"}' } }

  it.each<[string, Parameters<typeof scoreOf>[2], number]>([
    ['a call of a tool', { output: '', toolCalls: [handOver] }, 1],
    ['an announcement', { output: 'I’m transferring you to a human agent now.' }, 1],
    ['an announcement in German', { output: 'Ich verbinde Sie mit einem Kollegen.' }, 1],
    ['an answer', { output: 'Your order arrives on Monday.' }, 0],
    ['an announcement that it does not', { output: 'I cannot transfer you to a human agent.' }, 0],
    ['an offer', { output: 'Would you like me to connect you with an agent?' }, 0],
    ['nothing', { output: '' }, 0],
  ])('must: %s', async (_title, fields, value) => {
    expect(await scoredValue('escalation', { expected: 'must' }, fields)).toBe(value)
  })

  it('must not: the other way round', async () => {
    expect(await scoredValue('escalation', { expected: 'must_not' }, { output: '', toolCalls: [handOver] })).toBe(0)
    expect(await scoredValue('escalation', { expected: 'must_not' }, { output: 'On Monday.' })).toBe(1)
  })

  it('says nothing where it may, and where nothing is said', async () => {
    expect(await scoreOf('escalation', { expected: 'may' }, {})).toMatchObject({ status: 'not_applicable' })
    expect(await scoreOf('escalation', {}, {})).toMatchObject({ status: 'not_applicable' })
  })

  it('takes the duty and its rule from the item', async () => {
    const score = await scoreOf('escalation', {}, { expect: { escalation: { duty: 'must', rule: 'legal threat' } } })
    expect(score).toMatchObject({ value: 0, details: { rule: 'legal threat' } })
    expect(await scoreOf('escalation', {}, { expect: { escalation: 'should' } })).toMatchObject({ status: 'errored' })
  })

  it('reads the tools and the field it is told', async () => {
    const expected = 'must'
    const called = { output: '', toolCalls: [{ function: { name: 'page_doctor' } }] }
    expect(await scoredValue('escalation', { expected }, called)).toBe(0)
    expect(await scoredValue('escalation', { expected, tools: ['page_doctor'] }, called)).toBe(1)
    expect(
      await scoredValue('escalation', { expected, field: 'next.human' }, { output: '{"next":{"human":true}}' }),
    ).toBe(1)
    expect(
      await scoredValue('escalation', { expected, field: 'next.human' }, { output: '{"next":{"human":"no"}}' }),
    ).toBe(0)
  })

  it('takes half for a summary without what it needs, and all for a hand-over that comes too late', async () => {
    const config = { expected: 'must', requiredSlots: { order: 'order \\d+', risk: '(?i)risk' } }
    expect(await scoredValue('escalation', config, { output: '', toolCalls: [handOver] })).toBe(0.75)
    const messages = ['a', 'b', 'c'].map((content) => ({ role: 'assistant', content }))
    const late = { output: '', toolCalls: [handOver], messages }
    expect(await scoredValue('escalation', { expected: 'must', maxTurns: 3 }, late)).toBe(0)
    expect(await scoredValue('escalation', { expected: 'must', maxTurns: 4 }, late)).toBe(1)
  })

  it('refuses a pattern that needs backtracking', () => {
    expect(problemsOf('escalation', { requiredSlots: { a: '(?=b)' } })[0]?.path).toContain('/requiredSlots/a')
  })
})
