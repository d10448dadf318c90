import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type IdGenerator, RandomIdGenerator, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Attempt, DecisionRecord } from '#domain/decision.ts'
import type { Provider } from '#domain/snapshot.ts'
import { readTraceParent, type TraceFacts, type TraceParent, type Tracing, traceHeaders } from './trace-context.ts'

/** The GenAI conventions' names of the kinds of provider. */
const providerNames: Readonly<Record<Provider['kind'], string>> = {
  openai: 'openai',
  'azure-openai': 'azure.ai.openai',
  anthropic: 'anthropic',
  gemini: 'gcp.gemini',
}

/** Names of the GenAI conventions for parameters of a request. */
const parameterNames: Readonly<Record<string, string>> = {
  temperature: 'gen_ai.request.temperature',
  top_p: 'gen_ai.request.top_p',
  max_tokens: 'gen_ai.request.max_tokens',
  max_completion_tokens: 'gen_ai.request.max_tokens',
  seed: 'gen_ai.request.seed',
  n: 'gen_ai.request.choice.count',
}

const paths = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  embeddings: '/v1/embeddings',
} as const

/** Gives out ids that were chosen before: a call carries its span's id long before the span is made. */
class PlannedIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  traceId = ''
  spanId = ''

  readonly newTraceId = () => this.#random.generateTraceId()
  readonly newSpanId = () => this.#random.generateSpanId()
  readonly generateTraceId = () => this.traceId
  readonly generateSpanId = () => this.spanId
}

/** Spans of one request, made when it has ended: until then it only needs ids. */
export function createTracing(endpoint: string, ratio: number): Tracing {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })
  const ids = new PlannedIds()
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'interlock' }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 4_096, scheduledDelayMillis: 1_000 })],
    idGenerator: ids,
  })
  const tracer = provider.getTracer('interlock')
  return {
    begin(headers) {
      const from = readTraceParent(headers)
      const traceId = from?.traceId ?? ids.newTraceId()
      const isSampled = from?.isSampled ?? isWithin(traceId, ratio)
      const planned: Planned = { from, traceId, requestSpan: ids.newSpanId(), attemptSpans: [] }
      return {
        next() {
          const spanId = ids.newSpanId()
          planned.attemptSpans.push(spanId)
          return traceHeaders({ traceId, spanId, isSampled, state: from?.state ?? null })
        },
        end(record, facts) {
          if (isSampled) write({ tracer, ids, planned }, record, facts)
        },
      }
    },
    close: async () => {
      await provider.forceFlush().catch(() => undefined)
      await provider.shutdown().catch(() => undefined)
    },
  }
}

interface SpanMaker {
  readonly tracer: Tracer
  readonly ids: PlannedIds
  readonly planned: Planned
}

/** Hands one request's spans to the exporter's queue. */
function write(maker: SpanMaker, record: DecisionRecord, facts: TraceFacts): void {
  const { from, requestSpan, attemptSpans } = maker.planned
  const path = paths[record.endpoint]
  const request = startSpan(maker, `POST ${path}`, requestSpan, from?.spanId ?? null, {
    kind: SpanKind.SERVER,
    startTime: record.at,
    attributes: requestAttributes(record, path),
  })
  if (record.status >= 500) request.setStatus({ code: SpanStatusCode.ERROR })
  record.attempts.forEach((attempt, index) => {
    const spanId = attemptSpans[index] ?? maker.ids.newSpanId()
    const isLast = index === record.attempts.length - 1
    const span = startSpan(maker, `${operationOf(record)} ${modelOf(attempt)}`, spanId, requestSpan, {
      kind: SpanKind.CLIENT,
      startTime: record.at + attempt.startMs,
      attributes: attemptAttributes(record, attempt, facts, isLast),
    })
    if (attempt.errorClass !== null) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(record.at + Math.max(attempt.startMs, attempt.endMs))
  })
  request.end(record.at + record.totalMs)
}

