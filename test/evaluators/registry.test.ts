import { describe, expect, it } from 'vitest'
import { evaluatorNames, resolveEvaluators } from '#evaluators/registry.ts'
import { withValidScore } from '#evaluators/valid-score.ts'
import { aCase, evaluator, problemsOf, tools } from './support.ts'

describe('resolveEvaluators', () => {
  it('turns every known name into an evaluator of that name', () => {
    const configs: Record<string, Record<string, unknown>> = {
      contains: { all: ['x'] },
      regex: { pattern: 'x' },
      llm_judge: { judge: 'openai/gpt-4o', mode: 'rubric' },
    }
    for (const name of evaluatorNames) {
      expect(evaluator(name, configs[name])).toMatchObject({ name, version: expect.stringMatching(/^[0-9a-f]{16}$/) })
    }
  })

  it.each([
    ['an unknown evaluator', 'json_valid', {}, '/evaluators/0/name', 'json_validity'],
    ['an unknown field', 'numeric', { tolerence: 1 }, '/evaluators/0/config/tolerence', 'known: tolerance'],
    ['a field where there are none', 'exact', { fold: true }, '/evaluators/0/config/fold', 'known: none'],
    ['a missing field', 'regex', {}, '/evaluators/0/config/pattern', 'required'],
    ['a wrong type', 'numeric', { tolerance: '1' }, '/evaluators/0/config/tolerance', 'number'],
    ['a negative tolerance', 'numeric', { tolerance: -1 }, '/evaluators/0/config/tolerance', '>= 0'],
    [
      'a judge without a provider',
      'llm_judge',
      { judge: 'gpt-4o', mode: 'rubric' },
      '/evaluators/0/config/judge',
      'provider/model',
    ],
    [
      'a judge with an unknown mode',
      'llm_judge',
      { judge: 'a/b', mode: 'panel' },
      '/evaluators/0/config/mode',
      'pairwise, rubric',
    ],
    ['a judge without a mode', 'llm_judge', { judge: 'a/b' }, '/evaluators/0/config/mode', 'required'],
    ['no condition at all', 'contains', {}, '/evaluators/0/config', 'at least one'],
    ['an empty list', 'contains', { all: [] }, '/evaluators/0/config/all', 'fewer than 1'],
    ['a blank string, which every answer contains', 'contains', { any: [' '] }, '/evaluators/0/config/any/0', 'empty'],
    ['a level that is not offered', 'json_validity', { level: 3 }, '/evaluators/0/config/level', '<= 2'],
    [
      'a schema with a misspelt type',
      'json_validity',
      { schema: { type: 'strng' } },
      '/evaluators/0/config/schema',
      'not a valid 2020-12 schema',
    ],
    [
      'a schema with a misspelt keyword',
      'json_validity',
      { schema: { propertis: {} } },
      '/evaluators/0/config/schema',
      'propertis',
    ],
    [
      'a schema of an unknown draft',
      'json_validity',
      { schema: { $schema: 'http://json-schema.org/draft-08/schema#' } },
      '/evaluators/0/config/schema',
      'unknown $schema',
    ],
    [
      'a schema that points elsewhere',
      'json_validity',
      { schema: { $ref: 'https://example.com/a.json' } },
      '/evaluators/0/config/schema',
      'nothing is fetched',
    ],
    [
      'a schema pattern that needs backtracking',
      'json_validity',
      { schema: { pattern: '(?=a)b' } },
      '/evaluators/0/config/schema',
      'linear time',
    ],
    [
      'a pattern that needs backtracking',
      'regex',
      { pattern: '(a)\\1' },
      '/evaluators/0/config/pattern',
      'linear time',
    ],
    ['a pattern with a syntax error', 'regex', { pattern: '(' }, '/evaluators/0/config/pattern', 'missing closing'],
    [
      'two criteria with one id',
      'llm_judge',
      {
        judge: 'a/b',
        mode: 'rubric',
        criteria: [
          { id: 'x', text: '1' },
          { id: 'x', text: '2' },
        ],
      },
      '/evaluators/0/config/criteria/1/id',
      'twice',
    ],
  ])('refuses %s with its path', (_title, name, config, path, message) => {
    const problems = problemsOf(name, config)
    expect(problems.map((problem) => problem.path)).toContain(path)
    expect(problems.find((problem) => problem.path === path)?.message).toContain(message)
  })

  it('lists the problems of every evaluator of the bar, each at its place', () => {
    const resolved = resolveEvaluators([{ name: 'exact' }, { name: 'nope' }, { name: 'regex', config: {} }])
    expect(resolved).toMatchObject({
      problems: [{ path: '/evaluators/1/name' }, { path: '/evaluators/2/config/pattern' }],
    })
  })

  it('refuses the same name twice, because both would write the same metric', () => {
    const resolved = resolveEvaluators([{ name: 'exact' }, { name: 'exact' }])
    expect(resolved).toMatchObject({ problems: [{ path: '/evaluators/1/name' }] })
  })

  it('gives equal configurations one version and different ones different versions', () => {
    const version = (config?: Record<string, unknown>) => evaluator('json_validity', config).version
    expect(version({ level: 0 })).toBe(version())
    expect(version({ schema: { type: 'object', required: ['a'] } })).toBe(
      version({ schema: { required: ['a'], type: 'object' } }),
    )
    expect(version({ level: 1 })).not.toBe(version())
    expect(version({ schema: { type: 'array' } })).not.toBe(version({ schema: { type: 'object' } }))
  })

  it('names which evaluators need a reference and which call a judge', () => {
    expect(evaluator('exact')).toMatchObject({ needsReference: true, usesJudge: false })
    expect(evaluator('numeric')).toMatchObject({ needsReference: true, usesJudge: false })
    expect(evaluator('json_validity')).toMatchObject({ needsReference: false, usesJudge: false })
    const judge = evaluator('llm_judge', { judge: 'openai/gpt-4o', mode: 'pairwise' })
    expect(judge).toMatchObject({ needsReference: false, usesJudge: true, scorePair: expect.any(Function) })
    expect(evaluator('llm_judge', { judge: 'openai/gpt-4o', mode: 'rubric' }).scorePair).toBeUndefined()
  })

  it('survives configurations nested without end', () => {
    let deep: unknown = {}
    for (let i = 0; i < 100_000; i++) deep = { not: deep }
    expect(problemsOf('json_validity', { schema: deep })[0]?.path).toBe('/evaluators/0/config')
  })
})

