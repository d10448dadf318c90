import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Budget } from '#domain/budget.ts'
import type { BudgetLedger, BudgetOutcome, BudgetReservation } from '#gateway/budget-ledger.ts'
import { aBudget, budgetsOf, fakeClock, ledgerOn, start, stateOf, storeBudget } from '#test/support/allowances.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const day = 24 * 3_600_000

function hasPassed(outcome: BudgetOutcome): outcome is BudgetReservation {
  return 'microUsd' in outcome
}

describe.each(engines())('budgets leased on %s (B5)', (engine) => {
  let database: TestDatabase
  let names = 0
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())

  /** A budget of its own, stored, with ledgers that follow it. */
  async function rig(more: Partial<Budget> = {}, replicas = 1) {
    names += 1
    const budget = aBudget({ name: `team-${names}`, ...more })
    const clock = fakeClock()
    await storeBudget(database.db, budget)
    const gateways = Array.from({ length: replicas }, (_, index) =>
      ledgerOn(database.db, `${budget.name}-${index}`, clock),
    )
    for (const { ledger } of gateways) await ledger.follow({ budgets: budgetsOf(budget) })
    const ask = async (ledger: BudgetLedger, microUsd: number) =>
      ledger.reserve([ledger.leaseOf(budget, clock.nowMs())], microUsd)
    const first = gateways[0] as (typeof gateways)[number]
    const state = () => stateOf(database.db, budget.scope, budget.name, clock.nowMs())
    return { budget, clock, gateways, ask, first, state }
  }

  it('lets exactly as many of 100 simultaneous requests pass as the budget allows', async () => {
    const { ask, first, state } = await rig({ hardMicroUsd: 1_000 })
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => ask(first.ledger, 30)))
    expect(outcomes.filter(hasPassed)).toHaveLength(33)
    expect(outcomes.filter((outcome) => !hasPassed(outcome) && outcome.isUnreachable)).toEqual([])
    for (const outcome of outcomes.filter(hasPassed)) first.ledger.settle(outcome, 30)
    await first.ledger.report()
    expect((await state()).spentMicroUsd).toBe(990)
  })

  it('is not overspent by two gateways that hammer it, and no money is left that a request would have fitted in', async () => {
    const { ask, gateways, state, clock } = await rig({ hardMicroUsd: 10_000 }, 2)
    let refused = 0
    const worker = async (ledger: BudgetLedger, cost: number) => {
      for (let misses = 0; misses < 3; ) {
        const outcome = await ask(ledger, cost)
        await new Promise((resolve) => setImmediate(resolve))
        if (hasPassed(outcome)) ledger.settle(outcome, cost)
        else {
          misses += 1
          refused += 1
          clock.pass(100)
          await ledger.tick()
        }
      }
    }
    await Promise.all(
      gateways.flatMap(({ ledger }, index) => Array.from({ length: 20 }, () => worker(ledger, 7 + index))),
    )
    for (const { ledger } of gateways) await ledger.report()
    const { spentMicroUsd } = await state()
    expect(refused).toBeGreaterThan(0)
    expect(spentMicroUsd).toBeLessThanOrEqual(10_000)
    expect(spentMicroUsd).toBeGreaterThan(9_900)
  })

  it('is passed at most by what requests under way cost beyond their estimates', async () => {
    const { ask, gateways, state } = await rig({ hardMicroUsd: 1_000 }, 2)
    const outcomes = await Promise.all(
      gateways.flatMap(({ ledger }) =>
        Array.from({ length: 100 }, async () => ({ ledger, outcome: await ask(ledger, 30) })),
      ),
    )
    const passed = outcomes.flatMap(({ ledger, outcome }) => (hasPassed(outcome) ? [{ ledger, outcome }] : []))
    for (const { ledger, outcome } of passed) ledger.settle(outcome, 45)
    for (const { ledger } of gateways) await ledger.report()
    const { spentMicroUsd } = await state()
    expect(passed.length * 30).toBeLessThanOrEqual(1_000)
    expect(spentMicroUsd).toBe(passed.length * 45)
    expect(spentMicroUsd - 1_000).toBeLessThanOrEqual(passed.length * (45 - 30))
    for (const { ledger } of gateways) expect(hasPassed(await ask(ledger, 1))).toBe(false)
  })

  it('gives back what a request set aside and did not spend', async () => {
    const { ask, first } = await rig({ hardMicroUsd: 100 })
    const outcome = await ask(first.ledger, 100)
    expect(hasPassed(outcome)).toBe(true)
    expect(hasPassed(await ask(first.ledger, 1))).toBe(false)
    if (hasPassed(outcome)) first.ledger.settle(outcome, 0)
    expect(hasPassed(await ask(first.ledger, 100))).toBe(true)
  })

  it('frees what a gateway held that died between reserving and settling, once its lease has run out', async () => {
    const { ask, gateways, clock, state } = await rig({ hardMicroUsd: 1_000 }, 2)
    const [dead, alive] = gateways as [(typeof gateways)[number], (typeof gateways)[number]]
    const spent = await ask(dead.ledger, 100)
    if (hasPassed(spent)) dead.ledger.settle(spent, 100)
    await dead.ledger.report()
    expect(hasPassed(await ask(dead.ledger, 700))).toBe(true)
    await dead.ledger.tick()
    expect(hasPassed(await ask(alive.ledger, 300))).toBe(false)
    clock.pass(31_000)
    await alive.ledger.tick()
    expect(hasPassed(await ask(alive.ledger, 900))).toBe(true)
    expect((await state()).spentMicroUsd).toBe(100)
  })

  it('shrinks the part of an idle gateway, so that the busy one can spend what is left', async () => {
    const { ask, gateways, clock } = await rig({ hardMicroUsd: 1_000 }, 2)
    const [idle, busy] = gateways as [(typeof gateways)[number], (typeof gateways)[number]]
    let passed = 0
    for (let round = 0; round < 180; round += 1) {
      const outcome = await ask(busy.ledger, 10)
      if (hasPassed(outcome)) {
        passed += 1
        busy.ledger.settle(outcome, 10)
      } else clock.pass(1_000)
      await busy.ledger.tick()
      await idle.ledger.tick()
    }
    expect(passed).toBe(100)
  })

  it('starts afresh at midnight UTC and charges a request to the day in which it began', async () => {
    const { ask, first, clock, budget, state } = await rig({ hardMicroUsd: 100 })
    clock.pass(start + day / 2 - clock.nowMs() - 30_000)
    await first.ledger.tick()
    const late = await ask(first.ledger, 60)
    expect(hasPassed(await ask(first.ledger, 60))).toBe(false)
    const yesterday = clock.nowMs()
    clock.pass(30_000)
    const early = await ask(first.ledger, 100)
    expect([hasPassed(late), hasPassed(early)]).toEqual([true, true])
    if (hasPassed(late)) first.ledger.settle(late, 50)
    if (hasPassed(early)) first.ledger.settle(early, 99)
    await first.ledger.tick()
    expect((await state()).spentMicroUsd).toBe(99)
    expect((await stateOf(database.db, budget.scope, budget.name, yesterday)).spentMicroUsd).toBe(50)
  })

  it('keeps a monthly budget over midnight and starts it afresh with the month', async () => {
    const { ask, first, clock } = await rig({ hardMicroUsd: 100, period: 'monthly' })
    const outcome = await ask(first.ledger, 100)
    if (hasPassed(outcome)) first.ledger.settle(outcome, 100)
    clock.pass(day)
    await first.ledger.tick()
    expect(hasPassed(await ask(first.ledger, 1))).toBe(false)
    clock.pass(Date.parse('2026-04-01T00:00:00Z') - clock.nowMs())
    expect(hasPassed(await ask(first.ledger, 100))).toBe(true)
  })

  it('records and logs the soft alert once per window, whichever gateways see it', async () => {
    const { ask, gateways, clock, state } = await rig({ hardMicroUsd: 1_000, softMicroUsd: 300 }, 2)
    const spend = async (microUsd: number) => {
      for (const { ledger } of gateways) {
        const outcome = await ask(ledger, microUsd)
        if (hasPassed(outcome)) ledger.settle(outcome, microUsd)
        await ledger.tick()
      }
    }
    const alerts = () =>
      gateways.flatMap(({ logged }) => logged).filter((line) => line.includes('has reached its soft limit')).length
    await spend(100)
    expect([alerts(), (await state()).softAt]).toEqual([0, null])
    await spend(100)
    expect([alerts(), (await state()).softAt]).toEqual([1, clock.nowMs()])
    await spend(100)
    expect([alerts(), (await state()).hardAt]).toEqual([1, null])
    clock.pass(day)
    await spend(150)
    expect(alerts()).toBe(2)
  })

  it('spends what is leased while the store is away, never more, and reports it afterwards', async () => {
    const { ask, first, state, clock } = await rig({ hardMicroUsd: 1_000 })
    first.state.isAway = true
    const outcomes: BudgetOutcome[] = []
    for (let count = 0; count < 20; count += 1) outcomes.push(await ask(first.ledger, 50))
    expect(outcomes.filter(hasPassed)).toHaveLength(10)
    expect(outcomes.slice(10).every((outcome) => !hasPassed(outcome) && outcome.isUnreachable)).toBe(true)
    for (const outcome of outcomes.filter(hasPassed)) first.ledger.settle(outcome, 50)
    await expect(first.ledger.report()).rejects.toThrow('the store is away')
    clock.pass(120_000)
    await first.ledger.tick()
    first.state.isAway = false
    await first.ledger.report()
    expect((await state()).spentMicroUsd).toBe(500)
    expect(hasPassed(await ask(first.ledger, 500))).toBe(true)
    expect(hasPassed(await ask(first.ledger, 1))).toBe(false)
  })

  it('lets requests pass that cost nothing when all is spent', async () => {
    const { ask, first } = await rig({ hardMicroUsd: 0 })
    expect(hasPassed(await ask(first.ledger, 1))).toBe(false)
    expect(hasPassed(await ask(first.ledger, 0))).toBe(true)
  })

  it('takes a report twice without counting it twice, and a late one without taking anything back', async () => {
    const { budget, first, state } = await rig({ hardMicroUsd: 1_000 })
    const lease = first.ledger.leaseOf(budget, start)
    lease.reserve(10)
    lease.settle(10, 10)
    const report = lease.report(0)
    await first.source.renewLeases([report])
    await first.source.renewLeases([report])
    await first.source.renewLeases([{ ...report, spentMicroUsd: 4 }])
    expect((await state()).spentMicroUsd).toBe(10)
  })

  it('is followed where it is raised, lowered or removed', async () => {
    const { ask, first, budget, clock } = await rig({ hardMicroUsd: 100 })
    const outcome = await ask(first.ledger, 100)
    if (hasPassed(outcome)) first.ledger.settle(outcome, 100)
    const raised = { ...budget, hardMicroUsd: 150 }
    await storeBudget(database.db, raised)
    await first.ledger.follow({ budgets: budgetsOf(raised) })
    const lease = first.ledger.leaseOf(raised, clock.nowMs())
    expect(hasPassed(await first.ledger.reserve([lease], 51))).toBe(false)
    expect(hasPassed(await first.ledger.reserve([lease], 50))).toBe(true)
    await first.ledger.follow({ budgets: new Map() })
    await first.ledger.tick()
    expect((await first.ledger.reports()).length).toBe(1)
  })

  it('takes from every budget of a request or from none', async () => {
    const { first, budget, clock } = await rig({ hardMicroUsd: 1_000 })
    const tight = aBudget({ scope: 'route', name: budget.name, hardMicroUsd: 10 })
    await storeBudget(database.db, tight)
    await first.ledger.follow({ budgets: budgetsOf(budget, tight) })
    const leases = [budget, tight].map((one) => first.ledger.leaseOf(one, clock.nowMs()))
    const outcome = await first.ledger.reserve(leases, 20)
    expect(hasPassed(outcome)).toBe(false)
    expect('lease' in outcome && outcome.lease.budget).toEqual(tight)
    expect(leases.map((lease) => lease.hoped)).toEqual([1_000, 10])
  })

  it('counts what the decision log says was spent before the budget existed', async () => {
    names += 1
    const name = `late-${names}`
    const row = {
      route: 'r',
      arm: 'baseline',
      reason: '',
      random: 0,
      snapshot_epoch: 1,
      eligible: '[]',
      excluded: '[]',
      attempts: '[]',
      is_fallback: false,
      status: 200,
      is_stream: false,
      total_ms: 1,
      key_id: 'k',
      metadata: JSON.stringify({ team: name }),
      facts: '{}',
    }
    const today = new Date(start - 3_600_000)
    await database.db
      .insertInto('decisions')
      .values([
        { ...row, request_id: `${name}-1`, at: today, cost_micro_usd: 40 },
        { ...row, request_id: `${name}-2`, at: today, cost_micro_usd: null },
        { ...row, request_id: `${name}-3`, at: new Date(start - day), cost_micro_usd: 1_000 },
      ])
      .execute()
    await storeBudget(database.db, aBudget({ name }))
    expect((await stateOf(database.db, 'team', name, start)).spentMicroUsd).toBe(40)
  })
})
