import { costMicroUsd } from '#domain/cost.ts'
import type { Usage } from '#domain/decision.ts'
import type { MissingReason, Outcome } from '#domain/evidence.ts'
import type { Model } from '#domain/snapshot.ts'
import { tokensOfCharacters } from '#domain/tokens.ts'
import type { AnswerFacts, ProviderError } from '#providers/provider.ts'
import { isRefusal } from './refusal.ts'

/** What one arm did with one request. */
export interface ArmResult {
  /** What was answered, perhaps in part; null: nothing. */
  readonly facts: AnswerFacts | null
  /** null: a whole answer was given. */
  readonly error: ProviderError | null
  /** Another target than the version's first choice answered: the first choice failed (intention to treat). */
  readonly isRescued: boolean
  readonly isStream: boolean
  readonly usage: Usage | null
  readonly costMicroUsd: number | null
  /** From the request's arrival, all attempts included. */
  readonly totalMs: number
  /** Streams that gave content; else null. */
  readonly ttftMs: number | null
}

/**
 * The gateway's own measurements of one arm, by the raw names of the evidence.
 *
 * A client that leaves after the first content has an answer; one that leaves before it got nothing, whatever the reason. A
 * failed answer has no cost and no refusal to judge; its time counts, also as a lower bound of the first token's.
 */
export function outcomeOf(result: ArmResult): Outcome {
  const { error, facts } = result
  const isGone = error?.errorClass === 'client_closed' && result.ttftMs !== null
  const hasFailed = (error !== null && !isGone) || result.isRescued
  const values: Record<string, number> = { error_rate: hasFailed ? 1 : 0, latency_ms: Math.round(result.totalMs) }
  const missing: Record<string, MissingReason> = {}
  if (result.isStream) values['ttft_ms'] = Math.round(result.ttftMs ?? result.totalMs)
  else missing['ttft_ms'] = 'not_applicable'
  if (error?.errorClass === 'content_filter') values['refusal_rate'] = 1
  else if (error === null && facts !== null && facts.isVectors !== true)
    values['refusal_rate'] = isRefusal(facts) ? 1 : 0
  else missing['refusal_rate'] = 'not_applicable'
  if (result.costMicroUsd !== null) values['cost_usd'] = result.costMicroUsd / 1_000_000
  else missing['cost_usd'] = error === null ? 'infrastructure' : 'not_applicable'
  return { values, missing }
}

/** The provider's counts, or an estimate marked as such; null when nothing was answered (B4). */
export function usageOf(facts: AnswerFacts | null, inputTokens: number): Usage | null {
  if (facts === null) return null
  if (facts.usage !== null) return facts.usage
  return {
    inputTokens,
    cachedInputTokens: 0,
    outputTokens: tokensOfCharacters(facts.outputCharacters),
    reasoningTokens: 0,
    isEstimated: true,
  }
}

/**
 * What is settled for a request: the answer's usage, or, where the client left after its request had been sent, an estimate of
 * its input, because the provider bills it all the same.
 */
export function settledUsage(usage: Usage | null, error: ProviderError | null, inputTokens: number): Usage | null {
  if (usage !== null || error?.errorClass !== 'client_closed' || !error.isSent) return usage
  return { inputTokens, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, isEstimated: true }
}

/** @returns null when unpriced or nothing was answered */
export function costOf(model: Model | undefined, usage: Usage | null): number | null {
  return model === undefined ? null : costMicroUsd(model.price, usage)
}
