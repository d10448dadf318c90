import type { Usage } from './decision.ts'
import type { Price } from './snapshot.ts'

/** Output tokens expected of a request that names no limit: without it no cost could be compared before the answer. */
export const assumedOutputTokens = 500

/**
 * What an answer cost, integer micro-dollars, half rounded up. Cached input is billed at its own price where there is one;
 * reasoning tokens are part of the output tokens and have their own price where there is one.
 *
 * @returns null when the model is unpriced or the usage is unknown: an unknown cost is never 0
 */
export function costMicroUsd(price: Price | null, usage: Usage | null): number | null {
  if (price === null || usage === null) return null
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens)
  const reasoning = Math.min(usage.reasoningTokens, usage.outputTokens)
  const perMillion =
    (usage.inputTokens - cached) * price.input +
    cached * (price.cachedInput ?? price.input) +
    (usage.outputTokens - reasoning) * price.output +
    reasoning * (price.reasoning ?? price.output)
  return Math.round(perMillion / 1_000_000)
}

/** What a request asks for, as far as it costs. */
export interface Wanted {
  readonly inputTokens: number
  /** Of one answer; null: the request names no limit. */
  readonly maxOutputTokens: number | null
  /** How many answers it asks for (`n`); absent: one. */
  readonly answers?: number
}

/** Output tokens to expect: without a limit `assumedOutputTokens`, or the model's own limit where that is less, for each answer. */
export function expectedOutputTokens(
  { maxOutputTokens, answers = 1 }: Wanted,
  modelLimit: number | null = null,
): number {
  return Math.min(maxOutputTokens ?? assumedOutputTokens, modelLimit ?? Number.POSITIVE_INFINITY) * answers
}

/**
 * What a request is expected to cost before it is answered, micro-dollars, not rounded.
 *
 * @param cachedShare part of the input expected at the cached price, 0 to 1; 0 where a limit must hold whatever the cache does
 */
export function expectedCostMicroUsd(
  model: { readonly price: Price | null; readonly maxOutputTokens: number | null },
  wanted: Wanted,
  cachedShare = 0,
): number | null {
  if (model.price === null) return null
  const { input, cachedInput } = model.price
  const inputPrice = input + cachedShare * ((cachedInput ?? input) - input)
  const output = expectedOutputTokens(wanted, model.maxOutputTokens)
  return (wanted.inputTokens * inputPrice + output * model.price.output) / 1_000_000
}
