import { type Gate, type GateAction, isLowerBetter } from './bar.ts'
import type { GatePolicy } from './promotion-types.ts'

/** score: [0, 1], 1 best. rate: [0, 1], 0 best. latency: milliseconds, judged by a quantile. cost: USD. */
export type MetricFamily = 'score' | 'rate' | 'latency' | 'cost'

/** A gate metric and the raw name its values carry in outcomes. */
export interface Reading {
  readonly metric: string
  readonly raw: string
  readonly family: MetricFamily
  /** The quantile a latency metric names; null elsewhere. */
  readonly quantile: number | null
}

interface CheckBase {
  /** Metric and requirement, such as `llm_judge:maxDrop`. */
  readonly key: string
  readonly reading: Reading
  readonly requirement: 'min' | 'max' | 'maxDrop' | 'maxIncrease'
  readonly limit: number
  /** What evidence of harm does. */
  readonly action: GateAction
}

/**
 * One requirement of one gate, reduced to a goodness in [0, 1] per answer:
 * absolute: its mean must reach `floor`; difference: the candidate's may stay behind the baseline's by `margin`; exceedance
 * and relative: the same, with the allowed increase inside the goodness. unprovable: no live evidence can show it.
 */
export type Check = CheckBase &
  (
    | { readonly kind: 'absolute'; readonly floor: number }
    | { readonly kind: 'difference'; readonly margin: number }
    | { readonly kind: 'exceedance'; readonly quantile: number; readonly margin: number }
    | { readonly kind: 'relative' }
    | { readonly kind: 'unprovable'; readonly problem: string }
  )

const latencyMetrics: Readonly<Record<string, { raw: string; quantile: number }>> = {
  latency_p50_ms: { raw: 'latency_ms', quantile: 0.5 },
  latency_p95_ms: { raw: 'latency_ms', quantile: 0.95 },
  latency_p99_ms: { raw: 'latency_ms', quantile: 0.99 },
  ttft_p95_ms: { raw: 'ttft_ms', quantile: 0.95 },
}
/** Cost is winsorised at this multiple of an absolute limit. */
export const costCapFactor = 10
/** From this allowed increase on, latency needs no further tolerance (docs/statistics.md, latency). */
const ampleIncrease = 0.1

export function readingOf(metric: string): Reading {
  const latency = Object.hasOwn(latencyMetrics, metric) ? latencyMetrics[metric] : undefined
  if (latency !== undefined) return { metric, raw: latency.raw, family: 'latency', quantile: latency.quantile }
  const family = metric === 'cost_usd' ? 'cost' : isLowerBetter(metric) ? 'rate' : 'score'
  return { metric, raw: metric, family, quantile: null }
}

/** Tolerance in points of exceedance: 2.5 at p95, 1 at p99, 5 at p50. */
export function exceedanceTolerance(quantile: number): number {
  return quantile >= 0.99 ? 0.01 : quantile >= 0.95 ? 0.025 : 0.05
}

/** The whole tolerance where no increase is allowed, none where 10 % or more is: the raised threshold is tolerance enough. */
function exceedanceMargin(quantile: number, maxIncrease: number): number {
  return exceedanceTolerance(quantile) * Math.max(0, 1 - maxIncrease / ampleIncrease)
}

/** The requirements of gates as checks, in order; equal ones once. */
export function checksOf(gates: readonly Gate[]): Check[] {
  const checks = new Map<string, Check>()
  for (const gate of gates) {
    for (const requirement of ['min', 'max', 'maxDrop', 'maxIncrease'] as const) {
      const limit = gate[requirement]
      if (limit === undefined) continue
      const base = { reading: readingOf(gate.metric), requirement, limit, action: gate.action ?? 'rollback' }
      const name = `${gate.metric}:${requirement}`
      const key = checks.has(name) && checks.get(name)?.limit !== limit ? `${name}=${limit}` : name
      checks.set(key, { key, ...base, ...kindOf(base) } as Check)
    }
  }
  return [...checks.values()]
}

