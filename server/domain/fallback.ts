import { expectedCostMicroUsd, type Wanted } from './cost.ts'
import type { Exclusion } from './decision.ts'
import type { FallbackReason, ModelRef, RouteSpec } from './route.ts'
import type { Model } from './snapshot.ts'

/** Every class of failure that an entry of `fallbacks` may name. */
export const fallbackReasons: readonly FallbackReason[] = [
  'timeout',
  'rate_limit',
  'server_error',
  'connection',
  'content_filter',
  'context_length',
  'invalid_response',
]

/** Reasons that say something about a target's health: what opens its circuit. */
const healthReasons: readonly FallbackReason[] = [
  'timeout',
  'rate_limit',
  'server_error',
  'connection',
  'invalid_response',
]

/** How an attempt failed: class and HTTP status as in the decision log. */
export interface Failure {
  readonly errorClass: string
  readonly status: number | null
}

/**
 * The reason under which another target may be tried after a failure; null: none may, because the fault is the request's own
 * or the client has gone. A refused credential (401, 402, 403) and a model that the provider does not know (404) are the
 * provider's side failing: `server_error`; so is a request that the provider has no words for.
 */
export function fallbackReasonOf({ errorClass, status }: Failure): FallbackReason | null {
  if (errorClass === 'stream_truncated') return 'invalid_response'
  if (errorClass === 'auth' || errorClass === 'unsupported' || (errorClass === 'bad_request' && status === 404))
    return 'server_error'
  return fallbackReasons.find((reason) => reason === errorClass) ?? null
}

/** A target as far as this file cares. */
interface Place {
  readonly model: ModelRef
  readonly on?: readonly FallbackReason[]
}

/** What a further target is judged by. */
export interface Step {
  readonly failure: Failure
  readonly failed: Place
  readonly next: Place
  readonly models: ReadonlyMap<string, Pick<Model, 'contextWindow'>>
}

/**
 * Whether a target may be tried after another failed (A12). An entry with `on` follows the classes it names and no others. Any
 * other target follows what is wrong with a provider; after `context_length` only where its window is known to be larger, and
 * never after `content_filter`: who may see what one provider would not is for the route's author to say.
 */
export function mayFollow({ failure, failed, next, models }: Step): boolean {
  const reason = fallbackReasonOf(failure)
  if (reason === null) return false
  if (next.on !== undefined) return next.on.includes(reason)
  if (reason === 'content_filter') return false
  if (reason !== 'context_length') return true
  const [before, after] = [failed, next].map((target) => models.get(target.model)?.contextWindow ?? null)
  return before !== null && after !== null && before !== undefined && after !== undefined && after > before
}

/**
 * Whether an entry with `on` may be the first target of a request, because no model of the pool can be: open circuits are
 * failures of health that happened to others, prompts too long for every model are `context_length`. A pool that constraints
 * exclude has not failed.
 */
export function mayBegin(
  on: readonly FallbackReason[] | undefined,
  pool: 'resting' | 'too_short' | 'excluded',
): boolean {
  if (on === undefined) return true
  if (pool === 'resting') return on.some((reason) => healthReasons.includes(reason))
  return pool === 'too_short' && on.includes('context_length')
}

/** Why no model of a pool is eligible, by their exclusions. */
export function stateOf(excluded: readonly Exclusion[]): 'too_short' | 'excluded' {
  const counted = excluded.filter((exclusion) => exclusion.by !== 'drained')
  return counted.length > 0 && counted.every((exclusion) => exclusion.by === 'context_length')
    ? 'too_short'
    : 'excluded'
}

/** Leaves out, in front, the fallbacks that wait for a failure which has not happened. @param targets in the order of trial */
export function beginning<T extends Place>(
  targets: readonly T[],
  pool: 'resting' | 'too_short' | 'excluded',
): { readonly targets: readonly T[]; readonly held: readonly Exclusion[] } {
  const first = targets.findIndex(({ on }) => mayBegin(on, pool))
  if (first === 0 || targets.length === 0) return { targets, held: [] }
  const held = first === -1 ? targets : targets.slice(0, first)
  return {
    targets: first === -1 ? [] : targets.slice(first),
    held: held.map(({ model, on = [] }) => ({
      model,
      by: 'fallback_condition',
      detail: `it is for failures of class ${on.join(', ')}`,
    })),
  }
}

/** The most one request may cost over all its attempts, micro-dollars: the lower of what route and rule say; null: no limit. */
export function costCapMicroUsd(spec: RouteSpec, rule: string | null): number | null {
  const ofRule = rule === null ? undefined : spec.rules?.find((one) => one.name === rule)?.constraints?.maxCostUsd
  const caps = [spec.constraints?.maxCostUsd, ofRule].flatMap((usd) => (usd === undefined ? [] : [usd * 1_000_000]))
  return caps.length === 0 ? null : Math.min(...caps)
}

/** What the attempts of one request may cost together. */
export interface Purse extends Wanted {
  readonly capMicroUsd: number | null
}

/** @param rule whose limit holds besides the route's; null: none matched */
export function purseOf(
  spec: RouteSpec,
  rule: string | null,
  { inputTokens, maxOutputTokens, answers = 1 }: Wanted,
): Purse {
  return { capMicroUsd: costCapMicroUsd(spec, rule), inputTokens, maxOutputTokens, answers }
}

/** What an attempt is expected to cost; null: unpriced. */
export function expectedOf(purse: Purse, model: Model | undefined): number | null {
  return model === undefined ? null : expectedCostMicroUsd(model, purse)
}

/**
 * Whether one more attempt stays within the cap. @param spentMicroUsd by attempts that failed and may be billed all the same
 */
export function isAffordable(purse: Purse, spentMicroUsd: number, model: Model | undefined): boolean {
  if (purse.capMicroUsd === null) return true
  const expected = expectedOf(purse, model)
  return expected !== null && spentMicroUsd + expected <= purse.capMicroUsd
}

/** What a failed attempt may have cost: nothing where the provider refused it or was never reached, else all it was expected to. */
export function mayBeBilled(failure: Failure & { readonly isSent: boolean }): boolean {
  if (!failure.isSent) return false
  return ['timeout', 'invalid_response', 'stream_truncated', 'client_closed', 'connection'].includes(failure.errorClass)
}
