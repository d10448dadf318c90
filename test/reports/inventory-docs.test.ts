import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { inventoryThresholds, simpleTasks } from '#domain/inventory.ts'
import { minScored, minTaskRequests, outputSlack } from '#domain/savings.ts'

const text = readFileSync(new URL('../../docs/savings-and-inventory.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')

test('the thresholds of the inventory and the savings are the documented ones (E2, E3)', () => {
  const { volumePerDay, spendShare, cheaperRatio, simpleShare } = inventoryThresholds
  expect(text).toContain(`${volumePerDay} requests a day or more`)
  expect(text).toContain(`${spendShare * 100} % or more of all that was spent`)
  expect(text).toContain(`would cost ${cheaperRatio * 100} % or less for the same tokens`)
  expect(text).toContain(
    `or ${simpleShare * 100} % or more of its requests being simple tasks (${[...simpleTasks].join(', ')})`,
  )
  expect(text).toContain(`has ${minScored} scores or more of one and the same evaluator`)
  expect(text).toContain(`fewer than ${minTaskRequests} requests on either side`)
  expect([outputSlack, text.includes('moved by a quarter in either direction')]).toEqual([0.25, true])
})
