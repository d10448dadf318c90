import type { RouteSpec } from './route.ts'

/** What kind of task a request is and how that is known (A2). */
export interface TaskLabel {
  /** null: nobody said, and the route has no default. */
  readonly task: string | null
  readonly by: 'label' | 'classifier' | 'default'
  /** Kind and version of the classifier that spoke or failed; null: none was asked. */
  readonly classifier: string | null
  /** The classifier's own, [0, 1]; null: it gives none, or was not asked. */
  readonly confidence: number | null
  /** Why the default was taken although there is a classifier; else null. */
  readonly note: string | null
}

/** The task without asking a classifier: the request's own label, else the route's default. */
export function plainLabelOf(spec: RouteSpec, metadata: Readonly<Record<string, string>>): TaskLabel {
  const label = Object.hasOwn(metadata, 'task') ? metadata['task'] : undefined
  if (label !== undefined && label !== '') {
    return { task: label, by: 'label', classifier: null, confidence: null, note: null }
  }
  return { task: spec.task?.default ?? null, by: 'default', classifier: null, confidence: null, note: null }
}
