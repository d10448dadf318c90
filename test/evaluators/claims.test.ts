import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractClaims } from '#evaluators/claims.ts'
import { splitSentences } from '#evaluators/sentences.ts'
import { numbersOf, stemOf } from '#evaluators/words.ts'

describe('sentences', () => {
  it.each([
    ['It works. It is fast.', ['It works.', 'It is fast.']],
    [
      'Dr. Meyer met Mr. Li in Jan. 2024 in the U.S. for talks.',
      ['Dr. Meyer met Mr. Li in Jan. 2024 in the U.S. for talks.'],
    ],
    ['Use a list, e.g. this one. Then stop.', ['Use a list, e.g. this one.', 'Then stop.']],
    ['J. R. Smith wrote it.', ['J. R. Smith wrote it.']],
    ['It costs 3.50 dollars. Or 4.', ['It costs 3.50 dollars.', 'Or 4.']],
    [
      '# Title\n\n- one thing\n- another thing\n1. first\n2. second',
      ['# Title', '- one thing', '- another thing', '1. first', '2. second'],
    ],
    ['A line that is\nwrapped. Next.', ['A line that is wrapped.', 'Next.']],
    ['Text.\n```js\na. b. c.\n```\nMore.', ['Text.', '```js\na. b. c.\n```', 'More.']],
    ['東京は首都です。人口は多い。', ['東京は首都です。', '人口は多い。']],
    ['', []],
  ])('%j', (text, sentences) => {
    expect(splitSentences(text).map((sentence) => sentence.text)).toEqual(sentences)
  })

  it('give back their own text at their offsets, in order, without overlap (property)', () => {
    const piece = fc.constantFrom(
      'Dr. ',
      'It is. ',
      'Why? ',
      '\n',
      '\n\n',
      '- a b. ',
      '1. ',
      '```',
      'é',
      '😀 ',
      ' ',
      'U.S. ',
      '東京。',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join('')
        let last = 0
        for (const { text: sentence, start, end } of splitSentences(text)) {
          expect(text.slice(start, end).replace(/\n/g, ' ')).toBe(sentence.replace(/\n/g, ' '))
          expect(start).toBeGreaterThanOrEqual(last)
          last = end
        }
        expect(text.slice(last).trim()).toBe('')
      }),
      { seed: 31, numRuns: 300 },
    )
  })
})

describe('claims', () => {
  it.each([
    'Hello!',
    'How can I help you today?',
    'I hope this helps.',
    'Let me know if you need anything else.',
    "I'm sorry, but I don't know.",
    'I cannot find this in the documents.',
    'The provided context does not mention the price.',
    'There is no information about that.',
    'The price is not mentioned in the context.',
    'Here are the steps:',
    '## Overview',
    '```\nx = 1\n```',
    '| --- | --- |',
    'Thank you for your question!',
  ])('%j makes none', (sentence) => {
    expect(extractClaims(sentence).claims).toEqual([])
  })

  it.each([
    'The battery holds 5,000 mAh.',
    'It does not cover water damage.',
    'No refunds are given after 30 days.',
    'Norden Labs.',
    '42',
    'You can return it within 30 days.',
  ])('%j makes one', (sentence) => {
    expect(extractClaims(sentence).claims).toHaveLength(1)
  })

  it('are cleaned of list marks, emphasis, links and citation marks, and keep their place in the answer', () => {
    const answer =
      'Sure! Here is it:\n\n- **Battery**: 5,000 mAh [1][2]\n- See [the manual](https://example.com/a(b)) for more'
    const { claims } = extractClaims(answer)
    expect(claims.map(({ text }) => text)).toEqual(['Battery: 5,000 mAh', 'See the manual for more'])
    expect(answer.slice(claims[0]!.start, claims[0]!.end)).toBe('- **Battery**: 5,000 mAh [1][2]')
  })
})

describe('words', () => {
  it.each([
    ['returns', 'return'],
    ['returned', 'return'],
    ['shipping', 'shipped'],
    ['studies', 'study'],
    ['studied', 'study'],
    ['boxes', 'box'],
    ['operation', 'operate'],
    ['quickly', 'quick'],
    ['releases', 'released'],
  ])('%s and %s have one stem', (a, b) => {
    expect(stemOf(a)).toBe(stemOf(b))
  })

  it.each([
    ['accept', 'except'],
    ['increase', 'decrease'],
    ['labeled', 'unlabeled'],
    ['wire', 'wiry'],
    ['not', 'note'],
    ['2023', '2024'],
  ])('%s and %s have different stems', (a, b) => {
    expect(stemOf(a)).not.toBe(stemOf(b))
  })

  it.each([
    ['3.2 million users', [[3_200_000, 3.2]]],
    ['$5k', [[5_000, 5]]],
    ['twelve', [[12]]],
    ['1,234 and −7', [[1_234], [7]]],
  ])('numbers of %j', (text, numbers) => {
    expect(numbersOf(text)).toEqual(numbers)
  })
})
