import type { Attempt } from '#domain/decision.ts'
import { expectedOf, isAffordable, mayBeBilled, mayBegin, mayFollow, type Purse } from '#domain/fallback.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { PlannedTarget } from '#domain/routing.ts'
import type { Model, Provider } from '#domain/snapshot.ts'
import type { RequestTrace } from '#infra/trace-context.ts'
import {
  type Cancellation,
  type ChatAnswer,
  type ChatBody,
  type ChatStream,
  ProviderError,
} from '#providers/provider.ts'
import type { ProviderRegistry } from '#providers/registry.ts'
import { isTargetAtFault, retryReasonOf } from '#providers/upstream-errors.ts'
import { flawOf } from './answer-flaw.ts'
import type { Circuits } from './circuits.ts'
import type { LiveStats } from './live-stats.ts'
import { costOf } from './outcome.ts'
import { leaving, type ProviderGate } from './provider-gate.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { TestFailure } from './test-failure.ts'

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
  readonly gate: ProviderGate
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
  /** The caller's: times are measured for each; absent: it named none. */
  readonly region?: string | undefined
  /** What all attempts together may cost. */
  readonly purse: Purse
  readonly wantsJson: boolean
  /** Attempts that fail without being sent, to see what follows; absent: none. */
  readonly testFailure?: TestFailure | null
  /** null: the request belongs to no trace. */
  readonly trace?: RequestTrace | null
}

/** One answer, or why there is none. The last attempt of a stream is open: it ends with the stream. */
export type Forwarded = {
  readonly attempts: readonly Attempt[]
  /** Time since the request was received that was spent neither calling a provider nor waiting to; absent: nobody was called. */
  readonly overheadMs?: number
  /** Why no further target was tried although one was left; absent: nothing held it back. */
  readonly note?: string
} & (
  | { readonly kind: 'answer'; readonly target: PlannedTarget; readonly answer: ChatAnswer }
  | { readonly kind: 'stream'; readonly target: PlannedTarget; readonly stream: ChatStream }
  | { readonly kind: 'failed'; readonly target: PlannedTarget | null; readonly error: ProviderError }
)

type Called =
  | { readonly answer: ChatAnswer }
  | { readonly stream: ChatStream }
  /** `isUncalled`: there was no time left to call it. */
  | { readonly error: ProviderError; readonly isUncalled?: true }
type Tried = Called | { readonly error: ProviderError; readonly flawed: ChatAnswer }

/**
 * Calls the targets in order until one answers: each again after failures that may pass, then the next that may follow the
 * failure. All of it happens before the first content of a stream, within the request's one deadline and one cost cap (A12).
 */
export async function forward(deps: ForwardDeps, request: ForwardRequest): Promise<Forwarded> {
  const run = new Run(deps, request)
  deps.retryBudget.earn()
  for (const [index, target] of request.targets.entries()) {
    if (!run.mayTry(target)) continue
    const done = await run.tryTarget(target, request.targets.slice(index + 1))
    if (done !== null) return done
    if (run.isOver()) break
  }
  return run.end()
}

// One request's way through its targets; the loop above and tryTarget share the attempts made so far.
class Run {
  readonly #deps: ForwardDeps
  readonly #request: ForwardRequest
  readonly #endsAtMs: number
  readonly #attempts: Attempt[] = []
  /** Credentials that a provider refused: every target that would send one of them is passed over. */
  readonly #refused = new Set<string>()
  #error: ProviderError | null = null
  #lastTarget: PlannedTarget | null = null
  /** An answer that another target may better; given when none does. */
  #kept: { readonly target: PlannedTarget; readonly answer: ChatAnswer } | null = null
  #spentMicroUsd = 0
  #busyMs = 0
  #note: string | null = null

  constructor(deps: ForwardDeps, request: ForwardRequest) {
    this.#deps = deps
    this.#request = request
    this.#endsAtMs = request.startedAtMs + (request.spec.timeouts?.totalMs ?? defaultTimeouts.totalMs)
  }

