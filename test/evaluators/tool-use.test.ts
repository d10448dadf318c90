import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { passHatK } from '#evaluators/reliability.ts'
import { isSameValue } from '#evaluators/tool-arguments.ts'
import { longestLoop, pairCalls } from '#evaluators/tool-expected.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city'],
  additionalProperties: false,
}
const tools = [
  { type: 'function', function: { name: 'forecast', parameters } },
  { type: 'function', function: { name: 'time' } },
]
const call = (name: string, given: unknown = {}) => ({ function: { name, arguments: JSON.stringify(given) } })
const paris = { name: 'forecast', arguments: { city: 'Paris' } }
const rome = { name: 'forecast', arguments: { city: 'Rome' } }

async function faultsOf(fields: Parameters<typeof scoreOf>[2], config: Record<string, unknown> = {}) {
  const score = await scoreOf('tool_use', config, { output: '', tools, ...fields })
  return { value: score.status === 'scored' ? score.value : score.status, faults: score.details?.['faults'] ?? [] }
}

describe('tool use without an expectation (C5)', () => {
  it.each<[string, unknown, string, number]>([
    ['arguments that are no JSON', { function: { name: 'forecast', arguments: '{"city":' } }, 'invalid_json', 0],
    ['arguments that are a list', { function: { name: 'forecast', arguments: '[]' } }, 'invalid_json', 0],
    [
      'an argument given twice',
      { function: { name: 'forecast', arguments: '{"city":"a","city":"b"}' } },
      'invalid_json',
      0,
    ],
    ['a tool that does not exist', call('forcast', { city: 'x' }), 'unknown_tool', 0],
    ['a call without a name', { function: {} }, 'invalid_json', 0],
    ['a missing argument', call('forecast', {}), 'schema', 0],
    ['an argument of the wrong type', call('forecast', { city: 'x', days: '3' }), 'schema', 0],
    ['an unknown argument', call('forecast', { city: 'x', hour: 3 }), 'schema', 0],
  ])('finds %s', async (_title, made, fault, value) => {
    expect(await faultsOf({ toolCalls: [made] })).toMatchObject({ value, faults: expect.arrayContaining([fault]) })
  })

  it('gives the share of calls that are valid', async () => {
    expect(await faultsOf({ toolCalls: [call('forecast', { city: 'x' }), call('nope')] })).toMatchObject({ value: 0.5 })
  })

  it('takes empty arguments of a tool without parameters, as providers send them', async () => {
    expect(await faultsOf({ toolCalls: [{ function: { name: 'time', arguments: '' } }] })).toMatchObject({ value: 1 })
  })

  it('sees the same call three times in a row as a loop', async () => {
    const made = Array.from({ length: 3 }, () => call('time'))
    expect(await faultsOf({ toolCalls: made })).toMatchObject({ value: 0, faults: ['loop'] })
    expect(await faultsOf({ toolCalls: made }, { maxIdentical: 3 })).toMatchObject({ value: 1 })
  })

  it('says nothing where no call was made and none expected', async () => {
    expect(await faultsOf({ output: 'Hello.' })).toMatchObject({ value: 'not_applicable' })
  })

  it('errs where the tool’s own schema is broken, instead of blaming the answer', async () => {
    const broken = [{ function: { name: 'forecast', parameters: { type: 'strng' } } }]
    expect(await faultsOf({ tools: broken, toolCalls: [call('forecast')] })).toMatchObject({ value: 'errored' })
  })
})

