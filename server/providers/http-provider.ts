import type { Agent } from 'undici'
import type { Warning } from '#domain/decision.ts'
import type { Provider } from '#domain/snapshot.ts'
import { factsOfCompletion, isObject, readUsage } from './answer-facts.ts'
import { CommitPoint } from './commit-point.ts'
import { CredentialError } from './credential.ts'
import type { AnswerTranslator, BaseAddress, Dialect, EmbeddingsDialect } from './dialect.ts'
import { type AnswerHeaders, Exchange, type ExchangeRequest } from './exchange.ts'
import { withoutSecret } from './hidden-secret.ts'
import {
  type AnswerFacts,
  type ChatAnswer,
  type ChatCall,
  type ChatProvider,
  type ChatStream,
  type EmbedAnswer,
  type ModelCall,
  ProviderError,
} from './provider.ts'
import { repeatsField } from './repeated-field.ts'
import { StreamReader } from './stream-reader.ts'
import { TranslatedStream } from './translated-stream.ts'
import { errorOfAnswer, errorOfEvent, upstreamErrorIn } from './upstream-errors.ts'

/** Longest answer in one piece, and longest stream. */
const maxAnswerBytes = 16 * 1024 * 1024
const maxStreamBytes = 64 * 1024 * 1024
/** As much of an error answer as is read. */
const maxErrorBytes = 64 * 1024

export interface HttpProviderDeps {
  readonly agent: Agent
  /** @throws CredentialError */
  readonly readCredential: (credential: string) => string
  readonly clock: { nowMs(): number; monotonicMs(): number }
}

/** A provider of one dialect: what all kinds share, from the credential to the commit point. */
export function createHttpProvider(deps: HttpProviderDeps, dialect: Dialect): ChatProvider {
  const addresses = new WeakMap<Provider, BaseAddress>()
  const wire: Wire = {
    deps,
    dialect,
    unmetered: new Set(),
    baseOf(provider) {
      const base = addresses.get(provider) ?? addressOf(provider)
      addresses.set(provider, base)
      return base
    },
  }
  const { embeddings } = dialect
  return {
    complete: (call) => hiding(deps, call, complete(wire, call)),
    stream: (call) => hiding(deps, call, stream(wire, call)),
    ...(embeddings !== undefined && { embed: (call: ModelCall) => hiding(deps, call, embed(wire, embeddings, call)) }),
  }
}

function hiding<T>(deps: HttpProviderDeps, { provider }: ModelCall, answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withoutSecret(error, secretOf(deps, provider))
  })
}

function secretOf({ readCredential }: HttpProviderDeps, { credential }: Provider): string | null {
  try {
    return credential === null ? null : readCredential(credential)
  } catch {
    return null
  }
}

interface Wire {
  readonly deps: HttpProviderDeps
  readonly dialect: Dialect
  readonly baseOf: (provider: Provider) => BaseAddress
  /** Base URLs of providers that refuse to be asked for the counts of a stream. */
  readonly unmetered: Set<string>
}

function addressOf(provider: Provider): BaseAddress {
  const url = new URL(provider.baseUrl)
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, ''), query: url.searchParams }
}

function requestOf(wire: Wire, call: ModelCall, path: string, body: Buffer, isStream: boolean): ExchangeRequest {
  return {
    dispatcher: wire.deps.agent,
    origin: wire.baseOf(call.provider).origin,
    path,
    headers: headersFor(wire, call, isStream),
    body,
    limits: call.limits,
    isStream,
    cancellation: call.cancellation,
    monotonicMs: wire.deps.clock.monotonicMs,
  }
}

