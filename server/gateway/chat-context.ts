import type { LexicalModel } from '#domain/lexical.ts'
import type { RecordedLive } from '#domain/live.ts'
import type { RenderedPrompt } from '#domain/prompt.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RoutingDecision } from '#domain/routing.ts'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import type { Log } from '#infra/log.ts'
import type { Observer } from '#infra/observer.ts'
import type { TokenCounter } from '#infra/token-counter.ts'
import type { RequestTrace, Tracing } from '#infra/trace-context.ts'
import type { ProviderRegistry } from '#providers/registry.ts'
import type { TaskClassifier } from '#providers/task-classifier.ts'
import type { Afterwards } from './afterwards.ts'
import type { Allowances } from './allowances.ts'
import type { ChatRequest } from './chat-request.ts'
import type { DecisionBuffer } from './decision-buffer.ts'
import type { Endpoint } from './endpoint.ts'
import type { ForwardDeps } from './forward.ts'
import type { LiveStats } from './live-stats.ts'
import type { RouteTable } from './route-table.ts'
import type { ShadowQueue } from './shadow-queue.ts'
import type { TestFailure } from './test-failure.ts'

/** What the gateway is made of; made once in deps.ts. */
export interface GatewayDeps {
  readonly table: Pick<RouteTable, 'current' | 'isLeaseValid'>
  readonly clock: { nowMs(): number; monotonicMs(): number }
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly newId: (prefix: string) => string
  readonly providers: ProviderRegistry
  /** Coefficients of the built-in task classifier. */
  readonly lexical: LexicalModel
  /** The live log: decisions, evidence, samples. */
  readonly sink: DecisionBuffer
  readonly log: Log
  /** What is measured of targets, where it is shared with other replicas; absent: kept to itself. */
  readonly live?: LiveStats
  /** Metrics, traces and the log of what went wrong. */
  readonly observer?: Observer
  readonly tracing?: Tracing
  /** Counts tokens where a provider did not; absent: four characters are a token. */
  readonly tokens?: TokenCounter
  /** Names this process in evidence; another at every start. */
  readonly bootId: string
  /** Budgets and limits; absent: those of a process on its own. */
  readonly allowances?: Allowances
}

/** The deps and what the gateway keeps between requests. Shadow calls have circuits and retries of their own. */
export interface GatewayState extends GatewayDeps {
  readonly user: ForwardDeps
  readonly mirror: ForwardDeps
  readonly shadow: ShadowQueue
  readonly afterwards: Afterwards
  readonly tasks: TaskClassifier
  /** Of mirrored requests: circuits and answers of its own, too. */
  readonly mirrorTasks: TaskClassifier
  readonly allowances: Allowances
}

/** One chat request on its way, once it is decided. */
export interface Chat {
  readonly requestId: string
  readonly endpoint: Endpoint
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** Monotonic time at which the request had been received, milliseconds. */
  readonly startedAtMs: number
  readonly snapshot: Snapshot
  readonly caller: Caller
  readonly request: ChatRequest
  /** Tokens with those of the prompt. */
  readonly facts: RequestFacts
  /** What stands before the request's own messages; null: nothing. */
  readonly prompt: RenderedPrompt | null
  readonly patterns: Readonly<Record<string, boolean>>
  readonly random: number
  /** What the decision knew of the world. */
  readonly live: RecordedLive
  readonly decision: RoutingDecision
  /** The client named `provider/model`, not a route. */
  readonly isDirect: boolean
  /** A place in the shadow queue is held for this request. */
  readonly isMirrored: boolean
  /** Attempts that are to fail without being sent; absent: none. */
  readonly testFailure?: TestFailure
  /** Absent: the request belongs to no trace. */
  readonly trace?: RequestTrace
}