/** @param parent id of the span above; null: this one begins the trace */
// Name, id and parent are what tells spans apart; an object would only name them again.
function startSpan(
  { tracer, ids, planned }: SpanMaker,
  name: string,
  spanId: string,
  parent: string | null,
  options: SpanOptions,
) {
  ids.traceId = planned.traceId
  ids.spanId = spanId
  if (parent === null) return tracer.startSpan(name, options, ROOT_CONTEXT)
  const isRemote = parent === planned.from?.spanId
  const above = { traceId: planned.traceId, spanId: parent, traceFlags: TraceFlags.SAMPLED, isRemote }
  return tracer.startSpan(name, options, trace.setSpanContext(ROOT_CONTEXT, above))
}

interface Planned {
  readonly from: TraceParent | null
  readonly requestSpan: string
  readonly attemptSpans: string[]
  readonly traceId: string
}

/** By the trace's id, so that every service that asks the same way takes the same traces. */
function isWithin(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(0, 8), 16) / 0x1_0000_0000 < ratio
}

function operationOf(record: DecisionRecord): string {
  return record.endpoint === 'embeddings' ? 'embeddings' : 'chat'
}

function modelOf({ model, provider }: Attempt): string {
  return model.slice(provider.length + 1)
}

function requestAttributes(record: DecisionRecord, path: string): Attributes {
  const { session } = record.metadata
  return {
    'http.request.method': 'POST',
    'http.route': path,
    'http.response.status_code': record.status,
    'interlock.request_id': record.requestId,
    'interlock.route': record.route,
    'interlock.arm': record.arm,
    'interlock.attempts': record.attempts.length,
    ...(record.version !== null && { 'interlock.version': record.version }),
    ...(record.rule !== null && { 'interlock.rule': record.rule }),
    ...(record.task !== null && { 'interlock.task': record.task }),
    ...(session !== undefined && { 'gen_ai.conversation.id': session }),
    ...(record.errorCode !== null && record.status >= 500 && { 'error.type': errorTypeOf(record) }),
  }
}

/** A fixed set: never a provider's own code. */
function errorTypeOf({ attempts, errorCode }: DecisionRecord): string {
  const last = attempts.at(-1)
  return last === undefined ? (errorCode ?? 'unknown') : (last.errorClass ?? 'unknown')
}

/** @param isLast its answer is the request's: usage and finish are known of it alone */
function attemptAttributes(record: DecisionRecord, attempt: Attempt, facts: TraceFacts, isLast: boolean): Attributes {
  const provider = facts.providers.get(attempt.provider)
  const { errorClass, firstTokenMs, startMs, status } = attempt
  const attributes: Attributes = {
    'gen_ai.operation.name': operationOf(record),
    'gen_ai.provider.name': provider === undefined ? attempt.provider : providerNames[provider.kind],
    'gen_ai.request.model': modelOf(attempt),
    'gen_ai.request.stream': record.isStream,
    'interlock.provider': attempt.provider,
    'interlock.fallback': attempt.isFallback,
    ...(status !== null && { 'http.response.status_code': status }),
    ...(errorClass !== null && { 'error.type': errorClass }),
    ...(provider !== undefined && addressOf(provider)),
  }
  for (const [name, value] of Object.entries(facts.parameters)) {
    const known = Object.hasOwn(parameterNames, name) ? parameterNames[name] : undefined
    if (known !== undefined) attributes[known] = value
  }
  if (record.isStream && firstTokenMs !== null) {
    attributes['gen_ai.response.time_to_first_chunk'] = (firstTokenMs - startMs) / 1_000
  }
  return isLast ? { ...attributes, ...answerAttributes(record, facts) } : attributes
}

function answerAttributes({ usage }: DecisionRecord, { finishReason }: TraceFacts): Attributes {
  return {
    ...(finishReason !== null && { 'gen_ai.response.finish_reasons': [finishReason] }),
    ...(usage !== null && {
      'gen_ai.usage.input_tokens': usage.inputTokens,
      'gen_ai.usage.output_tokens': usage.outputTokens,
      'gen_ai.usage.cache_read.input_tokens': usage.cachedInputTokens,
      'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
    }),
  }
}

function addressOf({ baseUrl }: Provider): Attributes {
  const { hostname, port, protocol } = new URL(baseUrl)
  return { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'https:' ? 443 : 80) }
}
