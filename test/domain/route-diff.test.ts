import { describe, expect, it } from 'vitest'
import type { FallbackReason, RouteSpec } from '#domain/route.ts'
import { diffSpecs } from '#domain/route-diff.ts'

const words = (from: RouteSpec, to: RouteSpec) => diffSpecs(from, to).map((change) => change.words)
const base: RouteSpec = { models: ['a/one', 'a/two'] }

describe('the difference between two versions (D1)', () => {
  it('is nothing where only the writing differs', () => {
    const written: RouteSpec = {
      models: [{ model: 'a/one', weight: 1 }, { model: 'a/two' }],
      select: { strategy: 'priority' },
      rules: [],
    }
    expect(diffSpecs(base, written)).toEqual([])
  })

  it('names models that join, leave and change weight', () => {
    const to: RouteSpec = {
      models: [
        { model: 'a/one', weight: 0 },
        { model: 'b/new', weight: 3 },
      ],
    }
    expect(diffSpecs(base, to)).toEqual([
      { path: '/models/1', kind: 'removed', from: 'a/two', words: 'a/two leaves the pool' },
      {
        path: '/models/0/weight',
        kind: 'changed',
        from: 1,
        to: 0,
        words: 'the weight of a/one in the pool goes from 1 to 0 (drained)',
      },
      {
        path: '/models/1',
        kind: 'added',
        to: { model: 'b/new', weight: 3 },
        words: 'b/new joins the pool with weight 3',
      },
    ])
  })

  it('sees another order of a pool, of rules and of fallbacks', () => {
    expect(words(base, { models: ['a/two', 'a/one'] })).toEqual(['the pool is in another order: a/two, a/one'])
    const [one, two] = [
      { name: 'one', when: { stream: true }, models: ['a/one'] },
      { name: 'two', when: { hasTools: true }, models: ['a/two'] },
    ]
    expect(words({ ...base, rules: [one, two] }, { ...base, rules: [two, one] })).toEqual([
      'the rules are tried in another order: two, one',
    ])
    const named = (...on: FallbackReason[]) => ({ ...base, fallbacks: [{ model: 'x/1', on }] })
    expect(words({ ...base, fallbacks: ['x/1'] }, { ...base, fallbacks: [{ model: 'x/1' }] })).toEqual([])
    expect(words(named('timeout', 'rate_limit'), named('rate_limit', 'timeout'))).toEqual([])
    expect(words({ ...base, fallbacks: ['x/1'] }, named('timeout'))).toEqual([
      'the condition of fallback x/1 is set to ["timeout"]',
    ])
    expect(words({ ...base, fallbacks: ['x/1'] }, { ...base, fallbacks: ['x/2'] })).toEqual([
      'x/1 leaves the fallbacks',
      'x/2 joins the fallbacks',
    ])
  })

  it('says in words that the prompt is another one, and which blocked patterns come, go and change (B6, B9)', () => {
    const prompt = (version: number) => ({ ...base, prompt: { name: 'hello', version } })
    expect(words(prompt(2), prompt(3))).toEqual(['the prompt goes from hello@2 to hello@3'])
    expect(words(base, prompt(1))).toEqual(['the prompt hello@1 comes before the messages'])
    expect(words(prompt(1), base)).toEqual(['the prompt hello@1 goes'])
    expect(words(prompt(1), prompt(1))).toEqual([])
    const blocked = (...rules: readonly [string, string][]) => ({
      ...base,
      guardrails: { blocked: rules.map(([name, pattern]) => ({ name, pattern })) },
    })
    expect(words(blocked(['a', 'x'], ['b', 'y']), blocked(['c', 'z'], ['b', 'q']))).toEqual([
      'the blocked pattern "a" goes',
      'the blocked pattern "c" comes',
      'the blocked pattern "b" goes from y to q',
    ])
    expect(words(blocked(['a', 'x'], ['b', 'y']), blocked(['b', 'y'], ['a', 'x']))).toEqual([])
    expect(words(base, { ...base, guardrails: { maxRequestBytes: 9_000 } })).toEqual([
      'the longest request is set to 9000',
    ])
  })

  it('follows a rule by its name through all its parts', () => {
    const from: RouteSpec = { ...base, rules: [{ name: 'eu', when: { 'metadata.region': 'eu' }, models: ['a/one'] }] }
    const to: RouteSpec = {
      ...base,
      rules: [
        { name: 'new', when: { stream: true }, models: ['a/two'] },
        {
          name: 'eu',
          when: { 'metadata.region': { in: ['eu', 'ch'] } },
          models: ['a/one', 'a/two'],
          constraints: { regions: ['eu'] },
        },
      ],
    }
    expect(diffSpecs(from, to).map(({ path, kind, words: text }) => [path, kind, text])).toEqual([
      ['/rules/0', 'added', 'rule "new" comes'],
      [
        '/rules/1/when',
        'changed',
        'the condition of rule "eu" goes from {"metadata.region":"eu"} to {"metadata.region":{"in":["eu","ch"]}}',
      ],
      ['/rules/1/models/1', 'added', 'a/two joins the pool of rule "eu"'],
      ['/rules/1/constraints/regions', 'added', 'constraint of rule "eu": regions is set to ["eu"]'],
    ])
  })

  it('tells settings apart to the leaf', () => {
    const from: RouteSpec = {
      ...base,
      timeouts: { totalMs: 60_000 },
      parameters: { temperature: 0.2 },
      constraints: { providers: { deny: ['a'] } },
    }
    const to: RouteSpec = { ...base, timeouts: { totalMs: 30_000 }, parameters: { top_p: 1 }, retry: { attempts: 3 } }
    expect(words(from, to)).toEqual([
      'constraint providers is no longer set (was {"deny":["a"]})',
      'retry setting attempts is set to 3',
      'timeout totalMs goes from 60000 to 30000',
      'request parameter temperature is no longer set (was 0.2)',
      'request parameter top_p is set to 1',
    ])
  })

  it('swaps kinds when the versions are swapped', () => {
    const to: RouteSpec = { models: ['a/one'], parameters: { seed: 1 } }
    const kinds = (changes: ReturnType<typeof diffSpecs>) => changes.map((change) => change.kind).sort()
    expect(kinds(diffSpecs(base, to))).toEqual(['added', 'removed'])
    expect(kinds(diffSpecs(to, base))).toEqual(['added', 'removed'])
  })
})