describe('tool use against expected calls (C5)', () => {
  it.each<[string, unknown[], unknown[], number, string[]]>([
    ['the call', [call('forecast', { city: 'Paris' })], [paris], 1, []],
    ['the call spelt otherwise', [call('forecast', { city: ' PARIS' })], [paris], 1, []],
    [
      'parallel calls in any order',
      [call('forecast', { city: 'Rome' }), call('forecast', { city: 'Paris' })],
      [paris, rome],
      1,
      [],
    ],
    ['no call', [], [paris], 0, ['no_call']],
    ['one of two', [call('forecast', { city: 'Paris' })], [paris, rome], 0, ['missing_call']],
    ['one too many', [call('forecast', { city: 'Paris' }), call('time')], [paris], 0, ['extra_call']],
    ['another tool', [call('time')], [paris], 0, ['wrong_tool']],
    ['another value', [call('forecast', { city: 'Lyon' })], [paris], 0, ['value']],
    ['an argument more', [call('forecast', { city: 'Paris', days: 2 })], [paris], 0, ['extra_arg']],
    ['any call where none is right', [call('time')], [], 0, ['extra_call']],
    ['silence where none is right', [], [], 1, []],
  ])('judges %s', async (_title, toolCalls, expectedToolCalls, value, faults) => {
    expect(await faultsOf({ toolCalls, expectedToolCalls })).toEqual({ value, faults })
  })

  it('pairs calls so that as many as possible fit, not the first that does', async () => {
    const either = { name: 'forecast', acceptable: { city: ['Paris', 'Rome'] } }
    const made = [call('forecast', { city: 'Paris' }), call('forecast', { city: 'Rome' })]
    expect(await faultsOf({ toolCalls: made, expectedToolCalls: [either, paris] })).toMatchObject({ value: 1 })
  })

  it('reads acceptable values as the leaderboard writes them: "" may be left out, objects nest lists', async () => {
    const expected = [
      { name: 'f', acceptable: { unit: ['C', ''], range: [{ min: [1], max: [5, ''] }], ids: [[1, 2]] } },
    ]
    const fits = (given: unknown) => faultsOf({ tools: [], toolCalls: [call('f', given)], expectedToolCalls: expected })
    expect(await fits({ range: { min: 1 }, ids: [1, 2] })).toMatchObject({ value: 1 })
    expect(await fits({ unit: 'c', range: { min: 1, max: 5 }, ids: [1, 2] })).toMatchObject({ value: 1 })
    expect(await fits({ range: { min: 2 }, ids: [1, 2] })).toMatchObject({ value: 0, faults: ['value'] })
    expect(await fits({ range: { min: 1, top: 1 }, ids: [1, 2] })).toMatchObject({ value: 0 })
    expect(await fits({ range: { min: 1 }, ids: [2, 1] })).toMatchObject({ value: 0 })
    expect(await fits({ range: { min: 1 } })).toMatchObject({ value: 0, faults: ['missing_arg'] })
    expect(await fits({ range: 1, ids: [1, 2] })).toMatchObject({ value: 0, faults: ['type'] })
  })

  it('charges calls beyond the expected ones under f1 as well', async () => {
    const made = [call('forecast', { city: 'Paris' }), call('time'), call('time')]
    expect(await faultsOf({ toolCalls: made, expectedToolCalls: [paris] }, { scoring: 'f1' })).toMatchObject({
      value: 0.5,
    })
    expect(await faultsOf({ toolCalls: made, expectedToolCalls: [paris] }, { scoring: 'superset' })).toMatchObject({
      value: 1,
    })
    const subset = { toolCalls: made.slice(0, 1), expectedToolCalls: [paris, rome] }
    expect(await faultsOf(subset, { scoring: 'subset' })).toMatchObject({ value: 1 })
  })

  it('minds the order only where it is asked to, also among identical calls', async () => {
    const made = [call('forecast', { city: 'Rome' }), call('forecast', { city: 'Paris' })]
    const wrong = await faultsOf({ toolCalls: made, expectedToolCalls: [paris, rome] }, { order: 'in_order' })
    expect(wrong).toEqual({ value: 0, faults: ['order'] })
    const same = { toolCalls: [call('time'), call('time')], expectedToolCalls: [{ name: 'time' }, { name: 'time' }] }
    expect(await faultsOf(same, { order: 'in_order' })).toMatchObject({ value: 1 })
  })

  it('takes another name of the tool and another comparison of an argument where they are configured', async () => {
    const aliased = { toolCalls: [call('weather', { city: 'Paris' })], expectedToolCalls: [paris] }
    expect(await faultsOf(aliased, { aliases: { forecast: ['weather'] } })).toMatchObject({ value: 1 })
    const near = {
      tools: [],
      toolCalls: [call('f', { x: 9.99 })],
      expectedToolCalls: [{ name: 'f', arguments: { x: 10 } }],
    }
    expect(await faultsOf(near, { arguments: { 'f.x': { compare: 'number', tolerance: 0.1 } } })).toMatchObject({
      value: 1,
    })
    expect(await faultsOf(near)).toMatchObject({ value: 0 })
  })

  it('never passes calls that break their schema, whatever is expected', async () => {
    const expectedToolCalls = [{ name: 'forecast', arguments: { city: 'Paris', hour: 1 } }]
    const made = [call('forecast', { city: 'Paris', hour: 1 })]
    expect(await faultsOf({ toolCalls: made, expectedToolCalls })).toMatchObject({ value: 0 })
  })

  it('reads no_call and some_call of an item, and calls anything else an error of the item', async () => {
    expect(await faultsOf({ expect: { tool_use: 'no_call' } })).toMatchObject({ value: 1 })
    expect(await faultsOf({ expect: { tool_use: 'some_call' } })).toMatchObject({ value: 0 })
    expect(await faultsOf({ toolCalls: [call('time')], expect: { tool_use: 'some_call' } })).toMatchObject({ value: 1 })
    expect(await faultsOf({ expect: { tool_use: 'maybe' } })).toMatchObject({ value: 'errored' })
  })

  it.each([
    [[{}]],
    [[{ name: 'f', acceptable: { x: [] } }]],
    [[{ name: 'f', arguments: '{' }]],
    [[{ name: 'f', optional: 'x' }]],
  ])('errs for the broken expectation %j', async (expectedToolCalls) => {
    expect(await faultsOf({ toolCalls: [call('f')], expectedToolCalls })).toMatchObject({ value: 'errored' })
  })

  it.each([
    [{ scoring: 'half' }, '/config/scoring'],
    [{ arguments: { x: { compare: 'fuzzy' } } }, '/config/arguments/x/compare'],
    [{ aliases: { f: [] } }, '/config/aliases/f'],
  ])('refuses the configuration %j', (config, path) => {
    expect(problemsOf('tool_use', config).map((problem) => problem.path)).toContain(`/evaluators/0${path}`)
  })
})

