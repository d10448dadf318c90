import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classifierExclusions, deadlineOf } from '#domain/classifier-limits.ts'
import type { Constraints, RouteSpec } from '#domain/route.ts'
import {
  builtinTasks,
  chargedCost,
  chargeOf,
  knownTasksOf,
  plainLabelOf,
  type TaskLabel,
  unknownLabelOf,
} from '#domain/task.ts'
import { taskText } from '#domain/task-text.ts'
import { aModel, aProvider, aRollout, aRoute, aVersion } from '#test/support/routing.ts'

const spec = (task: RouteSpec['task'], more: Partial<RouteSpec> = {}): RouteSpec => ({
  models: ['a/m'],
  ...(task && { task }),
  ...more,
})

describe('the tasks of a route (A2)', () => {
  it('are the built-in ones and those it names: by default, classifier or condition', () => {
    const rules = [{ name: 'x', when: { any: [{ task: 'one' }, { 'metadata.task': { nin: ['two'] } }] } }]
    const classifier = { kind: 'rules', rules: [{ when: { stream: true }, task: 'three' }] } as const
    const known = knownTasksOf(spec({ default: 'four', classifier }, { rules }))
    expect([...known.names]).toEqual([...builtinTasks, 'four', 'three', 'one', 'two'])
  })

  it('are the built-in ones and `types` alone where those are listed', () => {
    expect([...knownTasksOf(spec({ types: ['own'] })).names]).toEqual([...builtinTasks, 'own'])
  })

  it('an empty label is none; a label named like an object’s own property is only a name', () => {
    expect(plainLabelOf(spec({ default: 'code' }), { task: '' })).toMatchObject({ task: 'code', by: 'default' })
    expect(plainLabelOf(spec(undefined), JSON.parse('{"task": "__proto__"}'))).toMatchObject({ task: '__proto__' })
    expect(unknownLabelOf(aRoute('r', spec({})), { task: 'constructor' })).toMatchObject({ label: 'constructor' })
  })

  it('a label is unknown only when every version now served says so', () => {
    const [old, fresh] = [aVersion('r', 1, spec({ types: ['old'] })), aVersion('r', 2, spec({ types: ['new'] }))]
    const entry = aRoute('r', old.spec, { stable: old, rollout: aRollout(old, fresh) })
    expect(unknownLabelOf(entry, { task: 'old' })).toBeNull()
    expect(unknownLabelOf(entry, { task: 'new' })).toBeNull()
    expect(unknownLabelOf(entry, { task: 'gone' })?.known).toEqual([...builtinTasks, 'old', 'new'])
    expect(unknownLabelOf(entry, {})).toBeNull()
  })
})

describe('what identifying a task costs (B4)', () => {
  const label = (call?: Partial<NonNullable<TaskLabel['call']>>): TaskLabel => ({
    task: 'code',
    by: 'classifier',
    classifier: 'model a/m',
    confidence: null,
    note: null,
    ...(call && {
      call: {
        model: 'a/m',
        isCached: false,
        isAnswered: true,
        inputTokens: 1,
        outputTokens: 1,
        costMicroUsd: 3,
        waitMs: 1,
        ...call,
      },
    }),
  })

  it('is nothing without a call and for a call that failed, and unknown for an unpriced model', () => {
    expect(
      [label(), label({ isAnswered: false, costMicroUsd: null }), label({}), label({ costMicroUsd: null })].map(
        chargeOf,
      ),
    ).toEqual([0, 0, 3, null])
    expect(chargedCost(10, label({}))).toBe(13)
    expect(chargedCost(null, label({}))).toBeNull()
    expect(chargedCost(10, label({ costMicroUsd: null }))).toBeNull()
  })
})

