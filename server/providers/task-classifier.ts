import { createHash } from 'node:crypto'
import { classifierExclusions, deadlineOf } from '#domain/classifier-limits.ts'
import { predicateOf } from '#domain/conditions.ts'
import type { Catalogue } from '#domain/constraints.ts'
import { costMicroUsd } from '#domain/cost.ts'
import type { Usage } from '#domain/decision.ts'
import type { LexicalModel } from '#domain/lexical.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type {
  EmbeddingClassifier,
  LexicalClassifier,
  ModelClassifier,
  RouteVersion,
  RulesClassifier,
} from '#domain/route.ts'
import { type ClassifierCall, defaultLabelOf, plainLabelOf, type TaskLabel } from '#domain/task.ts'
import { taskText } from '#domain/task-text.ts'
import { Lru } from './lru.ts'
import { ProviderError } from './provider.ts'
import { type Asked, type AskingDeps, CircuitOpenError, type Finding, type Question } from './task-asking.ts'
import { ExampleFinder } from './task-by-embedding.ts'
import { askModel } from './task-by-model.ts'

/** Answers kept in this process. */
const findingsKept = 10_000
/** Questions under way at once; more would only queue behind their own deadline. */
const maxUnderWay = 256

export interface ClassifierDeps extends AskingDeps {
  readonly lexical: LexicalModel
  /** Waits longer than a live request does, milliseconds: where nobody waits for the answer. Absent: the classifier's own deadline. */
  readonly patienceMs?: number
}

/** A request whose task is to be identified, and the version that says how. */
export interface Unidentified {
  readonly version: RouteVersion
  readonly catalogue: Catalogue
  readonly facts: RequestFacts
  readonly messages: readonly unknown[]
  /** Whose request it is: nobody is answered from what another asked. */
  readonly scope: string
  /** Why no provider may be asked about it now; null: nothing stands in the way. Called only where one would be. */
  readonly objection?: () => string | null
}

/**
 * Identifies what kind of task a request is (A2): its own label, else what the version's classifier says, else the route's
 * default. A classifier that fails, for whatever reason, gives the default with a note and never holds a request longer than
 * its deadline.
 */
export class TaskClassifier {
  readonly #deps: ClassifierDeps
  readonly #finder: ExampleFinder
  readonly #findings = new Lru<Finding>(findingsKept)
  readonly #underWay = new Map<string, Promise<Asked>>()

  constructor(deps: ClassifierDeps) {
    this.#deps = deps
    this.#finder = new ExampleFinder(deps)
  }

  /** A promise only where a provider has to be asked. */
  identify(request: Unidentified): TaskLabel | Promise<TaskLabel> {
    const { version, facts } = request
    const { spec } = version
    const plain = plainLabelOf(spec, facts.metadata)
    const classifier = spec.task?.classifier
    if (plain.by === 'label' || classifier === undefined) return plain
    switch (classifier.kind) {
      case 'rules':
        return this.#byRules(request, classifier)
      case 'lexical':
        return this.#byWords(request, classifier)
      default:
        return this.#byAsking(request, classifier)
    }
  }

