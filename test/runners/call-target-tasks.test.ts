import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import type { RouteSpec } from '#domain/route.ts'
import { createProviderRegistry, type ProviderRegistry } from '#providers/registry.ts'
import { callTarget } from '#runners/call-target.ts'
import { evalTaskClassifier } from '#runners/eval-tasks.ts'
import { ModelCalls } from '#runners/model-calls.ts'
import { answers, type FakeUpstream, fails, startUpstream } from '#test/support/fake-upstream.ts'
import { aModel, aProvider, aSnapshot, aVersion } from '#test/support/routing.ts'

let acme: FakeUpstream
let tasks: FakeUpstream
let providers: ProviderRegistry
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }

beforeAll(async () => {
  acme = await startUpstream()
  tasks = await startUpstream()
  providers = createProviderRegistry({ upstreamAllow: ['127.0.0.0/8'], readEnvironment: () => null, clock })
})
afterAll(async () => {
  await providers.close()
  await acme.close()
  await tasks.close()
})
beforeEach(() => {
  for (const upstream of [acme, tasks]) upstream.calls.length = 0
  acme.otherwise = answers('ok')
  tasks.otherwise = answers('code')
})

const rules = [{ name: 'code', when: { task: 'code' }, models: ['acme/coder'] }]
const base: RouteSpec = { models: ['acme/small'], rules }

/** Answers one item as version 1 of a route with this spec. */
async function answerAs(spec: RouteSpec, item: Partial<DatasetItem> = {}) {
  const catalogue = aSnapshot({
    providers: [aProvider('acme', acme.baseUrl), aProvider('tasks', tasks.baseUrl, { region: 'eu' })],
    models: ['acme/small', 'acme/coder', 'tasks/cheap', aModel('tasks/unpriced', { price: null })],
  })
  const deps = { catalogue: async () => catalogue, clientOf: providers.clientFor, clock, random: () => 0.5 }
  const target = { kind: 'candidate', label: 'r@1', route: 'r', version: 1 } as const
  const classifier = evalTaskClassifier({ providers, clock, lexical: readLexicalModel(lexicalModelDocument()) })
  return callTarget(
    {
      ...deps,
      calls: new ModelCalls(deps),
      tasks: classifier,
      versionOf: async () => aVersion('r', 1, spec),
      promptOf: () => Promise.reject(new Error('the spec names no prompt')),
    },
    target,
    { id: 'i', messages: [{ role: 'user', content: 'write a query' }], ...item },
  )
}

describe('the task of a dataset item (A2, C7)', () => {
  const byModel = { kind: 'model', model: 'tasks/cheap', tasks: ['code', 'generation'] } as const

  it('is its slice or its tag, as a live request’s is its label: no classifier is asked', async () => {
    const spec = { ...base, task: { classifier: byModel } }
    expect(await answerAs(spec, { slice: { task: 'code' } })).toMatchObject({ model: 'acme/coder' })
    expect(await answerAs(spec, { tags: ['normal', 'task:code'] })).toMatchObject({ model: 'acme/coder' })
    expect(await answerAs(spec, { tags: ['normal', 'code'] })).toMatchObject({ model: 'acme/coder' })
    expect(await answerAs(spec, { tags: ['task:code'], slice: { task: 'generation' } })).toMatchObject({
      model: 'acme/small',
    })
    expect(tasks.calls).toEqual([])
  })

  it('is what the version’s own classifier says, and its cost is part of the answer’s', async () => {
    const answer = await answerAs({ ...base, task: { classifier: byModel } })
    expect(answer).toMatchObject({ model: 'acme/coder', costMicroUsd: 40 })
    const unpriced = await answerAs({ ...base, task: { classifier: { ...byModel, model: 'tasks/unpriced' } } })
    expect(unpriced).toMatchObject({ model: 'acme/coder', costMicroUsd: null })
    expect(await answerAs({ ...base, task: { default: 'generation' } })).toMatchObject({ model: 'acme/small' })
  })

  it('is the default where the classifier fails or may not see the item', async () => {
    tasks.otherwise = fails(500)
    expect(await answerAs({ ...base, task: { default: 'code', classifier: byModel } })).toMatchObject({
      model: 'acme/coder',
      error: null,
    })
    expect(tasks.calls.length).toBe(3)
    tasks.calls.length = 0
    const rule = { name: 'us', when: { inputTokens: { gt: 0 } }, constraints: { regions: ['us'] } }
    await answerAs({ ...base, rules: [rule], task: { classifier: byModel } })
    expect(tasks.calls).toEqual([])
  })

  it('is asked for again when a provider has a bad moment', async () => {
    tasks.script.push(fails(503))
    expect(await answerAs({ ...base, task: { classifier: byModel } })).toMatchObject({ model: 'acme/coder' })
    expect(tasks.calls.length).toBe(2)
  })

  it('is found by rules and words without any call', async () => {
    const classifier = { kind: 'rules', rules: [{ when: { promptMatches: 'query' }, task: 'code' }] } as const
    expect(await answerAs({ ...base, task: { classifier } })).toMatchObject({ model: 'acme/coder' })
    const messages = [{ role: 'user', content: 'Fix the bug in this Python function: def f(x): return y' }]
    const lexical = { ...base, task: { classifier: { kind: 'lexical' } } } as const
    expect(await answerAs(lexical, { messages })).toMatchObject({ model: 'acme/coder' })
  })
})
