import type { Attempt, Usage } from '#domain/decision.ts'
import { chargedCost, chargeOf } from '#domain/task.ts'
import type { Chat } from './chat-context.ts'
import type { Forwarded } from './forward.ts'
import { type ArmResult, costOf, settledUsage } from './outcome.ts'

/** What a request used and cost in the end, its attempts closed. */
export interface Settlement {
  readonly attempts: readonly Attempt[]
  readonly usage: Usage | null
  /** Answers that were paid for and not given are in it, and what identifying the task cost. null: unpriced, or nothing was paid. */
  readonly costMicroUsd: number | null
  readonly priceVersion: number | null
}

/** Settles a request, whatever came of it: answered, broken off, or left by its client. */
export function settle(chat: Chat, forwarded: Forwarded, result: ArmResult): Settlement {
  const { target, attempts } = forwarded
  const model = target === null ? undefined : chat.snapshot.models.get(target.model)
  const usage = settledUsage(result.usage, result.error, chat.facts.inputTokens)
  const own = usage === result.usage ? result.costMicroUsd : costOf(model, usage)
  const last = attempts.at(-1)
  const { classification } = chat.decision
  const total = (answered: number | null) =>
    usage === null && answered === null ? chargeOf(classification) || null : chargedCost(answered, classification)
  if (last === undefined) return { attempts, usage, costMicroUsd: total(own), priceVersion: null }
  const isStream = forwarded.kind === 'stream'
  // An answer that was kept while others were tried has its cost already.
  const isLastGiven = isStream || last.errorClass === null || usage !== result.usage
  const closed: Attempt = {
    ...last,
    ...(isLastGiven && { costMicroUsd: own }),
    ...(isStream && { endMs: Math.round(result.totalMs), errorClass: result.error?.errorClass ?? null }),
  }
  const earlier = isLastGiven ? attempts.slice(0, -1).reduce((sum, one) => sum + (one.costMicroUsd ?? 0), 0) : 0
  const costMicroUsd = total(own === null ? null : own + earlier)
  return {
    attempts: [...attempts.slice(0, -1), closed],
    usage,
    costMicroUsd,
    priceVersion: own === null ? null : (model?.priceVersion ?? null),
  }
}
