import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quietLive } from '#domain/live.ts'
import { factsOfRecord, type RequestFacts } from '#domain/request-facts.ts'
import type { Constraints, RouteSpec } from '#domain/route.ts'
import { decideRoute, decideTargets, type RoutingInput } from '#domain/routing.ts'
import type { Model, Provider, RouteEntry } from '#domain/snapshot.ts'
import { plainLabelOf } from '#domain/task.ts'
import { aModel, aProvider, aRollout, aRoute, aVersion } from '#test/support/routing.ts'

const catalogue = {
  providers: new Map<string, Provider>([
    ['us', aProvider('us', 'https://us.example', { region: 'us' })],
    ['eu', aProvider('eu', 'https://eu.example', { region: 'eu', dataPolicies: ['no-training'] })],
    ['own', aProvider('own', 'https://own.example', { region: 'eu', dataPolicies: ['no-training', 'on-premises'] })],
  ]),
  models: new Map<string, Model>(
    [
      aModel('us/large', {
        price: { input: 10_000_000, cachedInput: null, output: 30_000_000 },
        contextWindow: 128_000,
      }),
      aModel('us/small', { price: { input: 1_000_000, cachedInput: null, output: 2_000_000 }, contextWindow: 16_000 }),
      aModel('eu/large', {
        price: { input: 12_000_000, cachedInput: null, output: 36_000_000 },
        contextWindow: 128_000,
      }),
      aModel('own/llama', { price: null, capabilities: ['streaming'], contextWindow: 8_000, maxOutputTokens: 2_000 }),
    ].map((model) => [`${model.provider}/${model.model}`, model]),
  ),
}

function facts(more: Partial<RequestFacts> = {}): RequestFacts {
  return {
    requestId: 'req_1',
    metadata: {},
    inputTokens: 100,
    maxOutputTokens: null,
    hasTools: false,
    hasImages: false,
    wantsJson: false,
    stream: false,
    capabilities: [],
    promptMatches: () => false,
    ...more,
  }
}

function decide(entry: RouteEntry | RouteSpec, more: Partial<RoutingInput> = {}) {
  return decideRoute({
    catalogue,
    entry: 'name' in entry ? entry : aRoute('r', entry),
    request: facts(),
    random: 0.5,
    live: quietLive(),
    taskOf: (version) => plainLabelOf(version.spec, (more.request ?? facts()).metadata),
    isLeaseValid: true,
    ...more,
  })
}

const models = (decision: { targets: readonly { model: string }[] }) => decision.targets.map((target) => target.model)

