import { predicateOf } from './conditions.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import type { Exclusion } from './decision.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Constraints, EmbeddingClassifier, ModelClassifier, RouteSpec, Rule } from './route.ts'
import { builtinTasks, knownTasksOf } from './task.ts'

/** Longest that a request waits for a classifier unless its spec says otherwise, milliseconds. */
export const defaultDeadlineMs = 300
/** Cosine below which no example counts as near. */
export const defaultMinSimilarity = 0.3

/** What a classifier of a provider may answer. */
export function answersOf(spec: RouteSpec, classifier: ModelClassifier): readonly string[] {
  return classifier.tasks ?? [...knownTasksOf(spec).names]
}

/**
 * Why a classifier's model may not see a request; none: it may.
 *
 * The rule that will apply is not known before the task is, so its provider must meet the place constraints (regions, data
 * policies, providers) of the route and of every rule that could come to apply: a prompt that may end up as one that must stay
 * in a region is not shown outside it to find that out. What a model offers, costs or scores is no matter here.
 */
export function classifierExclusions(
  spec: RouteSpec,
  classifier: EmbeddingClassifier | ModelClassifier,
  facts: RequestFacts,
  catalogue: Catalogue,
): Exclusion[] {
  const rules = rulesInReach(spec, classifier, facts)
  const constraints = [spec.constraints, ...rules.map((rule) => rule.constraints)].flatMap((constraint) =>
    constraint === undefined ? [] : [placeOf(constraint)],
  )
  return exclusionsOf(classifier.model, constraints, { ...facts, ...unconditional }, catalogue)
}

/** A request that any model could answer: only where the model runs is left to object to. */
const unconditional = { capabilities: [], inputTokens: 0, maxOutputTokens: null } as const

function placeOf(constraint: Constraints): Constraints {
  const { capabilities: _, maxCostUsd: _c, maxLatencyMs: _l, minQuality: _q, ...place } = constraint
  return place
}

/** Rules that apply for one of the possible tasks, or that an example names. */
function rulesInReach(spec: RouteSpec, classifier: EmbeddingClassifier | ModelClassifier, facts: RequestFacts): Rule[] {
  const rules = spec.rules ?? []
  if (rules.length === 0) return []
  const named = classifier.kind === 'embedding' ? classifier.examples.map((example) => example.rule) : []
  const tasks = new Set<string | null>([null, ...builtinTasks, ...knownTasksOf(spec).names])
  const found = new Set(rules.filter((rule) => named.includes(rule.name)))
  for (const task of tasks) {
    const first = rules.find((rule) => predicateOf(rule.when)({ facts, task }))
    if (first !== undefined) found.add(first)
  }
  return [...found]
}
