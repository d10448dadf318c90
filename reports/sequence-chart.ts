import { scaleLinear } from 'd3-scale'
import { area, curveStepAfter, line } from 'd3-shape'
import { n } from './charts.ts'
import { count, metricDifference, metricInterval, metricName } from './format.ts'
import { html, type Markup } from './markup.ts'
import type { GatePoint, MetricUnit } from './view-parts.ts'

/** Drawing area of the chart; everything is inside it. */
export const sequenceBox = { width: 640, height: 190, left: 74, right: 16, top: 12, bottom: 30 } as const

export interface SequenceChartInput {
  readonly metric: string
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  readonly limit: number | null
  readonly history: readonly GatePoint[]
  readonly tone: string
}

/**
 * The difference and its always-valid interval as observations came in: samples to the right, better always up. The dashed line
 * is the limit; while the band crosses it, nothing is proven.
 *
 * @returns null when there are fewer than two points: nothing to draw a course from
 */
export function sequenceChart(input: SequenceChartInput): Markup | null {
  const points = input.history.filter((point) => [point.low, point.high, point.difference].every(Number.isFinite))
  const last = points.at(-1)
  if (points.length < 2 || last === undefined) return null
  const { width, height, left, right, top, bottom } = sequenceBox
  const x = scaleLinear([0, Math.max(...points.map((point) => point.samples))], [left, width - right])
  const reach = sequenceReach(input.limit, points)
  const y = scaleLinear([-reach, reach], input.isLowerBetter ? [top, height - bottom] : [height - bottom, top]).clamp(
    true,
  )
  const band = area<GatePoint>(
    (point) => x(point.samples),
    (point) => y(point.low),
    (point) => y(point.high),
  ).curve(curveStepAfter)
  const course = line<GatePoint>(
    (point) => x(point.samples),
    (point) => y(point.difference),
  ).curve(curveStepAfter)
  const limit = input.limit === null ? null : y(input.limit)
  return html`<svg class="sequence ${`tone-${input.tone}`}" viewBox="0 0 ${width} ${height}" role="img"><title>${metricName(input.metric)}: difference after ${count(last.samples)} observations ${metricDifference(last.difference, input.unit)}</title><desc>Interval ${metricInterval([last.low, last.high], input.unit)}; started at ${metricInterval([points[0]?.low ?? 0, points[0]?.high ?? 0], input.unit)}.</desc>${yTicks(input, y)}${xTicks(x)}<path class="plot-zero" d="M${left} ${n(y(0))}H${width - right}"/><path class="sequence-band" d="${rounded(band([...points]))}"/><path class="sequence-line" d="${rounded(course([...points]))}"/>${
    limit === null
      ? null
      : html`<path class="plot-limit" d="M${left} ${n(limit)}H${width - right}"/><text class="sequence-limit-label" x="${width - right}" y="${n(limit + (limit > y(0) ? 12 : -5))}" text-anchor="end">limit ${metricDifference(input.limit, input.unit)}</text>`
  }</svg>`
}

/** Early intervals span everything: they are cut so that the limit stays readable. */
function sequenceReach(limit: number | null, points: readonly GatePoint[]): number {
  const last = points.at(-1)
  const now = Math.max(Math.abs(last?.low ?? 0), Math.abs(last?.high ?? 0), Math.abs(limit ?? 0) * 1.6)
  return now < 1e-12 ? 1 : now * 1.5
}

function yTicks(input: SequenceChartInput, y: (value: number) => number): readonly Markup[] {
  const scale = y as ReturnType<typeof scaleLinear<number>>
  return scale
    .ticks(5)
    .map(
      (tick) =>
        html`<path class="sequence-grid" d="M${sequenceBox.left} ${n(y(tick))}H${sequenceBox.width - sequenceBox.right}"/><text x="${sequenceBox.left - 8}" y="${n(y(tick) + 4)}" text-anchor="end">${metricDifference(tick, input.unit)}</text>`,
    )
}

function xTicks(x: ReturnType<typeof scaleLinear<number>>): readonly Markup[] {
  return x
    .ticks(5)
    .filter(Number.isInteger)
    .map(
      (tick) => html`<text x="${n(x(tick))}" y="${sequenceBox.height - 10}" text-anchor="middle">${count(tick)}</text>`,
    )
}

function rounded(path: string | null): string {
  return (path ?? '').replace(/-?\d+\.\d+/g, (text) => n(Number(text)))
}
