import type { Arm, MissingReason, Outcome } from './evidence.ts'
import { type Check, costCapFactor, type MetricFamily, type Reading } from './gates.ts'

/** Nothing to learn and nothing missing: the cost of an answer that failed. */
export const leftOut = 'left_out'

/** Of milliseconds or USD: beyond it a value is a fault of whoever measured. Keeps sums finite. */
const largestAmount = 1e9

export type ReadValue = number | MissingReason | typeof leftOut

/**
 * The value of a raw metric, or why there is none.
 *
 * A failed answer (`error_rate` 1) scores worst wherever a score was due: 0 for scores, Infinity for latencies. Absent, not
 * finite or out of range is missing because of the infrastructure; so is a value that also claims to be missing.
 */
export function readValue(outcome: Outcome, reading: Reading): ReadValue {
  const { raw, family } = reading
  const absence = absenceOf(outcome, raw)
  const value = outcome.values[raw]
  const isUsable = absence === null && typeof value === 'number' && isInRange(value, family)
  if (outcome.values['error_rate'] === 1 && raw !== 'error_rate') {
    if (family === 'latency') return Number.POSITIVE_INFINITY
    if (isUsable) return value
    if (family === 'score' && absence !== 'not_sampled') return 0
    if (family === 'cost') return leftOut
  }
  return isUsable ? value : (absence ?? 'infrastructure')
}

function absenceOf(outcome: Outcome, raw: string): MissingReason | null {
  const reason: unknown = Object.hasOwn(outcome.missing, raw) ? outcome.missing[raw] : undefined
  if (reason === undefined) return null
  return reason === 'not_applicable' || reason === 'not_sampled' ? reason : 'infrastructure'
}

function isInRange(value: number, family: MetricFamily): boolean {
  if (!(value >= 0)) return false
  return family === 'score' || family === 'rate' ? value <= 1 : value <= largestAmount
}

/**
 * Goodness of a value under a check, [0, 1]; for absolute checks goodness - floor.
 *
 * @param threshold latency threshold or cost cap in force; null: not known yet
 * @returns null where the threshold is still unknown
 */
export function goodnessOf(check: Check, arm: Arm, value: number, threshold: number | null): number | null {
  switch (check.kind) {
    case 'absolute':
      return absoluteExcess(check, value, check.floor)
    case 'difference':
      return check.reading.family === 'rate' ? 1 - value : value
    case 'exceedance':
      if (threshold === null) return null
      return value <= (arm === 'candidate' ? (1 + check.limit) * threshold : threshold) ? 1 : 0
    case 'relative': {
      const cap = check.reading.family === 'rate' ? 1 : threshold
      return cap === null ? null : relativeGoodness(arm, value, check.limit, cap)
    }
    case 'unprovable':
      return null
  }
}

function absoluteExcess(check: Check, value: number, floor: number): number {
  const { reading, requirement, limit } = check
  if (reading.family === 'latency') return (value <= limit ? 1 : 0) - floor
  if (reading.family === 'cost') return (limit - Math.min(value, costCapFactor * limit)) / (costCapFactor * limit)
  return requirement === 'min' ? value - limit : limit - value
}

/** Costs below this are free. */
const free = 1e-9

/**
 * Linear contrast (1 + increase) x baseline - candidate, scaled to [-1, 1]: no ratio has to be estimated. Both arms are
 * winsorised so that a candidate exactly at the limit stays exactly at 0. Where the baseline is free, only free is as good.
 */
function relativeGoodness(arm: Arm, value: number, increase: number, cap: number): number {
  if (cap <= 2 * free) return arm === 'baseline' ? 0.5 : value <= 2 * free ? 1 : 0
  const scale = arm === 'candidate' ? (1 + increase) * cap : cap
  return 1 - Math.min(value, scale) / scale
}
