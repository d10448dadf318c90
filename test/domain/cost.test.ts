import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costMicroUsd, expectedCostMicroUsd } from '#domain/cost.ts'
import type { Usage } from '#domain/decision.ts'
import { promptSize, promptText } from '#domain/tokens.ts'

const usage = (more: Partial<Usage>): Usage => ({
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  isEstimated: false,
  ...more,
})
const price = { input: 2_500_000, cachedInput: 1_250_000, output: 10_000_000 }

describe('cost (B4)', () => {
  it('bills input, cached input and output at their own prices', () => {
    // 600 at 2.50 + 400 at 1.25 + 200 at 10.00 dollars a million = 0.0015 + 0.0005 + 0.002 dollars.
    expect(costMicroUsd(price, usage({ inputTokens: 1_000, cachedInputTokens: 400, outputTokens: 200 }))).toBe(4_000)
  })

  it('bills cached input at the input price where there is no other', () => {
    const flat = { ...price, cachedInput: null }
    expect(costMicroUsd(flat, usage({ inputTokens: 1_000, cachedInputTokens: 400 }))).toBe(2_500)
  })

  it('does not know the cost of an unpriced model or of unknown usage', () => {
    expect(costMicroUsd(null, usage({ inputTokens: 10 }))).toBeNull()
    expect(costMicroUsd(price, null)).toBeNull()
  })

  it('never falls when a count rises, and is a whole number', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (input, output, more) => {
        const cost = costMicroUsd(price, usage({ inputTokens: input, outputTokens: output })) ?? -1
        expect(Number.isSafeInteger(cost)).toBe(true)
        expect(
          costMicroUsd(price, usage({ inputTokens: input + more, outputTokens: output })) ?? -1,
        ).toBeGreaterThanOrEqual(cost)
      }),
    )
  })

  it('expects the output a request allows, or the assumed one, within what the model gives', () => {
    const model = { price: { input: 0, cachedInput: null, output: 1_000_000 }, maxOutputTokens: 100 }
    expect(expectedCostMicroUsd(model, { inputTokens: 10, maxOutputTokens: 40 })).toBe(40)
    expect(expectedCostMicroUsd(model, { inputTokens: 10, maxOutputTokens: null })).toBe(100)
    expect(expectedCostMicroUsd({ ...model, maxOutputTokens: null }, { inputTokens: 10, maxOutputTokens: null })).toBe(
      500,
    )
    expect(expectedCostMicroUsd({ ...model, price: null }, { inputTokens: 10, maxOutputTokens: 1 })).toBeNull()
  })
})

describe('the size of a prompt', () => {
  it('counts characters of all text, and images by number, not by bytes', () => {
    const messages = [
      { role: 'system', content: 'abcd' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'efgh' },
          { type: 'image_url', image_url: { url: `data:${'x'.repeat(9_000)}` } },
        ],
      },
      { role: 'assistant', content: null },
    ]
    expect(promptSize(messages, null)).toEqual({ tokens: 2 + 765, hasImages: true })
    expect(promptText(messages)).toBe('abcd\nefgh')
  })

  it('survives messages of any shape', () => {
    fc.assert(
      fc.property(
        fc.array(fc.anything()),
        (messages) =>
          void promptSize(
            messages.filter((m) => typeof m !== 'bigint'),
            null,
          ),
      ),
    )
  })
})
