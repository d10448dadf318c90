import { tasksIn } from './conditions.ts'
import type { Classifier, RouteSpec } from './route.ts'
import type { RouteEntry } from './snapshot.ts'

/** Tasks that every route knows; `task.types` of a spec adds its own. */
export const builtinTasks: readonly string[] = [
  'classification',
  'extraction',
  'summarization',
  'rewriting',
  'retrieval',
  'generation',
  'code',
  'long-context',
  'reasoning',
]

/** What a classifier asked of a provider for one request. */
export interface ClassifierCall {
  readonly model: string
  /** The answer was known already: nothing was sent. */
  readonly isCached: boolean
  /** False: it failed or came too late. What it cost then is unknown and, as with failed attempts at targets, not charged. */
  readonly isAnswered: boolean
  readonly inputTokens: number
  readonly outputTokens: number
  /** 0 when nothing was sent; null: the model is unpriced, or it did not answer. */
  readonly costMicroUsd: number | null
  /** What the request waited for it, milliseconds. */
  readonly waitMs: number
}

/** What kind of task a request is and how that is known (A2). */
export interface TaskLabel {
  /** null: nobody said, and the route has no default. */
  readonly task: string | null
  readonly by: 'label' | 'classifier' | 'default'
  /** Kind and version of the classifier that spoke or failed; null: none was asked. */
  readonly classifier: string | null
  /** The classifier's own, [0, 1]; null: it gives none, or was not asked. */
  readonly confidence: number | null
  /** Why the default was taken although there is a classifier, or why a label was not; else null. */
  readonly note: string | null
  /** A rule of the version that the nearest example names: it holds as if its `when` did (A10). */
  readonly rule?: string
  /** What was asked of a provider; absent: nothing. */
  readonly call?: ClassifierCall
}

/** Micro-dollars that identifying the task adds to the request's cost; null: an unpriced model answered. */
export function chargeOf({ call }: TaskLabel): number | null {
  return call === undefined || !call.isAnswered ? 0 : call.costMicroUsd
}

/** An answer's cost with that of identifying its task; null: either is unknown. */
export function chargedCost(costMicroUsd: number | null, label: TaskLabel): number | null {
  const charge = chargeOf(label)
  return costMicroUsd === null || charge === null ? null : costMicroUsd + charge
}

/** What names the task of a request; null: nothing does. */
export function labelOf(metadata: Readonly<Record<string, string>>): string | null {
  const label = Object.hasOwn(metadata, 'task') ? metadata['task'] : undefined
  return label === undefined || label === '' ? null : label
}

/** The task without asking a classifier: the request's own label where the version knows it, else the route's default. */
export function plainLabelOf(spec: RouteSpec, metadata: Readonly<Record<string, string>>): TaskLabel {
  const label = labelOf(metadata)
  if (label !== null && isTaskOf(spec, label)) {
    return { task: label, by: 'label', classifier: null, confidence: null, note: null }
  }
  return defaultLabelOf(spec, null, label === null ? null : 'the label is no task of this version')
}

/** The route's default, and why. @param classifier kind and version of the one that failed; null: none was asked */
export function defaultLabelOf(spec: RouteSpec, classifier: string | null, note: string | null): TaskLabel {
  return { task: spec.task?.default ?? null, by: 'default', classifier, confidence: null, note }
}

/** A spec that says nothing of tasks takes every label as a description; any other takes those it knows. */
function isTaskOf(spec: RouteSpec, label: string): boolean {
  const { isOpen, names } = knownTasksOf(spec)
  return isOpen || names.has(label)
}

interface KnownTasks {
  readonly isOpen: boolean
  readonly names: ReadonlySet<string>
}

const knownTasks = new WeakMap<RouteSpec, KnownTasks>()

/**
 * Tasks of a spec: the built-in ones and the route's own. With `task.types` these are its own, all of them; without, they are
 * the names that its default, its classifier and its conditions use.
 */
export function knownTasksOf(spec: RouteSpec): KnownTasks {
  const known = knownTasks.get(spec)
  if (known !== undefined) return known
  const mentioned = spec.task?.types ?? mentionsOf(spec)
  const made = {
    isOpen: spec.task === undefined && mentioned.length === 0,
    names: new Set([...builtinTasks, ...mentioned]),
  }
  knownTasks.set(spec, made)
  return made
}

function mentionsOf(spec: RouteSpec): string[] {
  const { default: fallback, classifier } = spec.task ?? {}
  const conditions = (spec.rules ?? []).flatMap((rule) => tasksIn(rule.when, '').map((mention) => mention.task))
  return [...(fallback === undefined ? [] : [fallback]), ...tasksOfClassifier(classifier), ...conditions]
}

/** The model a spec's classifier asks; null: it asks none. */
export function classifierModelOf({ task }: RouteSpec): string | null {
  const classifier = task?.classifier
  return classifier?.kind === 'embedding' || classifier?.kind === 'model' ? classifier.model : null
}

/** Tasks that a classifier names itself. */
function tasksOfClassifier(classifier: Classifier | undefined): string[] {
  if (classifier === undefined) return []
  switch (classifier.kind) {
    case 'rules':
      return classifier.rules.map((rule) => rule.task)
    case 'embedding':
      return classifier.examples.flatMap((example) => (example.task === undefined ? [] : [example.task]))
    case 'model':
      return [...(classifier.tasks ?? [])]
    case 'lexical':
      return []
  }
}

/**
 * A label that no version of the route now served knows, with the names they know; null: the label may pass. One that only
 * one arm knows passes: a request is never refused for the arm it fell into.
 */
export function unknownLabelOf(
  entry: RouteEntry,
  metadata: Readonly<Record<string, string>>,
): { readonly label: string; readonly known: readonly string[] } | null {
  const label = labelOf(metadata)
  if (label === null) return null
  const { stable, rollout } = entry
  const specs = rollout === null ? [stable.spec] : [stable.spec, rollout.baseline.spec, rollout.candidate.spec]
  if (specs.some((spec) => isTaskOf(spec, label))) return null
  return { label, known: [...new Set(specs.flatMap((spec) => [...knownTasksOf(spec).names]))] }
}
