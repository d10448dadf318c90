import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash } from '#evaluators/content-hash.ts'
import { validShare } from '#evaluators/field-credit.ts'
import { repairJson } from '#evaluators/json-repair.ts'
import { SchemaCache } from '#evaluators/schema-cache.ts'
import { compileSchema } from '#evaluators/schema-compile.ts'
import { evaluator, problemsOf, scoredValue, scoreOf } from './support.ts'

const person = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer', minimum: 0 },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['name', 'age'],
  additionalProperties: false,
}
const json = (output: string, config?: Record<string, unknown>, schema?: Record<string, unknown>) =>
  scoreOf('json_validity', config, schema ? { output, schema } : { output })

describe('schemas', () => {
  it('scores a valid answer 1', async () => {
    expect(await json('{"name":"Ada","age":36,"tags":[]}', { schema: person })).toMatchObject({
      status: 'scored',
      value: 1,
      details: { level: 0, draft: '2020-12', errors: [] },
    })
  })

  it.each([
    ['one of two fields wrong', '{"name":"Ada","age":"36"}', 1 / 2, [['/age', 'type']]],
    ['one of two fields missing', '{"name":"Ada"}', 1 / 2, [['/age', 'required']]],
    ['a field too many', '{"name":"Ada","age":1,"x":{"y":1,"z":2}}', 2 / 4, [['/x', 'additionalProperties']]],
    ['one element of a list wrong', '{"name":"Ada","age":1,"tags":["a","b",3]}', 4 / 5, [['/tags/2', 'type']]],
    ['a number out of range', '{"name":"Ada","age":-1}', 1 / 2, [['/age', 'minimum']]],
    [
      'nothing right',
      '{"name":1}',
      0,
      [
        ['/age', 'required'],
        ['/name', 'type'],
      ],
    ],
    ['another root', '["Ada",36]', 0, [['', 'type']]],
    ['prose as a JSON string', '"I cannot do that"', 0, [['', 'type']]],
    [
      'an empty object',
      '{}',
      0,
      [
        ['/name', 'required'],
        ['/age', 'required'],
      ],
    ],
  ])('gives partial credit by field: %s', async (_title, output, value, errors) => {
    const score = await json(output, { schema: person })
    expect(score).toMatchObject({ status: 'scored' })
    const found = (score.details!['errors'] as { path: string; keyword: string }[]).map((e) => [e.path, e.keyword])
    expect(found.sort()).toEqual(errors.sort())
    expect(score).toMatchObject({ value: expect.closeTo(value, 10) })
  })

  it('never gives a violation full marks, even when every field is right', async () => {
    const schema = { type: 'array', items: { type: 'integer' }, minItems: 3, uniqueItems: true }
    expect(await json('[1,2]', { schema })).toMatchObject({ value: 2 / 3 })
    expect(await json('[1,1,1]', { schema })).toMatchObject({ value: 3 / 4 })
    expect(await json('[]', { schema })).toMatchObject({ value: expect.toSatisfy((v: number) => v < 1) })
  })

  it('escapes keys in paths as JSON pointers do', async () => {
    const schema = { properties: { 'a/b~c': { type: 'string' } } }
    expect(await json('{"a/b~c":1}', { schema })).toMatchObject({ details: { errors: [{ path: '/a~1b~0c' }] } })
  })

  it('lets the schema of the item or request win over the configured one', async () => {
    const own = { type: 'object', required: ['x'] }
    expect(await json('{"x":1}', { schema: person }, own)).toMatchObject({ value: 1 })
    expect(await json('{"name":"Ada","age":1}', { schema: person }, own)).toMatchObject({
      value: expect.closeTo(2 / 3),
    })
  })

  it('scores unparsable answers 0 whatever the schema, and says why', async () => {
    expect(await json('Sorry, no.', { schema: person })).toMatchObject({
      value: 0,
      reason: 'not JSON: the answer does not begin with JSON',
    })
    expect(await json('```json\n{"name":"Ada","age":1}\n```', { schema: person })).toMatchObject({
      value: 0,
      reason: expect.stringContaining('JSON only in a code fence (level 1, permitted 0)'),
    })
    const cut = await scoreOf('json_validity', undefined, { output: '{"name":"Ad', finishReason: 'length' })
    expect(cut).toMatchObject({
      value: 0,
      reason: expect.stringContaining('cut off at the token limit'),
      details: { truncated: true },
    })
    expect(await json('{"a":"x\ny"}')).toMatchObject({ reason: expect.stringContaining('raw line break') })
  })

  it('quotes nothing of the answer when it does not parse', async () => {
    expect(JSON.stringify(await json('{secret: 4111111111111111}'))).not.toContain('4111')
  })

  it.each([
    ['draft-07', 'http://json-schema.org/draft-07/schema#', { items: [{ type: 'string' }] }, '[1]', '["a",1]'],
    ['2019-09', 'https://json-schema.org/draft/2019-09/schema', { items: [{ type: 'string' }] }, '[1]', '["a",1]'],
    [
      '2020-12',
      'https://json-schema.org/draft/2020-12/schema',
      { prefixItems: [{ type: 'string' }] },
      '[1]',
      '["a",1]',
    ],
    ['draft-07', 'http://json-schema.org/draft-04/schema#', { minimum: 1, exclusiveMinimum: true }, '1', '2'],
    ['2019-09', undefined, { items: [{ type: 'string' }] }, '[1]', '["a",1]'],
    ['2020-12', undefined, { type: 'string' }, '1', '"a"'],
  ])('follows $schema: %s for %s', async (draft, $schema, body, wrong, right) => {
    const schema = $schema ? { $schema, ...body } : body
    expect(await json(right, undefined, schema)).toMatchObject({ value: 1, details: { draft } })
    expect(await json(wrong, undefined, schema)).toMatchObject({ value: expect.toSatisfy((v: number) => v < 1) })
  })

  it('ignores what stands beside $ref in draft-07, and not in 2020-12', async () => {
    const schema = {
      definitions: { a: { type: 'integer' } },
      properties: { x: { $ref: '#/definitions/a', minimum: 5 } },
    }
    const old = { $schema: 'http://json-schema.org/draft-07/schema#', ...schema }
    expect(await json('{"x":1}', undefined, old)).toMatchObject({ value: 1 })
    expect(await json('{"x":1}', undefined, schema)).toMatchObject({ value: 0 })
  })

  it('asserts formats', async () => {
    const schema = { properties: { at: { type: 'string', format: 'date-time' } } }
    expect(await json('{"at":"yesterday"}', { schema })).toMatchObject({
      value: 0,
      details: { errors: [{ keyword: 'format' }] },
    })
  })

  it('keeps the patterns of one schema apart', async () => {
    const schema = { properties: { a: { pattern: '^y+$' }, b: { pattern: '^x$' } } }
    expect(await json('{"a":"yy","b":"yy"}', { schema })).toMatchObject({ value: 1 / 2 })
  })

  it('sees inherited names as absent', async () => {
    expect(await json('{}', { schema: { required: ['toString'] } })).toMatchObject({ value: 0 })
    expect(await json('{"__proto__":{"a":1}}', { schema: { required: ['a'] } })).toMatchObject({ status: 'scored' })
  })

  it('allows x- keywords and refuses other unknown ones in a bar, and takes both from an item', async () => {
    expect(problemsOf('json_validity', { schema: { 'x-eval': 'exact' } })).toEqual([])
    expect(problemsOf('json_validity', { schema: { exampel: 1 } })).toHaveLength(1)
    expect(await json('1', undefined, { exampel: 1 })).toMatchObject({ value: 1 })
  })

  it('credits more when more fields are right (property)', async () => {
    const schema = {
      type: 'object',
      properties: Object.fromEntries([...'abcdef'].map((k) => [k, { type: 'integer' }])),
      required: [...'abcdef'],
    }
    const compiled = { schema }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), fc.nat(5), async (isRight, flip) => {
        const answer = (flags: boolean[]) =>
          JSON.stringify(Object.fromEntries(flags.map((ok, i) => ['abcdef'[i], ok ? i : 'no'])))
        const better = isRight.map((ok, i) => ok || i === flip)
        const value = await scoredValue('json_validity', compiled, { output: answer(isRight) })
        expect(value).toBeCloseTo(isRight.filter(Boolean).length / 6)
        expect(await scoredValue('json_validity', compiled, { output: answer(better) })).toBeGreaterThanOrEqual(value)
      }),
      { seed: 14, numRuns: 40 },
    )
  })
})