describe('the last check of a score (F26)', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1.1, 7])('turns the value %s into an error', async (value) => {
    expect(await withValidScore(async () => ({ status: 'scored', value }))).toMatchObject({ status: 'errored' })
  })

  it('does not take text for a number', async () => {
    const score = await withValidScore(async () => ({ status: 'scored', value: '0.5' as unknown as number }))
    expect(score.status).toBe('errored')
  })

  it('turns a scorer that throws into an error', async () => {
    const score = await withValidScore(async () => {
      throw new Error('broken')
    })
    expect(score).toMatchObject({ status: 'errored', reason: expect.stringContaining('broken') })
  })
})

describe('answers without text', () => {
  const configs = {
    contains: { none: ['x'] },
    exact: {},
    json_validity: {},
    numeric: {},
    regex: { pattern: '^' },
    llm_judge: { judge: 'a/b', mode: 'rubric' },
  }

  it.each(Object.entries(configs))('%s gives an empty answer 0, never a pass', async (name, config) => {
    const score = await evaluator(name, config).score(aCase({ output: ' \n', reference: '1' }), tools())
    expect(score).toMatchObject({ status: 'scored', value: 0, reason: expect.stringContaining('empty') })
  })

  it.each(Object.entries(configs))('%s leaves a tool call without text alone', async (name, config) => {
    const fields = { output: '', reference: '1', toolCalls: [{ id: 'call-1' }] }
    expect(await evaluator(name, config).score(aCase(fields), tools())).toMatchObject({ status: 'not_applicable' })
  })
})
