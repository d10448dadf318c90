import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LiveView, quietLive, type TargetMeasure, unknownTarget } from '#domain/live.ts'
import type { Constraints, RouteSpec } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { sensitivityLevels } from '#domain/sensitivity.ts'
import { plainLabelOf } from '#domain/task.ts'
import { someFacts } from '#test/support/request-facts.ts'
import { aModel, aProvider, aVersion } from '#test/support/routing.ts'

const catalogue = {
  providers: new Map([
    ['plain', aProvider('plain', 'https://a.example')],
    ['careful', aProvider('careful', 'https://b.example', { dataPolicies: ['no-training'] })],
    ['own', aProvider('own', 'https://c.example', { dataPolicies: ['no-training', 'no-retention'] })],
  ]),
  models: new Map(
    ['plain/m', 'careful/m', 'own/m'].map((name) => [
      name,
      aModel(name, { price: { input: 1_000_000, cachedInput: null, output: 0 } }),
    ]),
  ),
}
const models = [...catalogue.models.keys()]

function decide(spec: Partial<RouteSpec>, live: Partial<LiveView>, metadata: Record<string, string> = {}) {
  const full = { models, ...spec }
  const decision = decideTargets({
    catalogue,
    version: aVersion('r', 1, full),
    request: someFacts({ metadata, inputTokens: 1_000 }),
    task: plainLabelOf(full, metadata),
    random: 0.5,
    live: { ...quietLive(), ...live },
  })
  return {
    ...decision,
    order: decision.targets.map(({ model }) => model),
    out: decision.excluded.map(({ model, by }) => `${model} ${by}`),
  }
}

const targets = (measures: Record<string, Partial<TargetMeasure>>) => ({
  targets: new Map(Object.entries(measures).map(([model, measure]) => [model, { ...unknownTarget, ...measure }])),
})
const slow = (samples: number) => ({ samples, totalMs: { p50: 2_000, p95: 9_000, p99: 20_000 } })

describe('the latency ceiling (A3)', () => {
  it('excludes who is measured to be slower, and says by how much', () => {
    const { order, excluded } = decide(
      { constraints: { maxLatencyMs: { p95: 4_000 } } },
      targets({ 'plain/m': slow(50) }),
    )
    expect(order).toEqual(['careful/m', 'own/m'])
    expect(excluded).toEqual([{ model: 'plain/m', by: 'max_latency', detail: 'p95 is 9000 ms, limit 4000 ms' }])
  })

  it.each<[Constraints['maxLatencyMs'], number, boolean]>([
    [{ p50: 1_000 }, 10, true],
    [{ p95: 4_000 }, 19, false],
    [{ p95: 4_000 }, 20, true],
    [{ p99: 4_000 }, 99, false],
    [{ p99: 4_000 }, 100, true],
    [{ p50: 2_000, p95: 9_000, p99: 20_000 }, 500, false],
  ])('%j after %d answers excludes: %s', (maxLatencyMs, samples, isExcluded) => {
    const { out } = decide(
      { constraints: { ...(maxLatencyMs && { maxLatencyMs }) } },
      targets({ 'plain/m': slow(samples) }),
    )
    expect(out).toEqual(isExcluded ? ['plain/m max_latency'] : [])
  })

  it('lets through whom it cannot judge yet, and says so in the reason', () => {
    const { reason } = decide({ constraints: { maxLatencyMs: { p95: 4_000 } } }, targets({ 'own/m': slow(3) }))
    expect(reason).toContain('too few answers to hold plain/m, careful/m, own/m to the latency limit')
  })

  it('holds for fallbacks too, and an empty pool names it (A12)', () => {
    const all = Object.fromEntries(models.map((model) => [model, slow(100)]))
    const spec = { models: ['plain/m'], fallbacks: ['own/m'], constraints: { maxLatencyMs: { p95: 4_000 } } }
    const { order, refusal } = decide(spec, targets(all))
    expect(order).toEqual([])
    expect(refusal).toMatchObject({ status: 503, code: 'no_eligible_target' })
    expect(refusal?.message).toContain('own/m is excluded by max_latency (p95 is 9000 ms, limit 4000 ms)')
  })
})

describe('the quality floor (A3, A8)', () => {
  const quality = (score: number) => ({ quality: { exact: { score, low: score - 0.1, high: 1, samples: 40 } } })
  const constraints = { minQuality: { metric: 'exact', score: 0.7 } }

  it('excludes who is below it and who has no score, fallbacks too: missing never passes', () => {
    const live = targets({ 'plain/m': quality(0.69), 'careful/m': quality(0.7) })
    const { order, excluded } = decide({ models: ['plain/m', 'careful/m'], fallbacks: ['own/m'], constraints }, live)
    expect(order).toEqual(['careful/m'])
    expect(excluded).toEqual([
      { model: 'plain/m', by: 'min_quality', detail: 'exact is 0.690 (40 scores), needs 0.7' },
      { model: 'own/m', by: 'min_quality', detail: 'has no score of exact for this task, needs 0.7' },
    ])
  })

  it('is not met by a score that is no number', () => {
    expect(decide({ constraints }, targets({ 'own/m': quality(Number.NaN) })).order).toEqual([])
  })

  it('is the rule’s and the route’s together', () => {
    const rules = [
      { name: 'strict', when: { stream: false }, constraints: { minQuality: { metric: 'exact', score: 0.9 } } },
    ]
    const live = targets({ 'plain/m': quality(0.8), 'own/m': quality(0.95) })
    expect(decide({ constraints, rules }, live).order).toEqual(['own/m'])
  })
})

