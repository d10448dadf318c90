import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findNumbers } from '#evaluators/numbers.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

describe('exact', () => {
  it.each([
    ['the same', 'Paris', 'Paris', 1],
    ['white space around and inside', ' New \n York ', 'New York', 1],
    ['composed and decomposed accents', 'cafe\u0301', 'caf\u00e9', 1],
    ['a no-break space', 'New\u00a0York', 'New York', 1],
    ['another case', 'paris', 'Paris', 0],
    ['a full stop', 'Paris.', 'Paris', 0],
    ['the words in another order', 'York New', 'New York', 0],
    ['an id one off', '1001', '1002', 0],
    ['the answer inside JSON', '{"answer":"Paris"}', 'Paris', 0],
  ])('%s', async (_title, output, reference, value) => {
    expect(await scoredValue('exact', {}, { output, reference })).toBe(value)
  })

  it('says where the difference begins', async () => {
    const score = await scoreOf('exact', {}, { output: 'refundable', reference: 'non-refundable' })
    expect(score.reason).toContain('at character 1')
  })

  it.each([undefined, '', '  '])('is not applicable without a reference (%j)', async (reference) => {
    const fields = reference === undefined ? {} : { reference }
    expect((await scoreOf('exact', {}, fields)).status).toBe('not_applicable')
    expect((await scoreOf('numeric', {}, fields)).status).toBe('not_applicable')
  })

  it('is symmetric in answer and reference (property)', async () => {
    const text = fc.stringMatching(/^\S[a-zé ]{0,5}$/)
    await fc.assert(
      fc.asyncProperty(text, text, async (a, b) => {
        const there = await scoredValue('exact', {}, { output: a, reference: b })
        expect(await scoredValue('exact', {}, { output: b, reference: a })).toBe(there)
        expect(await scoredValue('exact', {}, { output: ` ${a}\n`, reference: a })).toBe(1)
      }),
      { seed: 21 },
    )
  })
})

describe('contains', () => {
  it.each([
    ['all, all there', { all: ['red', 'blue'] }, 1],
    ['all, one missing', { all: ['red', 'green'] }, 0],
    ['any, one there', { any: ['green', 'blue'] }, 1],
    ['any, none there', { any: ['green'] }, 0],
    ['none, none there', { none: ['green'] }, 1],
    ['none, one there', { none: ['blue'] }, 0],
    ['every list must hold', { all: ['red'], any: ['blue'], none: ['red'] }, 0],
    ['another case', { all: ['Red'] }, 0],
    ['pattern characters taken literally', { all: ['(a+)+$'] }, 1],
  ])('%s', async (_title, config, value) => {
    expect(await scoredValue('contains', config, { output: 'red and\n blue (a+)+$' })).toBe(value)
  })

  it('none is the negation of any (property)', async () => {
    const word = fc.stringMatching(/^[ab]{1,3}$/)
    await fc.assert(
      fc.asyncProperty(word, fc.array(word, { minLength: 1, maxLength: 3 }), async (output, list) => {
        const any = await scoredValue('contains', { any: list }, { output })
        expect(await scoredValue('contains', { none: list }, { output })).toBe(1 - any)
      }),
      { seed: 22 },
    )
  })

  it('names what is missing', async () => {
    const score = await scoreOf('contains', { all: ['x', 'y'] }, { output: 'x alone' })
    expect(score).toMatchObject({ reason: 'the answer lacks "y"', details: { missing: ['y'] } })
  })
})

describe('regex', () => {
  it.each([
    ['^\\d+$', '123', 1],
    ['^\\d+$', '123\n', 0],
    ['^x$', 'yy', 0],
    ['b', 'abc', 1],
    ['(?i)HELLO', 'hello', 1],
    ['(?m)^b$', 'a\nb\nc', 1],
    ['\\p{Lu}', 'É', 1],
    ['\\u0041', 'A', 1],
    ['(?<year>\\d{4})', 'in 2024', 1],
    ['[😀]', '😀', 1],
  ])('%s on %j', async (pattern, output, value) => {
    expect(await scoredValue('regex', { pattern }, { output })).toBe(value)
  })

  it.each(['(?=a)', '(?<!a)b', '(a)\\1', '(a{1000}){1000}', '*', '[z-a]', `${'a'.repeat(3_000)}`])(
    'refuses %s at registration with a sentence that explains it',
    (pattern) => {
      expect(problemsOf('regex', { pattern })[0]?.message).toContain('cannot be used')
    },
  )

  it.each(['(a+)+$', '(a|aa)+$', '(.*)*x', '([a-z]+)*!', '^(\\w+\\s?)*$'])(
    'answers on hostile text although %s would backtrack for ever',
    async (pattern) => {
      const output = `${'a'.repeat(20_000)}#`
      expect(await scoredValue('regex', { pattern }, { output })).toBe(0)
    },
  )

  it('agrees with the engine’s own expressions on simple patterns (property)', async () => {
    const pattern = fc.stringMatching(/^[abc.]{1,3}[*+?]?[abc]?$/)
    await fc.assert(
      fc.asyncProperty(pattern, fc.stringMatching(/^[abcd]{1,8}$/), async (source, output) => {
        expect(await scoredValue('regex', { pattern: source }, { output })).toBe(
          new RegExp(source, 'u').test(output) ? 1 : 0,
        )
      }),
      { seed: 23 },
    )
  })
})

