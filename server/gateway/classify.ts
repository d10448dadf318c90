import type { LiveView } from '#domain/live.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { Caller, RouteEntry, Snapshot } from '#domain/snapshot.ts'
import { classifierModelOf, plainLabelOf, type TaskLabel, unknownLabelOf } from '#domain/task.ts'
import type { TaskClassifier } from '#providers/task-classifier.ts'
import type { ChatRequest } from './chat-request.ts'
import { checkGuardrails } from './guardrails.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'

/** A request whose task is to be identified, and the version that says how. */
export interface Unclassified {
  readonly version: RouteVersion
  readonly snapshot: Snapshot
  readonly caller: Caller
  readonly request: ChatRequest
  readonly facts: RequestFacts
  /** What its budgets and limits leave; absent: not asked, for what is no user's request. */
  readonly allowed?: () => Pick<LiveView, 'budgetLeftMicroUsd' | 'limitedProviders'>
  /** The limit that will refuse it; absent: as above. */
  readonly limit?: () => string | null
}

/**
 * Identifies a request's task (A2). No promise where nothing has to be waited for: label, rules and the lexical classifier
 * answer at once, and so does what was asked before.
 */
export function classify(tasks: TaskClassifier, of: Unclassified): TaskLabel | Promise<TaskLabel> {
  const { version, snapshot, caller, request, facts } = of
  // A text to embed is not a question: no model is asked, and nothing is waited for, to name its task.
  if (request.vectors !== null) return plainLabelOf(version.spec, facts.metadata)
  return tasks.identify({
    version,
    catalogue: snapshot,
    facts,
    messages: request.messages,
    scope: caller.keyId,
    objection: () => objectionTo(of),
  })
}

/** Nobody is shown, and nothing is spent on, what will be refused a little later, when it is known whom that counts against. */
function objectionTo(of: Unclassified): string | null {
  const { version, snapshot, allowed } = of
  if (checkGuardrails({ ...of, decision: { version, rollout: null } }) !== null) {
    return 'the request is blocked: it is shown to nobody'
  }
  const reached = of.limit?.() ?? null
  if (reached !== null) return reached
  if (allowed === undefined) return null
  const { budgetLeftMicroUsd, limitedProviders } = allowed()
  if (budgetLeftMicroUsd !== null && budgetLeftMicroUsd <= 0) return 'the budget is used up'
  const model = snapshot.models.get(classifierModelOf(version.spec) ?? '')
  // Its cost would make the request's unknown, and a budget cannot be charged what is not known.
  if (budgetLeftMicroUsd !== null && model?.price === null) return 'a budget applies, which needs a price'
  const provider = model?.provider
  const limit = provider === undefined ? undefined : limitedProviders.get(provider)
  return limit === undefined ? null : `its provider takes no more now: ${limit}`
}

/** A label that the route does not know is an error that names those it knows. */
export function refuseUnknownTask(entry: RouteEntry, metadata: Readonly<Record<string, string>>): ApiError | null {
  const unknown = unknownLabelOf(entry, metadata)
  if (unknown === null) return null
  const message = `The route '${entry.name}' has no task '${unknown.label.slice(0, 64)}'; known: ${unknown.known.join(', ')}.`
  return invalidRequest(400, 'unknown_task', message, 'metadata.task')
}
