import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { Attempt, DecisionRecord } from '#domain/decision.ts'
import { type Count, counts, type RegistryMetric, type Sizes, sizes } from './metric-series.ts'
import type { Observer } from './observer.ts'

const secondBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]
const overheadBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5]
const tokenBounds = [16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576]
const usdBounds = [0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]

/** The state of a process at the moment it is asked: gauges, and counts that others keep. */
export interface Readings {
  /** Requests received and not yet ended. */
  readonly inFlight: number
  /** Rows of the live log that wait to be written. */
  readonly logRowsWaiting: number
  /** Rows of the live log lost for want of memory, by kind. */
  readonly logRowsDropped: Readonly<Record<string, number>>
  readonly shadowRefused: number
  /** Targets whose circuit is open: `provider/model`. */
  readonly openCircuits: readonly string[]
  /** Open rollouts of the snapshot, by stage. */
  readonly rollouts: Readonly<Record<string, number>>
  /** null: no snapshot yet. */
  readonly snapshotEpoch: number | null
  readonly isLeaseValid: boolean
}

/** What Prometheus reads. Names and units are here and nowhere else; docs/operations.md lists them. */
export interface Metrics {
  readonly observer: Observer
  readonly contentType: string
  /** The text of one scrape. */
  render(): Promise<string>
}

/** Series of one combination of route, arm, model and provider, looked up together. */
interface RequestSeries {
  readonly duration: Sizes
  readonly firstToken: Sizes
  readonly input: Sizes
  readonly output: Sizes
  readonly cost: Sizes
  readonly unpriced: Count
  readonly estimated: Count
  /** Counts by status class and error. */
  readonly ends: Map<string, Count>
}

/** @param readings is asked at every scrape; gives null where this process serves no data plane */
export function createMetrics(readings: () => Readings | null): Metrics {
  const registry = new Registry()
  const families = requestFamilies()
  for (const family of Object.values(families)) register(registry, family)
  collectDefaultMetrics({ register: registry })
  addGauges(registry, readings)
  return {
    observer: observerOf(families),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  }
}

function register(registry: Registry, metric: RegistryMetric): void {
  // The registry only calls `get` and reads name, help and type.
  registry.registerMetric(metric as unknown as Metric<string>)
}

type Families = ReturnType<typeof requestFamilies>

function requestFamilies() {
  const of = ['route', 'arm', 'model', 'provider']
  const seconds = (name: string, help: string, labels: readonly string[], bounds: readonly number[]) =>
    sizes(`interlock_${name}_seconds`, help, labels, bounds)
  return {
    requests: counts('interlock_requests_total', 'Routed requests that have ended.', [...of, 'status', 'error']),
    refused: counts('interlock_requests_refused_total', 'Requests refused before they were routed.', [
      'status',
      'code',
    ]),
    duration: seconds('request_duration', 'From receipt to the last byte, all attempts included.', of, secondBounds),
    firstToken: seconds('time_to_first_token', 'Streams: from receipt to the first content.', of, secondBounds),
    overhead: seconds(
      'overhead',
      'What the gateway adds until it has an answer or a first token.',
      ['stream'],
      overheadBounds,
    ),
    tokens: sizes('interlock_request_tokens', 'Tokens of one answer.', [...of, 'type'], tokenBounds),
    cost: sizes('interlock_request_cost_usd', 'Cost of one answer; unpriced ones are not in it.', of, usdBounds),
    unpriced: counts('interlock_requests_unpriced_total', 'Answers whose cost is unknown.', of),
    estimated: counts('interlock_usage_estimated_total', 'Answers whose tokens are an estimate.', of),
    attempts: seconds('attempt_duration', 'Calls of providers.', ['model', 'provider', 'error'], secondBounds),
    fallbacks: counts('interlock_fallbacks_total', 'Requests that another than the first target answered.', ['route']),
  }
}

