import type { Attempt } from '#domain/decision.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { PlannedTarget } from '#domain/routing.ts'
import type { Model, Provider } from '#domain/snapshot.ts'
import {
  type Cancellation,
  type ChatAnswer,
  type ChatBody,
  type ChatStream,
  type ErrorClass,
  ProviderError,
} from '#providers/provider.ts'
import type { ProviderRegistry } from '#providers/registry.ts'
import { isTargetAtFault, isWorthAnotherTarget, retryReasonOf } from '#providers/upstream-errors.ts'
import type { Circuits } from './circuits.ts'
import type { LiveStats } from './live-stats.ts'
import type { RetryBudget } from './retry-budget.ts'

/** Where a route sets nothing: milliseconds. */
export const defaultTimeouts = { connectMs: 1_000, firstTokenMs: 20_000, idleMs: 15_000, totalMs: 120_000 } as const
const defaultAttempts = 2
/** Attempts of one request over all its targets. */
const maxAttempts = 8
const backoffMs = 200
const longestBackoffMs = 2_000
/** A provider that asks for a longer wait is not waited for while another target is left. */
const patienceMs = 1_000
const longestAskedWaitMs = 60_000

/** What forwarding needs of the process. */
export interface ForwardDeps {
  readonly providers: ProviderRegistry
  readonly clock: { nowMs(): number; monotonicMs(): number }
  readonly random: () => number
  readonly circuits: Circuits
  readonly retryBudget: RetryBudget
  readonly live: LiveStats
}

export interface ForwardRequest {
  /** In the order of trial, at least one. */
  readonly targets: readonly PlannedTarget[]
  readonly providers: ReadonlyMap<string, Provider>
  readonly models: ReadonlyMap<string, Model>
  readonly spec: RouteSpec
  readonly body: ChatBody
  readonly isStream: boolean
  /** Keep the text of a streamed answer. */
  readonly isKept: boolean
  /** Monotonic time at which the request was received, milliseconds. */
  readonly startedAtMs: number
  readonly cancellation: Cancellation
}

/** One answer, or why there is none. The last attempt of a stream is open: it ends with the stream. */
export type Forwarded = {
  readonly attempts: readonly Attempt[]
  /** Time since the request was received that was spent neither calling a provider nor waiting to; absent: nobody was called. */
  readonly overheadMs?: number
} & (
  | { readonly kind: 'answer'; readonly target: PlannedTarget; readonly answer: ChatAnswer }
  | { readonly kind: 'stream'; readonly target: PlannedTarget; readonly stream: ChatStream }
  | { readonly kind: 'failed'; readonly target: PlannedTarget | null; readonly error: ProviderError }
)

type Tried = { readonly answer: ChatAnswer } | { readonly stream: ChatStream } | { readonly error: ProviderError }

/**
 * Calls the targets in order until one answers: each again after failures that may pass, then the next where the error allows
 * it. All of it happens before the first content of a stream and within the request's one deadline (A12).
 */
export async function forward(deps: ForwardDeps, request: ForwardRequest): Promise<Forwarded> {
  const run = new Run(deps, request)
  deps.retryBudget.earn()
  for (const [index, target] of request.targets.entries()) {
    const hasNext = index + 1 < request.targets.length
    const done = await run.tryTarget(target, hasNext)
    if (done !== null) return done
    if (!run.mayGoOn()) break
  }
  return run.failure()
}

// One request's way through its targets; the loop above and tryTarget share the attempts made so far.
class Run {
  readonly #deps: ForwardDeps
  readonly #request: ForwardRequest
  readonly #endsAtMs: number
  readonly #attempts: Attempt[] = []
  #error: ProviderError | null = null
  #lastTarget: PlannedTarget | null = null

  constructor(deps: ForwardDeps, request: ForwardRequest) {
    this.#deps = deps
    this.#request = request
    this.#endsAtMs = request.startedAtMs + (request.spec.timeouts?.totalMs ?? defaultTimeouts.totalMs)
  }

