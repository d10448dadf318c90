import { describe, expect, test } from 'vitest'
import { type ImpactRecord, previewImpact, previewInParts } from '#domain/impact.ts'
import { quietRecord } from '#domain/live.ts'
import type { RouteSpec } from '#domain/route.ts'
import { aModel, aProvider, aSnapshot, aVersion } from '#test/support/routing.ts'

const catalogue = aSnapshot({
  providers: [
    aProvider('eu', 'https://eu.example/v1', { region: 'eu' }),
    aProvider('us', 'https://us.example/v1', { region: 'us' }),
  ],
  models: [
    aModel('eu/large', { price: { input: 10_000_000, cachedInput: null, output: 30_000_000 } }),
    aModel('us/small', { price: { input: 1_000_000, cachedInput: null, output: 3_000_000 }, contextWindow: 8_000 }),
    aModel('us/unpriced', { price: null }),
  ],
})

function record(id: string, more: Partial<ImpactRecord> = {}): ImpactRecord {
  return {
    requestId: id,
    metadata: {},
    isStream: false,
    random: 0.5,
    live: quietRecord,
    task: null,
    classification: null,
    usage: { inputTokens: 1_000, cachedInputTokens: 0, outputTokens: 100, reasoningTokens: 0, isEstimated: false },
    facts: {
      inputTokens: 1_000,
      maxOutputTokens: null,
      hasTools: false,
      hasImages: false,
      wantsJson: false,
      capabilities: [],
      patterns: {},
    },
    ...more,
  }
}

const preview = (
  before: RouteSpec,
  after: RouteSpec,
  records: readonly ImpactRecord[],
  ms: Record<string, number> = {},
) =>
  previewImpact({
    catalogue,
    stable: aVersion('r', 1, before),
    candidate: aVersion('r', 2, after),
    records,
    latencyOf: (model) => (ms[model] === undefined ? null : { count: 400, meanMs: ms[model], deviationMs: 100 }),
  })

test('a preview in parts is the same preview and lets others have their turn after every part (S1)', () => {
  const input = {
    catalogue,
    stable: aVersion('r', 1, { models: ['eu/large'] }),
    candidate: aVersion('r', 2, { models: ['us/small'] }),
    records: Array.from({ length: 95 }, (_, index) => record(`req_${index}`)),
    latencyOf: () => null,
  }
  const parts = previewInParts(input, 10)
  let pauses = 0
  let part = parts.next()
  for (; part.done !== true; part = parts.next()) pauses += 1
  expect(pauses).toBe(9)
  expect(part.value).toEqual(previewImpact(input))
})

const large: RouteSpec = { models: ['eu/large'] }

describe('the impact preview (D3)', () => {
  const records = Array.from({ length: 100 }, (_, index) =>
    record(`req_${index}`, {
      metadata: { team: index < 25 ? 'support' : 'sales' },
      task: index < 25 ? 'extraction' : 'code',
    }),
  )

  test('counts the requests that change model, by rule, team and task', () => {
    const rules = [{ name: 'simple', when: { 'metadata.team': 'support' }, models: ['us/small'] }]
    const impact = preview(large, { ...large, rules }, records)
    expect(impact).toMatchObject({ requests: 100, changed: 25, lostRequests: 0, brokenRequests: 0, unknowable: 0 })
    expect(impact.moves).toEqual([{ from: 'eu/large', to: 'us/small', requests: 25 }])
    expect(impact.byRule).toEqual([
      { name: '(no rule)', requests: 75, changed: 0 },
      { name: 'simple', requests: 25, changed: 25 },
    ])
    expect(impact.byTeam).toContainEqual({ name: 'support', requests: 25, changed: 25 })
    expect(impact.byTask).toContainEqual({ name: 'code', requests: 75, changed: 0 })
  })

  test('forecasts the cost from recorded tokens, with an interval around the ratio', () => {
    const { cost } = preview(large, { models: ['us/small'] }, records)
    // 1,000 x $10 + 100 x $30 per million = 13,000 micro-dollars; the small model a tenth of it.
    expect(cost).toMatchObject({ requests: 100, unpriced: 0, beforeMicroUsd: 13_000, afterMicroUsd: 1_300 })
    expect(cost.change).toBeCloseTo(-0.9, 10)
    const mixed = records.map((one, index) => (index % 2 === 0 ? one : { ...one, metadata: { team: 'support' } }))
    const rules = [{ name: 'simple', when: { 'metadata.team': 'support' }, models: ['us/small'] }]
    const half = preview(large, { ...large, rules }, mixed).cost
    expect(half.low).toBeLessThan(half.change ?? 0)
    expect(half.high).toBeGreaterThan(half.change ?? 0)
  })

  test('leaves unpriced requests out and says how many: they are never free', () => {
    const { cost } = preview(large, { models: ['us/unpriced'] }, records)
    expect(cost).toEqual({
      requests: 0,
      unpriced: 100,
      beforeMicroUsd: null,
      afterMicroUsd: null,
      change: null,
      low: null,
      high: null,
    })
  })

  test('forecasts latency from what the models took, and says what share it covers', () => {
    const after: RouteSpec = { models: ['us/small'] }
    const both = preview(large, after, records, { 'eu/large': 1_000, 'us/small': 500 }).latency
    expect(both).toMatchObject({ covered: 1, beforeMs: 1_000, afterMs: 500, change: -0.5 })
    expect(both.low).toBeLessThan(-0.5)
    expect(preview(large, after, records, { 'eu/large': 1_000 }).latency).toMatchObject({ covered: 0, change: null })
  })

  test('names the requests that would lose every candidate, and by what', () => {
    const long = record('req_long', { facts: { ...record('x').facts, inputTokens: 9_000 } })
    const impact = preview(large, { models: ['us/small'] }, [...records, long])
    expect(impact.lostRequests).toBe(1)
    expect(impact.lost).toMatchObject([
      { by: 'context_length', model: 'us/small', requests: 1, examples: ['req_long'] },
    ])
  })

  test('names the requests that would go where the stable version may not send them', () => {
    const rule = { name: 'eu', when: { 'metadata.region': 'eu' }, constraints: { regions: ['eu'] } }
    const before: RouteSpec = { models: ['us/small', 'eu/large'], rules: [rule] }
    const european = record('req_eu', { metadata: { region: 'eu' } })
    const caughtFirst = { ...before, rules: [{ name: 'all', when: { stream: false }, models: ['us/small'] }, rule] }
    const impact = preview(before, caughtFirst, [...records, european])
    expect(impact).toMatchObject({ brokenRequests: 1, lostRequests: 0 })
    expect(impact.broken).toMatchObject([{ by: 'region', model: 'us/small', examples: ['req_eu'] }])
    expect(preview(before, before, [european])).toMatchObject({ changed: 0, brokenRequests: 0 })
  })

  test('says of how many requests it cannot know, for want of the prompt', () => {
    const rules = [{ name: 'refunds', when: { promptMatches: 'refund' }, models: ['us/small'] }]
    const known = record('req_known', { facts: { ...record('x').facts, patterns: { refund: true } } })
    const impact = preview(large, { ...large, rules }, [...records, known])
    expect(impact).toMatchObject({ unknowable: 100, changed: 1 })
  })

  test('of a version against itself changes nothing, whatever is recorded', () => {
    const impact = preview(large, large, records)
    expect(impact).toMatchObject({ changed: 0, lostRequests: 0, brokenRequests: 0 })
    expect(impact.cost).toMatchObject({ change: 0, low: 0, high: 0 })
  })
})
