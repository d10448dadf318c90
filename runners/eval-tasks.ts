import { setTimeout as wait } from 'node:timers/promises'
import { type ClassifierDeps, TaskClassifier } from '#providers/task-classifier.ts'

/** Nobody waits for an item's answer, so no deadline of a live request applies: the task is found as by a healthy provider. */
const patienceMs = 10_000
const tries = 3
const backoffMs = 200
/** Live limits are the gateways'. */
const uncounted = { enter: () => () => undefined }
const alwaysClosed = { enter: () => true, succeeded() {}, failed() {}, released() {} }

/**
 * Identifies the tasks of dataset items as live requests' are, with more patience: a provider's bad minute is no property of
 * the version under test. Whoever still gives no answer gives the default, as live.
 */
export function evalTaskClassifier(
  deps: Pick<ClassifierDeps, 'providers' | 'clock' | 'lexical'>,
): Pick<TaskClassifier, 'identify'> {
  const classifier = new TaskClassifier({ ...deps, circuits: alwaysClosed, gate: uncounted, patienceMs })
  return {
    async identify(request) {
      for (let attempt = 1; ; attempt += 1) {
        const label = await classifier.identify(request)
        if (attempt === tries || label.call?.isAnswered !== false) return label
        await wait(backoffMs * 2 ** attempt)
      }
    },
  }
}
