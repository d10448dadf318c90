import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costMicroUsd } from '#domain/cost.ts'
import { becomesFree, checkPrice, isSamePrice, type PriceUsd, toPrice, toUsd } from '#domain/price.ts'

const dollars = fc.double({ min: 0, max: 10_000, noNaN: true }).map((value) => Math.round(value * 1e6) / 1e6)
const maybe = fc.option(dollars)
const prices: fc.Arbitrary<PriceUsd> = fc.record({
  input: dollars,
  cachedInput: maybe,
  output: dollars,
  reasoning: maybe,
})

describe('prices (B4)', () => {
  it('come back as they were written, down to a millionth of a dollar', () => {
    fc.assert(
      fc.property(prices, (usd) => {
        expect(checkPrice(usd)).toEqual([])
        expect(toUsd(toPrice(usd))).toEqual(usd)
        expect(isSamePrice(toPrice(usd), toPrice({ ...usd }))).toBe(true)
      }),
    )
    expect(toPrice(null)).toBeNull()
    expect(toUsd(null)).toBeNull()
  })

  it('that would be kept as nothing are refused by their place', () => {
    expect(checkPrice({ input: 4e-7, output: 1, cachedInput: 1e-9 })).toMatchObject([
      { path: '/input' },
      { path: '/cachedInput' },
    ])
  })

  it('tell a change in any part, unpriced from free, and what turned free', () => {
    const price = toPrice({ input: 1, output: 2 })
    for (const other of [
      { input: 2, output: 2 },
      { input: 1, output: 3 },
      { input: 1, output: 2, cachedInput: 1 },
    ]) {
      expect(isSamePrice(price, toPrice(other))).toBe(false)
    }
    expect(isSamePrice(price, toPrice({ input: 1, output: 2, reasoning: 2 }))).toBe(false)
    expect(isSamePrice(null, toPrice({ input: 0, output: 0 }))).toBe(false)
    expect(becomesFree(price, toPrice({ input: 0, output: 2 }))).toBe(true)
    expect(becomesFree(price, null)).toBe(false)
    expect(becomesFree(null, toPrice({ input: 0, output: 0 }))).toBe(false)
  })

  it('bill every token once: parts sum up, and a part with the price of the whole changes nothing', () => {
    const counts = fc.record({
      inputTokens: fc.nat(1_000_000),
      outputTokens: fc.nat(1_000_000),
      cachedInputTokens: fc.nat(2_000_000),
      reasoningTokens: fc.nat(2_000_000),
    })
    fc.assert(
      fc.property(prices, counts, (usd, tokens) => {
        const usage = { ...tokens, isEstimated: false }
        const plain = costMicroUsd(toPrice({ input: usd.input, output: usd.output }), usage) ?? 0
        const same = toPrice({ ...usd, cachedInput: usd.input, reasoning: usd.output })
        expect(costMicroUsd(same, usage)).toBe(plain)
        const cost = costMicroUsd(toPrice(usd), usage)
        const dearest = Math.max(usd.input, usd.cachedInput ?? 0, usd.output, usd.reasoning ?? 0)
        expect(cost).toBeGreaterThanOrEqual(0)
        expect(cost).toBeLessThanOrEqual(Math.round(dearest * (usage.inputTokens + usage.outputTokens)) + 1)
      }),
    )
  })
})

const dir = `${process.env['INTERLOCK_DATA'] ?? ''}/model-prices`

describe.skipIf(!existsSync(dir))('public price lists (INTERLOCK_DATA names the folder)', () => {
  it.each(['prices-litellm-2025-09.jsonl', 'prices-models-dev-2026-07.jsonl.gz', 'replay-model-prices.jsonl'])(
    'are kept to the last digit that can be billed: %s',
    (name) => {
      const bytes = readFileSync(`${dir}/${name}`)
      const lines = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trim().split('\n')
      const rows = lines.map((line) => JSON.parse(line) as Record<string, number | null>)
      let priced = 0
      for (const row of rows) {
        const [input, output] = [row['input_usd_per_million'], row['output_usd_per_million']]
        if (input == null || output == null) continue
        const usd = { input, output, cachedInput: row['cached_input_usd_per_million'] ?? null }
        priced += 1
        expect(checkPrice(usd)).toEqual([])
        const kept = toPrice(usd)
        expect(Math.abs((kept?.input ?? 0) / 1e6 - input)).toBeLessThanOrEqual(5e-7)
        expect((kept?.output ?? 0) > 0).toBe(output > 0)
      }
      expect(priced).toBeGreaterThan(60)
    },
  )
})