describe('the share of right fields', () => {
  it('stays below 1 for an error that no field can be blamed for', () => {
    expect(validShare({ a: 1 }, [{ path: '/elsewhere', keyword: 'type', message: 'is wrong' }])).toBeLessThan(1)
  })
})

describe('the cache of item schemas', () => {
  const get = (cache: SchemaCache, schema: object) => cache.get(contentHash(schema), JSON.stringify(schema))

  it('compiles equal schemas once and stays within its capacity', () => {
    const cache = new SchemaCache(3)
    const first = get(cache, { type: 'string', minLength: 1 })
    expect(get(cache, { minLength: 1, type: 'string' })).toBe(first)
    for (let minLength = 2; minLength < 20; minLength++) get(cache, { type: 'string', minLength })
    expect(cache.size).toBe(3)
  })

  it('remembers that a schema is broken', () => {
    const cache = new SchemaCache(3)
    expect(get(cache, { type: 'no' })).toBe(get(cache, { type: 'no' }))
    expect(get(cache, { type: 'no' })).toHaveProperty('error')
  })

  it('does not let one schema’s $id be seen by another', () => {
    const cache = new SchemaCache(3)
    get(cache, { $id: 'https://example.com/a', type: 'string' })
    expect(get(cache, { $id: 'https://example.com/a', type: 'integer' })).toHaveProperty('schema')
    expect(get(cache, { $ref: 'https://example.com/a' })).toHaveProperty('error')
  })
})