describe('the text that classifiers read', () => {
  it('is the last user message under the beginning of the first system message', () => {
    const messages = [
      { role: 'system', content: 'Sort mail.' },
      { role: 'user', content: 'old' },
      { role: 'assistant', content: 'answer' },
      {
        role: 'user',
        content: [{ type: 'text', text: 'one' }, { type: 'image_url' }, null, { type: 'text', text: 'two' }],
      },
      { role: 'assistant', content: 'last' },
    ]
    expect(taskText(messages)).toBe('Sort mail.\none\ntwo')
    expect(taskText([{ role: 'user' }, 7, null])).toBe('')
    expect(taskText([])).toBe('')
  })

  it('is bounded whatever was sent, and holds the message’s beginning and end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 6_000 }), { maxLength: 6 }),
        fc.string({ maxLength: 2_000 }),
        (texts, system) => {
          const content = texts.map((text) => ({ type: 'text', text }))
          const text = taskText([
            { role: 'system', content: system },
            { role: 'user', content },
          ])
          const asked = texts.join('\n')
          expect(text.length).toBeLessThanOrEqual(4_303)
          if (asked.length <= 4_000) expect(text.endsWith(asked)).toBe(true)
          else {
            expect(text).toContain(asked.slice(0, 3_000))
            expect(text.endsWith(asked.slice(-1_000))).toBe(true)
          }
        },
      ),
    )
  })
})

describe('how long a request waits for its classifier', () => {
  it('is 300 ms unless it says otherwise, and never more than half of the route’s time', () => {
    const classifier = { kind: 'model', model: 'a/m' } as const
    expect(deadlineOf(spec({ classifier }), classifier)).toBe(300)
    expect(deadlineOf(spec({ classifier }), { ...classifier, deadlineMs: 1_000 })).toBe(1_000)
    expect(deadlineOf(spec({ classifier }, { timeouts: { totalMs: 401 } }), classifier)).toBe(200)
  })
})

describe('what a classifier’s provider may see (A3)', () => {
  const facts = {
    requestId: 'q',
    metadata: {},
    inputTokens: 9_999_999,
    maxOutputTokens: 9_999_999,
    hasTools: true,
    hasImages: true,
    wantsJson: true,
    stream: true,
    capabilities: ['tools', 'vision', 'streaming'],
    promptMatches: () => false,
  }
  const catalogue = {
    providers: new Map([['c', aProvider('c', 'https://c.example', { region: 'eu' })]]),
    models: new Map([['c/m', aModel('c/m', { capabilities: [], contextWindow: 10, price: null })]]),
  }
  const classifier = { kind: 'model', model: 'c/m' } as const
  const reasons = (more: Partial<RouteSpec>) =>
    classifierExclusions(spec({ classifier }, more), classifier, facts, catalogue).map(({ by }) => by)

  it('does not depend on what its model could answer, or at what price', () => {
    const constraints = { capabilities: ['tools'], maxCostUsd: 0.000001, regions: ['eu'] }
    expect(reasons({ constraints })).toEqual([])
  })

  const constraint: fc.Arbitrary<Constraints> = fc.constantFrom(
    {},
    { regions: ['eu'] },
    { regions: ['us'] },
    { providers: { deny: ['c'] } },
    { dataPolicies: ['no-training'] },
    { capabilities: ['tools'] },
  )

  it('is at most what the route alone lets it see: a rule never opens what the route closes', () => {
    fc.assert(
      fc.property(constraint, fc.array(fc.tuple(fc.constantFrom('code', 'reasoning'), constraint)), (own, list) => {
        const rules = list.map(([task, constraints], index) => ({ name: `${index}`, when: { task }, constraints }))
        const closed = reasons({ constraints: own })
        expect(reasons({ constraints: own, rules })).toEqual(expect.arrayContaining(closed))
        // For a task that no rule speaks of, the route alone decides; any rule in reach may only add.
        const inReach = [...new Map(rules.map((rule) => [rule.when.task, rule] as const).reverse()).values()]
        const each = inReach.flatMap((rule) =>
          reasons({ constraints: own, rules: [{ ...rule, when: { stream: true } }] }),
        )
        expect(new Set(reasons({ constraints: own, rules }))).toEqual(new Set([...closed, ...each]))
      }),
    )
  })
})
