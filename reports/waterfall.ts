import { scaleLinear } from 'd3-scale'
import { n } from './charts.ts'
import type { AttemptRow } from './decision-view.ts'
import { duration, plural, words } from './format.ts'
import { html, type Markup } from './markup.ts'

/** Drawing area of the chart; everything is inside it. Height grows by `row` for each attempt. */
export const waterfallBox = { width: 720, left: 200, right: 70, top: 6, row: 26, bottom: 26 } as const
const maxLabel = 30
/** No bar is thinner: an attempt that failed at once is still seen. */
const minBar = 3

/** The attempts of a request on one time axis: waits dashed, bars by outcome, the first token as a tick. The table says the same. */
export function waterfall(attempts: readonly AttemptRow[], totalMs: number): Markup | null {
  if (attempts.length === 0) return null
  const { width, left, right, top, row, bottom } = waterfallBox
  const end = Math.max(totalMs, ...attempts.map((attempt) => attempt.endMs), 1)
  const x = scaleLinear([0, end], [left, width - right]).clamp(true)
  const height = top + attempts.length * row + bottom
  const ticks = x.ticks(5).map((tick) => {
    const at = n(x(tick))
    return html`<path class="sequence-grid" d="M${at} ${top}V${height - bottom}"/><text x="${at}" y="${height - 8}" text-anchor="middle">${duration(tick)}</text>`
  })
  const title = `${plural(attempts.length, 'attempt')} in ${duration(totalMs)}`
  return html`<svg class="waterfall" viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title><desc>${attempts.map(describe).join('; ')}.</desc>${ticks}${attempts.map((attempt, index) => attemptRow(attempt, top + index * row + row / 2, x))}</svg>`
}

function attemptRow(attempt: AttemptRow, middle: number, x: (ms: number) => number): Markup {
  const from = x(attempt.startMs)
  const to = Math.max(x(attempt.endMs), from + minBar)
  const wait = attempt.waitMs > 0 ? x(Math.max(0, attempt.startMs - attempt.waitMs)) : null
  const first = attempt.firstTokenMs === null ? null : n(x(attempt.firstTokenMs))
  const tone = attempt.errorClass === null ? 'bar-candidate' : 'bar-lost'
  return html`<text class="waterfall-name" x="${waterfallBox.left - 10}" y="${n(middle + 4)}" text-anchor="end">${label(attempt.model)}</text>${
    wait === null ? null : html`<path class="waterfall-wait" d="M${n(wait)} ${n(middle)}H${n(from)}"/>`
  }<path class="${tone}" d="M${n(from)} ${n(middle - 7)}H${n(to)}V${n(middle + 7)}H${n(from)}Z"/>${
    first === null ? null : html`<path class="waterfall-first" d="M${first} ${n(middle - 9)}V${n(middle + 9)}"/>`
  }<text x="${n(to + 6)}" y="${n(middle + 4)}">${duration(attempt.endMs - attempt.startMs)}</text>`
}

function describe(attempt: AttemptRow): string {
  const outcome = attempt.errorClass === null ? 'answered' : words(attempt.errorClass)
  const wait = attempt.waitMs > 0 ? `waited ${duration(attempt.waitMs)}, then ` : ''
  return `${attempt.model}: ${wait}from ${duration(attempt.startMs)} to ${duration(attempt.endMs)}, ${outcome}`
}

function label(model: string): string {
  return model.length <= maxLabel ? model : `…${model.slice(1 - maxLabel)}`
}