describe('the pool and its constraints (A3)', () => {
  it('tries the models in the order given, then the fallbacks', () => {
    const decision = decide({ models: ['us/large', 'us/small'], fallbacks: ['eu/large', 'us/small'] })
    expect(models(decision)).toEqual(['us/large', 'us/small', 'eu/large'])
    expect(decision.targets.map((target) => target.isFallback)).toEqual([false, false, true])
    expect(decision.reason).toBe('priority: first of 2 eligible')
  })

  it('holds constraints for fallbacks too (A12)', () => {
    const decision = decide({
      models: ['eu/large'],
      fallbacks: ['us/small', 'own/llama'],
      constraints: { regions: ['eu'] },
    })
    expect(models(decision)).toEqual(['eu/large', 'own/llama'])
    expect(decision.excluded).toEqual([{ model: 'us/small', by: 'region', detail: 'needs eu, is us' }])
  })

  it.each<[string, Constraints, Partial<RequestFacts>, string[]]>([
    ['region', { regions: ['eu'] }, {}, ['us/large']],
    ['data_policy', { dataPolicies: ['on-premises'] }, {}, ['us/large', 'eu/large']],
    ['provider_denied', { providers: { deny: ['us'] } }, {}, ['us/large']],
    ['provider_denied', { providers: { allow: ['own'] } }, {}, ['us/large', 'eu/large']],
    ['capability', { capabilities: ['tools'] }, {}, ['own/llama']],
    ['capability', {}, { capabilities: ['vision'] }, ['own/llama']],
    ['context_length', {}, { inputTokens: 9_000 }, ['own/llama']],
    ['context_length', {}, { maxOutputTokens: 2_001 }, ['own/llama']],
    ['max_cost', { maxCostUsd: 0.02 }, { inputTokens: 1_000 }, ['us/large', 'eu/large']],
    ['unpriced', { maxCostUsd: 1 }, {}, ['own/llama']],
  ])('excludes by %s and says why', (by, constraints, request, excluded) => {
    const spec = { models: ['us/large', 'eu/large', 'own/llama'], constraints }
    const decision = decide(spec, { request: facts(request) })
    expect(decision.excluded.filter((exclusion) => exclusion.by === by).map((exclusion) => exclusion.model)).toEqual(
      excluded,
    )
    for (const model of excluded) expect(models(decision)).not.toContain(model)
  })

  it('never lets the order of the pool change an exclusion', () => {
    const pool = ['us/large', 'us/small', 'eu/large', 'own/llama']
    const request = fc.record({
      inputTokens: fc.integer({ min: 0, max: 200_000 }),
      maxOutputTokens: fc.option(fc.integer({ min: 0, max: 5_000 })),
      capabilities: fc.subarray(['streaming', 'tools', 'vision', 'json_schema']),
    })
    const constraints = fc.record(
      {
        regions: fc.subarray(['eu', 'us'], { minLength: 1 }),
        dataPolicies: fc.subarray(['no-training', 'on-premises']),
        maxCostUsd: fc.double({ min: 0.0001, max: 1, noNaN: true }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.shuffledSubarray(pool, { minLength: 4 }), request, constraints, (order, more, limits) => {
        const spec = (list: string[]): RouteSpec => ({ models: list, constraints: limits as Constraints })
        const sorted = (list: string[]) =>
          decide(spec(list), { request: facts(more) })
            .excluded.map((exclusion) => JSON.stringify(exclusion))
            .sort()
        expect(sorted(order)).toEqual(sorted(pool))
      }),
    )
  })

  it('never routes to a model that is excluded', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (inputTokens, random) => {
          const spec: RouteSpec = { models: ['us/small', 'own/llama', 'us/large'], select: { strategy: 'weighted' } }
          const decision = decide(spec, { request: facts({ inputTokens }), random })
          const excluded = decision.excluded.map((exclusion) => exclusion.model)
          for (const model of models(decision)) expect(excluded).not.toContain(model)
        },
      ),
    )
  })

  it('answers 503 and names the constraint when nothing is left', () => {
    const { refusal, targets } = decide({
      models: ['us/large'],
      constraints: { regions: ['eu'] },
      fallbacks: ['us/small'],
    })
    expect(targets).toEqual([])
    expect(refusal).toMatchObject({ status: 503, code: 'no_eligible_target' })
    expect(refusal?.message).toContain('us/large is excluded by region (needs eu, is us)')
  })

  it('answers 400 as OpenAI does when length alone leaves nothing', () => {
    const { refusal } = decide({ models: ['us/small', 'own/llama'] }, { request: facts({ inputTokens: 90_000 }) })
    expect(refusal).toMatchObject({ status: 400, code: 'context_length_exceeded' })
  })

  it('takes a fallback when no model of the pool may, and calls that no failure', () => {
    const decision = decide({ models: ['us/large'], fallbacks: ['eu/large'], constraints: { regions: ['eu'] } })
    expect(models(decision)).toEqual(['eu/large'])
    expect(decision.firstChoice).toBeNull()
  })

  it('passes over an open circuit and remembers what would have been first', () => {
    const decision = decide({ models: ['us/large', 'us/small'] }, { live: quietLive(new Set(['us/large'])) })
    expect(models(decision)).toEqual(['us/small'])
    expect(decision.firstChoice).toBe('us/large')
    expect(decision.excluded).toContainEqual(expect.objectContaining({ model: 'us/large', by: 'circuit_open' }))
  })
})

