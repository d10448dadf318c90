import { describe, expect, it } from 'vitest'
import { scoreOf } from './support.ts'

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