describe('the compiled schema', () => {
  it('gives the same violations with and without the watchdog', () => {
    const compiled = compileSchema(person, true)
    expect(compiled.violations({ name: 1 }, 10)).toEqual(compiled.violations({ name: 1 }, 1_000_000))
  })
})

describe('strict parsing (C2)', () => {
  const output = '{"a": 1, "a": 2}'

  it.each([
    ['a key given twice', output, 'the key /a occurs twice'],
    ['an integer beyond 2^53', '{"id": 12345678901234567890}', 'the number at /id loses digits'],
    ['a number beyond a double', '[1e999]', 'the number at /0 loses digits'],
    ['half of a surrogate pair', '["\\ud83d"]', 'broken Unicode at /0'],
  ])('scores %s 0 where strict is set, and only notes it elsewhere', async (_title, text, note) => {
    const strict = await scoreOf('json_validity', { strict: true }, { output: text })
    expect(strict).toMatchObject({ status: 'scored', value: 0, reason: expect.stringContaining(note) })
    const loose = await scoreOf('json_validity', undefined, { output: text })
    expect(loose).toMatchObject({ status: 'scored', value: 1, reason: expect.stringContaining(note) })
  })

  it('says that an answer is valid but empty', async () => {
    expect(await scoreOf('json_validity', { schema: { type: 'object' } }, { output: '{}' })).toMatchObject({
      value: 1,
      reason: expect.stringContaining('it is empty'),
      details: { isEmpty: true },
    })
  })

  it('is another evaluator with strict than without', () => {
    expect(evaluator('json_validity', { strict: true }).version).not.toBe(evaluator('json_validity').version)
    expect(evaluator('json_validity', { strict: false }).version).toBe(evaluator('json_validity').version)
  })
})

describe('mended answers (level 3)', () => {
  it.each([
    ['a raw line break in a string', '{"a": "x\ny", "b": 1}'],
    ['a comma too many', '{"a": [1, 2,],}'],
    ['words of another language', 'Here: {"a": True, "b": None}'],
    ['an end that is cut off', '{"a": [1, {"b": "c'],
    ['a key without its value', '{"a": 1, "b":'],
  ])('are told from no JSON at all and still score 0: %s', async (_title, text) => {
    const score = await scoreOf('json_validity', { level: 2 }, { output: text })
    expect(score).toMatchObject({ status: 'scored', value: 0, details: { level: 3 } })
    expect(score.reason).toContain('close to it')
  })

  it.each([
    ['prose', 'I cannot do that.'],
    ['brackets that do not match', '{"a": [1}'],
    ['a word', 'None'],
  ])('are not made of %s', async (_title, text) => {
    expect(await scoreOf('json_validity', undefined, { output: text })).toMatchObject({
      value: 0,
      details: { level: 4 },
    })
  })

  it('are never worth anything, and mending never changes what parses', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const mended = text.startsWith('{') || text.startsWith('[') ? repairJson(text) : text
        expect(JSON.parse(mended ?? 'null')).toEqual(JSON.parse(text))
      }),
      { seed: 21, numRuns: 300 },
    )
  })
})
