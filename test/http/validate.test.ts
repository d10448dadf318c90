import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { barSchema, planSchema, specSchema } from '#control/route-schemas.ts'
import { looksSecret } from '#http/schema-problems.ts'
import { compile, compileQuery } from '#http/validate.ts'

const problemsOf = (checked: object) =>
  'problems' in checked ? (checked.problems as { path: string; message: string }[]) : []

describe('problems of a spec', () => {
  const check = compile(specSchema)
  test.each([
    [{}, '/models', 'is missing'],
    [{ models: [] }, '/models', 'needs at least 1 entry'],
    [{ models: 'openai/gpt-4o' }, '/models', 'must be an array, got "openai/gpt-4o"'],
    [
      { models: [7] },
      '/models/0',
      'must be a model as provider/model, or {"model": "provider/model", "weight": 1}, got 7',
    ],
    [{ models: [{ model: 'a/b', wieght: 2 }] }, '/models/0/wieght', 'is unknown here; known: model, weight'],
    [{ models: [{ model: 'a/b', weight: -1 }] }, '/models/0/weight', 'must be 0 or more, got -1'],
    [{ models: [{ weight: 1 }] }, '/models/0/model', 'is missing'],
    [
      { models: ['gpt-4o'] },
      '/models/0',
      'must be a model as provider/model, or {"model": "provider/model", "weight": 1}, got "gpt-4o"',
    ],
    [
      { models: ['a/b'], select: { strategy: 'fastest' } },
      '/select/strategy',
      'must be one of priority, weighted, least-busy, cost, latency, quality, hybrid, got "fastest"',
    ],
    [{ models: ['a/b'], retry: { attempts: 2.5 } }, '/retry/attempts', 'must be a whole number, got 2.5'],
    [
      { models: ['a/b'], retry: { on: ['timeout', 'teapot'] } },
      '/retry/on/1',
      'must be one of timeout, rate_limit, server_error, connection, got "teapot"',
    ],
    [{ models: ['a/b'], rules: [{ name: 'x', wen: {} }] }, '/rules/0/when', 'is missing'],
    [
      { models: ['a/b'], apiKey: 'x' },
      '/apiKey',
      'is unknown here; known: models, prompt, task, constraints, guardrails, rules, select, fallbacks, retry, timeouts, parameters',
    ],
  ])('%j: %s %s', (spec, path, message) => {
    expect(problemsOf(check(spec))).toContainEqual({ path, message })
  })

  test('every fault is listed, each at its own place', () => {
    const spec = { models: [1, { model: 'a/b', x: 1 }], timeouts: { totalMs: '5' }, y: 1 }
    expect(
      problemsOf(check(spec))
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['/models/0', '/models/1/x', '/timeouts/totalMs', '/y'])
  })
})

describe('problems of plans and bars', () => {
  const checkPlan = compile(planSchema)
  const checkBar = compile(barSchema)
  test.each([
    [{ canary: { steps: [5, '25'] } }, '/canary/steps/1'],
    [{ canary: { steps: [0] } }, '/canary/steps/0'],
    [{ canary: { steps: [5], unit: 'country' } }, '/canary/unit'],
    [{ shadow: { maxDuration: '2 hours' } }, '/shadow/maxDuration'],
    [{ shadow: { sampleRate: 0 } }, '/shadow/sampleRate'],
    [{ offline: { datasets: ['support'] } }, '/offline/datasets/0'],
    [{ approvals: [{ before: 'lunch' }] }, '/approvals/0/before'],
    [{ bake: {} }, '/bake/duration'],
  ])('plan %j is refused at %s', (plan, path) => {
    expect(problemsOf(checkPlan(plan)).map((problem) => problem.path)).toEqual([path])
  })

  test.each([
    [{}, '/gates'],
    [{ gates: [] }, '/gates'],
    [{ gates: [{ metric: 'x', max: '5' }] }, '/gates/0/max'],
    [{ gates: [{ metric: 'x', maximum: 5 }] }, '/gates/0/maximum'],
    [{ gates: [{ metric: 'x', stages: ['live'] }] }, '/gates/0/stages/0'],
    [{ gates: [{ metric: 'x' }], alpha: 0 }, '/alpha'],
    [{ gates: [{ metric: 'x' }], alpha: 0.3 }, '/alpha'],
    [{ gates: [{ metric: 'x' }], evaluators: ['exact'] }, '/evaluators/0'],
  ])('bar %j is refused at %s', (bar, path) => {
    expect(problemsOf(checkBar(bar)).map((problem) => problem.path)).toEqual([path])
  })
})

describe('what problems repeat', () => {
  const secrets = [
    'sk-proj-1234567890abcdef',
    'ilk_admin_0123456789',
    'AKIAIOSFODNN7EXAMPLE',
    'a1b2c3d4e5f6a7b8c9d0e1f2a3b4',
  ]
  test.each(secrets)('%s is shown neither as a value nor as a name', (secret) => {
    expect(looksSecret(secret)).toBe(true)
    const check = compile({
      type: 'object',
      properties: { n: { type: 'integer' } },
      additionalProperties: false,
    } as const)
    expect(JSON.stringify(problemsOf(check({ n: secret, [secret]: 1 })))).not.toContain(secret)
  })

  test.each(['gpt-4o-mini', 'support-reply', '2h', 'meta-llama/Llama-3-8b', 'a long sentence with many words in it'])(
    '%s is no secret and is shown',
    (text) => {
      const check = compile({ type: 'object', properties: { n: { type: 'integer' } } } as const)
      expect(problemsOf(check({ n: text }))[0]?.message).toContain(JSON.stringify(text))
    },
  )

  test('a problem is never longer than a few lines, whatever was sent', () => {
    const check = compile(planSchema)
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const { message } of problemsOf(check(value))) expect(message.length).toBeLessThan(300)
      }),
      { seed: 21, numRuns: 200 },
    )
  })

  test('a flood of faults is cut, and says so', () => {
    const problems = problemsOf(compile(specSchema)({ models: Array(90).fill(0) }))
    expect(problems).toHaveLength(51)
    expect(problems.at(-1)?.message).toBe('and 40 more problems')
  })
})

test('query parameters are texts: numbers among them are understood, others refused, and the input is not changed', () => {
  const check = compileQuery({ type: 'object', properties: { limit: { type: 'integer', minimum: 1 } } } as const)
  const sent = { limit: '20' }
  expect(check(sent)).toEqual({ value: { limit: 20 } })
  expect(sent.limit).toBe('20')
  expect(problemsOf(check({ limit: 'many' }))).toEqual([
    { path: '/limit', message: 'must be a whole number, got "many"' },
  ])
})
