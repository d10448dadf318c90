import { describe, expect, it } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import type { PromptTemplate } from '#domain/prompt.ts'
import type { RouteSpec } from '#domain/route.ts'
import { plainLabelOf } from '#domain/task.ts'
import { type ErrorClass, ProviderError } from '#providers/provider.ts'
import { callTarget } from '#runners/call-target.ts'
import type { ModelCalls } from '#runners/model-calls.ts'
import type { EvalTarget } from '#store/eval-work.ts'
import { aModel, aProvider, aSnapshot, aVersion } from '#test/support/routing.ts'

const template: PromptTemplate = {
  name: 'support',
  version: 2,
  digest: 'd',
  messages: [{ role: 'system', content: 'Answer {{account}} from {{source}}.' }],
}
const question = { role: 'user', content: 'Hi' }

/** Answers an item as a version with this spec would. @returns the stored answer and what the model was sent */
async function call(
  spec: Partial<RouteSpec>,
  more: Partial<DatasetItem> = {},
  failing: Record<string, ErrorClass> = {},
  target: Partial<EvalTarget> = {},
) {
  const catalogue = aSnapshot({
    providers: [aProvider('p', 'http://127.0.0.1:1/v1')],
    models: [aModel('p/m'), aModel('p/small', { contextWindow: 40 }), aModel('p/other')],
  })
  const version = aVersion('r', 1, { models: ['p/m'], ...spec })
  const sent: { model: string; fields: Readonly<Record<string, unknown>> }[] = []
  const facts = { output: 'ok', outputCharacters: 2, finishReason: 'stop', refusal: null, toolCalls: [], usage: null }
  const calls: Pick<ModelCalls, 'complete'> = {
    complete: async (model, fields) => {
      sent.push({ model, fields })
      const errorClass = failing[model]
      if (errorClass !== undefined) throw new ProviderError(errorClass, 'it failed', { status: 400 })
      const answer = { status: 200, body: Buffer.alloc(0), facts, warnings: [], firstByteAtMs: 0 }
      const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: true }
      return { answer, usage, costMicroUsd: 1, latencyMs: 1 }
    },
  }
  const answer = await callTarget(
    {
      catalogue: async () => catalogue,
      clientOf: () => {
        throw new Error('not called')
      },
      clock: { monotonicMs: () => 0 },
      random: () => 0.5,
      calls: calls as ModelCalls,
      tasks: { identify: () => plainLabelOf(version.spec, {}) },
      versionOf: async () => version,
      promptOf: async () => template,
    },
    { kind: 'candidate', label: 'r@1', route: 'r', version: 1, ...target },
    { id: 'i', messages: [question], ...more },
  )
  return { answer, sent }
}

const prompt = { name: 'support', version: 2 }

describe('an eval call (C7)', () => {
  it('renders the prompt of the version as a live request would have it (B9)', async () => {
    const item = { slice: { account: 'Acme' }, variables: { source: '{{account}}' } }
    const { answer, sent } = await call({ prompt }, item)
    expect(answer.errorClass).toBeNull()
    expect(sent[0]?.fields['messages']).toEqual([
      { role: 'system', content: 'Answer Acme from {{account}}.' },
      question,
    ])
  })

  it('counts the prompt where length decides', async () => {
    const item = { variables: { account: 'A', source: 'x'.repeat(400) } }
    const { sent } = await call({ models: ['p/small', 'p/m'], prompt }, item)
    expect(sent[0]?.model).toBe('p/m')
    const short = await call({ models: ['p/small', 'p/m'], prompt }, { variables: { account: 'A', source: 'B' } })
    expect(short.sent[0]?.model).toBe('p/small')
  })

  it('fails an item that lacks a variable, and says which', async () => {
    const { answer, sent } = await call({ prompt }, { slice: { account: 'Acme' } })
    expect(answer).toMatchObject({ output: null, errorClass: 'bad_request' })
    expect(answer.error).toContain('"support@2" needs the variable "source"')
    expect(sent).toEqual([])
  })

  it.each<[ErrorClass, string[]]>([
    ['server_error', ['p/m', 'p/small']],
    ['content_filter', ['p/m', 'p/other']],
    ['context_length', ['p/m']],
    ['bad_request', ['p/m']],
  ])('after %s goes on as it would live (A12)', async (errorClass, expected) => {
    const fallbacks = ['p/small', { model: 'p/other', on: ['content_filter' as const] }]
    const { sent } = await call({ fallbacks }, {}, { 'p/m': errorClass })
    expect(sent.map(({ model }) => model)).toEqual(expected)
  })

  it('turns away what the guardrails of the version would turn away live (B6)', async () => {
    const guardrails = { blocked: [{ name: 'hello', pattern: '(?i)^hi$' }] }
    const { answer, sent } = await call({ guardrails })
    expect(answer).toMatchObject({ output: null, errorClass: 'content_filter' })
    expect(answer.error).toBe('the rule "hello" of the route blocks this item')
    expect(sent).toEqual([])
  })

  describe('on a forced path (A12)', () => {
    const spec = { models: ['p/m'], fallbacks: ['p/small'] }

    it('makes the primary fail without calling it, and holds that against nobody', async () => {
      const { answer, sent } = await call(spec, {}, {}, { kind: 'path', failing: ['p/m'] })
      expect(sent.map(({ model }) => model)).toEqual(['p/small'])
      expect(answer).toMatchObject({ model: 'p/small', errorClass: null, output: 'ok' })
    })

    it('asks a forced model alone, with the parameters and the prompt of the version', async () => {
      const forced = { ...spec, prompt, parameters: { temperature: 0 } }
      const item = { variables: { account: 'A', source: 'B' } }
      const { answer, sent } = await call(forced, item, {}, { kind: 'path', model: 'p/small' })
      expect(sent).toMatchObject([{ model: 'p/small', fields: { temperature: 0 } }])
      expect(sent[0]?.fields['messages']).toHaveLength(2)
      expect(answer.errorClass).toBeNull()
    })

    it('follows only the failures that a fallback names', async () => {
      const named = { models: ['p/m'], fallbacks: [{ model: 'p/small', on: ['rate_limit' as const] }] }
      const other = await call(named, {}, {}, { kind: 'path', failing: ['p/m'], failure: 'server_error' })
      expect(other.sent).toEqual([])
      expect(other.answer.errorClass).toBe('server_error')
      const own = await call(named, {}, {}, { kind: 'path', failing: ['p/m'], failure: 'rate_limit' })
      expect(own.answer).toMatchObject({ model: 'p/small', errorClass: null })
    })

    it('leaves out an item that does not go that way: no answer, and no failure', async () => {
      const long = { messages: [{ role: 'user', content: 'x'.repeat(400) }] }
      const tooLong = await call(spec, long, {}, { kind: 'path', model: 'p/small' })
      expect(tooLong.answer).toMatchObject({ errorClass: 'not_on_path', output: null })
      expect(tooLong.answer.error).toContain('p/small may not take this item')
      const nothingLeft = await call({ models: ['p/m'] }, {}, {}, { kind: 'path', failing: ['p/m'] })
      expect(nothingLeft.answer.errorClass).toBe('not_on_path')
      const another = await call(spec, {}, {}, { kind: 'path', failing: ['p/small'] })
      expect(another.answer.errorClass).toBe('not_on_path')
    })
  })
})
