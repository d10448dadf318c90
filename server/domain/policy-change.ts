import { canonicalJson } from './canonical.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import { anyRequest, type RequestFacts } from './request-facts.ts'
import { type Constraints, type ModelRef, modelsOf, poolOf, type RouteSpec, type Rule } from './route.ts'
import { sensitivityLevels } from './sensitivity.ts'
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

const placeKeys = ['regions', 'dataPolicies', 'providers', 'sensitivity'] as const
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
  const own = placesOf(before.constraints)
  const found = reachable.flatMap((reach) => {
    // What a rule of the same condition asked before belongs to the comparison: it may ask more, or allow what the defaults do not.
    const same = reach.rule === null ? undefined : ruleLike(reach.rule, before)
    const constraints = [...own, ...placesOf(same?.constraints)]
    return breaksOf(reach, constraints, same?.constraints === undefined ? null : same.name, catalogue)
  })
  for (const rule of before.rules ?? []) {
    const ofRule = placesOf(rule.constraints)
    if (ofRule.length === 0 || isKept(rule, after)) continue
    for (const reach of reachable) found.push(...breaksOf(reach, [...own, ...ofRule], rule.name, catalogue))
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
  /** The rule it is reached through; null: the route's own pool or a fallback. */
  readonly rule: Rule | null
}

function reachOf(spec: RouteSpec): Reach[] {
  const own = spec.constraints === undefined ? [] : [spec.constraints]
  const ofRules = (spec.rules ?? []).flatMap((rule) => {
    const constraints = rule.constraints === undefined ? own : [...own, rule.constraints]
    return poolOf(rule.models ?? spec.models).map(({ model }) => ({ model, constraints, rule }))
  })
  const classifier = classifierModelOf(spec)
  // A classifier is shown prompts as well, whatever answers them.
  const models = [...modelsOf({ ...spec, rules: [] }), ...(classifier === null ? [] : [classifier])]
  return [...models.map((model) => ({ model, constraints: own, rule: null })), ...ofRules]
}

function placesOf(constraints: Constraints | undefined): Constraints[] {
  const kept = Object.fromEntries(placeKeys.flatMap((key) => (constraints?.[key] ? [[key, constraints[key]]] : [])))
  return Object.keys(kept).length === 0 ? [] : [kept]
}

/** For requests of every sensitivity: what is delicate may go to fewer places. */
function breaksOf(
  reach: Reach,
  constraints: readonly Constraints[],
  rule: string | null,
  catalogue: Catalogue,
): PolicyBreak[] {
  return requestsOfEveryKind.flatMap((request) => {
    const isHeldBack = placeProblems(reach.model, reach.constraints, { request, catalogue }).length > 0
    if (isHeldBack) return []
    const problems = placeProblems(reach.model, constraints, { request, catalogue })
    return problems.map(({ model, by, detail }) => ({ model, by, rule, detail }))
  })
}

function ruleLike(rule: Rule, spec: RouteSpec): Rule | undefined {
  const when = canonicalJson(rule.when)
  return (spec.rules ?? []).find((other) => canonicalJson(other.when) === when)
}

/** Constraints of the same condition hold in the new version, each as it was. */
function isKept(rule: Rule, after: RouteSpec): boolean {
  const same = ruleLike(rule, after)
  if (same === undefined) return false
  return placeKeys.every((key) => {
    const wanted = rule.constraints?.[key]
    if (wanted === undefined) return true
    return [same.constraints?.[key], after.constraints?.[key]].some(
      (given) => given !== undefined && canonicalJson(given) === canonicalJson(wanted),
    )
  })
}

const requestsOfEveryKind: readonly RequestFacts[] = [
  anyRequest,
  ...sensitivityLevels.map((sensitivity) => ({ ...anyRequest, metadata: { sensitivity } })),
]

function placeProblems(
  model: ModelRef,
  constraints: readonly Constraints[],
  { request, catalogue }: { readonly request: RequestFacts; readonly catalogue: Catalogue },
) {
  return exclusionsOf(model, constraints.flatMap(placesOf), request, catalogue).filter(({ by }) =>
    placeExclusions.includes(by),
  )
}

/** Blocked patterns of the version before that the new one no longer blocks, by name. */
export function droppedPatterns(before: RouteSpec, after: RouteSpec): string[] {
  const kept = new Set((after.guardrails?.blocked ?? []).map(({ pattern }) => pattern))
  return (before.guardrails?.blocked ?? []).filter(({ pattern }) => !kept.has(pattern)).map(({ name }) => name)
}
