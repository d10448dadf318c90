import { readTraceParent, type Tracing, traceHeaders } from './trace-context.ts'

/** No spans of our own: a trace that a client began goes on at the provider. */
const passedOn: Tracing = {
  begin(headers) {
    if (headers['traceparent'] === undefined) return null
    const from = readTraceParent(headers)
    return from === null ? null : { next: () => traceHeaders(from), end: () => undefined }
  },
  close: () => Promise.resolve(),
}

export interface TracingSettings {
  /** Base address of an OTLP/HTTP collector; null: no spans. */
  readonly endpoint: string | null
  /** Share of traces that begin here and are recorded, 0..1; those begun by a client are recorded as the client says. */
  readonly ratio: number
}

/** Opens tracing. The OpenTelemetry packages are loaded only where a collector is named: they are 20 MB nobody else needs. */
export async function openTracing({ endpoint, ratio }: TracingSettings): Promise<Tracing> {
  if (endpoint === null) return passedOn
  const { createTracing } = await import('./otel-tracing.ts')
  return createTracing(endpoint, ratio)
}
