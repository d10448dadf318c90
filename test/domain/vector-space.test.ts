import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quietLive } from '#domain/live.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import { decideRoute } from '#domain/routing.ts'
import type { LiveRollout } from '#domain/snapshot.ts'
import { plainLabelOf } from '#domain/task.ts'
import { embedAlike, vectorSpaceOf, vectorSpaceOfSpec } from '#domain/vector-space.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

const names = ['a/x', 'b/x', 'b/y', 'c/alias', 'c/chat'] as const
const snapshot = aSnapshot({
  providers: ['a', 'b', 'c'].map((name) => aProvider(name, 'https://example.com/v1')),
  models: [
    aModel('a/x', { capabilities: ['embeddings'] }),
    aModel('b/x', { capabilities: ['embeddings'] }),
    aModel('b/y', { capabilities: ['embeddings'] }),
    aModel('c/alias', { capabilities: ['embeddings', 'vector-space:y'] }),
    aModel('c/chat'),
  ],
})

function decide(
  spec: RouteSpec,
  more: { random?: number; capabilities?: string[]; rollout?: LiveRollout; stable?: RouteVersion } = {},
) {
  return decideRoute({
    catalogue: snapshot,
    entry: aRoute('r', spec, { rollout: more.rollout ?? null, ...(more.stable && { stable: more.stable }) }),
    request: {
      requestId: 'req_1',
      metadata: { session: 's1' },
      inputTokens: 5,
      maxOutputTokens: 0,
      hasTools: false,
      hasImages: false,
      wantsJson: false,
      stream: false,
      capabilities: more.capabilities ?? ['embeddings'],
      promptMatches: () => false,
    },
    random: more.random ?? 0.5,
    live: quietLive(),
    taskOf: (version) => plainLabelOf(version.spec, {}),
    isLeaseValid: true,
  })
}

const aSpec: fc.Arbitrary<RouteSpec> = fc.record(
  {
    models: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
    fallbacks: fc.uniqueArray(fc.constantFrom(...names)),
    select: fc.constantFrom({ strategy: 'priority' as const }, { strategy: 'weighted' as const }),
  },
  { requiredKeys: ['models'] },
)

function spaceOf(model: string): string {
  const entry = snapshot.models.get(model)
  if (entry === undefined) throw new Error(model)
  return vectorSpaceOf(entry)
}

describe('the vector space of a route version (B1)', () => {
  it('is that of the first model that embeds, wherever in the spec it stands', () => {
    const { models } = snapshot
    expect(vectorSpaceOfSpec({ models: ['c/chat', 'b/y', 'a/x'] }, models)).toBe('y')
    expect(vectorSpaceOfSpec({ models: ['c/chat'], fallbacks: ['a/x'] }, models)).toBe('x')
    const rules = [{ name: 'r', when: {}, models: ['c/alias'] }]
    expect(vectorSpaceOfSpec({ models: ['c/chat'], rules, fallbacks: ['a/x'] }, models)).toBe('y')
    expect(vectorSpaceOfSpec({ models: ['c/chat', 'gone/model'] }, models)).toBeNull()
  })

  it('is one for all targets of a request, whatever the pool, the strategy and the fallbacks', () => {
    fc.assert(
      fc.property(aSpec, fc.double({ min: 0, max: 0.999, noNaN: true }), (spec, random) => {
        const { targets, excluded } = decide(spec, { random })
        const spaces = new Set(targets.map((target) => spaceOf(target.model)))
        expect(spaces.size).toBeLessThanOrEqual(1)
        const space = vectorSpaceOfSpec(spec, snapshot.models)
        expect(targets.length > 0 ? [...spaces] : [null]).toEqual([space])
        for (const { model, by } of excluded) if (by === 'vector_space') expect(spaceOf(model)).not.toBe(space)
      }),
    )
  })

  it('says nothing about chats: their targets are the same as before', () => {
    fc.assert(
      fc.property(aSpec, (spec) => {
        const { excluded } = decide(spec, { capabilities: ['tools'] })
        expect(excluded.filter(({ by }) => by === 'vector_space')).toEqual([])
      }),
    )
  })

  it('is never left by a rollout: a unit is in the candidate only where both versions embed alike', () => {
    fc.assert(
      fc.property(aSpec, aSpec, fc.constantFrom('shadow' as const, 'canary' as const), (before, after, stage) => {
        const [baseline, candidate] = [aVersion('r', 1, before), aVersion('r', 2, after)]
        const rollout = aRollout(baseline, candidate, { stage, shareBp: 10_000, mirrorRate: 1 })
        const decision = decide(before, { rollout })
        const isAlike = embedAlike(before, after, snapshot.models)
        expect(decision.rollout !== null).toBe(isAlike)
        expect(decision.arm).toBe(isAlike && stage === 'canary' ? 'candidate' : 'baseline')
        expect(decision.isMirrored).toBe(isAlike && stage === 'shadow')
        expect(decision.isScored).toBe(false)
        if (!isAlike) expect(decision.reason).toContain('another vector space')
      }),
    )
  })

  it('follows the stable version once that is the candidate', () => {
    const [baseline, candidate] = [aVersion('r', 1, { models: ['a/x'] }), aVersion('r', 2, { models: ['b/y'] })]
    const rollout = aRollout(baseline, candidate, { stage: 'bake', shareBp: 10_000 })
    const decision = decide(baseline.spec, { rollout, stable: candidate })
    expect(decision).toMatchObject({ arm: 'candidate', targets: [{ model: 'b/y' }], rollout: null })
  })
})
