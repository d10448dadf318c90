import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractJson } from '#evaluators/json-extract.ts'
import { scanJson } from '#evaluators/json-scan.ts'
import { SchemaCache } from '#evaluators/schema-cache.ts'
import { compileSchema } from '#evaluators/schema-compile.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

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

describe('extraction levels (C2)', () => {
  it.each([
    [0, '{"a":1}'],
    [0, ' \n[1, 2]\n'],
    [0, '"text"'],
    [0, '12'],
    [1, '\uFEFF{"a":1}'],
    [1, '```json\n{"a":1}\n```'],
    [1, '```\n{"a":1}```'],
    [1, '```json{"a":1}```'],
    [1, '~~~\n{"a":1}\n~~~'],
    [1, '```json\n{"a":"```python\\nx\\n```"}\n```'],
    [2, 'Here you are: {"a":1}. Anything else?'],
    [2, 'As [1] says:\n```json\n{"a":1}\n```\nDone.'],
    [2, 'Result: [{"a":1}]'],
    [2, 'A brace } and then {"a":"}"}'],
    [2, '{"a":1} {"a":2}'],
    [4, 'I cannot do that.'],
    [4, 'See [1] and [2].'],
    [4, 'An empty dictionary is {}.'],
    [4, '{"a": {"b": 1}, "c": '],
    [4, '{"a": {"b": 1} "c": 2}'],
    [4, "{'a': 1}"],
    [4, '{"a": "line\nbreak"}'],
    [4, '```json\n{"a":1,}\n```'],
    [4, '[NaN]'],
    [4, ''],
  ])('level %i: %j', (level, output) => {
    expect(extractJson(output).level).toBe(level)
  })

  it('gives the first object of several', () => {
    expect(extractJson('x {"a":1} y {"a":2}')).toMatchObject({ level: 2, value: { a: 1 } })
  })

  it('passes the levels up to the configured one and no deeper', async () => {
    const outputs = ['{"a":1}', '```json\n{"a":1}\n```', 'So: {"a":1}']
    const passes = async (level: number) =>
      Promise.all(outputs.map((output) => scoredValue('json_validity', { level }, { output })))
    expect(await passes(0)).toEqual([1, 0, 0])
    expect(await passes(1)).toEqual([1, 1, 0])
    expect(await passes(2)).toEqual([1, 1, 1])
  })

  it('finds every JSON value bare, fenced and (containers) in prose (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('', 'So: ', 'Wait } what? '), (value, prose) => {
        const text = JSON.stringify(value)
        expect(extractJson(text)).toMatchObject({ level: 0 })
        expect(extractJson(`\`\`\`json\n${text}\n\`\`\``).level).toBe(1)
        fc.pre(prose !== '' && typeof value === 'object' && value !== null && Object.keys(value).length > 0)
        fc.pre(!Array.isArray(value))
        expect(extractJson(`${prose}${text} — that is all`)).toMatchObject({ level: 2, text })
      }),
      { seed: 11 },
    )
  })

  it('answers any text at all without throwing, and agrees with JSON.parse on level 0 (property)', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        let parses = true
        try {
          JSON.parse(text)
        } catch {
          parses = false
        }
        expect(extractJson(text).level === 0).toBe(parses)
      }),
      { seed: 12, numRuns: 500 },
    )
  })
})

describe('what JSON.parse swallows', () => {
  it('reports keys given twice, numbers that lose digits and broken Unicode, with their paths', () => {
    const text = '{"a":{"x":1,"x":2},"b/c":[9007199254740993, 1e999],"d":"\\ud800","~":[{"n":-12345678901234567890}]}'
    expect(scanJson(text)).toMatchObject({
      duplicateKeys: ['/a/x'],
      unsafeNumbers: ['/b~1c/0', '/b~1c/1', '/~0/0/n'],
      loneSurrogates: ['/d'],
      depth: 3,
    })
  })

  it('leaves the value at 1 and says so in the reason', async () => {
    expect(await json('{"a":1,"a":2}')).toMatchObject({
      value: 1,
      reason: 'valid JSON; but the key /a occurs twice',
      details: { duplicateKeys: ['/a'] },
    })
  })

  it('sees keys as equal when their escapes are', () => {
    expect(scanJson('{"a":1,"\\u0061":2}').duplicateKeys).toEqual(['/a'])
    expect(scanJson('{"a":{"a":1},"b":[{"a":1},{"a":2}]}').duplicateKeys).toEqual([])
  })

  it('finds nothing in what JSON.stringify wrote, and the true depth (property)', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const scan = scanJson(JSON.stringify(value))
        expect(scan.duplicateKeys).toEqual([])
        expect(scan.depth).toBe(depth(value))
      }),
      { seed: 13 },
    )
  })
})

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

