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

type Settled = Pick<Chat, 'snapshot' | 'facts'> & { readonly decision: Pick<Chat['decision'], 'classification'> }

/** Settles a request, whatever came of it: answered, broken off, or left by its client. */
export function settle(chat: Settled, forwarded: Forwarded, result: ArmResult): Settlement {
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
  const all = [...attempts.slice(0, -1), closed]
  return {
    attempts: all,
    usage,
    costMicroUsd: total(paidFor(all, usage, own)),
    priceVersion: own === null ? null : (model?.priceVersion ?? null),
  }
}

/** What the attempts cost together. @returns null where the answer's cost is not known, or nothing was paid for */
function paidFor(attempts: readonly Attempt[], usage: Usage | null, own: number | null): number | null {
  const sum = attempts.reduce((paid, { costMicroUsd }) => paid + (costMicroUsd ?? 0), 0)
  if (usage !== null) return own === null ? null : sum
  return sum === 0 ? null : sum
}

/**
 * A result as arms are compared by: an answer costs all that its request did, finding the task and answers that were paid for
 * and not given included (intention to treat).
 */
export function asEvidence(result: ArmResult, { costMicroUsd }: Settlement): ArmResult {
  return result.costMicroUsd === null || result.costMicroUsd === costMicroUsd ? result : { ...result, costMicroUsd }
}