function observerOf(families: Families): Observer {
  const bundles = new Map<string, RequestSeries>()
  const attempts = new Map<string, Sizes>()
  const overheads = { json: families.overhead.series('false'), stream: families.overhead.series('true') }
  return {
    requestEnded(record, overheadMs) {
      const key = `${record.route}\n${record.arm}\n${record.model ?? ''}`
      let bundle = bundles.get(key)
      if (bundle === undefined) {
        bundle = bundleOf(families, record)
        bundles.set(key, bundle)
      }
      const end = `${statusClass(record.status)}\n${errorOf(record)}`
      let ends = bundle.ends.get(end)
      if (ends === undefined) {
        ends = families.requests.series(...labelsOf(record), ...end.split('\n'))
        bundle.ends.set(end, ends)
      }
      ends.value += 1
      measure(bundle, record)
      if (record.isFallback) families.fallbacks.series(record.route).value += 1
      if (overheadMs !== null) overheads[record.isStream ? 'stream' : 'json'].observe(overheadMs / 1_000)
      for (const attempt of record.attempts) {
        const series = attemptKey(attempt)
        let taken = attempts.get(series)
        if (taken === undefined) {
          taken = families.attempts.series(...series.split('\n'))
          attempts.set(series, taken)
        }
        taken.observe((attempt.endMs - attempt.startMs) / 1_000)
      }
    },
    requestRefused(status, code) {
      families.refused.series(statusClass(status), code ?? 'none').value += 1
    },
  }
}

function labelsOf({ route, arm, model, provider }: DecisionRecord): [string, string, string, string] {
  return [route, arm, model ?? 'none', provider ?? 'none']
}

function bundleOf(families: Families, record: DecisionRecord): RequestSeries {
  const labels = labelsOf(record)
  return {
    duration: families.duration.series(...labels),
    firstToken: families.firstToken.series(...labels),
    input: families.tokens.series(...labels, 'input'),
    output: families.tokens.series(...labels, 'output'),
    cost: families.cost.series(...labels),
    unpriced: families.unpriced.series(...labels),
    estimated: families.estimated.series(...labels),
    ends: new Map(),
  }
}

function measure(bundle: RequestSeries, { usage, costMicroUsd, ttftMs, totalMs }: DecisionRecord): void {
  bundle.duration.observe(totalMs / 1_000)
  if (ttftMs !== null) bundle.firstToken.observe(ttftMs / 1_000)
  if (usage === null) return
  bundle.input.observe(usage.inputTokens)
  bundle.output.observe(usage.outputTokens)
  if (usage.isEstimated) bundle.estimated.value += 1
  if (costMicroUsd === null) bundle.unpriced.value += 1
  else bundle.cost.observe(costMicroUsd / 1_000_000)
}

function attemptKey({ model, provider, errorClass }: Attempt): string {
  return `${model}\n${provider}\n${errorClass ?? 'none'}`
}

/** `2xx` and so on; 499 (the client had gone) is a 4xx. */
function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`
}

/** A fixed set: the class of the last attempt, or our own code where nothing was attempted. Never a provider's own code. */
function errorOf({ attempts, errorCode }: DecisionRecord): string {
  if (errorCode === null) return 'none'
  const last = attempts.at(-1)
  return last === undefined ? errorCode : (last.errorClass ?? 'other')
}

function addGauges(registry: Registry, readings: () => Readings | null): void {
  const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge, now: Readings) => void) =>
    new Gauge({
      name: `interlock_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        const now = readings()
        this.reset()
        if (now !== null) collect(this, now)
      },
    })
  const plain = (name: string, help: string, value: (now: Readings) => number) =>
    gauge(name, help, [], (one, now) => one.set(value(now)))
  plain('requests_in_flight', 'Requests received and not yet ended.', (now) => now.inFlight)
  plain('log_rows_waiting', 'Rows of the live log not yet written.', (now) => now.logRowsWaiting)
  gauge('log_rows_dropped', 'Rows of the live log lost for want of memory, since start.', ['kind'], (one, now) => {
    for (const [kind, rows] of Object.entries(now.logRowsDropped)) one.set({ kind }, rows)
  })
  plain('shadow_refused', 'Pairs not mirrored for want of room, since start.', (now) => now.shadowRefused)
  gauge('circuit_open', '1 for each target whose circuit is open.', ['model'], (one, now) => {
    for (const model of now.openCircuits) one.set({ model }, 1)
  })
  gauge('rollouts_open', 'Open rollouts of the snapshot that is served.', ['stage'], (one, now) => {
    for (const stage of ['shadow', 'canary', 'bake']) one.set({ stage }, now.rollouts[stage] ?? 0)
  })
  plain('snapshot_epoch', 'Epoch of the snapshot that is served; 0 before the first.', (now) => now.snapshotEpoch ?? 0)
  plain('exposure_lease_valid', '1 while candidates may be served.', (now) => (now.isLeaseValid ? 1 : 0))
}