describe('strategies (A6, A11)', () => {
  it('gives weighted models their share and never one of weight 0', () => {
    const spec: RouteSpec = {
      models: ['us/large', { model: 'us/small', weight: 3 }, { model: 'eu/large', weight: 0 }],
      select: { strategy: 'weighted' },
    }
    const counts: Record<string, number> = {}
    for (let step = 0; step < 1_000; step += 1) {
      const decision = decide(spec, { random: step / 1_000 })
      const first = models(decision)[0] ?? ''
      counts[first] = (counts[first] ?? 0) + 1
      expect(models(decision)).not.toContain('eu/large')
    }
    expect(counts).toEqual({ 'us/large': 250, 'us/small': 750 })
  })

  it('takes the cheapest for this request, and none without a price', () => {
    const spec: RouteSpec = {
      models: ['us/large', 'own/llama', 'us/small', 'eu/large'],
      select: { strategy: 'cost', acceptAnyQuality: true },
    }
    const decision = decide(spec)
    expect(models(decision)).toEqual(['us/small', 'us/large', 'eu/large'])
    expect(decision.excluded).toContainEqual(expect.objectContaining({ model: 'own/llama', by: 'unpriced' }))
    expect(decision.reason).toBe('cost: cheapest of 3 eligible, expected $0.001100')
  })

  it('throws rather than read an unknown strategy as another', () => {
    expect(() => decide({ models: ['us/large'], select: { strategy: 'best' as never } })).toThrow(/unknown strategy/)
  })
})

describe('rules (A4, A5)', () => {
  const spec: RouteSpec = {
    models: ['us/large'],
    task: { default: 'generation' },
    rules: [
      { name: 'simple', when: { task: { in: ['classification'] } }, models: ['us/small'] },
      {
        name: 'europe',
        when: { 'metadata.region': 'eu' },
        models: ['us/small', 'eu/large'],
        constraints: { regions: ['eu'] },
      },
      { name: 'never reached', when: { 'metadata.region': 'eu' }, models: ['own/llama'] },
    ],
  }

  it('lets the first rule that matches decide, with its own pool and constraints besides the route’s', () => {
    const decision = decide(spec, { request: facts({ metadata: { region: 'eu' } }) })
    expect(decision.rule).toBe('europe')
    expect(models(decision)).toEqual(['eu/large'])
  })

  it('takes the explicit task over the default', () => {
    expect(decide(spec, { request: facts({ metadata: { task: 'classification' } }) })).toMatchObject({
      rule: 'simple',
      task: 'classification',
    })
    expect(decide(spec)).toMatchObject({ rule: null, task: 'generation' })
  })
})

