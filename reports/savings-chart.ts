import { scaleLinear } from 'd3-scale'
import { n } from './charts.ts'
import { count, dayMonth, money } from './format.ts'
import { html, type Markup } from './markup.ts'
import type { SavingsDay } from './savings-view.ts'

/** Drawing area of the chart; everything is inside it. */
export const savingsBox = { width: 960, height: 220, left: 64, right: 10, top: 10, bottom: 28 } as const
const maxLabels = 8

/** A pair of bars per day: what everything on the strongest model would have cost, and in front what was paid. */
export function savingsChart(days: readonly SavingsDay[]): Markup | null {
  const first = days[0]
  const last = days.at(-1)
  if (first === undefined || last === undefined) return null
  const { width, height, left, right, top, bottom } = savingsBox
  const highest = Math.max(...days.map((day) => Math.max(day.actualMicroUsd, day.strongestMicroUsd)), 1)
  const y = scaleLinear([0, highest], [height - bottom, top]).nice(4)
  const slot = (width - left - right) / days.length
  const bar = Math.min(26, slot * 0.72)
  const stride = Math.ceil(days.length / maxLabels)
  const ticks = y
    .ticks(4)
    .map(
      (tick) =>
        html`<path class="sequence-grid" d="M${left} ${n(y(tick))}H${width - right}"/><text x="${left - 8}" y="${n(y(tick) + 4)}" text-anchor="end">${money(tick)}</text>`,
    )
  const bars = days.map((day, index) => {
    const middle = left + slot * (index + 0.5)
    const name =
      index % stride === 0
        ? html`<text x="${n(middle)}" y="${height - 9}" text-anchor="middle">${dayMonth(day.at)}</text>`
        : null
    return html`${column(middle, bar, y, { value: day.strongestMicroUsd, tone: 'bar-base' })}${column(middle, bar * 0.5, y, { value: day.actualMicroUsd, tone: 'bar-candidate' })}${name}`
  })
  const sum = (read: (day: SavingsDay) => number) => days.reduce((total, day) => total + read(day), 0)
  const desc = `Wide bars: everything on the strongest model, ${money(sum((day) => day.strongestMicroUsd))} in all. Narrow bars: what was paid, ${money(sum((day) => day.actualMicroUsd))} for ${count(sum((day) => day.requests))} requests.`
  return html`<svg class="sequence days" viewBox="0 0 ${width} ${height}" role="img"><title>Cost per day, ${dayMonth(first.at)} to ${dayMonth(last.at)}</title><desc>${desc}</desc>${ticks}${bars}</svg>`
}

function column(
  middle: number,
  width: number,
  y: (value: number) => number,
  bar: { readonly value: number; readonly tone: string },
): Markup | null {
  if (bar.value <= 0) return null
  const [from, to] = [n(middle - width / 2), n(middle + width / 2)]
  return html`<path class="${bar.tone}" d="M${from} ${n(y(0))}V${n(y(bar.value))}H${to}V${n(y(0))}Z"/>`
}
