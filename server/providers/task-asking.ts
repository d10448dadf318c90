import type { Usage } from '#domain/decision.ts'
import type { EmbeddingClassifier, ModelClassifier, RouteSpec, RouteVersion } from '#domain/route.ts'
import type { Model, Provider } from '#domain/snapshot.ts'
import { type AttemptLimits, Cancellation, type ChatBody, type ModelCall, ProviderError } from './provider.ts'
import type { ProviderRegistry } from './registry.ts'

/** A circuit per model, so that a provider that fails is not waited for by every request. */
export interface CircuitPort {
  enter(model: string, nowMs: number): boolean
  succeeded(model: string): void
  failed(model: string, nowMs: number, retryAfterMs: number | null): void
  released(model: string): void
}

/** Counts calls against what a provider's limits allow. @returns what to call once the call has ended */
export interface CallGate {
  enter(provider: Provider): (usage: Usage | null) => void
}

/** What classifiers that ask a provider need of the process. */
export interface AskingDeps {
  readonly providers: Pick<ProviderRegistry, 'clientFor'>
  readonly clock: { monotonicMs(): number }
  /** Of the classifiers alone: a classifier's deadline says nothing of the same model's answers to users. */
  readonly circuits: CircuitPort
  readonly gate: CallGate
}

/** One text to be classified, and by what. */
export interface Question<Kind = EmbeddingClassifier | ModelClassifier> {
  readonly classifier: Kind
  readonly version: RouteVersion
  readonly spec: RouteSpec
  readonly model: Model
  readonly provider: Provider
  readonly text: string
  /** Hex sha256 of everything the answer depends on. */
  readonly key: string
  readonly deadlineMs: number
}

/** What a classifier found, as it is cached: the same question has the same answer. */
export interface Finding {
  /** null: none is near enough. */
  readonly task: string | null
  readonly rule?: string
  readonly confidence: number | null
  /** Why there is no task; else null. */
  readonly note: string | null
}

export interface Asked {
  readonly finding: Finding
  /** null: the provider reported none and none can be estimated. */
  readonly usage: Usage
}

/** A way of asking. @throws ProviderError */
export type Asker<Kind> = (deps: AskingDeps, question: Question<Kind>) => Promise<Asked>

/** Every limit is the deadline: what counts is when the request may go on. */
export function limitsOf(deadlineMs: number): AttemptLimits {
  return { connectMs: deadlineMs, firstTokenMs: deadlineMs, idleMs: deadlineMs, totalMs: deadlineMs }
}

export function modelCallOf(question: Question<unknown>, fields: Fields, deadlineMs: number): ModelCall {
  return {
    provider: question.provider,
    model: question.model.model,
    body: bodyOf(fields),
    limits: limitsOf(deadlineMs),
    // A client that leaves does not end the question: it is short, and its answer serves the next.
    cancellation: new Cancellation(),
  }
}

type Fields = Readonly<Record<string, unknown>>

function bodyOf(fields: Fields): ChatBody {
  return { fields, bytesFor: (model) => Buffer.from(JSON.stringify({ ...fields, model })) }
}

/** Runs a call within the circuit of its model and the limits of its provider. @throws ProviderError, CircuitOpenError */
export async function callWithin<T extends { readonly usage: Usage | null }>(
  deps: AskingDeps,
  { classifier: { model }, provider }: Question,
  call: () => Promise<T>,
): Promise<T> {
  const { circuits, clock, gate } = deps
  if (!circuits.enter(model, clock.monotonicMs())) {
    throw new CircuitOpenError(model)
  }
  const leave = gate.enter(provider)
  try {
    const result = await call()
    circuits.succeeded(model)
    leave(result.usage)
    return result
  } catch (error) {
    leave(null)
    // A bad answer is as useless as none: whoever gives them is left alone for a while too.
    if (error instanceof ProviderError) circuits.failed(model, clock.monotonicMs(), error.retryAfterMs)
    else circuits.released(model)
    throw error
  }
}

/** Nothing was sent: the model failed repeatedly and is given time. */
export class CircuitOpenError extends Error {
  readonly code = 'CIRCUIT_OPEN'
  constructor(model: string) {
    super(`the circuit of "${model}" is open`)
    this.name = 'CircuitOpenError'
  }
}