describe('budget and provider limits left (A3, B5)', () => {
  it('exclude who would cost more than is left, at the full price', () => {
    const { out, refusal } = decide(
      { models: ['plain/m'] },
      { budgetLeftMicroUsd: 999, ...targets({ 'plain/m': { cachedShare: 1 } }) },
    )
    expect(out).toEqual(['plain/m budget'])
    expect(refusal?.message).toContain('expected $0.001000, the budget has $0.000999 left')
    expect(decide({ models: ['plain/m'] }, { budgetLeftMicroUsd: 1_000 }).out).toEqual([])
  })

  it('exclude every model of a provider that may not be sent more, with its reason', () => {
    const { excluded } = decide({}, { limitedProviders: new Map([['careful', '600 requests a minute']]) })
    expect(excluded).toEqual([{ model: 'careful/m', by: 'rate_limit', detail: '600 requests a minute' }])
  })
})

describe('sensitivity (A3, B6)', () => {
  it.each<[string, string[]]>([
    ['public', ['plain/m', 'careful/m', 'own/m']],
    ['internal', ['plain/m', 'careful/m', 'own/m']],
    ['confidential', ['careful/m', 'own/m']],
    ['restricted', ['own/m']],
    ['top-secret', ['own/m']],
  ])('%s requests go to providers that state enough for it', (sensitivity, order) => {
    expect(decide({}, {}, { sensitivity }).order).toEqual(order)
  })

  it('says what is needed, and that an unknown level is held to be restricted', () => {
    const detail = (sensitivity: string) => decide({}, {}, { sensitivity }).excluded[0]?.detail
    expect(detail('restricted')).toBe('a restricted request needs no-retention, on-premises or restricted')
    expect(detail('resticted')).toContain('"resticted" is not known, so held to be restricted')
  })

  it('is not weaker where it is spelled oddly or not known than where it is spelled right', () => {
    const constraints = { sensitivity: { restricted: ['no-training', 'no-retention'], Health: ['no-training'] } }
    const orderOf = (sensitivity: string) => decide({ constraints }, {}, { sensitivity }).order
    for (const odd of ['RESTRICTED', ' Restricted ', 'restricted\t', 'secret', 'constructor', '__proto__']) {
      expect(orderOf(odd)).toEqual(orderOf('restricted'))
    }
    expect(orderOf('health ')).toEqual(orderOf('Health'))
    expect(orderOf('restricted')).toEqual(['own/m'])
  })

  it('of a request that names none is internal, also where something is asked of internal ones', () => {
    const constraints = { sensitivity: { internal: ['no-training', 'no-retention'] } }
    expect(decide({ constraints }, {}, {}).order).toEqual(['own/m'])
    expect(decide({ constraints }, {}, { sensitivity: '' }).order).toEqual(['own/m'])
  })

  it('goes by what the route asks for the level, all of it', () => {
    const constraints = { sensitivity: { restricted: ['no-training'], health: ['no-training', 'no-retention'] } }
    expect(decide({ constraints }, {}, { sensitivity: 'restricted' }).order).toEqual(['careful/m', 'own/m'])
    expect(decide({ constraints }, {}, { sensitivity: 'health' }).order).toEqual(['own/m'])
    expect(decide({ constraints }, {}, { sensitivity: 'confidential' }).order).toEqual(['careful/m', 'own/m'])
  })

  it('leaves it to the data policies in force where the author names some', () => {
    const when = { 'metadata.sensitivity': 'restricted' }
    const rules = [{ name: 'secret', when, constraints: { dataPolicies: ['no-training'] } }]
    expect(decide({ rules }, {}, { sensitivity: 'restricted' }).order).toEqual(['careful/m', 'own/m'])
  })

  it('holds for fallbacks, and a higher level never opens a door that a lower one closes', () => {
    expect(decide({ models: ['own/m'], fallbacks: ['plain/m'] }, {}, { sensitivity: 'restricted' }).order).toEqual([
      'own/m',
    ])
    const level = fc.integer({ min: 0, max: sensitivityLevels.length - 2 })
    fc.assert(
      fc.property(level, (index) => {
        const [low, high] = [index, index + 1].map(
          (at) => decide({}, {}, { sensitivity: sensitivityLevels[at] ?? '' }).order,
        )
        for (const model of high ?? []) expect(low).toContain(model)
      }),
    )
  })
})
