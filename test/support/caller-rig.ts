import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Budget } from '#domain/budget.ts'
import type { Limits } from '#domain/rate-limit.ts'
import { Allowances } from '#gateway/allowances.ts'
import { createAllowanceSource } from '#store/allowance-source.ts'
import { breakable, budgetsOf, fakeClock, storeBudget } from '#test/support/allowances.ts'
import { type Engine, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, silentLog, startGateway } from '#test/support/gateway.ts'
import { aModel, aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

const messages = [{ role: 'user' as const, content: 'hello you there' }]
/** Four input tokens at $1, at most 98 output tokens at $2 per million: 200 micro-dollars at most, 20 for the usual answer. */
export const ask = { model: 'r', messages, max_tokens: 98 }
export const estimate = 200

export interface CallerSetup {
  readonly budgets?: readonly Budget[]
  readonly limits?: Readonly<Record<string, Limits>>
  readonly callers?: Parameters<typeof aSnapshot>[0]['callers']
  readonly providerLimits?: Limits
  readonly fallbacks?: readonly string[]
  readonly cheapPrice?: null
  readonly parameters?: Readonly<Record<string, unknown>>
}

/** Gateways over one test database with a fake clock: made for each test of the file that calls this, closed after it. */
export function callerRig(engine: Engine) {
  let database: TestDatabase
  let strong: FakeUpstream
  let cheap: FakeUpstream
  let running: RunningGateway[]
  let clock: ReturnType<typeof fakeClock>
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    for (const table of ['budgets', 'budget_windows', 'budget_leases', 'limit_shares'] as const) {
      await database.db.deleteFrom(table).execute()
    }
    strong = await startUpstream()
    cheap = await startUpstream(answers('cheap'))
    clock = fakeClock()
    running = []
  })
  afterEach(async () => {
    for (const one of running) await one.close()
    for (const one of [strong, cheap]) await one.close()
  })

  const snapshotOf = (setup: CallerSetup) => ({
    ...aSnapshot({
      providers: [
        aProvider('s', strong.baseUrl, { limits: setup.providerLimits ?? {} }),
        aProvider('c', cheap.baseUrl),
      ],
      models: [
        's/m',
        aModel('c/m', { price: setup.cheapPrice === null ? null : { input: 0, cachedInput: null, output: 0 } }),
      ],
      routes: [
        aRoute('r', {
          models: ['s/m'],
          fallbacks: setup.fallbacks ?? [],
          retry: { attempts: 1 },
          parameters: setup.parameters ?? {},
        }),
        aRoute('unpriced', { models: ['c/m'] }),
      ],
      ...(setup.callers && { callers: setup.callers }),
      limits: setup.limits ?? {},
    }),
    budgets: budgetsOf(...(setup.budgets ?? [])),
  })

  async function start(setup: CallerSetup, holder = 'g1') {
    const snapshot = snapshotOf(setup)
    for (const budget of setup.budgets ?? []) await storeBudget(database.db, budget)
    const { source, state } = breakable(createAllowanceSource(database.db, holder, clock))
    const allowances = new Allowances({ source, clock, log: silentLog })
    await allowances.prepare(snapshot)
    const gateway = await startGateway(snapshot, { allowances, clock })
    running.push(gateway)
    return { gateway, allowances, state }
  }

  return {
    start,
    snapshotOf,
    get database() {
      return database
    },
    get strong() {
      return strong
    },
    get cheap() {
      return cheap
    },
    get clock() {
      return clock
    },
  }
}

/** An answer with its body read. */
export async function statusOf(response: Promise<Response>) {
  const { status, text } = await response.then(async (one) => ({ status: one.status, text: await one.text() }))
  return { status, body: JSON.parse(text) }
}

export function count(all: readonly { readonly status: number }[], status: number): number {
  return all.filter((one) => one.status === status).length
}
