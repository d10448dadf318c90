import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { droppedPatterns, policyBreaks } from '#domain/policy-change.ts'
import type { RouteSpec } from '#domain/route.ts'
import { aModel, aProvider, aSnapshot } from '#test/support/routing.ts'

const catalogue = aSnapshot({
  providers: [
    aProvider('eu', 'https://eu.example/v1', { region: 'eu', dataPolicies: ['no-training'] }),
    aProvider('us', 'https://us.example/v1', { region: 'us', dataPolicies: ['no-training'] }),
    aProvider('free', 'https://free.example/v1', { region: 'eu' }),
  ],
  models: [aModel('eu/m'), aModel('us/m'), aModel('free/m')],
})
const breaks = (before: RouteSpec, after: RouteSpec) =>
  policyBreaks(before, after, catalogue).map(({ model, by, rule }) => [model, by, rule])

describe('policies that a new version leaves behind (D3)', () => {
  const euOnly: RouteSpec = { models: ['eu/m', 'us/m'], constraints: { regions: ['eu'] } }

  test('are none while the constraint stays, whatever the pool', () => {
    expect(breaks(euOnly, { ...euOnly, models: ['us/m', 'eu/m'], fallbacks: ['free/m'] })).toEqual([])
  })

  test('are found when the constraint goes and a model outside it can be reached', () => {
    expect(breaks(euOnly, { models: ['eu/m', 'us/m'] })).toEqual([['us/m', 'region', null]])
  })

  test('are none when the constraint goes and every model would satisfy it', () => {
    expect(breaks(euOnly, { models: ['eu/m', 'free/m'] })).toEqual([])
  })

  test.each([
    ['a fallback', { models: ['eu/m'], fallbacks: ['us/m'] }],
    ['a classifier', { models: ['eu/m'], task: { classifier: { kind: 'model', model: 'us/m' } } }],
    ['a rule', { models: ['eu/m'], rules: [{ name: 'all', when: {}, models: ['us/m'] }] }],
    ['a drained model', { models: ['eu/m', { model: 'us/m', weight: 0 }] }],
    ['another region', { models: ['eu/m', 'us/m'], constraints: { regions: ['us'] } }],
  ] satisfies [string, RouteSpec][])('are found through %s', (_name, after) => {
    expect(breaks(euOnly, after)).toEqual([['us/m', 'region', null]])
  })

  test('are found per kind: data policy and providers too', () => {
    const before: RouteSpec = {
      models: ['eu/m'],
      constraints: { dataPolicies: ['no-training'], providers: { deny: ['us'] } },
    }
    expect(breaks(before, { models: ['us/m', 'free/m'] })).toEqual([
      ['us/m', 'provider_denied', null],
      ['free/m', 'data_policy', null],
    ])
  })

  test('are found when a rule with constraints goes, or is made laxer', () => {
    const rule = { name: 'eu', when: { 'metadata.region': 'eu' }, constraints: { regions: ['eu'] } }
    const before: RouteSpec = { models: ['us/m', 'eu/m'], rules: [rule] }
    expect(breaks(before, before)).toEqual([])
    expect(breaks(before, { models: ['us/m', 'eu/m'] })).toEqual([['us/m', 'region', 'eu']])
    const laxer = { ...rule, constraints: { regions: ['eu', 'us'] } }
    expect(breaks(before, { ...before, rules: [laxer] })).toEqual([['us/m', 'region', 'eu']])
    expect(breaks(before, { models: ['us/m', 'eu/m'], constraints: { regions: ['eu'] } })).toEqual([])
  })

  test('are found where a new version asks less of providers of delicate requests, also than the defaults do', () => {
    // The default for restricted requests is no retention, which none of these states.
    expect(breaks({ models: ['eu/m'] }, { models: ['eu/m'], constraints: { dataPolicies: ['no-training'] } })).toEqual([
      ['eu/m', 'sensitivity', null],
    ])
    const strict: RouteSpec = { models: ['eu/m'], constraints: { sensitivity: { internal: ['on-premises'] } } }
    expect(breaks(strict, { models: ['eu/m'] })).toEqual([['eu/m', 'sensitivity', null]])
    expect(breaks(strict, strict)).toEqual([])
  })

  test('name the blocked patterns that are dropped or changed', () => {
    const before: RouteSpec = { models: ['eu/m'], guardrails: { blocked: [{ name: 'secret', pattern: 'project x' }] } }
    expect(droppedPatterns(before, before)).toEqual([])
    expect(droppedPatterns(before, { models: ['eu/m'] })).toEqual(['secret'])
    const renamed = { models: ['eu/m'], guardrails: { blocked: [{ name: 'other', pattern: 'project x' }] } }
    expect(droppedPatterns(before, renamed)).toEqual([])
  })

  test('are never found from a version to itself', () => {
    const model = fc.constantFrom('eu/m', 'us/m', 'free/m')
    const constraints = fc.option(
      fc.record(
        { regions: fc.subarray(['eu', 'us'], { minLength: 1 }), dataPolicies: fc.subarray(['no-training']) },
        { requiredKeys: [] },
      ),
      { nil: undefined },
    )
    const spec = fc.tuple(fc.uniqueArray(model, { minLength: 1 }), constraints, constraints).map(
      ([models, own, ofRule]): RouteSpec => ({
        models,
        ...(own && { constraints: own }),
        rules: [{ name: 'r', when: { 'metadata.team': 'x' }, ...(ofRule && { constraints: ofRule }) }],
      }),
    )
    fc.assert(
      fc.property(spec, (one) => {
        expect(breaks(one, one)).toEqual([])
      }),
    )
  })
})
