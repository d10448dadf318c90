import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  beginning,
  costCapMicroUsd,
  fallbackReasonOf,
  fallbackReasons,
  isAffordable,
  mayBeBilled,
  mayFollow,
  purseOf,
  stateOf,
} from '#domain/fallback.ts'
import type { FallbackReason } from '#domain/route.ts'
import { aModel } from '#test/support/routing.ts'

const models = new Map([
  ['a/small', { contextWindow: 8_000 }],
  ['a/large', { contextWindow: 128_000 }],
  ['a/unknown', { contextWindow: null }],
])
const follow = (errorClass: string, next: { model: string; on?: FallbackReason[] }, status: number | null = 400) =>
  mayFollow({ failure: { errorClass, status }, failed: { model: 'a/small' }, next, models })

describe('what may follow a failure (A12)', () => {
  it.each([
    ['timeout', null, true],
    ['rate_limit', 429, true],
    ['server_error', 500, true],
    ['connection', null, true],
    ['invalid_response', 200, true],
    ['stream_truncated', 200, true],
    ['auth', 401, true],
    ['unsupported', null, true],
    ['bad_request', 404, true],
    ['bad_request', 400, false],
    ['bad_request', 422, false],
    ['client_closed', null, false],
    ['content_filter', 400, false],
  ])('after %s (%s) any other target: %s', (errorClass, status, expected) => {
    expect(follow(errorClass, { model: 'a/large' }, status)).toBe(expected)
  })

  it.each([
    ['a larger window', 'a/large', true],
    ['the same window', 'a/small', false],
    ['an unknown window', 'a/unknown', false],
    ['a model that is not in the catalogue', 'a/none', false],
  ])('a prompt too long goes on to %s: %s', (_name, model, expected) => {
    expect(follow('context_length', { model })).toBe(expected)
  })

  it('an entry that names classes follows those and no others', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fallbackReasons),
        fc.uniqueArray(fc.constantFrom(...fallbackReasons), { minLength: 1 }),
        (reason, on) => {
          expect(follow(reason, { model: 'a/unknown', on })).toBe(on.includes(reason))
        },
      ),
    )
  })

  it('nothing follows the fault of a request, whatever an entry names', () => {
    const on = [...fallbackReasons]
    expect(follow('bad_request', { model: 'a/large', on }, 422)).toBe(false)
    expect(follow('client_closed', { model: 'a/large', on }, null)).toBe(false)
  })

  it('knows a reason, or none, for every class of error', () => {
    expect(fallbackReasonOf({ errorClass: 'stream_truncated', status: 200 })).toBe('invalid_response')
    expect(fallbackReasonOf({ errorClass: 'auth', status: 403 })).toBe('server_error')
    expect(fallbackReasonOf({ errorClass: 'bad_request', status: 400 })).toBeNull()
  })
})

describe('a request whose pool has nothing to offer', () => {
  const entry = (model: string, ...on: FallbackReason[]) => (on.length === 0 ? { model } : { model, on })
  const filter = entry('f/filter', 'content_filter')
  const health = entry('f/health', 'timeout')
  const length = entry('f/length', 'context_length')
  it('begins with a fallback that is for what has happened', () => {
    expect(beginning([filter, health], 'resting').targets).toEqual([health])
    expect(beginning([filter, length], 'too_short').targets).toEqual([length])
    expect(beginning([filter, entry('f/any'), health], 'excluded').targets).toEqual([entry('f/any'), health])
  })

  it('says which fallbacks were not for it', () => {
    const { targets, held } = beginning([filter, health], 'excluded')
    expect(targets).toEqual([])
    expect(held.map(({ model, by }) => [model, by])).toEqual([
      ['f/filter', 'fallback_condition'],
      ['f/health', 'fallback_condition'],
    ])
  })

  it('is too short only where every model that is not drained is', () => {
    const by = (...reasons: string[]) => reasons.map((reason) => ({ model: 'm', by: reason, detail: '' }))
    expect(stateOf(by('context_length', 'drained'))).toBe('too_short')
    expect(stateOf(by('context_length', 'region'))).toBe('excluded')
    expect(stateOf(by('drained'))).toBe('excluded')
  })
})

describe('what all attempts together may cost', () => {
  const spec = {
    models: ['a/m'],
    constraints: { maxCostUsd: 0.02 },
    rules: [{ name: 'cheap', when: {}, constraints: { maxCostUsd: 0.005 } }],
  }
  it('is the lower of what route and rule say', () => {
    expect(costCapMicroUsd(spec, null)).toBe(20_000)
    expect(costCapMicroUsd(spec, 'cheap')).toBe(5_000)
    expect(costCapMicroUsd({ models: ['a/m'] }, null)).toBeNull()
  })

  it('never lets spent and expected pass the cap, and nothing unpriced in under one', () => {
    const model = aModel('a/m')
    fc.assert(
      fc.property(fc.nat(30_000), fc.nat(10_000), (spent, inputTokens) => {
        const purse = purseOf(spec, null, { inputTokens, maxOutputTokens: 100 })
        const expected = (inputTokens * 1_000_000 + 100 * 2_000_000) / 1_000_000
        expect(isAffordable(purse, spent, model)).toBe(spent + expected <= 20_000)
        expect(isAffordable(purse, spent, aModel('a/m', { price: null }))).toBe(false)
      }),
    )
    expect(isAffordable({ capMicroUsd: null, inputTokens: 1, maxOutputTokens: null }, 9e9, undefined)).toBe(true)
  })

  it('counts what may be billed although nothing came of it', () => {
    expect(mayBeBilled({ errorClass: 'timeout', status: null, isSent: true })).toBe(true)
    expect(mayBeBilled({ errorClass: 'stream_truncated', status: 200, isSent: true })).toBe(true)
    expect(mayBeBilled({ errorClass: 'timeout', status: null, isSent: false })).toBe(false)
    expect(mayBeBilled({ errorClass: 'server_error', status: 500, isSent: true })).toBe(false)
    expect(mayBeBilled({ errorClass: 'rate_limit', status: 429, isSent: true })).toBe(false)
  })
})
