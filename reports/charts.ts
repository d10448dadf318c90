import { type ScaleLinear, scaleLinear } from 'd3-scale'
import { metricDifference, metricInterval, metricName, metricValue } from './format.ts'
import { html, type Markup } from './markup.ts'
import type { MetricUnit } from './view-parts.ts'

/** Size of a plot in a table row; everything is drawn inside this box. */
export const plotBox = { width: 220, height: 30, pad: 9 } as const
const middle = plotBox.height / 2

/** What an interval plot needs of a row: differences are candidate - baseline in the metric's unit. */
export interface IntervalPlotInput {
  readonly metric: string
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  readonly difference: number | null
  readonly interval: readonly [number, number] | null
  /** Bound the difference must clear; null: none is asked for. */
  readonly limit: number | null
  /** Class of the mark: the tone of the verdict. */
  readonly tone: string
}

/**
 * A difference with its interval on one line, better always to the right. Shaded is what the bar allows, the dashed line its
 * limit, the thin line no difference. An interval that leaves the box ends in an arrow.
 */
export function intervalPlot(input: IntervalPlotInput): Markup {
  const label = describeInterval(input)
  const towardsBetter = (value: number) => (input.isLowerBetter ? -value : value)
  const reach = plotReach(input)
  const x = plotScale(-reach, reach)
  const limit = input.limit === null ? null : x(towardsBetter(input.limit))
  const right = plotBox.width - plotBox.pad
  return html`<svg class="plot ${`tone-${input.tone}`}" viewBox="0 0 ${plotBox.width} ${plotBox.height}" role="img"><title>${label.title}</title><desc>${label.desc}</desc>${
    limit === null
      ? null
      : html`<path class="plot-allowed" d="M${n(limit)} 3H${right}V${plotBox.height - 3}H${n(limit)}Z"/><path class="plot-limit" d="M${n(limit)} 3V${plotBox.height - 3}"/>`
  }<path class="plot-axis" d="M${plotBox.pad} ${middle}H${right}"/><path class="plot-zero" d="M${n(x(0))} 5V${plotBox.height - 5}"/>${
    input.interval === null ? null : whisker(x, input.interval.map(towardsBetter))
  }${input.difference === null ? null : dot(x(towardsBetter(input.difference)), input.interval !== null)}</svg>`
}

/** Half width of the axis: wide enough for all marks, but never so wide that limit and zero fall together. */
function plotReach(input: IntervalPlotInput): number {
  const marks = [...(input.interval ?? []), input.difference ?? 0, input.limit ?? 0]
    .map(Math.abs)
    .filter(Number.isFinite)
  const widest = Math.max(...marks, 0)
  if (widest < 1e-12) return 1
  const limit = Math.abs(input.limit ?? 0)
  return limit === 0 ? widest * 1.15 : Math.min(Math.max(widest * 1.15, limit * 1.8), limit * 7)
}

function plotScale(from: number, to: number): ScaleLinear<number, number> {
  return scaleLinear([from, to], [plotBox.pad, plotBox.width - plotBox.pad]).clamp(true)
}

function whisker(x: ScaleLinear<number, number>, ends: readonly number[]): Markup {
  const [from, to] = x.domain() as [number, number]
  const low = Math.min(...ends)
  const high = Math.max(...ends)
  const left = n(x(low))
  const right = n(x(high))
  const cap = (at: string, isOut: boolean, step: number) =>
    isOut
      ? `M${Number(at) + step} ${middle - 4}L${at} ${middle}L${Number(at) + step} ${middle + 4}`
      : `M${at} ${middle - 4}V${middle + 4}`
  return html`<path class="plot-interval" d="M${left} ${middle}H${right}${cap(left, low < from, 5)}${cap(right, high > to, -5)}"/>`
}

function dot(cx: number, isFilled: boolean): Markup {
  return html`<circle class="${isFilled ? 'plot-dot' : 'plot-dot plot-dot-hollow'}" cx="${n(cx)}" cy="${middle}" r="4.5"/>`
}

function describeInterval(input: IntervalPlotInput): { title: string; desc: string } {
  const name = metricName(input.metric)
  if (input.difference === null) return { title: `${name}: no difference measured yet`, desc: 'No data.' }
  const interval =
    input.interval === null ? 'no interval yet' : `interval ${metricInterval(input.interval, input.unit)}`
  const limit = input.limit === null ? 'no limit' : `limit ${metricDifference(input.limit, input.unit)}`
  return {
    title: `${name}: candidate minus baseline ${metricDifference(input.difference, input.unit)}`,
    desc: `${interval}; ${limit}; ${input.isLowerBetter ? 'lower' : 'higher'} is better, better is drawn to the right.`,
  }
}

export interface BoundPlotInput {
  readonly metric: string
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  readonly baseline: number | null
  readonly candidate: number | null
  readonly min: number | null
  readonly max: number | null
  readonly tone: string
}

/** The candidate's own value (filled) and the baseline's (hollow) against an absolute bound; better to the right. */
export function boundPlot(input: BoundPlotInput): Markup {
  const bound = input.min ?? input.max ?? 0
  const [from, to] = boundDomain(input, bound)
  const x = input.isLowerBetter ? plotScale(to, from) : plotScale(from, to)
  const right = plotBox.width - plotBox.pad
  const at = n(x(bound))
  const title = `${metricName(input.metric)}: candidate ${metricValue(input.candidate, input.unit)}, baseline ${metricValue(input.baseline, input.unit)}`
  const desc = `${input.min === null ? 'At most' : 'At least'} ${metricValue(bound, input.unit)} is required; better is drawn to the right.`
  return html`<svg class="plot ${`tone-${input.tone}`}" viewBox="0 0 ${plotBox.width} ${plotBox.height}" role="img"><title>${title}</title><desc>${desc}</desc><path class="plot-allowed" d="M${at} 3H${right}V${plotBox.height - 3}H${at}Z"/><path class="plot-limit" d="M${at} 3V${plotBox.height - 3}"/><path class="plot-axis" d="M${plotBox.pad} ${middle}H${right}"/>${
    input.baseline === null
      ? null
      : html`<circle class="plot-base" cx="${n(x(input.baseline))}" cy="${middle}" r="3.5"/>`
  }${input.candidate === null ? null : dot(x(input.candidate), true)}</svg>`
}

function boundDomain(input: BoundPlotInput, bound: number): readonly [number, number] {
  const values = [input.baseline ?? bound, input.candidate ?? bound, bound].filter(Number.isFinite)
  const low = Math.min(...values)
  const high = Math.max(...values)
  const isRatio = input.unit === 'score' || input.unit === 'rate'
  const room = isRatio ? Math.min(Math.abs(1 - bound), Math.abs(bound)) * 1.5 : Math.abs(bound) * 0.4
  const slack = Math.max(high - low, room, 1e-9) * 0.8
  return [Math.max(0, low - slack), isRatio ? Math.min(1, Math.max(high + slack, 1e-6)) : high + slack]
}

/** A coordinate with at most one decimal. */
export function n(value: number): string {
  return String(Math.round(value * 10) / 10)
}