  /** @returns null when this target gave no answer */
  async tryTarget(target: PlannedTarget, hasNext: boolean): Promise<Forwarded | null> {
    const tries = this.#request.spec.retry?.attempts ?? defaultAttempts
    let waitedMs = 0
    for (let count = 1; this.#attempts.length < maxAttempts; count += 1) {
      if (!this.#deps.circuits.enter(target.model, this.#now())) return null
      this.#lastTarget = target
      const startMs = this.#now()
      this.#deps.live.began(target.model)
      const tried = await this.#call(target)
      this.#note(target, startMs, tried, waitedMs)
      if ('answer' in tried) return { kind: 'answer', target, answer: tried.answer, attempts: this.#attempts }
      if ('stream' in tried) return { kind: 'stream', target, stream: tried.stream, attempts: this.#attempts }
      this.#error = tried.error
      const waitMs = count < tries ? this.#waitBefore(tried.error, count, hasNext) : null
      if (waitMs === null) return null
      await sleep(waitMs, this.#request.cancellation)
      waitedMs = waitMs
      if (this.#request.cancellation.isCancelled) return null
    }
    return null
  }

  async #call(target: PlannedTarget): Promise<Tried> {
    const { providers, spec, body, cancellation, isKept, isStream } = this.#request
    const provider = providers.get(target.provider)
    const timeouts = { ...defaultTimeouts, ...spec.timeouts }
    const totalMs = this.#endsAtMs - this.#now()
    if (totalMs <= 0) return { error: new ProviderError('timeout', 'the deadline of the request passed') }
    if (provider === undefined)
      return { error: new ProviderError('connection', 'the provider is not in the catalogue') }
    const model = target.model.slice(target.provider.length + 1)
    const maxOutputTokens = this.#request.models.get(target.model)?.maxOutputTokens ?? null
    const limits = { ...timeouts, totalMs }
    const call = { provider, model, body, cancellation, isKept, maxOutputTokens, limits }
    try {
      const client = this.#deps.providers.clientFor(provider)
      return isStream ? { stream: await client.stream(call) } : { answer: await client.complete(call) }
    } catch (error) {
      if (error instanceof ProviderError) return { error }
      return { error: new ProviderError('connection', 'the provider cannot be called', { cause: error }) }
    }
  }

  #note(target: PlannedTarget, startMs: number, tried: Tried, waitedMs: number): void {
    const { circuits, live } = this.#deps
    const error = 'error' in tried ? tried.error : null
    // A stream is not well until it has ended.
    if ('answer' in tried) circuits.succeeded(target.model)
    else if (error !== null && isTargetAtFault(error)) circuits.failed(target.model, this.#now(), error.retryAfterMs)
    else if (error !== null) circuits.released(target.model)
    if (!('stream' in tried)) {
      live.ended(target.model, {
        ttftMs: null,
        totalMs: this.#now() - startMs,
        errorClass: error?.errorClass ?? null,
      })
    }
    const since = (at: number) => Math.round(at - this.#request.startedAtMs)
    const firstTokenAt =
      'stream' in tried ? tried.stream.firstTokenAtMs : 'answer' in tried ? tried.answer.firstByteAtMs : null
    this.#attempts.push({
      model: target.model,
      provider: target.provider,
      startMs: since(startMs),
      endMs: since(this.#now()),
      firstTokenMs: firstTokenAt === null ? null : since(firstTokenAt),
      status: error === null ? 200 : error.status,
      errorClass: error?.errorClass ?? null,
      isFallback: target.isFallback,
      waitMs: Math.round(waitedMs),
    })
  }

  /** How long to wait before the same target is tried again, full jitter; null: not again. */
  #waitBefore(error: ProviderError, failures: number, hasNext: boolean): number | null {
    const reason = retryReasonOf(error)
    const allowed = this.#request.spec.retry?.on
    if (reason === null || (allowed !== undefined && !allowed.includes(reason))) return null
    const jittered = this.#deps.random() * Math.min(longestBackoffMs, backoffMs * 2 ** (failures - 1))
    const asked = error.retryAfterMs ?? 0
    const waitMs = Math.max(jittered, asked)
    if (asked > longestAskedWaitMs || (hasNext && asked > patienceMs)) return null
    if (this.#now() + waitMs >= this.#endsAtMs) return null
    return this.#deps.retryBudget.spend() ? waitMs : null
  }

  /** Whether the next target may be tried. */
  mayGoOn(): boolean {
    if (this.#request.cancellation.isCancelled || this.#attempts.length >= maxAttempts) return false
    if (this.#now() >= this.#endsAtMs) return false
    return this.#error === null || isWorthAnotherTarget(this.#error)
  }

  failure(): Forwarded {
    const error = this.#request.cancellation.isCancelled
      ? new ProviderError('client_closed', 'the client has gone')
      : (this.#error ?? new ProviderError('connection', 'every target is resting after failures'))
    return { kind: 'failed', target: this.#lastTarget, error, attempts: this.#attempts }
  }

  #now(): number {
    return this.#deps.clock.monotonicMs()
  }
}

/** Ends early when the client goes. */
function sleep(ms: number, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      cancellation.listen(null)
      resolve()
    }
    cancellation.listen(done)
  })
}

/** The attempts of a stream once it has ended: the last one closed with its outcome. */
export function closeLast(
  attempts: readonly Attempt[],
  endMs: number,
  errorClass: ErrorClass | null,
): readonly Attempt[] {
  const last = attempts.at(-1)
  return last === undefined ? attempts : [...attempts.slice(0, -1), { ...last, endMs: Math.round(endMs), errorClass }]
}
