import type { DecisionRecord } from '#domain/decision.ts'
import type { Provider } from '#domain/snapshot.ts'

/** Headers of a request that say which trace it belongs to (W3C Trace Context). */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What a span says that the decision log does not keep. Never text of a prompt or an answer. */
export interface TraceFacts {
  readonly providers: ReadonlyMap<string, Provider>
  readonly finishReason: string | null
  /** Numbers of the request: temperature, top_p, seed, ... by their names in the request. */
  readonly parameters: Readonly<Record<string, number>>
}

/** The trace of one request. */
export interface RequestTrace {
  /** Begins the span of the next call of a provider. @returns headers for it: names and values in turn */
  next(): readonly string[]
  /** Hands over the spans: one for the request, one for each attempt. */
  end(record: DecisionRecord, facts: TraceFacts): void
}

export interface Tracing {
  /** @returns null: the request belongs to no trace, and none is begun */
  begin(headers: TraceHeaders): RequestTrace | null
  close(): Promise<void>
}

export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly isSampled: boolean
  /** Opaque state of other vendors, passed on; null: none. */
  readonly state: string | null
}

/** `version-traceid-spanid-flags`, lower case hex; later versions may add fields behind. */
const parent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/

/** Reads `traceparent` and `tracestate`. @returns null where there is none that can be read */
export function readTraceParent(headers: TraceHeaders): TraceParent | null {
  const { traceparent, tracestate } = headers
  if (typeof traceparent !== 'string') return null
  const match = parent.exec(traceparent)
  if (match === null || (match[1] === '00' && traceparent.length !== 55)) return null
  const isState = typeof tracestate === 'string' && /^[\x20-\x7e]{1,512}$/.test(tracestate)
  return {
    traceId: match[2] ?? '',
    spanId: match[3] ?? '',
    isSampled: (Number.parseInt(match[4] ?? '0', 16) & 1) === 1,
    state: isState ? tracestate : null,
  }
}

/** The headers that put a call into a trace: names and values in turn. */
export function traceHeaders({ traceId, spanId, isSampled, state }: TraceParent): readonly string[] {
  const headers = ['traceparent', `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`]
  return state === null ? headers : [...headers, 'tracestate', state]
}