describe('arms (A14, D13)', () => {
  const baseline = aVersion('r', 1, { models: ['us/large'] })
  const candidate = aVersion('r', 2, { models: ['us/small'] })
  const entry = (more: Parameters<typeof aRollout>[2] = {}): RouteEntry =>
    aRoute('r', baseline.spec, { rollout: aRollout(baseline, candidate, more) })
  const session = (id: string) => facts({ metadata: { session: id } })

  it('splits by unit, keeps each unit on its side and says where it fell', () => {
    const arms = Array.from({ length: 2_000 }, (_, i) =>
      decide(entry({ shareBp: 2_500 }), { request: session(`s${i}`) }),
    )
    const share = arms.filter((decision) => decision.arm === 'candidate').length / arms.length
    expect(Math.abs(share - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 2_000))
    for (const decision of arms) {
      expect(decision.arm === 'candidate').toBe((decision.bucket ?? 0) < 2_500)
      expect(decision.version.version).toBe(decision.arm === 'candidate' ? 2 : 1)
    }
  })

  it('moves no unit back when the share rises', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(10_000), fc.nat(10_000), (id, one, other) => {
        const at = (shareBp: number) => decide(entry({ shareBp }), { request: session(id) }).arm
        if (at(Math.min(one, other)) === 'candidate') expect(at(Math.max(one, other))).toBe('candidate')
      }),
    )
  })

  it('serves the baseline to requests without the unit, and splits by request where the plan says so', () => {
    const decision = decide(entry({ shareBp: 9_999 }))
    expect(decision).toMatchObject({ arm: 'baseline', unit: null, bucket: null })
    expect(decision.reason).toContain('no session given: baseline')
    const byRequest = decide(entry({ shareBp: 9_999, unit: 'request' }))
    expect(byRequest).toMatchObject({ arm: 'candidate', unit: 'req_1' })
  })

  it('serves the baked candidate to requests without the unit: it is the stable version', () => {
    expect(decide(entry({ stage: 'bake', shareBp: 9_500 })).arm).toBe('candidate')
  })

  it.each(['canary', 'bake', 'shadow'] as const)(
    'serves the baseline only when the lease has run out in %s',
    (stage) => {
      const decision = decide(entry({ stage, shareBp: 10_000, mirrorRate: 1 }), {
        request: session('s'),
        isLeaseValid: false,
      })
      expect(decision).toMatchObject({ arm: 'baseline', rollout: null, isMirrored: false, isScored: false })
      expect(decision.version.version).toBe(1)
      expect(decision.reason).toContain('exposure lease expired')
    },
  )

  it('mirrors the drawn share in shadow and serves everyone the baseline', () => {
    const decisions = Array.from({ length: 2_000 }, (_, i) =>
      decide(entry({ stage: 'shadow', shareBp: 0, mirrorRate: 0.3 }), { request: facts({ requestId: `req_${i}` }) }),
    )
    const share = decisions.filter((decision) => decision.isMirrored).length / decisions.length
    expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 2_000))
    expect(decisions.every((decision) => decision.arm === 'baseline')).toBe(true)
  })

  it('draws for scoring before any answer, at the rate of the plan and only with evaluators', () => {
    const scored = (more: object) =>
      Array.from({ length: 2_000 }, (_, i) =>
        decide(entry(more), { request: facts({ requestId: `req_${i}`, metadata: { session: `s${i}` } }) }),
      ).filter((decision) => decision.isScored).length
    expect(Math.abs(scored({ scoreRate: 0.5 }) - 1_000)).toBeLessThan(5 * Math.sqrt(500))
    expect(scored({ hasEvaluators: false })).toBe(0)
  })
})

describe('a recorded decision', () => {
  it('comes out the same when it is made again from its record (D3)', () => {
    const spec: RouteSpec = {
      models: ['us/large', 'us/small', 'eu/large'],
      select: { strategy: 'weighted' },
      rules: [
        {
          name: 'asks',
          when: { promptMatches: '\\bplease\\b', inputTokens: { lt: 500 } },
          models: ['us/small', 'eu/large'],
        },
        { name: 'tools', when: { hasTools: true }, select: { strategy: 'cost', acceptAnyQuality: true } },
      ],
      fallbacks: ['own/llama'],
    }
    const version = aVersion('r', 1, spec)
    const request = fc.record({
      inputTokens: fc.nat(200_000),
      maxOutputTokens: fc.option(fc.nat(5_000)),
      hasTools: fc.boolean(),
      stream: fc.boolean(),
      isAsking: fc.boolean(),
    })
    fc.assert(
      fc.property(request, fc.double({ min: 0, max: 0.999_999, noNaN: true }), ({ isAsking, ...more }, random) => {
        const patterns: Record<string, boolean> = {}
        const asked = facts({
          ...more,
          promptMatches: (pattern) => {
            patterns[pattern.source] = isAsking
            return isAsking
          },
        })
        const input = { catalogue, version, random, live: quietLive() }
        const task = plainLabelOf(version.spec, asked.metadata)
        const first = decideTargets({ ...input, request: asked, task })
        const { requestId, metadata, stream, promptMatches: _, ...rest } = asked
        const record = JSON.parse(
          JSON.stringify({ requestId, metadata, isStream: stream, facts: { ...rest, patterns } }),
        )
        expect(decideTargets({ ...input, request: factsOfRecord(record), task })).toEqual(first)
      }),
    )
  })
})
