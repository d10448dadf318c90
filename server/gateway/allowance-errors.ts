import { dollars } from '#domain/money.ts'
import { resetText } from '#domain/rate-limit.ts'
import type { BudgetLease } from './budget-lease.ts'
import type { LimitSet, Saturation } from './limit-shares.ts'
import type { ApiError, Head } from './openai-error.ts'

/** 402: which budget, how much, and when there is money again. */
export function budgetExceeded({ budget, window, spentByAll, hoped }: BudgetLease): ApiError {
  const resetsAt = new Date(window.endMs).toISOString()
  const of = `${budget.scope} "${budget.name}"`
  const state = `$${dollars(spentByAll)} of $${dollars(budget.hardMicroUsd)} are spent`
  const rest = `$${dollars(hoped)} are neither spent nor set aside, less than this request may cost`
  return {
    status: 402,
    message: `The ${budget.period} budget of ${of} is used up: ${state}, ${rest}. It resets at ${resetsAt}.`,
    type: 'budget_exceeded',
    param: null,
    code: 'budget_exceeded',
    isHopeless: true,
    metadata: {
      scope: budget.scope,
      name: budget.name,
      period: budget.period,
      limit_usd: budget.hardMicroUsd / 1e6,
      spent_usd: spentByAll / 1e6,
      resets_at: resetsAt,
    },
  }
}

/** 503: what was leased is spent, and the store does not say whether there is more. */
export function budgetUnreachable({ budget }: BudgetLease): ApiError {
  const of = `${budget.period} budget of ${budget.scope} "${budget.name}"`
  return {
    status: 503,
    message: `The ${of} cannot be looked up at the moment, and this gateway has spent its part of it.`,
    type: 'server_error',
    param: null,
    code: 'budget_unavailable',
    retryAfterMs: 1_000,
  }
}

/** 429: which limit, and when to come back. */
export function limitReached(set: LimitSet, { kind, limit, waitMs }: Saturation): ApiError {
  const unit = kind === 'concurrency' ? 'requests at once' : `${kind} per min`
  const of = `${set.scope} "${set.name}"`
  return {
    status: 429,
    message: `Rate limit reached for ${of} on ${unit}. Limit: ${limit}. Please try again in ${resetText(waitMs)}.`,
    type: kind,
    param: null,
    code: 'rate_limit_exceeded',
    retryAfterMs: waitMs,
  }
}

/** 429 that no waiting helps: the request alone is more than a minute's worth. */
export function tooManyTokens(set: LimitSet, tokens: number, limit: number): ApiError {
  const of = `${set.scope} "${set.name}"`
  return {
    status: 429,
    message: `Request too large for ${of} on tokens per min. Limit: ${limit}, requested: ${tokens}.`,
    type: 'tokens',
    param: null,
    code: 'rate_limit_exceeded',
    isHopeless: true,
  }
}

const headers = [
  ['requests', 'x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  ['tokens', 'x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
] as const

/** OpenAI's headers, of the limit that is nearest to its end. */
export function writeRateHeaders(head: Head, limits: readonly LimitSet[], nowMs: number): void {
  for (const [kind, limit, left, reset] of headers) {
    let tightest: LimitSet['all'][number] | undefined
    for (const set of limits) {
      for (const one of set.all) {
        if (one.kind !== kind) continue
        if (tightest === undefined || remaining(one, nowMs) < remaining(tightest, nowMs)) tightest = one
      }
    }
    if (tightest === undefined) continue
    head[limit] = tightest.limit
    head[left] = Math.floor(remaining(tightest, nowMs))
    head[reset] = resetText(tightest.resetMs(nowMs))
  }
}

/** As if all gateways had used their shares alike: each knows its own only. */
function remaining(one: LimitSet['all'][number], nowMs: number): number {
  return one.filled(nowMs) * one.limit
}