  #byRules({ version, facts }: Unidentified, classifier: RulesClassifier): TaskLabel {
    const found = classifier.rules.find((rule) => predicateOf(rule.when)({ facts, task: null }))
    if (found === undefined) return defaultLabelOf(version.spec, 'rules', 'none of its rules holds')
    return { task: found.task, by: 'classifier', classifier: 'rules', confidence: null, note: null }
  }

  #byWords({ version, facts, messages }: Unidentified, classifier: LexicalClassifier): TaskLabel {
    const { lexical } = this.#deps
    const name = `lexical@${lexical.trainedOn}`
    const { longContextTokens, minConfidence = 0 } = classifier
    if (longContextTokens !== undefined && facts.inputTokens >= longContextTokens) {
      return { task: 'long-context', by: 'classifier', classifier: name, confidence: null, note: null }
    }
    const text = taskText(messages)
    if (text.trim() === '') return defaultLabelOf(version.spec, name, 'there is no text to read')
    const { task, confidence } = lexical.guess(text)
    if (confidence >= minConfidence) return { task, by: 'classifier', classifier: name, confidence, note: null }
    const note = `${task} with confidence ${confidence.toFixed(3)}, below ${minConfidence}`
    return { ...defaultLabelOf(version.spec, name, note), confidence }
  }

  #byAsking(request: Unidentified, classifier: EmbeddingClassifier | ModelClassifier): TaskLabel | Promise<TaskLabel> {
    const { version, catalogue, facts } = request
    const name = `${classifier.kind} ${classifier.model}`
    const fallBack = (note: string) => defaultLabelOf(version.spec, name, note)
    const text = taskText(request.messages)
    if (text.trim() === '') return fallBack('there is no text to read')
    const objection = request.objection?.() ?? null
    if (objection !== null) return fallBack(objection)
    const barred = classifierExclusions(version.spec, classifier, facts, catalogue)
    if (barred.length > 0) {
      const reasons = [...new Set(barred.map((exclusion) => `${exclusion.by}: ${exclusion.detail}`))].join('; ')
      return fallBack(`this request may not be shown to ${classifier.model} (${reasons})`)
    }
    const model = catalogue.models.get(classifier.model)
    const provider = model === undefined ? undefined : catalogue.providers.get(model.provider)
    if (model === undefined || provider === undefined) return fallBack(`${classifier.model} is not in the catalogue`)
    const deadlineMs = this.#deps.patienceMs ?? deadlineOf(version.spec, classifier)
    const asked = { classifier, version, spec: version.spec, model, provider, text, deadlineMs }
    const question: Question = { ...asked, key: keyOf(asked, request.scope) }
    const known = this.#findings.get(question.key)
    if (known !== undefined) return labelOfFinding(question, name, known, cachedCall(classifier.model, 0))
    return this.#ask(question, name)
  }

  async #ask(question: Question, name: string): Promise<TaskLabel> {
    const { clock } = this.#deps
    const { classifier, version, deadlineMs } = question
    const startedMs = clock.monotonicMs()
    const waited = () => Math.max(0, Math.round(clock.monotonicMs() - startedMs))
    const shared = this.#underWay.get(question.key)
    const failed = {
      model: classifier.model,
      isCached: false,
      isAnswered: false,
      inputTokens: 0,
      outputTokens: 0,
      costMicroUsd: null,
    }
    try {
      if (shared === undefined && this.#underWay.size >= maxUnderWay) {
        return defaultLabelOf(version.spec, name, 'too many questions are under way')
      }
      const { finding, usage } = await within(deadlineMs, shared ?? this.#start(question))
      const call = shared === undefined ? callOf(question, usage, waited()) : cachedCall(classifier.model, waited())
      return labelOfFinding(question, name, finding, call)
    } catch (error) {
      const label = defaultLabelOf(version.spec, name, noteOf(error, deadlineMs))
      return error instanceof CircuitOpenError ? label : { ...label, call: { ...failed, waitMs: waited() } }
    }
  }

  /** The question goes on when its first asker's deadline has passed: its answer serves the next. */
  #start(question: Question): Promise<Asked> {
    const answer = isByEmbedding(question)
      ? this.#finder.ask(question)
      : askModel(this.#deps, question as Question<ModelClassifier>)
    this.#underWay.set(question.key, answer)
    answer
      .then(({ finding }) => this.#findings.set(question.key, finding))
      // Whoever waits is told; nobody has to.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(question.key))
    return answer
  }
}

function isByEmbedding(question: Question): question is Question<EmbeddingClassifier> {
  return question.classifier.kind === 'embedding'
}

/** All that an answer depends on, and whose it is. */
function keyOf({ classifier, version, provider, text }: Omit<Question, 'key'>, scope: string): string {
  const parts = [
    scope,
    version.route,
    version.digest,
    classifier.kind,
    classifier.model,
    provider.kind,
    provider.baseUrl,
  ]
  return createHash('sha256').update(JSON.stringify(parts)).update(text).digest('hex')
}

function labelOfFinding(question: Question, name: string, finding: Finding, call: ClassifierCall): TaskLabel {
  const { task, rule, confidence, note } = finding
  const fallBack = { ...defaultLabelOf(question.spec, name, note), confidence, call }
  if (note !== null) return fallBack
  // An example may name a rule alone: the task is the default's, the rule is found.
  return { ...fallBack, by: 'classifier', task: task ?? fallBack.task, ...(rule !== undefined && { rule }) }
}

function callOf({ classifier, model }: Question, usage: Usage, waitMs: number): ClassifierCall {
  return {
    model: classifier.model,
    isCached: false,
    isAnswered: true,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    costMicroUsd: costMicroUsd(model.price, usage),
    waitMs,
  }
}

function cachedCall(model: string, waitMs: number): ClassifierCall {
  return { model, isCached: true, isAnswered: true, inputTokens: 0, outputTokens: 0, costMicroUsd: 0, waitMs }
}

/** Class and our own words only: a provider's may quote the request. */
function noteOf(error: unknown, deadlineMs: number): string {
  if (error instanceof CircuitOpenError) return 'it failed repeatedly and is given time'
  if (error instanceof DeadlineError) return `no answer within ${deadlineMs} ms`
  if (!(error instanceof ProviderError)) return 'its provider cannot be called'
  if (error.errorClass === 'timeout') return `no answer within ${deadlineMs} ms`
  const isOurs = error.errorClass === 'invalid_response' && error.upstream === null
  return isOurs ? `it failed: ${error.errorClass} (${error.message})` : `it failed: ${error.errorClass}`
}

class DeadlineError extends Error {}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError('the deadline of the classifier passed')), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