describe('schemas and answers meant to harm (F25, F26)', () => {
  const deepSchema = (levels: number) => {
    let schema: Record<string, unknown> = { type: 'string' }
    for (let i = 0; i < levels; i++) schema = { properties: { a: schema } }
    return schema
  }
  const doubling = () => {
    const $defs: Record<string, unknown> = { s30: { type: 'string' } }
    for (let i = 0; i < 30; i++)
      $defs[`s${i}`] = { allOf: [{ $ref: `#/$defs/s${i + 1}` }, { $ref: `#/$defs/s${i + 1}` }] }
    return { $defs, $ref: '#/$defs/s0' }
  }

  it.each([
    ['too deep', deepSchema(60), 'deeper than 50'],
    ['deep without end', deepSchema(20_000), 'deeper than 50'],
    ['too large', { enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) }, 'the limit is 65536'],
    ['with look-around', { pattern: '^(?!x)' }, 'linear time'],
    ['pointing to another host', { $ref: 'https://example.com/s' }, 'nothing is fetched'],
    ['pointing nowhere', { $ref: '#/$defs/none' }, 'not in the schema'],
    ['of no draft', { $schema: 'urn:mine' }, 'unknown $schema'],
    ['with a wrong type', { type: 'objekt' }, 'not a valid 2020-12 schema'],
    ['referring to itself without end', { $ref: '#' }, 'without end'],
    ['of exponential cost', doubling(), 'took more than'],
  ])('errs on an item schema that is %s: missing, no score', async (_title, schema, reason) => {
    expect(await json('"a"', undefined, schema)).toMatchObject({
      status: 'errored',
      reason: expect.stringContaining(reason),
    })
  })

  it('never takes a promise for a verdict ($async)', async () => {
    expect(await json('1', undefined, { $async: true, type: 'string' })).toMatchObject({ status: 'scored', value: 0 })
  })

  it('ends patterns that would backtrack for ever', async () => {
    const schema = { type: 'string', pattern: '^(a+)+$' }
    expect(await json(`"${'a'.repeat(50_000)}!"`, { schema })).toMatchObject({ status: 'scored', value: 0 })
  })

  it('ends validation of quadratic cost: missing, no score', async () => {
    const items = Array.from({ length: 60_000 }, (_, i) => ({ i }))
    expect(await json(JSON.stringify(items), { schema: { uniqueItems: true } })).toMatchObject({ status: 'errored' })
  })

  it('credits an answer with very many violations', async () => {
    const schema = { items: { required: ['x', 'y'], properties: { x: { type: 'string' } }, minProperties: 9 } }
    const output = JSON.stringify(Array.from({ length: 20_000 }, () => ({ x: 1 })))
    expect(await json(output, { schema })).toMatchObject({ value: 0, details: { errorCount: 60_000 } })
  })

  it.each([
    ['100,000 open brackets', '['.repeat(100_000), 'not JSON'],
    ['nesting without end', '['.repeat(200_000) + ']'.repeat(200_000), 'nested 200000 levels deep'],
    ['open objects without end', '{"a":'.repeat(100_000), 'not JSON'],
    ['10 million braces', '{'.repeat(10_000_000), 'not JSON'],
    ['fences without end', '```'.repeat(100_000), 'not JSON'],
    ['more text than is read', 'x'.repeat(17 * 1024 * 1024), 'more than'],
  ])('scores 0: %s', async (_title, output, reason) => {
    expect(await json(output, { level: 2, schema: person })).toMatchObject({
      status: 'scored',
      value: 0,
      reason: expect.stringContaining(reason),
    })
  })

  it('leaves Object.prototype alone', async () => {
    const output = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
    await json(
      output,
      { level: 2 },
      JSON.parse('{"properties":{"__proto__":{"type":"string"}},"$defs":{"__proto__":{}}}'),
    )
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('the cache of item schemas', () => {
  it('compiles equal schemas once and stays within its capacity', () => {
    const cache = new SchemaCache(3)
    const first = cache.get({ type: 'string', minLength: 1 })
    expect(cache.get({ minLength: 1, type: 'string' })).toBe(first)
    for (let minLength = 2; minLength < 20; minLength++) cache.get({ type: 'string', minLength })
    expect(cache.size).toBe(3)
  })

  it('remembers that a schema is broken', () => {
    const cache = new SchemaCache(3)
    expect(cache.get({ type: 'no' })).toBe(cache.get({ type: 'no' }))
    expect(cache.get({ type: 'no' })).toHaveProperty('error')
  })

  it('does not let one schema’s $id be seen by another', () => {
    const cache = new SchemaCache(3)
    cache.get({ $id: 'https://example.com/a', type: 'string' })
    expect(cache.get({ $id: 'https://example.com/a', type: 'integer' })).toHaveProperty('schema')
    expect(cache.get({ $ref: 'https://example.com/a' })).toHaveProperty('error')
  })
})

describe('the compiled schema', () => {
  it('gives the same violations with and without the watchdog', () => {
    const compiled = compileSchema(person, true)
    expect(compiled.violations({ name: 1 }, 10)).toEqual(compiled.violations({ name: 1 }, 1_000_000))
  })
})
