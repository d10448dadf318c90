import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rebaseSpec } from '#domain/rebase.ts'
import type { RouteSpec } from '#domain/route.ts'

const base: RouteSpec = {
  models: ['a/m'],
  constraints: { regions: ['eu'], maxCostUsd: 0.01 },
  retry: { attempts: 2 },
  parameters: { temperature: 0.2 },
}

describe('carrying a change over to a newer version (D12)', () => {
  it('keeps both changes where they touch different places', () => {
    const mine: RouteSpec = { ...base, models: ['b/m'], constraints: { regions: ['eu'], maxCostUsd: 0.02 } }
    const theirs: RouteSpec = { ...base, constraints: { regions: ['eu', 'us'], maxCostUsd: 0.01 }, fallbacks: ['c/m'] }
    expect(rebaseSpec(base, mine, theirs)).toEqual({
      spec: { ...base, models: ['b/m'], constraints: { regions: ['eu', 'us'], maxCostUsd: 0.02 }, fallbacks: ['c/m'] },
    })
  })

  it('takes a removal for the change it is', () => {
    const { retry: _, ...mine } = base
    const theirs: RouteSpec = { ...base, models: ['b/m'] }
    expect(rebaseSpec(base, mine, theirs)).toEqual({ spec: { ...mine, models: ['b/m'] } })
  })

  it('names every place that both changed differently, and guesses none', () => {
    const mine: RouteSpec = { ...base, models: ['b/m'], parameters: { temperature: 0.5 } }
    const theirs: RouteSpec = { ...base, models: ['c/m'], parameters: { temperature: 0.9 } }
    const rebased = rebaseSpec(base, mine, theirs)
    expect('conflicts' in rebased && rebased.conflicts.map((conflict) => conflict.path)).toEqual([
      '/models',
      '/parameters/temperature',
    ])
  })

  const spec = fc.record(
    {
      models: fc.constantFrom(['a/m'], ['b/m'], ['a/m', 'b/m']),
      retry: fc.record({ attempts: fc.integer({ min: 1, max: 3 }) }),
      parameters: fc.dictionary(
        fc.constantFrom('temperature', 'top_p', '__proto__', 'a/b~'),
        fc.integer({ min: 0, max: 2 }),
      ),
    },
    { requiredKeys: ['models'] },
  ) as fc.Arbitrary<RouteSpec>

  it('is the change itself when nothing else moved, and the other version when nothing was changed', () => {
    fc.assert(
      fc.property(spec, spec, (one, other) => {
        expect(rebaseSpec(one, other, one)).toEqual({ spec: other })
        expect(rebaseSpec(one, one, other)).toEqual({ spec: other })
      }),
    )
  })

  it('gives the same whichever side is called ours, unless both changed one place', () => {
    fc.assert(
      fc.property(spec, spec, spec, (start, one, other) => {
        const [first, second] = [rebaseSpec(start, one, other), rebaseSpec(start, other, one)]
        expect('spec' in first).toBe('spec' in second)
        if ('spec' in first) expect(first).toEqual(second)
      }),
    )
  })
})