describe('numeric', () => {
  it.each([
    ['a bare number', '42', '42', 1],
    ['the last of several', 'First 7, then 42.', '42', 1],
    ['not the first', 'First 42, then 7.', '42', 0],
    ['thousands separators', 'It costs $1,234.50 in all', '1234.5', 1],
    ['no-break spaces between groups', '1\u202f234\u00a0567', '1234567', 1],
    ['Indian grouping', '12,34,567', '1234567', 1],
    ['a list without spaces', '[1,2,42]', '42', 1],
    ['a currency code', 'USD1,000', '1000', 1],
    ['a full stop behind', 'The answer is 42.', '42', 1],
    ['a minus sign', 'x = -5', '-5', 1],
    ['a Unicode minus', 'x = \u22125', '-5', 1],
    ['a minus before the currency', '-$5', '-5', 1],
    ['a minus behind the currency', '$-5', '-5', 1],
    ['a difference is no sign', 'from 3-5', '5', 1],
    ['a range is no sign', 'pages 10\u201320', '20', 1],
    ['scientific', 'about 1.5e3', '1500', 1],
    ['times a power of ten', '1.5 × 10^3', '1500', 1],
    ['a percentage and its number', '25%', '25', 1],
    ['a percentage and its fraction', '25%', '0.25', 1],
    ['a percentage and another fraction', '25%', '0.5', 0],
    ['a fraction alone', '3/4', '0.75', 1],
    ['a unit behind', 'the area is 42 m2', '42', 1],
    ['a power behind', 'x = 42 cm^2', '42', 1],
    ['full-width digits', '４２', '42', 1],
    ['markup', '\\boxed{42}', '42', 1],
    ['emphasis', '**42**', '42', 1],
    ['leading zero left out', '.5', '0.5', 1],
    ['no number', 'forty-two', '42', 0],
    ['JSON', '{"reasoning": "7 and 8", "answer": "42"}', '42', 1],
    ['JSON with the answer first', '{"answer": "42", "reasoning": "7 and 8"}', '42', 1],
    ['JSON with a number', '{"answer": 42}', '42', 1],
    ['JSON broken by a raw line break', '{"reasoning": "7\n and 8", "answer": "42"}', '42', 1],
    ['JSON cut off', '{"reasoning": "7", "answer": "42', '42', 1],
    ['JSON in a fence with a note', '```json\n{"reasoning": "x", "answer": "42"}\n```\nSee step 3.', '42', 1],
    ['JSON whose answer holds no number', '{"reasoning": "42", "answer": "unknown"}', '42', 0],
    ['JSON with an escaped line break', '{"answer": "total:\\n42"}', '42', 1],
    ['a reference in words', '42', 'The answer is 42.', 1],
    ['within the default tolerance', '0.3333333', '0.33333333', 1],
    ['beyond the default tolerance', '0.3333', '0.33333333', 0],
  ])('%s', async (_title, output, reference, value) => {
    expect(await scoredValue('numeric', undefined, { output, reference })).toBe(value)
  })

  it.each([
    [0.1, '18.1', '18', 1],
    [0.1, '18.11', '18', 0],
    [0, '18', '18', 1],
    [0, '18.0000001', '18', 0],
    [1, '17', '18', 1],
  ])('takes an absolute tolerance of %d: %s against %s', async (tolerance, output, reference, value) => {
    expect(await scoredValue('numeric', { tolerance }, { output, reference })).toBe(value)
  })

  it('is not applicable when the reference holds no number', async () => {
    expect((await scoreOf('numeric', {}, { output: '42', reference: 'forty-two' })).status).toBe('not_applicable')
  })

  it('reads back every number it is given, however it is written (property)', () => {
    const style = fc.constantFrom('en-US', 'plain', 'minus')
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(99), style, (whole, cents, how) => {
        const value = whole + (whole < 0 ? -cents : cents) / 100
        const plain = value.toFixed(2)
        const text = how === 'en-US' ? value.toLocaleString('en-US', { minimumFractionDigits: 2 }) : plain
        const written = how === 'minus' ? plain.replace('-', '\u2212') : text
        expect(findNumbers(`so it is ${written} dollars`).map((found) => found.value)).toEqual([Number(plain)])
      }),
      { seed: 24 },
    )
  })

  it('reads any text in linear time without throwing', () => {
    expect(findNumbers('1,'.repeat(200_000)).length).toBeGreaterThan(0)
    expect(findNumbers('9'.repeat(1_000_000))).toEqual([])
    expect(findNumbers(' '.repeat(500_000))).toEqual([])
    expect(findNumbers('1e9999 2e-9999')).toMatchObject([{ value: 0 }])
  })
})
