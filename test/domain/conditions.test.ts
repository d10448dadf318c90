import { describe, expect, it } from 'vitest'
import { checkCondition, predicateOf } from '#domain/conditions.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { Condition } from '#domain/route.ts'

const facts: RequestFacts = {
  requestId: 'req_1',
  metadata: { region: 'eu', amount: '120', empty: '' },
  inputTokens: 800,
  maxOutputTokens: null,
  hasTools: true,
  hasImages: false,
  wantsJson: true,
  stream: false,
  capabilities: [],
  promptMatches: (pattern) => pattern.test('Please refund ORDER-77'),
}
const holds = (when: Condition) => predicateOf(when)({ facts, task: 'extraction' })

describe('conditions of rules (A4)', () => {
  it.each<[boolean, Condition]>([
    [true, { task: 'extraction' }],
    [false, { task: { ne: 'extraction' } }],
    [true, { task: { in: ['classification', 'extraction'] } }],
    [false, { task: { nin: ['extraction'] } }],
    [true, { 'metadata.region': 'eu', hasTools: true }],
    [false, { 'metadata.region': 'eu', hasTools: false }],
    [true, { 'metadata.team': { exists: false } }],
    [true, { 'metadata.team': { ne: 'x' } }],
    [false, { 'metadata.team': 'x' }],
    [true, { inputTokens: { gt: 799, lte: 800 } }],
    [false, { inputTokens: { gte: 801 } }],
    [true, { 'metadata.amount': { gte: 120 } }],
    [false, { 'metadata.region': { gt: 0 } }],
    [false, { 'metadata.empty': { gte: 0 } }],
    [true, { promptMatches: '(?i)order-\\d+' }],
    [false, { promptMatches: { ne: 'refund' } }],
    [true, { promptMatches: { in: ['nothing', 'refund'] } }],
    [true, { all: [{ hasTools: true }, { any: [{ stream: true }, { wantsJson: true }] }] }],
    [true, { not: { stream: true } }],
  ])('says %s for %j', (expected, when) => {
    expect(checkCondition(when, '')).toEqual([])
    expect(holds(when)).toBe(expected)
  })

  it.each<[string, unknown, RegExp]>([
    ['/w/size', { size: 3 }, /unknown field "size"; known: task,/],
    ['/w/task/like', { task: { like: 'x' } }, /unknown operator "like"; known: eq,/],
    ['/w/inputTokens', { inputTokens: 'many' }, /compared with a number/],
    ['/w/hasTools/gt', { hasTools: { gt: 1 } }, /has no order/],
    ['/w/task/in', { task: { in: [] } }, /at least one value/],
    ['/w/task/in/1', { task: { in: ['a', 3] } }, /compared with a string/],
    ['/w/promptMatches', { promptMatches: '(a' }, /not a usable pattern/],
    ['/w/promptMatches', { promptMatches: '(?=a)' }, /look-around/],
    ['/w/any/0/metadata.', { any: [{ 'metadata.': 'x' }] }, /unknown field/],
    ['/w/not/a~1b', { not: { 'a/b': 1 } }, /unknown field/],
    ['/w', {}, /names no field/],
    ['/w', null, /must be an object/],
    ['/w/all', { all: [] }, /at least one condition/],
    ['/w/task/exists', { task: { exists: 'yes' } }, /true or false/],
  ])('places the fault at %s', (path, when, message) => {
    expect(checkCondition(when, '/w')).toEqual([{ path, message: expect.stringMatching(message) }])
  })

  it('refuses a condition nested without end', () => {
    let when: Condition = { stream: true }
    for (let depth = 0; depth < 20; depth += 1) when = { not: when }
    expect(checkCondition(when, '')[0]?.message).toMatch(/deeper than/)
  })

  it('reads a name of Object’s prototype as a field like any other', () => {
    expect(checkCondition({ constructor: 'x' }, '')[0]?.message).toMatch(/unknown field "constructor"/)
    expect(holds({ 'metadata.constructor': { exists: true } })).toBe(false)
  })

  it('searches in time linear in the prompt', () => {
    const pattern = '(a+)+$'
    const text = `${'a'.repeat(50_000)}b`
    const subject = {
      facts: { ...facts, promptMatches: (p: { test(t: string): boolean }) => p.test(text) },
      task: null,
    }
    expect(predicateOf({ promptMatches: pattern })(subject)).toBe(false)
  })
})
