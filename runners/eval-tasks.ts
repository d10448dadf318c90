import { type ClassifierDeps, TaskClassifier } from '#providers/task-classifier.ts'

/** Nobody waits for an item's answer, so no deadline of a live request applies: the task is found as by a healthy provider. */
const patienceMs = 10_000
/** Live limits are the gateways'. */
const uncounted = { enter: () => () => undefined }
const alwaysClosed = { enter: () => true, succeeded() {}, failed() {}, released() {} }

/** Identifies the tasks of dataset items as live requests' are, with more patience. */
export function evalTaskClassifier(deps: Pick<ClassifierDeps, 'providers' | 'clock' | 'lexical'>): TaskClassifier {
  return new TaskClassifier({ ...deps, circuits: alwaysClosed, gate: uncounted, patienceMs })
}
