import type { RequestFacts } from '#domain/request-facts.ts'
import type { RoutingDecision } from '#domain/routing.ts'
import { Allowances } from '#gateway/allowances.ts'
import { createLog } from '#infra/log.ts'
import type { AllowanceSource } from '#store/allowance-source.ts'
import { aBudget, budgetsOf } from '#test/support/allowances.ts'
import { aCaller, aProvider, aSnapshot } from '#test/support/routing.ts'

/**
 * What budgets and limits add to a request: view, reserve and settle, in nanoseconds. `node test/bench/allowances.ts`
 *
 * Three cases: nothing applies; one budget and one set of limits of the key; five scopes with two budgets and limits each.
 * The goal is 3 microseconds for the usual case. A store that gives everything keeps the database out of the figures.
 */
const rounds = 300_000
const hardMicroUsd = 1e15

const generous: AllowanceSource = {
  renewLeases: async (reports) => ({
    alerts: [],
    answers: reports.map((report) => ({
      report,
      budget: aBudget({ ...report, hardMicroUsd }),
      spentMicroUsd: report.spentMicroUsd,
      heldMicroUsd: 1e12,
      leftMicroUsd: 1e12,
    })),
  }),
  renewShares: async (reports) => reports.map((report) => report.limit),
  end: async () => undefined,
}

const scopes = [
  ['key', 'key_1'],
  ['team', 'search'],
  ['project', 'apollo'],
  ['account', 'acme'],
  ['route', 'r'],
] as const

async function nanosecondsOf(count: number, periods: readonly ('daily' | 'monthly')[]): Promise<number> {
  const chosen = scopes.slice(0, count)
  const budgets = chosen.flatMap(([scope, name]) =>
    periods.map((period) => aBudget({ scope, name, period, hardMicroUsd })),
  )
  const limits = Object.fromEntries(
    chosen.map(([scope, name]) => [
      `${scope}:${name}`,
      { requestsPerMinute: 2_000_000_000, tokensPerMinute: 2_000_000_000, concurrency: 100 },
    ]),
  )
  const snapshot = {
    ...aSnapshot({ providers: [aProvider('p', 'http://p/v1')], models: ['p/m'], limits }),
    budgets: budgetsOf(...budgets),
  }
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const allowances = new Allowances({ source: generous, clock, log: createLog('silent') })
  await allowances.prepare(snapshot)
  const facts = {
    requestId: 'req_1',
    metadata: { team: 'search', project: 'apollo', account: 'acme' },
    inputTokens: 200,
    maxOutputTokens: 100,
  } as unknown as RequestFacts
  const decision = {
    version: { route: 'r' },
    targets: [{ model: 'p/m', provider: 'p', isFallback: false }],
    excluded: [],
  } as unknown as RoutingDecision
  const caller = aCaller()
  const usage = { inputTokens: 200, cachedInputTokens: 0, outputTokens: 50, reasoningTokens: 0, isEstimated: false }
  const once = () => {
    allowances.view({ caller, route: 'r', facts, snapshot })
    const reserved = allowances.reserve({ requestId: 'req_1', caller, snapshot, facts, decision }, {})
    if (reserved instanceof Promise || 'error' in reserved) throw new Error('the bench ran out of budget')
    allowances.settle(reserved.reservation, { usage, costMicroUsd: 300 })
  }
  const best = []
  for (let series = 0; series < 7; series += 1) {
    const start = performance.now()
    for (let round = 0; round < rounds; round += 1) once()
    best.push(((performance.now() - start) * 1e6) / rounds)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return best.sort((a, b) => a - b)[3] ?? Number.NaN
}

const cases = [
  ['nothing applies', 0, []],
  ["a key's daily budget and limits", 1, ['daily']],
  ['five scopes, two budgets and three limits each', 5, ['daily', 'monthly']],
] as const
for (const [name, count, periods] of cases) {
  const ns = await nanosecondsOf(count, periods)
  console.log(`${name.padEnd(50)} ${Math.round(ns).toString().padStart(7)} ns`)
}
