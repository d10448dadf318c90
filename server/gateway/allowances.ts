import type { Usage } from '#domain/decision.ts'
import type { LiveView } from '#domain/live.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RoutingDecision } from '#domain/routing.ts'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import type { ApiError, Head } from './openai-error.ts'

/** Who asks for which route: what decides the budgets and limits that apply. */
export interface Spender {
  readonly caller: Caller
  readonly route: string
  readonly facts: RequestFacts
}

/** A decided request that wants to be sent. */
export interface Spending {
  readonly requestId: string
  readonly caller: Caller
  readonly snapshot: Snapshot
  readonly facts: RequestFacts
  readonly decision: RoutingDecision
}

/** What was set aside for one request. */
export interface Reservation {
  readonly requestId: string
}

const nothingLimited: ReadonlyMap<string, string> = new Map()

/** Budgets and limits (B5): what a request may still spend, set aside before it is sent and settled after. */
export class Allowances {
  /** What routing has to know. */
  view(_spender: Spender): Pick<LiveView, 'budgetLeftMicroUsd' | 'limitedProviders'> {
    return { budgetLeftMicroUsd: null, limitedProviders: nothingLimited }
  }

  /** @param head takes the `x-ratelimit-*` headers, whatever is decided */
  reserve(spending: Spending, _head: Head): { readonly reservation: Reservation } | { readonly error: ApiError } {
    return { reservation: { requestId: spending.requestId } }
  }

  /** Whatever came of the request, once. */
  settle(
    _reservation: Reservation,
    _spent: { readonly usage: Usage | null; readonly costMicroUsd: number | null },
  ): void {}
}
