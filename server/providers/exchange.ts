import type { Dispatcher } from 'undici'
import { type AttemptLimits, type Cancellation, type ErrorClass, ProviderError } from './provider.ts'

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What happens on the wire, in order: onHead once, onData any number of times, then onEnd or onError once. */
export interface ExchangeSink {
  onHead(status: number, headers: AnswerHeaders): void
  /** @returns false to pause until `resume` */
  onData(chunk: Buffer): boolean
  onEnd(): void
  onError(error: ProviderError): void
}

export interface ExchangeRequest {
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly path: string
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly limits: AttemptLimits
  readonly isStream: boolean
  readonly cancellation: Cancellation
  readonly monotonicMs: () => number
}

type Phase = 'connect' | 'first token' | 'answer' | 'idle' | 'paused' | 'over'

/**
 * One POST to a provider with all its deadlines on one timer. The timer is not moved at every chunk: it fires, looks at when
 * the phase really ends, and sleeps again.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest
  readonly #sink: ExchangeSink
  readonly #totalEndsAtMs: number
  #phase: Phase = 'connect'
  #phaseEndsAtMs: number
  #wakesAtMs = 0
  #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null

  constructor(request: ExchangeRequest, sink: ExchangeSink) {
    this.#request = request
    this.#sink = sink
    const now = request.monotonicMs()
    this.#totalEndsAtMs = now + request.limits.totalMs
    this.#phaseEndsAtMs = now + request.limits.connectMs
    this.#timer = this.#sleep(now)
  }

  start(): void {
    const { dispatcher, origin, path, headers, body, cancellation } = this.#request
    if (cancellation.isCancelled) {
      this.#fail('client_closed', 'the client has gone')
      return
    }
    cancellation.listen(() => this.#fail('client_closed', 'the client has gone'))
    try {
      dispatcher.dispatch({ origin, path, method: 'POST', headers: [...headers], body }, this)
    } catch (error) {
      this.onResponseError(null, error as Error)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#phase === 'over') controller.abort(new Error('the attempt is over'))
    else this.#enter(this.#request.isStream ? 'first token' : 'answer')
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    // 1xx answers come before the answer.
    if (status < 200 || this.#phase === 'over') return
    this.#sink.onHead(status, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'over') return
    if (this.#phase === 'answer' || this.#phase === 'idle') this.#enter('idle')
    if (!this.#sink.onData(chunk)) {
      this.#enter('paused')
      controller.pause()
    }
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#sink.onEnd()
  }

  onResponseError(_controller: unknown, error: Error): void {
    const isSent = this.#phase !== 'connect'
    if (!this.#finish()) return
    this.#sink.onError(
      error instanceof ProviderError
        ? error
        : new ProviderError(classOf(error), wordsOf(error), { cause: error, isSent }),
    )
  }

  /** The first content has come: from here silence is what is watched. */
  commit(): void {
    this.#enter('idle')
  }

  resume(): void {
    if (this.#phase !== 'paused') return
    this.#enter('idle')
    this.#controller?.resume()
  }

  /** Ends the exchange without a word to the sink: it has what it wants. */
  abandon(): void {
    if (this.#finish()) this.#abort()
  }

  #enter(phase: Exclude<Phase, 'over'>): void {
    if (this.#phase === 'over') return
    this.#phase = phase
    const { connectMs, firstTokenMs, idleMs } = this.#request.limits
    const now = this.#request.monotonicMs()
    const length = { connect: connectMs, 'first token': firstTokenMs, idle: idleMs, answer: null, paused: null }[phase]
    this.#phaseEndsAtMs = length === null ? this.#totalEndsAtMs : now + length
    if (this.#phaseEndsAtMs < this.#wakesAtMs) {
      clearTimeout(this.#timer)
      this.#timer = this.#sleep(now)
    }
  }

  #sleep(now: number): NodeJS.Timeout {
    this.#wakesAtMs = Math.min(this.#phaseEndsAtMs, this.#totalEndsAtMs)
    return setTimeout(() => this.#wake(), Math.max(1, Math.ceil(this.#wakesAtMs - now)))
  }

  #wake(): void {
    const now = this.#request.monotonicMs()
    if (now < this.#phaseEndsAtMs && now < this.#totalEndsAtMs) {
      this.#timer = this.#sleep(now)
      return
    }
    const what =
      now >= this.#totalEndsAtMs ? 'the deadline of the request passed' : `too long without ${waitedFor[this.#phase]}`
    this.#fail(this.#phase === 'connect' && now < this.#totalEndsAtMs ? 'connection' : 'timeout', what)
  }

  #fail(errorClass: ErrorClass, message: string): void {
    const isSent = this.#phase !== 'connect'
    if (!this.#finish()) return
    this.#abort()
    this.#sink.onError(new ProviderError(errorClass, message, { isSent }))
  }

  /** @returns false when it was over already */
  #finish(): boolean {
    if (this.#phase === 'over') return false
    this.#phase = 'over'
    clearTimeout(this.#timer)
    this.#request.cancellation.listen(null)
    return true
  }

  #abort(): void {
    this.#controller?.abort(new Error('the attempt is over'))
  }
}

const waitedFor: Readonly<Record<Phase, string>> = {
  connect: 'a connection',
  'first token': 'a first token',
  answer: 'an answer',
  idle: 'a sign of life',
  paused: 'the client reading',
  over: 'end',
}

function classOf(error: Error): ErrorClass {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return 'connection'
  const isMalformed =
    code.startsWith('HPE_') ||
    ['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'].includes(code)
  return isMalformed ? 'invalid_response' : 'connection'
}

/** Codes only: messages of socket errors name addresses of our network. */
function wordsOf(error: Error): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? `the connection failed (${code})` : 'the connection failed'
}