  /** Whether a target may be tried at this point: after this failure, with this credential, for this money. */
  mayTry(target: PlannedTarget): boolean {
    if (!this.#follows(target)) return false
    if (this.#refused.has(this.#credentialOf(target))) return false
    return this.#error === null || this.#affords(target)
  }

  #follows(next: PlannedTarget): boolean {
    const { targets, models } = this.#request
    if (this.#error === null || this.#lastTarget === null) return next === targets[0] || mayBegin(next.on, 'resting')
    return mayFollow({ failure: this.#error, failed: this.#lastTarget, next, models })
  }

  #affords(target: PlannedTarget): boolean {
    const { purse, models } = this.#request
    if (isAffordable(purse, this.#spentMicroUsd, models.get(target.model))) return true
    this.#note = 'the cost limit allows no further attempt'
    return false
  }

  #credentialOf({ provider }: PlannedTarget): string {
    return this.#request.providers.get(provider)?.credential ?? `none of ${provider}`
  }

  /** @param later targets that are left @returns null when this target gave no answer that stands */
  async tryTarget(target: PlannedTarget, later: readonly PlannedTarget[]): Promise<Forwarded | null> {
    const tries = this.#request.spec.retry?.attempts ?? defaultAttempts
    let waitedMs = 0
    for (let count = 1; this.#attempts.length < maxAttempts; count += 1) {
      const startMs = this.#now()
      const played = this.#playedFor(target)
      if (played === null && !this.#mayEnter(target, startMs)) return null
      this.#lastTarget = target
      const trace = this.#request.trace?.next()
      const tried = played ?? this.#flawed(target, await this.#call(target, trace), later)
      if (played === null) this.#tell(target, startMs, tried)
      this.#busyMs += this.#now() - startMs + waitedMs
      this.#write(target, startMs, tried, waitedMs)
      if (!('error' in tried)) return this.#done({ target, ...tried })
      this.#error = tried.error
      if (tried.error.errorClass === 'auth') this.#refused.add(this.#credentialOf(target))
      const waitMs = count < tries ? this.#waitBefore(tried.error, count, later) : null
      if (waitMs === null || !this.#affords(target)) return null
      if (!this.#deps.retryBudget.spend()) return null
      await sleep(waitMs, this.#request.cancellation)
      waitedMs = waitMs
      if (this.#request.cancellation.isCancelled) return null
    }
    return null
  }

  #mayEnter(target: PlannedTarget, nowMs: number): boolean {
    const provider = this.#request.providers.get(target.provider)
    if (provider === undefined || !this.#deps.gate.isFull(provider))
      return this.#deps.circuits.enter(target.model, nowMs)
    this.#note = `the limit of provider ${provider.name} was reached`
    return false
  }

  /** An answer with a fault that a later target is named for is kept back, and its fault taken for the attempt's. */
  #flawed(target: PlannedTarget, tried: Called, later: readonly PlannedTarget[]): Tried {
    if (!('answer' in tried) || !later.some(({ on }) => on !== undefined)) return tried
    const flaw = flawOf(tried.answer.facts, this.#request.wantsJson)
    const { models } = this.#request
    if (flaw === null || !later.some((next) => next.on && mayFollow({ failure: flaw, failed: target, next, models }))) {
      return tried
    }
    this.#kept ??= { target, answer: tried.answer }
    return { error: flaw, flawed: tried.answer }
  }

  /** The failure that a test asked for in the place of this call; null: none. Nothing is sent and nobody's health suffers. */
  #playedFor(target: PlannedTarget): { readonly error: ProviderError } | null {
    const { testFailure = null, targets } = this.#request
    return testFailure?.strikes(target === targets[0]) === true ? { error: testFailure.error } : null
  }

  async #call(target: PlannedTarget, trace: readonly string[] | undefined): Promise<Called> {
    const { providers, spec, body, cancellation, isKept, isStream } = this.#request
    const provider = providers.get(target.provider)
    const timeouts = { ...defaultTimeouts, ...spec.timeouts }
    const totalMs = this.#endsAtMs - this.#now()
    if (totalMs <= 0) {
      return { error: new ProviderError('timeout', 'the deadline of the request passed'), isUncalled: true }
    }
    this.#deps.live.began(target.model)
    if (provider === undefined)
      return { error: new ProviderError('connection', 'the provider is not in the catalogue') }
    const model = target.model.slice(target.provider.length + 1)
    const { maxOutputTokens = null, capabilities = [] } = this.#request.models.get(target.model) ?? {}
    const limits = { ...timeouts, totalMs }
    const call = {
      provider,
      model,
      body,
      cancellation,
      isKept,
      maxOutputTokens,
      capabilities,
      limits,
      ...(trace && { trace }),
    }
    const leave = this.#deps.gate.enter(provider)
    try {
      const client = this.#deps.providers.clientFor(provider)
      if (isStream) return { stream: leaving(await client.stream(call), leave) }
      const answer = await client.complete(call)
      leave(answer.facts.usage)
      return { answer }
    } catch (error) {
      leave(null)
      if (error instanceof ProviderError) return { error }
      return { error: new ProviderError('connection', 'the provider cannot be called', { cause: error }) }
    }
  }

  /** Writes an attempt down, with what it cost. */
  #write(target: PlannedTarget, startMs: number, tried: Tried, waitedMs: number): void {
    const error = 'error' in tried ? tried.error : null
    const since = (at: number) => Math.round(at - this.#request.startedAtMs)
    const answer = 'answer' in tried ? tried.answer : 'flawed' in tried ? tried.flawed : null
    const firstTokenAt = 'stream' in tried ? tried.stream.firstTokenAtMs : (answer?.firstByteAtMs ?? null)
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
      costMicroUsd: this.#charge(target, tried),
    })
  }

  /** What an attempt means for its target's health. */
  #tell({ model }: PlannedTarget, startMs: number, tried: Tried): void {
    const { circuits, live } = this.#deps
    if ('isUncalled' in tried) {
      circuits.released(model)
      return
    }
    const error = 'error' in tried ? tried.error : null
    // A stream is not well until it has ended.
    if ('answer' in tried || 'flawed' in tried) circuits.succeeded(model)
    else if ('stream' in tried) circuits.answering(model)
    else if (isTargetAtFault(tried.error)) circuits.failed(model, this.#now(), tried.error.retryAfterMs)
    else circuits.released(model)
    if ('stream' in tried) return
    live.ended(model, this.#request.region, {
      ttftMs: null,
      totalMs: this.#now() - startMs,
      errorClass: error?.errorClass ?? null,
      usage: 'answer' in tried ? tried.answer.facts.usage : null,
    })
  }

  /** Takes what an attempt that gave no answer may have cost. @returns micro-dollars; null: unknown, or not known yet */
  #charge({ model }: PlannedTarget, tried: Tried): number | null {
    if (!('error' in tried)) return null
    const { models, purse } = this.#request
    const expected = expectedOf(purse, models.get(model)) ?? 0
    if ('flawed' in tried) {
      const cost = costOf(models.get(model), tried.flawed.facts.usage)
      this.#spentMicroUsd += cost ?? expected
      return cost
    }
    if (!mayBeBilled(tried.error)) return 0
    this.#spentMicroUsd += expected
    return null
  }

  /** How long to wait before the same target is tried again, full jitter; null: not again. */
  #waitBefore(error: ProviderError, failures: number, later: readonly PlannedTarget[]): number | null {
    const reason = retryReasonOf(error)
    const allowed = this.#request.spec.retry?.on
    if (reason === null || (allowed !== undefined && !allowed.includes(reason))) return null
    const jittered = this.#deps.random() * Math.min(longestBackoffMs, backoffMs * 2 ** (failures - 1))
    const asked = error.retryAfterMs ?? 0
    const waitMs = Math.max(jittered, asked)
    if (asked > longestAskedWaitMs || this.#now() + waitMs >= this.#endsAtMs) return null
    return asked > patienceMs && later.some((next) => this.mayTry(next)) ? null : waitMs
  }

  /** Whether no further target may be tried, whichever. */
  isOver(): boolean {
    if (this.#request.cancellation.isCancelled || this.#attempts.length >= maxAttempts) return true
    return this.#now() >= this.#endsAtMs
  }

  /** No target gave an answer that stands. */
  end(): Forwarded {
    const isGone = this.#request.cancellation.isCancelled
    if (this.#kept !== null && !isGone) return this.#done(this.#kept)
    const error =
      isGone && this.#error?.errorClass !== 'client_closed'
        ? new ProviderError('client_closed', 'the client has gone')
        : (this.#error ?? new ProviderError('connection', 'every target is resting after failures'))
    return { kind: 'failed', target: this.#lastTarget, error, attempts: this.#attempts, ...this.#sums() }
  }

  #done(
    found: { readonly target: PlannedTarget } & ({ readonly answer: ChatAnswer } | { readonly stream: ChatStream }),
  ): Forwarded {
    const { target } = found
    const rest = { target, attempts: this.#attempts, ...this.#sums() }
    return 'answer' in found
      ? { kind: 'answer', answer: found.answer, ...rest }
      : { kind: 'stream', stream: found.stream, ...rest }
  }

  #sums(): Pick<Forwarded, 'overheadMs' | 'note'> {
    const overheadMs = this.#now() - this.#request.startedAtMs - this.#busyMs
    return this.#note === null ? { overheadMs } : { overheadMs, note: this.#note }
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
    if (cancellation.isCancelled) done()
  })
}
