import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign } from '#evaluators/assignment.ts'
import { similarity } from '#evaluators/field-compare.ts'
import { matchFields, sumUp } from '#evaluators/field-match.ts'
import { RulePlace } from '#evaluators/field-rules.ts'
import { problemsOf, scoreOf } from './support.ts'

const invoice = {
  type: 'object',
  properties: {
    id: { type: 'string', 'x-eval': { compare: 'exact', critical: true } },
    total: { type: 'number', 'x-eval': { compare: 'number', absTolerance: 0.005 } },
    issued: { type: 'string', 'x-eval': 'date' },
    seller: { type: 'string', 'x-eval': { compare: 'text', minSimilarity: 0.8 } },
    tags: { type: 'array', 'x-eval': 'set' },
    note: { type: 'string', 'x-eval': 'ignore' },
    lines: { type: 'array', items: { $ref: '#/$defs/line' }, 'x-eval': { array: 'best' } },
  },
  $defs: { line: { type: 'object', properties: { price: { 'x-eval': { compare: 'number', relTolerance: 0.01 } } } } },
}
const want = {
  id: 'INV-1001',
  total: 120,
  issued: '2024-03-05',
  seller: 'Miller and Sons Ltd',
  tags: ['paid', 'eu'],
  note: 'anything',
  lines: [
    { sku: 'a', price: 100 },
    { sku: 'b', price: 20 },
  ],
}
const score = (got: unknown, config: Record<string, unknown> = { schema: invoice }) =>
  scoreOf('json_fields', config, { output: JSON.stringify(got), reference: JSON.stringify(want) })

