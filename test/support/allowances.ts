import type { Budget, BudgetScope } from '#domain/budget.ts'
import { scopeKey } from '#domain/budget.ts'
import type { Snapshot } from '#domain/snapshot.ts'
import { BudgetLedger } from '#gateway/budget-ledger.ts'
import { createLog } from '#infra/log.ts'
import { type AllowanceSource, createAllowanceSource } from '#store/allowance-source.ts'
import { listBudgets, replaceBudgets } from '#store/budgets.ts'
import { type Database, inTransaction } from '#store/database.ts'

export const start = Date.parse('2026-03-10T12:00:00Z')

/** A clock that only moves when told. */
export function fakeClock(startMs = start) {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

export function aBudget(more: Partial<Budget> = {}): Budget {
  return { scope: 'team', name: 'search', period: 'daily', hardMicroUsd: 1_000, softMicroUsd: null, ...more }
}

export async function storeBudget(db: Database, budget: Budget, at = start): Promise<void> {
  await inTransaction(db, (tx) => replaceBudgets(tx, budget, [budget], { by: 'test', at }))
}

export function budgetsOf(...budgets: readonly Budget[]): Snapshot['budgets'] {
  const map = new Map<string, Budget[]>()
  for (const budget of budgets) {
    const key = scopeKey(budget.scope, budget.name)
    map.set(key, [...(map.get(key) ?? []), budget])
  }
  return map
}

export async function stateOf(db: Database, scope: BudgetScope, name: string, nowMs: number) {
  const [state] = await listBudgets(db, nowMs, { limit: 1, scope, name })
  if (state === undefined) throw new Error(`no budget of ${scope} "${name}"`)
  return state
}

/** A source whose store can be taken away. */
export function breakable(source: AllowanceSource) {
  const state = { isAway: false }
  const through = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state.isAway) throw new Error('the store is away')
    return work()
  }
  const broken: AllowanceSource = {
    renewLeases: (reports) => through(() => source.renewLeases(reports)),
    renewShares: (reports) => through(() => source.renewShares(reports)),
    end: (reports) => through(() => source.end(reports)),
  }
  return { source: broken, state }
}

export function ledgerOn(db: Database, holder: string, clock: ReturnType<typeof fakeClock>) {
  const logged: string[] = []
  const { source, state } = breakable(createAllowanceSource(db, holder, clock))
  const log = createLog('debug', { write: (line) => logged.push(line) })
  const ledger = new BudgetLedger({ source, clock, log })
  return { ledger, state, logged, source }
}
