import { canonicalJson } from './canonical.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import type { RequestFacts } from './request-facts.ts'
import { type Constraints, type ModelRef, modelsOf, poolOf, type RouteSpec, type Rule } from './route.ts'
import { classifierModelOf } from './task.ts'

/** A place that a new version may send requests to and the version before may not. */
export interface PolicyBreak {
  readonly model: ModelRef
  /** `region`, `data_policy` or `provider_denied`. */
  readonly by: string
  /** The rule of the version before that is left behind; null: the route's own constraints. */
  readonly rule: string | null
  /** What is needed and what the model offers, for people. */
  readonly detail: string
}

const placeKeys = ['regions', 'dataPolicies', 'providers'] as const
/** Exclusions that say where a request may go, not what a model can do. */
export const placeExclusions: readonly string[] = ['region', 'data_policy', 'provider_denied', 'sensitivity']

/**
 * Where a new version may send requests although the version before it forbids it, found from the two specs alone: models
 * outside the route's constraints, and rules with constraints that are gone or laxer (D3).
 *
 * Pure. What only live metadata shows (an earlier rule that catches a request first) is for the impact preview to find.
 */
export function policyBreaks(before: RouteSpec, after: RouteSpec, catalogue: Catalogue): PolicyBreak[] {
  const reachable = reachOf(after)
  const found = placesOf(before.constraints).flatMap((constraints) =>
    reachable.flatMap((reach) => breaksOf(reach, constraints, null, catalogue)),
  )
  for (const rule of before.rules ?? []) {
    const [constraints] = placesOf(rule.constraints)
    if (constraints === undefined || isKept(rule, after)) continue
    for (const reach of reachable) found.push(...breaksOf(reach, constraints, rule.name, catalogue))
  }
  const seen = new Set<string>()
  return found.filter((one) => {
    const key = `${one.model}\n${one.by}\n${one.rule ?? ''}`
    return !seen.has(key) && seen.add(key)
  })
}

/** A model and the constraints that hold wherever the version reaches it. */
interface Reach {
  readonly model: ModelRef
  readonly constraints: readonly Constraints[]
}

function reachOf(spec: RouteSpec): Reach[] {
  const own = spec.constraints === undefined ? [] : [spec.constraints]
  const ofRules = (spec.rules ?? []).flatMap((rule) => {
    const constraints = rule.constraints === undefined ? own : [...own, rule.constraints]
    return poolOf(rule.models ?? spec.models).map(({ model }) => ({ model, constraints }))
  })
  const classifier = classifierModelOf(spec)
  // A classifier is shown prompts as well, whatever answers them.
  const models = [...modelsOf({ ...spec, rules: [] }), ...(classifier === null ? [] : [classifier])]
  return [...models.map((model) => ({ model, constraints: own })), ...ofRules]
}

function placesOf(constraints: Constraints | undefined): Constraints[] {
  const kept = Object.fromEntries(placeKeys.flatMap((key) => (constraints?.[key] ? [[key, constraints[key]]] : [])))
  return Object.keys(kept).length === 0 ? [] : [kept]
}

function breaksOf(reach: Reach, constraints: Constraints, rule: string | null, catalogue: Catalogue): PolicyBreak[] {
  const isHeldBack = placeProblems(reach.model, reach.constraints, catalogue).length > 0
  if (isHeldBack) return []
  return placeProblems(reach.model, [constraints], catalogue).map(({ model, by, detail }) => ({
    model,
    by,
    rule,
    detail,
  }))
}

/** Constraints of the same condition hold in the new version, each as it was. */
function isKept(rule: Rule, after: RouteSpec): boolean {
  const same = (after.rules ?? []).find((other) => canonicalJson(other.when) === canonicalJson(rule.when))
  if (same === undefined) return false
  return placeKeys.every((key) => {
    const wanted = rule.constraints?.[key]
    if (wanted === undefined) return true
    return [same.constraints?.[key], after.constraints?.[key]].some(
      (given) => given !== undefined && canonicalJson(given) === canonicalJson(wanted),
    )
  })
}

/** A request that asks for nothing: only the place is judged. */
const anyRequest: RequestFacts = {
  requestId: '',
  metadata: {},
  inputTokens: 0,
  maxOutputTokens: null,
  hasTools: false,
  hasImages: false,
  wantsJson: false,
  stream: false,
  capabilities: [],
  promptMatches: () => false,
}

function placeProblems(model: ModelRef, constraints: readonly Constraints[], catalogue: Catalogue) {
  const places = constraints.flatMap(placesOf)
  return exclusionsOf(model, places, anyRequest, catalogue).filter(({ by }) => placeExclusions.includes(by))
}