describe('real requests of the Berkeley leaderboard', () => {
  interface Row {
    id: string
    category: string
    expected: string
    tools: unknown[]
    acceptable_calls: { name: string; arguments: Record<string, unknown[]> }[] | null
  }
  const lines = readFileSync(new URL('../fixtures/evaluators/tool-calls.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
  const rows = lines.map((line) => JSON.parse(line) as Row)

  it.each(rows.map((row) => [row.id, row] as const))(
    '%s: the right calls pass, the last left out or one more fail',
    async (_id, row) => {
      const wanted = row.acceptable_calls ?? []
      const made = wanted.map(({ name, arguments: acceptable }) => {
        const entries = Object.entries(acceptable).map(([key, values]) => [
          key,
          values.find((value) => value !== '') ?? '',
        ])
        return call(name, Object.fromEntries(entries.filter(([, value]) => value !== '')))
      })
      const fields = {
        output: '',
        tools: row.tools,
        expectedToolCalls: wanted.map(({ name, arguments: acceptable }) => ({ name, acceptable })),
      }
      const config = { checkSchemas: false, maxIdentical: 100 }
      expect(await scoredValue('tool_use', config, { ...fields, toolCalls: [...made].reverse() })).toBe(1)
      expect(await scoredValue('tool_use', config, { ...fields, toolCalls: [...made, call('other')] })).toBe(0)
      if (made.length > 0)
        expect(await scoredValue('tool_use', config, { ...fields, toolCalls: made.slice(1) })).toBe(0)
    },
  )
})

describe('comparing values', () => {
  it.each([
    ['2024/05/01', '2024-05-01', true],
    ['New York', 'new-york', true],
    ['1.5', '15', false],
    ['-5', '5', false],
    ['é', 'e\u0301', true],
  ])('%j and %j: %s', (a, b, isSame) => {
    expect(isSameValue(a, b, { compare: 'text' })).toBe(isSame)
  })

  it('is the same both ways, and every JSON value equals itself', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        for (const compare of ['exact', 'text', 'bfcl', 'number', 'set'] as const) {
          expect(isSameValue(a, a, { compare })).toBe(true)
          expect(isSameValue(a, b, { compare })).toBe(isSameValue(b, a, { compare }))
        }
      }),
    )
  })
})

describe('pairing and repetition', () => {
  it('finds as many pairs as trying every order does', () => {
    const best = (fits: boolean[][], from = 0, used = 0): number => {
      const row = fits[from]
      if (!row) return 0
      const taken = row.map((isFit, at) =>
        isFit && !(used & (1 << at)) ? 1 + best(fits, from + 1, used | (1 << at)) : 0,
      )
      return Math.max(best(fits, from + 1, used), ...taken)
    }
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), { maxLength: 4 }), (fits) => {
        const pairs = pairCalls(fits).filter((pair) => pair !== null)
        expect(new Set(pairs).size).toBe(pairs.length)
        expect(pairs.length).toBe(best(fits))
      }),
    )
  })

  it('counts identical calls in a row, whatever the order of their arguments', () => {
    const made = (given: Record<string, unknown>) => ({ name: 'f', arguments: given, fault: null })
    expect(longestLoop([made({ a: 1, b: 2 }), made({ b: 2, a: 1 }), made({ a: 1 })])).toBe(2)
  })

  it('estimates pass^k without bias: 3 of 4 tries give 3/4, 1/2, 1/4, 0', () => {
    const tries = [[true, true, true, false]]
    expect([1, 2, 3, 4].map((k) => passHatK(tries, k))).toEqual([0.75, 0.5, 0.25, 0])
    expect(passHatK(tries, 5)).toBeNull()
    expect(passHatK([], 1)).toBeNull()
  })

  it('never rises with k', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), { minLength: 1 }), (outcomes) => {
        const values = [1, 2, 3, 4, 5, 6].map((k) => passHatK(outcomes, k) ?? -1)
        expect(values.every((value, index) => index === 0 || value <= (values[index - 1] ?? 0) + 1e-12)).toBe(true)
      }),
    )
  })
})
