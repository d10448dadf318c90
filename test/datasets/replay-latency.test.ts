import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutAt, FaultPlan, faultKinds, spoilText } from '#datasets/replay-faults.ts'
import { drawTiming } from '#datasets/replay-latency.ts'

describe('drawn timings', () => {
  it('are the same for the same model, prompt and seed, and finite and positive for any', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (seed, model, id) => {
        const timing = drawTiming(seed, model, id)
        expect(timing).toEqual(drawTiming(seed, model, id))
        expect(timing.ttftMs).toBeGreaterThan(0)
        expect(timing.ttftMs + timing.perTokenMs).toBeLessThan(60_000)
      }),
    )
  })

  it('rank small models before large ones at the median', () => {
    const median = (model: string) => {
      const draws = Array.from({ length: 501 }, (_, n) => drawTiming('s', model, `p${n}`).perTokenMs).sort(
        (a, b) => a - b,
      )
      return draws[250]!
    }
    expect(median('gpt-4o-mini-2024-07-18')).toBeLessThan(median('gpt-4o-2024-08-06'))
    expect(median('gpt-4o-2024-08-06')).toBeLessThan(median('claude-3-opus-20240229'))
    expect(median('Meta-Llama-3.1-8B-Instruct')).toBeCloseTo(8, 0)
    expect(median('Llama-3.1-405B-Inst')).toBeCloseTo(32, -1)
  })
})

describe('spoilt texts', () => {
  it('are always text that can be sent, whatever was recorded', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom(...faultKinds),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (text, kind, ratio) => {
          expect(spoilText(text, kind).isWellFormed()).toBe(true)
          expect(text.startsWith(cutAt(text, ratio))).toBe(true)
          expect(cutAt(text, ratio).isWellFormed()).toBe(true)
        },
      ),
    )
  })

  it('do not parse as JSON any more after garble or truncate_json', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value) => {
        const text = JSON.stringify(value)
        for (const kind of ['garble', 'truncate_json'] as const)
          expect(() => JSON.parse(spoilText(text, kind))).toThrow()
      }),
    )
  })
})

describe('fault plan', () => {
  it('never strikes at rate 0 and always at rate 1', () => {
    const plan = new FaultPlan('s')
    plan.set('never', { kind: 'empty', rate: 0 })
    plan.set('always', { kind: 'empty', rate: 1 })
    for (let n = 0; n < 1_000; n += 1) {
      expect(plan.next('never')).toBeNull()
      expect(plan.next('always')).not.toBeNull()
      expect(plan.next('other')).toBeNull()
    }
  })
})
