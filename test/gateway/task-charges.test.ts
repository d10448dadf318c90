import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Limits } from '#domain/rate-limit.ts'
import { Allowances, aloneSource } from '#gateway/allowances.ts'
import type { AllowanceSource } from '#store/allowance-source.ts'
import type { LeaseReport } from '#store/budget-leases.ts'
import { aBudget, budgetsOf } from '#test/support/allowances.ts'
import { answers } from '#test/support/fake-upstream.ts'
import { silentLog, until } from '#test/support/gateway.ts'
import { base, byModel, TaskBench } from '#test/support/task-bench.ts'

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
const hardMicroUsd = 100_000

/** A store that gives all of a budget and remembers what it was told. */
function generous() {
  const told = new Map<number, LeaseReport>()
  const source: AllowanceSource = {
    ...aloneSource,
    renewLeases: async (reports) => ({
      alerts: [],
      answers: reports.map((report) => {
        told.set(report.startsAtMs, report)
        const { spentMicroUsd } = report
        const held = { heldMicroUsd: hardMicroUsd - spentMicroUsd, leftMicroUsd: 0 }
        return { report, budget: aBudget({ hardMicroUsd }), spentMicroUsd, ...held }
      }),
    }),
  }
  return { source, spent: () => [...told.values()].reduce((sum, report) => sum + report.spentMicroUsd, 0) }
}

describe('what identifying a task costs (A2, B5)', () => {
  let bench: TaskBench
  beforeAll(async () => {
    bench = await TaskBench.open()
  })
  beforeEach(() => bench.reset())
  afterEach(() => bench.stop())
  afterAll(() => bench.close())

  async function start(limits: Limits) {
    const { source, spent } = generous()
    const allowances = new Allowances({ source, clock, log: silentLog })
    const spec = { ...base, task: { default: 'generation', classifier: byModel } }
    bench.tasks.otherwise = answers('generation')
    await bench.start(spec, {}, { allowances })
    bench.running.setSnapshot({
      ...bench.snapshotOf(spec),
      limits: new Map([['route:r', limits]]),
      budgets: budgetsOf(aBudget({ scope: 'route', name: 'r', hardMicroUsd })),
    })
    return { allowances, spent }
  }

  it('is not spent on a request that its caller’s limit will refuse', async () => {
    await start({ requestsPerMinute: 1 })
    expect((await bench.ask('one')).status).toBe(200)
    const { status, record } = await bench.ask('two')
    expect(status).toBe(429)
    expect(record.classification?.note).toBe('the limit of 1 requests per minute is reached')
    expect(bench.tasks.calls).toHaveLength(1)
  })

  it('is charged to the budget where the request was turned away after all: a budget counts what the log shows', async () => {
    const { allowances, spent } = await start({ concurrency: 1 })
    const asked = Promise.withResolvers<void>()
    const refused = Promise.withResolvers<void>()
    bench.tasks.otherwise = async (call, res) => {
      if (bench.tasks.calls.length === 2) asked.resolve()
      await asked.promise
      return answers('generation')(call, res)
    }
    bench.acme.otherwise = async (call, res) => {
      await refused.promise
      return answers('ok')(call, res)
    }
    const statuses: number[] = []
    const both = ['one', 'two'].map(async (content) => {
      const { status } = await bench.running.post({ model: 'r', messages: [{ role: 'user', content }] })
      statuses.push(status)
    })
    await until(() => statuses.length === 1)
    refused.resolve()
    await Promise.all(both)
    await bench.running.settle()
    expect(statuses).toEqual([429, 200])
    await allowances.reportSpend()
    const costs = bench.running.written.decisions.map(({ costMicroUsd }) => costMicroUsd ?? 0)
    expect(costs.sort((a, b) => a - b)).toEqual([20, 40])
    expect(spent()).toBe(60)
  })
})
