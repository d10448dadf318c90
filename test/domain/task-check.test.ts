import { describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { checkSpec } from '#domain/spec-check.ts'
import { builtinTasks } from '#domain/task.ts'
import { aModel, aProvider } from '#test/support/routing.ts'

const catalogue = {
  providers: new Map([
    ['us', aProvider('us', 'https://us.example', { region: 'us' })],
    ['eu', aProvider('eu', 'https://eu.example', { region: 'eu' })],
  ]),
  models: new Map(['us/m', 'us/embed', 'eu/m'].map((name) => [name, aModel(name)])),
}

const check = (task: unknown, more: object = {}) =>
  checkSpec({ models: ['us/m'], task, ...more } as RouteSpec, catalogue)

const example = { text: 'write a query', task: 'code' }
const embedding = { kind: 'embedding', model: 'us/embed', examples: [example] }
const classified = (classifier: object) => ({ classifier })

describe('the check of how a spec identifies tasks (A2)', () => {
  it.each<[string, object]>([
    ['nothing', {}],
    ['a default of its own, named by nothing else', { default: 'triage' }],
    ['own tasks', { types: ['triage', 'Rück frage'], default: 'triage' }],
    ['rules', classified({ kind: 'rules', rules: [{ when: { promptMatches: 'x' }, task: 'code' }] })],
    ['words', classified({ kind: 'lexical', minConfidence: 0.5, longContextTokens: 32_000 })],
    ['examples', classified({ ...embedding, minSimilarity: 0.2, deadlineMs: 150 })],
    ['a model', classified({ kind: 'model', model: 'us/m', tasks: ['code', 'triage'], deadlineMs: 500 })],
  ])('finds nothing wrong with %s', (_name, task) => {
    expect(check(task)).toEqual([])
  })

  it.each<[string, object, RegExp]>([
    ['/task/types', { types: 'code' }, /list of at most 64/],
    ['/task/types/1', { types: ['a', 'a'] }, /twice/],
    ['/task/types/0', { types: ['a\nb'] }, /must be a task name/],
    [
      '/task/default',
      { types: ['triage'], default: 'triag' },
      /no task "triag"; known: classification,.* triage; task/,
    ],
    [
      '/task/classifier/kind',
      classified({ kind: 'magic' }),
      /unknown kind "magic"; known: rules, lexical, embedding, model/,
    ],
    ['/task/classifier/kind', classified({ kind: 'constructor' }), /unknown kind "constructor"/],
    [
      '/task/classifier/modle',
      classified({ kind: 'lexical', modle: 1 }),
      /unknown field "modle"; known: kind, minConf/,
    ],
    ['/task/classifier/rules', classified({ kind: 'rules', rules: [] }), /list of 1 to 200/],
    ['/task/classifier/rules/0', classified({ kind: 'rules', rules: ['x'] }), /must be \{"when"/],
    ['/task/classifier/rules/0/when', classified({ kind: 'rules', rules: [{ task: 'code' }] }), /must be an object/],
    [
      '/task/classifier/rules/0/when/task',
      classified({ kind: 'rules', rules: [{ when: { task: 'code' }, task: 'code' }] }),
      /the task is what is being found/,
    ],
    [
      '/task/classifier/rules/0/when/any/0/hasTool',
      classified({ kind: 'rules', rules: [{ when: { any: [{ hasTool: true }] }, task: 'code' }] }),
      /unknown field "hasTool"/,
    ],
    [
      '/task/classifier/rules/0/task',
      classified({ kind: 'rules', rules: [{ when: { stream: true }, task: 7 }] }),
      /task name/,
    ],
    [
      '/task/classifier/rules/0/task',
      { types: [], ...classified({ kind: 'rules', rules: [{ when: { stream: true }, task: 'cod' }] }) },
      /no task "cod"/,
    ],
    ['/task/classifier/minConfidence', classified({ kind: 'lexical', minConfidence: 1.5 }), /number from 0 to 1/],
    [
      '/task/classifier/minConfidence',
      classified({ kind: 'lexical', minConfidence: Number.NaN }),
      /number from 0 to 1/,
    ],
    ['/task/classifier/longContextTokens', classified({ kind: 'lexical', longContextTokens: 0.5 }), /whole number/],
    ['/task/classifier/model', classified({ kind: 'embedding', examples: [example] }), /must name a model/],
    [
      '/task/classifier/model',
      classified({ ...embedding, model: 'us/e' }),
      /no model "us\/e"; known: eu\/m, us\/embed, us\/m/,
    ],
    ['/task/classifier/examples', classified({ kind: 'embedding', model: 'us/embed' }), /list of 1 to 256/],
    [
      '/task/classifier/examples/0/text',
      classified({ ...embedding, examples: [{ text: ' ', task: 'code' }] }),
      /1 to 2000/,
    ],
    [
      '/task/classifier/examples/0',
      classified({ ...embedding, examples: [{ text: 'x' }] }),
      /neither a task nor a rule/,
    ],
    [
      '/task/classifier/examples/0/tsak',
      classified({ ...embedding, examples: [{ ...example, tsak: 1 }] }),
      /unknown field/,
    ],
    [
      '/task/classifier/examples/1/rule',
      classified({ ...embedding, examples: [example, { text: 'x', rule: 'gone' }] }),
      /no rule "gone"; known: none, the spec has no rules/,
    ],
    [
      '/task/classifier/examples/0/task',
      { types: [], ...classified({ ...embedding, examples: [{ text: 'x', task: 'y' }] }) },
      /no task "y"/,
    ],
    ['/task/classifier/deadlineMs', classified({ ...embedding, deadlineMs: 60_000 }), /whole number from 10 to 5000/],
    ['/task/classifier/tasks', classified({ kind: 'model', model: 'us/m', tasks: ['code'] }), /list of 2 to 64/],
    [
      '/task/classifier/tasks/1',
      { types: [], ...classified({ kind: 'model', model: 'us/m', tasks: ['code', 'x'] }) },
      /no task "x"/,
    ],
  ])('reports %s', (path, task, message) => {
    expect(check(task)).toContainEqual({ path, message: expect.stringMatching(message) })
  })

  it('with own tasks listed, a rule may compare with those and the built-in ones only', () => {
    const rules = [{ name: 'a', when: { not: { task: { in: ['code', 'triag'] } } }, models: ['us/m'] }]
    expect(check({ types: ['triage'] }, { rules })).toEqual([
      {
        path: '/rules/0/when/not/task/in/1',
        message: expect.stringMatching(/^no task "triag"; known: classification,.* triage; task\.types/),
      },
    ])
    expect(check({}, { rules })).toEqual([])
  })

  it('a model that the route’s constraints keep prompts from is refused: it would never be asked', () => {
    const problem = {
      path: '/task/classifier/model',
      message: expect.stringMatching(/^prompts of this route may not go to "eu\/m" \(needs us, is eu\)/),
    }
    const classifier = { kind: 'model', model: 'eu/m' }
    expect(check({ classifier }, { constraints: { regions: ['us'] } })).toEqual([problem])
    expect(check({ classifier: { ...classifier, model: 'us/m' } }, { constraints: { regions: ['us'] } })).toEqual([])
  })

  it('a deadline that would take more than half of the route’s time is refused', () => {
    const classifier = { kind: 'model', model: 'us/m', deadlineMs: 501 }
    expect(check({ classifier }, { timeouts: { totalMs: 1_000 } })).toEqual([
      { path: '/task/classifier/deadlineMs', message: 'is more than half of totalMs (1000)' },
    ])
    expect(check({ classifier: { ...classifier, deadlineMs: 500 } }, { timeouts: { totalMs: 1_000 } })).toEqual([])
  })

  it('the built-in tasks are those of requirement A2', () => {
    expect(builtinTasks).toEqual(
      'classification, extraction, summarization, rewriting, retrieval, generation, code, long-context, reasoning'.split(
        ', ',
      ),
    )
  })
})
