import { predicateOf } from './conditions.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import type { Exclusion } from './decision.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Constraints, EmbeddingClassifier, ModelClassifier, RouteSpec, Rule } from './route.ts'
import { knownTasksOf } from './task.ts'

const defaultDeadlineMs = 300
/** Cosine below which no example counts as near. */
export const defaultMinSimilarity = 0.3

/**
 * Longest that a request of a version waits for its classifier, milliseconds: what the classifier says, and never more than half
 * of the route's `totalMs`, so that the answer itself keeps the larger part.
 */
export function deadlineOf({ timeouts }: RouteSpec, { deadlineMs }: EmbeddingClassifier | ModelClassifier): number {
  const half = timeouts?.totalMs === undefined ? Number.POSITIVE_INFINITY : Math.floor(timeouts.totalMs / 2)
  return Math.min(deadlineMs ?? defaultDeadlineMs, half)
}

/** What a classifier of a provider may answer. */
export function answersOf(spec: RouteSpec, classifier: ModelClassifier): readonly string[] {
  return classifier.tasks ?? [...knownTasksOf(spec).names]
}

/**
 * Why a classifier's model may not see a request; none: it may.
 *
 * The rule that will apply is not known before the task is, so its provider must meet the place constraints (regions, data
 * policies, sensitivity, providers) of the route with every rule that could come to apply: a prompt that may end up as one that
 * must stay in a region is not shown outside it to find that out. What a model offers, costs or scores is no matter here.
 */
export function classifierExclusions(
  spec: RouteSpec,
  classifier: EmbeddingClassifier | ModelClassifier,
  facts: RequestFacts,
  catalogue: Catalogue,
): Exclusion[] {
  const asked = { ...facts, ...unconditional }
  const found = [...rulesInReach(spec, classifier, facts)].flatMap((rule) => {
    const constraints = [spec.constraints, rule?.constraints].flatMap((constraint) =>
      constraint === undefined ? [] : [placeOf(constraint)],
    )
    return exclusionsOf(classifier.model, constraints, asked, catalogue)
  })
  return found.filter(
    (one, index) => found.findIndex(({ by, detail }) => by === one.by && detail === one.detail) === index,
  )
}

/** A request that any model could answer: only where the model runs is left to object to. */
const unconditional = { capabilities: [], inputTokens: 0, maxOutputTokens: null } as const

function placeOf(constraint: Constraints): Constraints {
  const { capabilities: _, maxCostUsd: _c, maxLatencyMs: _l, minQuality: _q, ...place } = constraint
  return place
}

/** Rules that apply for one of the possible tasks, or that an example names; null among them: for some task none applies. */
function rulesInReach(
  spec: RouteSpec,
  classifier: EmbeddingClassifier | ModelClassifier,
  facts: RequestFacts,
): ReadonlySet<Rule | null> {
  const rules = spec.rules ?? []
  if (rules.length === 0) return new Set([null])
  const named = classifier.kind === 'embedding' ? classifier.examples.map((example) => example.rule) : []
  const found = new Set<Rule | null>(rules.filter((rule) => named.includes(rule.name)))
  for (const task of new Set([null, ...knownTasksOf(spec).names])) {
    found.add(rules.find((rule) => predicateOf(rule.when)({ facts, task })) ?? null)
  }
  return found
}