function headersFor({ deps, dialect }: Wire, { provider, trace }: ModelCall, isStream: boolean): string[] {
  const headers = ['content-type', 'application/json', 'accept', isStream ? 'text/event-stream' : 'application/json']
  // Nothing is decompressed here: a compressed answer would pass no check and could not be bounded.
  headers.push('accept-encoding', 'identity', 'user-agent', 'interlock', ...dialect.headers)
  if (trace !== undefined) headers.push(...trace)
  if (provider.credential === null) return headers
  try {
    headers.push(...dialect.authorize(deps.readCredential(provider.credential)))
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

/** An answer in one piece, as it came. */
interface Received {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Buffer
  readonly firstByteAtMs: number
}

function receive(wire: Wire, request: ExchangeRequest): Promise<Received> {
  return new Promise((resolve, reject) => {
    let status = 0
    let headers: AnswerHeaders = {}
    let firstByteAtMs = 0
    const collector = new Collector(maxAnswerBytes)
    const exchange = new Exchange(request, {
      onHead(answered, fields) {
        status = answered
        headers = fields
        firstByteAtMs = wire.deps.clock.monotonicMs()
      },
      onData(chunk) {
        if (collector.add(chunk)) return true
        exchange.abandon()
        reject(new ProviderError('invalid_response', 'the answer is too long', { status }))
        return true
      },
      onEnd: () => resolve({ status, headers, body: collector.whole(), firstByteAtMs }),
      onError: reject,
    })
    exchange.start()
  })
}

/** The JSON of an answer with status 200, or what else came. @throws ProviderError */
function jsonOf(wire: Wire, { status, headers, body }: Received): unknown {
  if (status !== 200) throw errorFrom(wire, status, headers, body)
  const parsed = parsedOrNull(body)
  if (parsed === null) throw new ProviderError('invalid_response', 'the answer is not JSON', { status })
  if (repeatsField(body, 'choices')) {
    throw new ProviderError('invalid_response', 'the answer gives its choices twice', { status })
  }
  return parsed
}

function errorFrom({ deps, dialect }: Wire, status: number, headers: AnswerHeaders, body: Buffer): ProviderError {
  const error = errorOfAnswer(status, headers, body.toString('utf8', 0, maxErrorBytes), deps.clock.nowMs())
  const reading = dialect.readError?.(parsedOrNull(body), status) ?? {}
  return new ProviderError(reading.errorClass ?? error.errorClass, error.message, {
    status,
    upstream: error.upstream,
    retryAfterMs: error.retryAfterMs ?? reading.retryAfterMs ?? null,
  })
}

async function complete(wire: Wire, call: ChatCall): Promise<ChatAnswer> {
  const { body, warnings, answer } = wire.dialect.translate(call, false, wire.deps.clock.nowMs())
  const path = wire.dialect.path(wire.baseOf(call.provider), call.model, false)
  const received = await receive(wire, requestOf(wire, call, path, body, false))
  const { status, firstByteAtMs } = received
  const parsed = jsonOf(wire, received)
  if (answer === null) {
    return { status, body: received.body, facts: factsIn(parsed, parsed, status), warnings, firstByteAtMs }
  }
  const completion = upstreamErrorIn(parsed) === null ? answer.whole(parsed) : null
  if (completion instanceof ProviderError) throw completion
  const facts = factsIn(completion, parsed, status)
  return { status, body: Buffer.from(JSON.stringify(completion)), facts, warnings, firstByteAtMs }
}

/** @param parsed the provider's own answer, which may hold an error @throws ProviderError */
function factsIn(completion: unknown, parsed: unknown, status: number): AnswerFacts {
  const facts = factsOfCompletion(completion)
  if (facts !== null) return facts
  const upstream = upstreamErrorIn(parsed)
  if (upstream !== null) throw errorOfEvent(upstream, status)
  throw new ProviderError('invalid_response', 'the answer holds no choice', { status })
}

async function embed(wire: Wire, dialect: EmbeddingsDialect, call: ModelCall): Promise<EmbedAnswer> {
  const translation = dialect.translate(call.body, call.model, `${call.provider.name}/${call.model}`)
  const path = dialect.path(wire.baseOf(call.provider), call.model)
  const received = await receive(wire, requestOf(wire, call, path, translation.body, false))
  const { status, firstByteAtMs } = received
  const parsed = jsonOf(wire, received)
  const upstream = upstreamErrorIn(parsed)
  if (upstream !== null) throw errorOfEvent(upstream, status)
  const answer = translation.answer === null ? parsed : translation.answer(parsed)
  if (answer instanceof ProviderError) throw answer
  if (!isObject(answer) || !Array.isArray(answer['data'])) {
    throw new ProviderError('invalid_response', 'the answer holds no embeddings', { status })
  }
  const body = translation.answer === null ? received.body : Buffer.from(JSON.stringify(answer))
  const usage = readUsage({ completion_tokens: 0, ...(isObject(answer['usage']) && answer['usage']) })
  return { status, body, usage, warnings: translation.warnings, firstByteAtMs }
}

/** Asks for counts where the client did not; a provider that refuses the question is not asked again. */
async function stream(wire: Wire, call: ChatCall): Promise<ChatStream> {
  const { baseUrl } = call.provider
  if (wire.unmetered.has(baseUrl)) return streamOnce(wire, withoutCounts(call))
  const startedAtMs = wire.deps.clock.monotonicMs()
  try {
    return await streamOnce(wire, call)
  } catch (error) {
    if (call.body.meteredBytesFor === undefined || !refusesCounts(error)) throw error
    wire.unmetered.add(baseUrl)
    // One deadline for both: the question took its part of it.
    const totalMs = call.limits.totalMs - (wire.deps.clock.monotonicMs() - startedAtMs)
    return streamOnce(wire, withoutCounts({ ...call, limits: { ...call.limits, totalMs } }))
  }
}

function withoutCounts(call: ChatCall): ChatCall {
  const { body } = call
  return {
    ...call,
    body: {
      bytesFor: (model) => body.bytesFor(model),
      get fields() {
        return body.fields
      },
    },
  }
}

function refusesCounts(error: unknown): boolean {
  if (!(error instanceof ProviderError) || (error.status !== 400 && error.status !== 422)) return false
  return /stream_options|include_usage/.test(`${error.upstream?.param} ${error.upstream?.message}`)
}

/** @throws ProviderError at once where the request cannot be translated */
function streamOnce(wire: Wire, call: ChatCall): Promise<ChatStream> {
  const { body, warnings, answer, isUsageHidden = false } = wire.dialect.translate(call, true, wire.deps.clock.nowMs())
  const path = wire.dialect.path(wire.baseOf(call.provider), call.model, true)
  const request = requestOf(wire, call, path, body, true)
  return openStream(wire, request, { answer, warnings, isKept: call.isKept, isUsageHidden })
}

interface StreamWish {
  readonly answer: AnswerTranslator | null
  readonly warnings: readonly Warning[]
  readonly isKept: boolean
  readonly isUsageHidden: boolean
}

function openStream(wire: Wire, request: ExchangeRequest, wish: StreamWish): Promise<ChatStream> {
  return new Promise((resolve, reject) => {
    let status = 0
    let headers: AnswerHeaders = {}
    let streamedBytes = 0
    let way: CommitPoint | TranslatedStream | null = null
    const collector = new Collector(maxErrorBytes)
    const exchange = new Exchange(request, {
      onHead(answered, fields) {
        status = answered
        headers = fields
        if (status !== 200 || !isEventStream(fields)) return
        const reader = new StreamReader(wish.isKept, status, wish.isUsageHidden)
        const point = new CommitPoint(reader, status, {
          onCommit() {
            exchange.commit()
            resolve({
              status,
              firstTokenAtMs: wire.deps.clock.monotonicMs(),
              warnings: wish.warnings,
              flow: (consumer) => point.attach(consumer),
              resume: () => exchange.resume(),
            })
          },
          onFailure: reject,
          onBroken: () => exchange.abandon(),
        })
        way = wish.answer === null ? point : new TranslatedStream(wish.answer.events(), reader, point, status)
      },
      onData(chunk) {
        streamedBytes += chunk.length
        if (way === null) {
          if (!collector.add(chunk)) {
            exchange.abandon()
            reject(readNoStream(wire, status, headers, collector.whole()))
          }
          return true
        }
        if (streamedBytes <= maxStreamBytes) return way.push(chunk)
        way.fail(new ProviderError('invalid_response', 'the stream is too long', { status }))
        return true
      },
      onEnd() {
        if (way === null) reject(readNoStream(wire, status, headers, collector.whole()))
        else way.close()
      },
      onError(error) {
        if (way === null) return reject(error)
        const isCut = way.isCommitted && error.errorClass === 'connection'
        way.fail(
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
function readNoStream(wire: Wire, status: number, headers: AnswerHeaders, body: Buffer): ProviderError {
  if (status !== 200) return errorFrom(wire, status, headers, body)
  const upstream = upstreamErrorIn(parsedOrNull(body))
  if (upstream !== null) return errorOfEvent(upstream, status)
  return new ProviderError('invalid_response', 'the answer is not an event stream', { status })
}

function parsedOrNull(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
