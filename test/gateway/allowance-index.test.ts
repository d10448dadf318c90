import { expect, test } from 'vitest'
import { AllowanceIndex } from '#gateway/allowance-index.ts'
import { aBudget, budgetsOf } from '#test/support/allowances.ts'

const budgets = budgetsOf(
  aBudget({ scope: 'key', name: 'k1' }),
  aBudget({ scope: 'team', name: 'search' }),
  aBudget({ scope: 'team', name: 'search', period: 'monthly' }),
  aBudget({ scope: 'project', name: 'p:q' }),
  aBudget({ scope: 'team', name: 'x' }),
)
const index = new AllowanceIndex({
  budgets,
  limits: new Map([
    ['route:r', { concurrency: 1 }],
    ['team:search', { requestsPerMinute: 5 }],
  ]),
})
const applied = (keyId: string, route: string, metadata: Record<string, string>) =>
  index.of(keyId, route, { metadata }).map(({ key }) => key)

test('a request is held to its key, its metadata and its route, and to nothing it does not name (B5)', () => {
  expect(applied('k1', 'r', { team: 'search', user: 'x' })).toEqual(['key:k1', 'team:search', 'route:r'])
  expect(applied('k2', 'other', { project: 'p:q' })).toEqual(['project:p:q'])
  expect(applied('k2', 'other', { team: '', account: 'search' })).toEqual([])
  expect(applied('search', 'search', Object.create({ team: 'search' }))).toEqual([])
})

test('budgets of both periods and the limits of a name are found together', () => {
  const [found] = index.of('k9', 'q', { metadata: { team: 'search' } })
  expect(found?.budgets.map(({ period }) => period)).toEqual(['daily', 'monthly'])
  expect(found?.limits).toEqual({ requestsPerMinute: 5 })
})