describe('fields against expected ones (C2)', () => {
  it('takes what the comparators allow for a full match', async () => {
    const got = {
      ...want,
      total: 120.004,
      issued: '2024-03-05T10:00:00Z',
      seller: 'miller & sons Ltd.',
      tags: ['eu', 'paid'],
      note: 'other',
      lines: [
        { sku: 'b', price: 20.1 },
        { sku: 'a', price: 100 },
      ],
    }
    expect(await score(got)).toMatchObject({ status: 'scored', value: 1, details: { precision: 1, recall: 1 } })
  })

  it('scores 0 when a critical field differs by one digit, however right the rest is', async () => {
    const wrong = await score({ ...want, id: 'INV-1002' })
    expect(wrong).toMatchObject({ value: 0, reason: 'the critical field /id is wrong' })
    const { id: _id, ...without } = want
    expect(await score(without)).toMatchObject({ value: 0, reason: 'the critical field /id is missing' })
  })

  it('tells wrong, missing and invented fields apart, with precision and recall', async () => {
    const { seller: _seller, ...rest } = want
    const got = { ...rest, total: 121, extra: true }
    // 9 fields wanted: id, total, issued, seller, 2 tags, 4 in lines = 10; the answer has 9 of them and one more
    expect(await score(got)).toMatchObject({
      details: {
        counts: { match: 8, wrong: 1, missing: 1, invented: 1 },
        precision: 8 / 10,
        recall: 8 / 10,
        fields: expect.arrayContaining([
          { path: '/total', outcome: 'wrong', got: '121', want: '120', weight: 1, isCritical: false },
          { path: '/seller', outcome: 'missing', want: '"Miller and Sons Ltd"', weight: 1, isCritical: false },
          { path: '/extra', outcome: 'invented', got: 'true', weight: 1, isCritical: false },
        ]),
      },
    })
  })

  it('does not call "refundable" and "non-refundable" alike unless text is asked for', async () => {
    const of = (schema: object) =>
      scoreOf('json_fields', { schema }, { output: '{"p":"refundable"}', reference: '{"p":"non-refundable"}' })
    expect(await of({ type: 'object' })).toMatchObject({ value: 0 })
    expect(await of({ properties: { p: { 'x-eval': { compare: 'text', minSimilarity: 0.7 } } } })).toMatchObject({
      value: 1,
    })
  })

  it('weighs fields', async () => {
    const schema = { properties: { a: { 'x-eval': { weight: 9 } } } }
    const config = { schema }
    const of = (output: string) => scoreOf('json_fields', config, { output, reference: '{"a":1,"b":1}' })
    expect(await of('{"a":1,"b":2}')).toMatchObject({ value: 0.9 })
    expect(await of('{"a":2,"b":1}')).toMatchObject({ value: 0.1 })
  })

  it.each([
    ['in order, where nothing is said', undefined, 0],
    ['by key', { array: 'key', key: 'id' }, 1],
    ['by most agreement', { array: 'best' }, 1],
  ])('pairs the elements of arrays %s', async (_title, rule, value) => {
    const schema = rule === undefined ? {} : { 'x-eval': rule }
    const lists = {
      output: '[{"id":2,"n":"two"},{"id":1,"n":"one"}]',
      reference: '[{"id":1,"n":"one"},{"id":2,"n":"two"}]',
    }
    expect(await scoreOf('json_fields', { schema }, lists)).toMatchObject({ value })
  })

  it('reads the expected value of the item before its reference, and the item’s own schema before the configured one', async () => {
    const outcome = await scoreOf(
      'json_fields',
      { schema: invoice },
      {
        output: '{"id": "x"}',
        reference: 'not JSON',
        expect: { json_fields: { id: 'y' } },
        schema: { properties: { id: { 'x-eval': 'ignore' } } },
      },
    )
    expect(outcome).toMatchObject({ status: 'scored', value: 1, reason: 'all 0 fields match' })
  })

  it.each([
    ['no expected value', { output: '{}' }, 'not_applicable', 'no expected value'],
    ['a reference that is not JSON', { output: '{}', reference: 'four' }, 'errored', 'not JSON'],
    ['a reference that is a number', { output: '{}', reference: '4' }, 'errored', 'object or array'],
    [
      'an item schema with an unknown comparison',
      { output: '{}', reference: '{}', schema: { 'x-eval': 'fuzzy' } },
      'errored',
      'known: exact',
    ],
    ['an answer without JSON', { output: 'sorry', reference: '{"a":1}' }, 'scored', 'no JSON'],
    ['an empty answer', { output: '', reference: '{"a":1}' }, 'scored', 'empty'],
  ])('gives %s its own outcome', async (_title, fields, status, reason) => {
    expect(await scoreOf('json_fields', undefined, fields)).toMatchObject({
      status,
      reason: expect.stringContaining(reason),
    })
  })

  it.each([
    [{ 'x-eval': 'fuzzy' }, 'known: exact, number, date, text, set, ignore'],
    [{ 'x-eval': { compare: 'text', minSimilarty: 1 } }, 'has no field "minSimilarty"'],
    [{ 'x-eval': { compare: 'number', absTolerance: -1 } }, 'absTolerance in x-eval is out of range'],
    [{ 'x-eval': { weight: 0 } }, 'weight in x-eval is out of range'],
    [{ 'x-eval': { array: 'key' } }, 'needs key'],
    [{ 'x-eval': 3 }, 'must be a name or an object'],
    [{ properties: { a: { $ref: '#/$defs/none' } } }, 'not in the schema'],
  ])('refuses %j at registration', (schema, message) => {
    expect(problemsOf('json_fields', { schema })[0]).toMatchObject({
      path: '/evaluators/0/config/schema',
      message: expect.stringContaining(message),
    })
  })

  it('gives an answer compared with itself 1, and never leaves [0, 1]', () => {
    const place = new RulePlace({ 'x-eval': { array: 'best' } })
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (left, right) => {
        expect(sumUp(matchFields(left, left, place)).f1).toBe(1)
        const { precision, recall, f1 } = sumUp(matchFields(left, right, place))
        for (const value of [precision, recall, f1]) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        }
        // swapping the sides swaps what is missing and what is invented
        const back = sumUp(matchFields(right, left, place))
        expect(back.f1).toBeCloseTo(f1, 12)
      }),
      { seed: 31, numRuns: 200 },
    )
  })
})

describe('pairing with the least cost', () => {
  it('finds what trying every order finds', () => {
    const orders = (columns: number[]): number[][] =>
      columns.length === 0 ? [[]] : columns.flatMap((c) => orders(columns.filter((o) => o !== c)).map((o) => [c, ...o]))
    const matrix = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 })).chain(([rows, more]) =>
      fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: rows + more, maxLength: rows + more }), {
        minLength: rows,
        maxLength: rows,
      }),
    )
    fc.assert(
      fc.property(matrix, (costs) => {
        const total = (columns: readonly number[]) => costs.reduce((sum, row, at) => sum + row[columns[at]!]!, 0)
        const found = assign(costs)
        expect(new Set(found).size).toBe(costs.length)
        const best = Math.min(...orders(costs[0]!.map((_, column) => column)).map((order) => total(order)))
        expect(total(found)).toBe(best)
      }),
      { seed: 8, numRuns: 200 },
    )
  })
})

describe('similarity of texts', () => {
  it('is 1 for equal texts, symmetric, and 0 without anything shared', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(similarity(a, a)).toBe(1)
        expect(similarity(a, b)).toBeCloseTo(similarity(b, a), 12)
      }),
      { seed: 5 },
    )
    expect(similarity('abc', 'xyz')).toBe(0)
  })
})
