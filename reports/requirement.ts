import * as format from './format.ts'
import type { MetricUnit, Threshold } from './view-parts.ts'

/** A gate's threshold with what is needed to word and draw it. */
export interface Requirement {
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  readonly baseline: number | null
  readonly threshold: Threshold
  readonly margin: number | null
}

/**
 * Bound that the difference candidate - baseline must clear, signed and in the metric's unit; null for absolute gates, and
 * while a relative one has no baseline to relate to.
 */
export function differenceLimit(gate: Requirement): number | null {
  const { maxDrop, maxIncrease } = gate.threshold
  if (maxDrop !== null) return (gate.isLowerBetter ? 1 : -1) * (gate.margin ?? maxDrop)
  return maxIncrease === null || gate.baseline === null ? null : maxIncrease * gate.baseline
}

/** "at least 98.0 %", "at most 4.00 s and at most 25 % above the baseline". */
export function requirementWords(gate: Pick<Requirement, 'unit' | 'threshold'> & { margin?: number | null }): string {
  const { min, max, maxDrop, maxIncrease } = gate.threshold
  const parts = [
    min === null ? null : `at least ${format.metricValue(min, gate.unit)}`,
    max === null ? null : `at most ${format.metricValue(max, gate.unit)}`,
    maxDrop === null ? null : dropWords(maxDrop, gate.margin ?? maxDrop),
    maxIncrease === null ? null : increaseWords(maxIncrease),
  ]
  return parts.filter((part) => part !== null).join(' and ')
}

function dropWords(maxDrop: number, margin: number): string {
  const words = maxDrop === 0 ? 'not behind the baseline' : `at most ${points(maxDrop)} behind the baseline`
  return margin === maxDrop ? words : `${words} (${points(margin)} at this step)`
}

function increaseWords(maxIncrease: number): string {
  return maxIncrease === 0 ? 'not above the baseline' : `at most ${format.percent(maxIncrease)} above the baseline`
}

function points(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}\u00a0pts`
}
