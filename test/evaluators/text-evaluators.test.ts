import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { repetitionOf } from '#evaluators/repetition.ts'
import { countCharacters, countWords, splitParagraphs } from '#evaluators/text-units.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

const prose =
  'The first paragraph tells what it is about, in one sentence or two. It has an end.\n\nSo has the second one, which is about as long as the first.'

describe('truncation (C5)', () => {
  it.each<[string, Parameters<typeof scoreOf>[2], number | string]>([
    ['the token limit', { output: prose, finishReason: 'length' }, 0],
    ['the content filter', { output: prose, finishReason: 'content_filter' }, 0],
    ['its own end', { output: 'as a list', finishReason: 'stop' }, 1],
    ['a tool call', { output: '', finishReason: 'tool_calls', toolCalls: [{}] }, 1],
    ['nothing at all', { output: '', finishReason: 'stop' }, 0],
    ['an open fence, whatever the provider says', { output: '```js\nlet x', finishReason: 'stop' }, 0],
    ['an open JSON value', { output: '{"a": ["b", "c', finishReason: 'stop' }, 0],
    ['a whole JSON value', { output: '{"a": "}"}', finishReason: null }, 'not_applicable'],
    ['a full stop', { output: prose, finishReason: null }, 1],
    ['a Japanese full stop', { output: 'そうです。', finishReason: null }, 1],
    ['an article', { output: 'We went to the', finishReason: null }, 0],
    ['a comma', { output: 'We went to Rome,', finishReason: null }, 0],
    ['the middle of prose', { output: `${prose} And then there was a third one that simply`, finishReason: null }, 0],
    ['a name below a letter', { output: `${prose}\n\nBest regards\nAna`, finishReason: null }, 'not_applicable'],
  ])('ends with %s', async (_title, fields, wanted) => {
    const score = await scoreOf('truncation', {}, fields)
    expect(score.status === 'scored' ? score.value : score.status).toBe(wanted)
  })

  it('never calls a JSON value cut that parses', () => {
    fc.assert(
      fc.asyncProperty(fc.oneof(fc.object(), fc.array(fc.jsonValue())), async (value) => {
        const score = await scoreOf('truncation', {}, { output: JSON.stringify(value), finishReason: 'stop' })
        expect(score).toMatchObject({ value: 1 })
      }),
    )
  })
})

describe('length (C5)', () => {
  it.each<[string, Record<string, unknown>, string, number]>([
    ['words', { max: 3 }, 'one two three', 1],
    ['words too many', { max: 2 }, 'one two three', 0],
    ['characters as people see them', { unit: 'characters', max: 2 }, 'e\u0301é', 1],
    ['sentences', { unit: 'sentences', min: 2 }, 'One. Two.', 1],
    ['tokens, about', { unit: 'tokens', max: 10 }, 'one two three', 1],
    ['a share of the reference', { max: 1.5, relativeTo: 'reference' }, 'one two three', 1],
    ['more than a share of the reference', { max: 1, relativeTo: 'reference' }, 'one two three', 0],
  ])('counts %s', async (_title, config, output, value) => {
    expect(await scoredValue('length', config, { output, reference: 'one two' })).toBe(value)
  })

  it('takes the item’s own bounds, and says nothing without any', async () => {
    expect(await scoredValue('length', {}, { output: 'a b', expect: { length: { max: 1 } } })).toBe(0)
    expect(await scoreOf('length', {}, { output: 'a b' })).toMatchObject({ status: 'not_applicable' })
    expect(await scoreOf('length', {}, { output: 'a', expect: { length: { min: 2, max: 1 } } })).toMatchObject({
      status: 'errored',
    })
    expect(problemsOf('length', { min: 2, max: 1 })[0]?.path).toContain('/max')
  })

  it('counts words of scripts with and without spaces', () => {
    expect(countWords('It’s 3.5 well-known words, naïve!')).toBe(5)
    expect(countWords('今日は天気がいい')).toBeGreaterThan(3)
    expect(countWords('— … !')).toBe(0)
    expect(countCharacters('👍🏽')).toBeGreaterThan(0)
    expect(splitParagraphs('\n\na\nb\n \nc\n')).toEqual(['a\nb', 'c'])
  })

  it('never counts fewer words in a longer text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b ', '中', '. ', 'é', '\n') })
    fc.assert(fc.property(text, text, (a, b) => countWords(`${a} ${b}`) >= countWords(a)))
  })
})

describe('looping (C5)', () => {
  it.each<[string, string, number]>([
    ['a word over and over', `So ${'very '.repeat(60)}good`, 0],
    ['a sentence over and over', `Well. ${'I will tell you all about it now. '.repeat(8)}`, 0],
    ['a Chinese phrase over and over', '这是一个测试，'.repeat(40), 0],
    ['letters over and over', `a${'ha'.repeat(200)}`, 0],
    ['list items over and over', '- seizures or convulsions\n- numbness or tingling\n'.repeat(8), 0],
    ['prose', prose, 1],
    ['a rule', `a\n${'-'.repeat(300)}\nb`, 1],
    ['a table of blanks', `| a | b |\n|---|---|\n${'|   |   |\n'.repeat(40)}`, 1],
    ['a zero matrix', '0 0 0 0 0 0\n'.repeat(40), 1],
    ['a chorus', `${prose}\n\nOh, my darling!\n\n${prose.toUpperCase()}\n\nOh, my darling!`, 1],
    ['code with its braces', 'if (a) {\n  b()\n}\n}\n}\n}\n}\n}\n}\n}', 1],
  ])('%s', async (_title, output, value) => {
    expect(await scoredValue('looping', {}, { output })).toBe(value)
  })

  it('sees an answer that was given before, unless it is short', async () => {
    const messages = [
      { role: 'assistant', content: prose },
      { role: 'assistant', content: 'Yes.' },
    ]
    expect(await scoredValue('looping', {}, { output: prose, messages })).toBe(0)
    expect(await scoredValue('looping', { earlierAnswers: false }, { output: prose, messages })).toBe(1)
    expect(await scoredValue('looping', {}, { output: 'Yes.', messages })).toBe(1)
  })

  it('is not applicable without text', async () => {
    expect(await scoreOf('looping', {}, { output: ' ' })).toMatchObject({ status: 'not_applicable' })
  })

  it('finds any unit of letters that fills a text, and how often it stands there', () => {
    const unit = fc.array(fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'omega'), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(unit, fc.integer({ min: 12, max: 20 }), (words, times) => {
        const { run } = repetitionOf(Array.from({ length: times }, () => words.join(' ')).join(' '))
        expect(run?.times).toBeGreaterThanOrEqual(times - 1)
      }),
    )
  })
})
