import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dearestModel,
  inventoryRules,
  inventoryThresholds,
  routingFindings,
  type UsageFacts,
} from '#domain/inventory.ts'

const catalogue = [
  { model: 'p/strong', price: { input: 5_000_000, cachedInput: null, output: 15_000_000 } },
  { model: 'p/cheap', price: { input: 150_000, cachedInput: null, output: 600_000 } },
]

/** 1,000 requests a day of 1,000 tokens in and 100 out, on p/strong, half of all that was spent. */
function usage(over: Partial<UsageFacts> = {}): UsageFacts {
  return {
    kind: 'route',
    requests: 30_000,
    requestsPerDay: 1_000,
    costMicroUsd: 195_000_000,
    tokens: { inputTokens: 30_000_000, cachedInputTokens: 0, outputTokens: 3_000_000 },
    allCostMicroUsd: 390_000_000,
    simpleOnDearest: 0,
    ...over,
  }
}

const codes = (facts: UsageFacts, models = catalogue) => {
  const { isCandidate, findings } = routingFindings(facts, models)
  return [isCandidate, findings.map((finding) => finding.code)]
}

describe('a candidate for routing (E2)', () => {
  it('has much traffic, costs much, and has a much cheaper model to try', () => {
    expect(codes(usage())).toEqual([true, ['volume', 'spend', 'cheaper_model']])
    expect(routingFindings(usage(), catalogue).findings.map((finding) => finding.sentence)).toEqual([
      '1,000 requests a day',
      '50 % of all that was spent',
      'p/cheap would cost 3.2 % of it for the same tokens',
    ])
  })

  it('is also one that spends the dearest model on simple tasks, with nothing cheaper in the catalogue', () => {
    const only = catalogue.slice(0, 1)
    expect(codes(usage({ simpleOnDearest: 6_000 }), only)).toEqual([true, ['volume', 'spend', 'simple_on_strong']])
    expect(codes(usage({ simpleOnDearest: 5_999 }), only)).toEqual([false, ['volume', 'spend']])
  })

  it.each<[string, Partial<UsageFacts>]>([
    ['little traffic', { requestsPerDay: inventoryThresholds.volumePerDay - 1 }],
    ['little money', { allCostMicroUsd: 195_000_000_000 }],
    ['no known cost', { costMicroUsd: null }],
    ['nothing spent at all', { costMicroUsd: 0, allCostMicroUsd: 0 }],
  ])('is not one with %s', (_name, over) => {
    expect(codes(usage(over))[0]).toBe(false)
  })

  it('is told when it passes every route, whatever its size', () => {
    expect(codes(usage({ kind: 'direct', requestsPerDay: 1 }))).toEqual([
      false,
      ['spend', 'cheaper_model', 'past_routes'],
    ])
  })

  it('stays one when it only grows: more requests at the same cost each never end it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), (factor) => {
        const more = usage({ requestsPerDay: 1_000 * factor })
        expect(routingFindings(more, catalogue).isCandidate).toBe(true)
      }),
    )
  })
})

describe('the rules', () => {
  it('name every threshold', () => {
    expect(inventoryRules().join(' ')).toMatch(/100 requests a day.*10 %.*50 %.*20 %.*classification/)
  })

  it('have one dearest model, by a usual prompt, whatever the order', () => {
    expect(dearestModel(catalogue)).toBe('p/strong')
    expect(dearestModel([...catalogue].reverse())).toBe('p/strong')
    expect(dearestModel([])).toBeNull()
  })
})
