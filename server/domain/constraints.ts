import { excludeByLatency, excludeByQuality } from './constraints-live.ts'
import { expectedCostMicroUsd } from './cost.ts'
import type { Exclude, Exclusion } from './decision.ts'
import type { GuardrailSettings } from './guardrails.ts'
import { type LiveView, quietLive } from './live.ts'
import { dollars } from './money.ts'
import type { KnownPrompts } from './prompt.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Constraints, ModelRef } from './route.ts'
import { sensitivityProblem } from './sensitivity.ts'
import type { Model, Provider } from './snapshot.ts'

/** The part of a snapshot that decides what a model may do. */
export interface Catalogue {
  readonly models: ReadonlyMap<string, Model>
  readonly providers: ReadonlyMap<string, Provider>
  /** Prompt versions a spec may name; absent: none. */
  readonly prompts?: KnownPrompts
  /** What a sensitivity asks of providers everywhere, beside what routes ask; absent: nothing. */
  readonly guardrails?: Pick<GuardrailSettings, 'sensitivity'>
}

/** What a model is judged by. */
export interface Judged {
  readonly request: RequestFacts
  readonly catalogue: Catalogue
  /** Of the route and of the rule that matched: all hold. */
  readonly constraints: readonly Constraints[]
  readonly live: Pick<LiveView, 'targets' | 'budgetLeftMicroUsd' | 'limitedProviders'>
}

const quiet = quietLive()

/**
 * Every reason but those that live measurements give: what a catalogue alone can tell.
 *
 * @param constraints of the route and of the rule that matched: all hold
 */
export function exclusionsOf(
  model: ModelRef,
  constraints: readonly Constraints[],
  request: RequestFacts,
  catalogue: Catalogue,
): Exclusion[] {
  const found: Exclusion[] = []
  const exclude: Exclude = (by, detail) => found.push({ model, by, detail })
  judgeTarget(model, { constraints, request, catalogue, live: quiet }, exclude)
  return found
}

/**
 * Tells every reason why one model may not take one request; none: it is eligible. Depends on nothing but its arguments, so the
 * order of a pool never changes an exclusion (A3). Circuits are not among them: see routing.ts, `firstChoice`.
 */
export function judgeTarget(model: ModelRef, judged: Judged, exclude: Exclude): void {
  const { request, catalogue, constraints, live } = judged
  const entry = catalogue.models.get(model)
  const provider = entry === undefined ? undefined : catalogue.providers.get(entry.provider)
  if (entry === undefined || provider === undefined) {
    exclude('unknown_model', 'not in the catalogue')
    return
  }
  for (const name of request.capabilities) {
    if (!entry.capabilities.includes(name)) exclude('capability', `the request needs ${name}`)
  }
  if (request.allowedModels?.includes(model) === false) exclude('key_models', 'the key may not reach it')
  excludeByLength(entry, request, exclude)
  const problem = sensitivityProblem(
    request.metadata['sensitivity'],
    provider.dataPolicies,
    withGlobal(catalogue, constraints),
  )
  if (problem !== null) exclude('sensitivity', problem)
  for (const constraint of constraints) {
    excludeByPlace(provider, constraint, exclude)
    excludeByOffer(entry, request, constraint, exclude)
    if (constraint.maxLatencyMs !== undefined) {
      excludeByLatency(constraint.maxLatencyMs, live.targets.get(model), exclude)
    }
    if (constraint.minQuality !== undefined) excludeByQuality(constraint.minQuality, live.targets.get(model), exclude)
  }
  excludeByAllowance(entry, judged, exclude)
}

/** Budget and rate limit left. A model without a price cannot be held to a budget: unknown is never 0. */
function excludeByAllowance(model: Model, { request, live }: Judged, exclude: Exclude): void {
  const limited = live.limitedProviders.get(model.provider)
  if (limited !== undefined) exclude('rate_limit', limited)
  const left = live.budgetLeftMicroUsd
  if (left === null) return
  const expected = expectedCostMicroUsd(model, request)
  if (expected === null) exclude('unpriced', 'a budget applies, which needs a price')
  else if (expected > left) exclude('budget', `expected $${dollars(expected)}, the budget has $${dollars(left)} left`)
}

function withGlobal({ guardrails }: Catalogue, constraints: readonly Constraints[]): readonly Constraints[] {
  return guardrails?.sensitivity === undefined ? constraints : [...constraints, { sensitivity: guardrails.sensitivity }]
}

function excludeByLength(model: Model, request: RequestFacts, exclude: Exclude): void {
  const asked = request.maxOutputTokens ?? 0
  if (model.contextWindow !== null && request.inputTokens + asked > model.contextWindow) {
    const need = `${request.inputTokens} input and ${asked} output tokens`
    exclude('context_length', `needs ${need}, has ${model.contextWindow}`)
  }
  if (model.maxOutputTokens !== null && asked > model.maxOutputTokens) {
    exclude('context_length', `asks for ${asked} output tokens, gives ${model.maxOutputTokens}`)
  }
}

function excludeByPlace(provider: Provider, constraint: Constraints, exclude: Exclude): void {
  const { regions, dataPolicies, providers } = constraint
  if (regions !== undefined && (provider.region === null || !regions.includes(provider.region))) {
    exclude('region', `needs ${regions.join(' or ')}, is ${provider.region ?? 'in no stated region'}`)
  }
  for (const policy of dataPolicies ?? []) {
    if (!provider.dataPolicies.includes(policy)) exclude('data_policy', `needs ${policy}`)
  }
  const isAllowed = providers?.allow === undefined || providers.allow.includes(provider.name)
  if (!isAllowed) exclude('provider_denied', `allowed are ${providers?.allow?.join(', ')}`)
  if (providers?.deny?.includes(provider.name)) exclude('provider_denied', `${provider.name} is denied`)
}

function excludeByOffer(model: Model, request: RequestFacts, constraint: Constraints, exclude: Exclude): void {
  for (const name of constraint.capabilities ?? []) {
    if (!model.capabilities.includes(name)) exclude('capability', `the route needs ${name}`)
  }
  if (constraint.maxCostUsd === undefined) return
  const expected = expectedCostMicroUsd(model, request)
  const limit = constraint.maxCostUsd * 1_000_000
  if (expected === null) exclude('unpriced', `the limit of $${constraint.maxCostUsd} needs a price`)
  else if (expected > limit) exclude('max_cost', `expected $${dollars(expected)}, limit $${constraint.maxCostUsd}`)
}
