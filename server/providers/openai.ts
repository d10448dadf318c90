import type { Agent } from 'undici'
import type { Provider } from '#domain/snapshot.ts'
import { factsOfCompletion } from './answer-facts.ts'
import { CommitPoint } from './commit-point.ts'
import { CredentialError } from './credential.ts'
import { type AnswerHeaders, Exchange, type ExchangeRequest } from './exchange.ts'
import { type ChatAnswer, type ChatCall, type ChatProvider, type ChatStream, ProviderError } from './provider.ts'
import { StreamReader } from './stream-reader.ts'
import { errorOfAnswer, errorOfEvent, upstreamErrorIn } from './upstream-errors.ts'

/** Longest answer in one piece, and longest stream. */
const maxAnswerBytes = 16 * 1024 * 1024
const maxStreamBytes = 64 * 1024 * 1024
/** As much of an error answer as is read. */
const maxErrorBytes = 64 * 1024

export interface OpenAiDeps {
  readonly agent: Agent
  /** @throws CredentialError */
  readonly readCredential: (credential: string) => string
  readonly clock: { nowMs(): number; monotonicMs(): number }
}

/** OpenAI and everything that speaks its chat completions: bytes pass through, nothing is translated. */
export function createOpenAiProvider(deps: OpenAiDeps): ChatProvider {
  const endpoints = new WeakMap<Provider, { origin: string; path: string }>()
  const requestFor = (call: ChatCall, isStream: boolean): ExchangeRequest => {
    const endpoint = endpoints.get(call.provider) ?? endpointOf(call.provider)
    endpoints.set(call.provider, endpoint)
    return {
      dispatcher: deps.agent,
      ...endpoint,
      headers: headersFor(call.provider, isStream, deps.readCredential),
      body: call.body.bytesFor(call.model),
      limits: call.limits,
      isStream,
      cancellation: call.cancellation,
      monotonicMs: deps.clock.monotonicMs,
    }
  }
  return {
    complete: async (call) => complete(deps, requestFor(call, false)),
    stream: async (call) => stream(deps, requestFor(call, true), call.isKept),
  }
}

function endpointOf(provider: Provider): { origin: string; path: string } {
  const url = new URL(provider.baseUrl)
  return { origin: url.origin, path: `${url.pathname.replace(/\/+$/, '')}/chat/completions` }
}

function headersFor(provider: Provider, isStream: boolean, readCredential: (credential: string) => string): string[] {
  const headers = ['content-type', 'application/json', 'accept', isStream ? 'text/event-stream' : 'application/json']
  // Nothing is decompressed here: a compressed answer would pass no check and could not be bounded.
  headers.push('accept-encoding', 'identity', 'user-agent', 'interlock')
  if (provider.credential === null) return headers
  try {
    headers.push('authorization', `Bearer ${readCredential(provider.credential)}`)
  } catch (error) {
    if (error instanceof CredentialError) throw new ProviderError('auth', error.message, { cause: error })
    throw error
  }
  return headers
}

/** The start of an answer, kept until it is whole. */
class Collector {
  readonly #chunks: Buffer[] = []
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @returns false when the limit is passed */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    return this.#bytes <= this.#maxBytes
  }

  whole(): Buffer {
    const [first, ...rest] = this.#chunks
    return first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#chunks)
  }
}

function complete(deps: OpenAiDeps, request: ExchangeRequest): Promise<ChatAnswer> {
  return new Promise((resolve, reject) => {
    let status = 0
    let headers: AnswerHeaders = {}
    let firstByteAtMs = 0
    const collector = new Collector(maxAnswerBytes)
    const exchange = new Exchange(request, {
      onHead(answered, fields) {
        status = answered
        headers = fields
        firstByteAtMs = deps.clock.monotonicMs()
      },
      onData(chunk) {
        if (collector.add(chunk)) return true
        exchange.abandon()
        reject(new ProviderError('invalid_response', 'the answer is too long', { status }))
        return true
      },
      onEnd() {
        const body = collector.whole()
        const result = readCompletion(status, headers, body, deps.clock.nowMs())
        if (result instanceof ProviderError) reject(result)
        else resolve({ status, body, facts: result, warnings: [], firstByteAtMs })
      },
      onError: reject,
    })
    exchange.start()
  })
}

function readCompletion(status: number, headers: AnswerHeaders, body: Buffer, nowMs: number) {
  if (status !== 200) return errorOfAnswer(status, headers, body.toString('utf8', 0, maxErrorBytes), nowMs)
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    return new ProviderError('invalid_response', 'the answer is not JSON', { status })
  }
  const facts = factsOfCompletion(parsed)
  if (facts !== null) return facts
  const upstream = upstreamErrorIn(parsed)
  if (upstream !== null) return errorOfEvent(upstream, status)
  return new ProviderError('invalid_response', 'the answer holds no choice', { status })
}

function stream(deps: OpenAiDeps, request: ExchangeRequest, isKept: boolean): Promise<ChatStream> {
  return new Promise((resolve, reject) => {
    let status = 0
    let headers: AnswerHeaders = {}
    let streamedBytes = 0
    let commitPoint: CommitPoint | null = null
    const collector = new Collector(maxErrorBytes)
    const exchange = new Exchange(request, {
      onHead(answered, fields) {
        status = answered
        headers = fields
        if (status !== 200 || !isEventStream(fields)) return
        const point = new CommitPoint(new StreamReader(isKept, status), status, {
          onCommit() {
            exchange.commit()
            const firstTokenAtMs = deps.clock.monotonicMs()
            resolve({
              status,
              firstTokenAtMs,
              warnings: [],
              flow: (consumer) => point.attach(consumer),
              resume: () => exchange.resume(),
            })
          },
          onFailure: reject,
          onBroken: () => exchange.abandon(),
        })
        commitPoint = point
      },
      onData(chunk) {
        streamedBytes += chunk.length
        if (commitPoint === null) {
          if (!collector.add(chunk)) {
            exchange.abandon()
            reject(readNoStream(status, headers, collector.whole(), deps.clock.nowMs()))
          }
          return true
        }
        if (streamedBytes <= maxStreamBytes) return commitPoint.push(chunk)
        commitPoint.fail(new ProviderError('invalid_response', 'the stream is too long', { status }))
        return true
      },
      onEnd() {
        if (commitPoint === null) reject(readNoStream(status, headers, collector.whole(), deps.clock.nowMs()))
        else commitPoint.close()
      },
      onError(error) {
        if (commitPoint === null) return reject(error)
        const isCut = commitPoint.isCommitted && error.errorClass === 'connection'
        commitPoint.fail(
          isCut ? new ProviderError('stream_truncated', 'the stream was cut off', { status, cause: error }) : error,
        )
      },
    })
    exchange.start()
  })
}

function isEventStream(headers: AnswerHeaders): boolean {
  const type = headers['content-type']
  return typeof type === 'string' && /^text\/event-stream\b/i.test(type)
}

/** An answer to a streamed request that is no stream. */
function readNoStream(status: number, headers: AnswerHeaders, body: Buffer, nowMs: number): ProviderError {
  if (status !== 200) return errorOfAnswer(status, headers, body.toString('utf8'), nowMs)
  const result = readCompletion(status, headers, body, nowMs)
  if (result instanceof ProviderError && result.upstream !== null) return result
  return new ProviderError('invalid_response', 'the answer is not an event stream', { status })
}