type Kind = Check extends infer C ? (C extends Check ? Omit<C, keyof CheckBase> : never) : never

function kindOf({ reading, requirement, limit }: Pick<Check, 'reading' | 'requirement' | 'limit'>): Kind {
  const problem = problemOf(reading, requirement, limit)
  if (problem !== null) return { kind: 'unprovable', problem }
  if (requirement === 'maxDrop') return { kind: 'difference', margin: limit }
  if (requirement === 'maxIncrease') {
    if (reading.quantile === null) return { kind: 'relative' }
    return { kind: 'exceedance', quantile: reading.quantile, margin: exceedanceMargin(reading.quantile, limit) }
  }
  if (reading.quantile !== null) return { kind: 'absolute', floor: reading.quantile }
  if (reading.family === 'cost') return { kind: 'absolute', floor: 1 - 1 / costCapFactor }
  return { kind: 'absolute', floor: requirement === 'min' ? limit : 1 - limit }
}

/** Why a requirement can't be judged on live traffic; null when it can. Offline also accepts `min` 1 and `max` 0. */
export function gateProblem(metric: string, requirement: Check['requirement'], limit: number): string | null {
  return problemOf(readingOf(metric), requirement, limit)
}

function problemOf(reading: Reading, requirement: Check['requirement'], limit: number): string | null {
  const { metric, family } = reading
  if (!Number.isFinite(limit) || limit < 0) return `${requirement} of ${metric} must be a number of 0 or more`
  const isAmount = family === 'latency' || family === 'cost'
  if (requirement === 'maxIncrease') {
    return family === 'score' ? `maxIncrease limits what is better low; ${metric} is better high, use maxDrop` : null
  }
  if (requirement === 'maxDrop') {
    if (isAmount) return `maxDrop is in score points; for ${metric} use max or maxIncrease`
    return limit < 1 ? null : `maxDrop of ${metric} must be below 1`
  }
  if (isAmount) {
    if (requirement === 'min') return `${metric} is better low: use max`
    return limit > 0 ? null : `max of ${metric} must be above 0`
  }
  if (limit > 0 && limit < 1) return null
  return `${requirement} ${limit} of ${metric} cannot be shown by samples: choose a value between 0 and 1, ends excluded`
}

/** Why a requirement can't be judged on a fixed suite; null when it can. There a mean of exactly 1 or 0 is possible. */
export function suiteProblem({ reading, requirement, limit }: Check): string | null {
  const isBound = requirement === 'min' || requirement === 'max'
  const isShare = reading.family === 'score' || reading.family === 'rate'
  if (isBound && isShare && (limit === 0 || limit === 1)) return null
  return problemOf(reading, requirement, limit)
}

/** Margins of a check under a policy, in the order of the canary steps; one in shadow and bake. */
export function marginsOf(check: Check, policy: GatePolicy): number[] {
  const count = policy.stage === 'canary' ? Math.max(1, policy.steps) : 1
  if (check.kind === 'exceedance') return Array.from({ length: count }, () => check.margin)
  if (check.kind !== 'difference') return Array.from({ length: count }, () => 0)
  if (policy.stage === 'shadow') return [widened(check.margin, policy.shadowMultiplier)]
  if (policy.stage === 'bake') return [check.margin]
  return Array.from({ length: count }, (_, step) => widened(check.margin, policy.ladder[step] ?? 1))
}

/** Half the scale is the widest margin that still says something. */
function widened(margin: number, multiplier: number): number {
  const factor = Number.isFinite(multiplier) && multiplier > 1 ? multiplier : 1
  return Math.min(margin * factor, Math.max(margin, 0.5))
}

/** Margin in force at a step; for a step the ladder does not know its last, which is the strictest. */
export function marginAt(margins: readonly number[], step: number): number {
  return margins[step] ?? margins[margins.length - 1] ?? 0
}
