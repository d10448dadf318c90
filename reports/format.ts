import type { MetricUnit } from './view-parts.ts'

/** What stands where there is no number: never 0, never empty. */
export const none = '–'
const minus = '−'
/** Keeps a number and its unit on one line. */
const space = '\u00a0'

/** Thousands separated: 12,408. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** "1 route", "2 routes"; the plural is given where it is not just an s. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Basis points as percent: 2500 -> "25 %", 50 -> "0.5 %". */
export function share(basisPoints: number): string {
  return `${trimZeros((basisPoints / 100).toFixed(2))}${space}%`
}

/** A number without a unit, three significant digits: 48.2, 9,100, 0.0012; beyond a million as a power of ten. */
export function shortNumber(value: number | null): string {
  if (value === null) return none
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? `${minus}∞` : none
  const size = Math.abs(value)
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace('e+', 'e').replace('-', minus)
  const text = Number(size.toPrecision(3))
  return `${value < 0 ? minus : ''}${Number.isInteger(text) ? count(text) : text}`
}

/** A ratio as percent: one decimal, two below 1%. */
export function percent(ratio: number | null): string {
  if (ratio === null) return none
  const value = ratio * 100
  return `${value.toFixed(value !== 0 && Math.abs(value) < 1 ? 2 : 1).replace('-', minus)}${space}%`
}

/** A relative change with its interval: "+12.0 % (95 %: +9.1 % to +15.0 %)". */
export function relativeChange({
  change,
  interval,
}: {
  readonly change: number | null
  readonly interval: readonly [number, number] | null
}): string {
  if (change === null) return 'cannot be told'
  const range =
    interval === null ? '' : ` (95${space}%: ${signedPercent(interval[0])} to ${signedPercent(interval[1])})`
  return `${signedPercent(change)}${range}`
}

function signedPercent(ratio: number): string {
  return `${ratio > 0 ? '+' : ratio < 0 ? minus : '±'}${percent(Math.abs(ratio))}`
}

/** Milliseconds for people: "840 ms", "1.24 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function duration(ms: number | null): string {
  if (ms === null) return none
  if (ms < 1000) return `${Math.round(ms)}${space}ms`
  const seconds = ms / 1000
  if (seconds < 9.995) return `${seconds.toFixed(2)}${space}s`
  if (seconds < 59.95) return `${seconds.toFixed(1)}${space}s`
  return twoUnits(Math.round(seconds))
}

function twoUnits(seconds: number): string {
  const scales: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const first = scales.findIndex(([, size]) => seconds >= size)
  const [unit, size] = scales[first] ?? ['s', 1]
  const next = scales[first + 1]
  const head = `${Math.floor(seconds / size)} ${unit}`
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1])
  return rest === 0 || next === undefined ? head : `${head} ${rest} ${next[0]}`
}

/** Integer micro-dollars: cents from one dollar up, three significant digits below. */
export function money(microUsd: number | null): string {
  return microUsd === null ? none : dollars(microUsd / 1e6)
}

/** US dollars: "$12.40", "$0.0042", "−$0.31". */
export function dollars(usd: number): string {
  const size = Math.abs(usd)
  const sign = usd < 0 ? minus : ''
  if (size === 0) return '$0'
  if (size >= 0.9995) {
    const cents = Math.round(size * 100)
    return `${sign}$${count(Math.floor(cents / 100))}.${String(cents % 100).padStart(2, '0')}`
  }
  const decimals = Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(size))))
  // At least cents; zeros behind them say nothing.
  return `${sign}$${size.toFixed(decimals).replace(/(\.\d\d\d*?)0+$/, '$1')}`
}

/** A metric's value in its own unit. */
export function metricValue(value: number | null, unit: MetricUnit): string {
  if (value === null) return none
  if (unit === 'ms') return duration(value)
  return unit === 'usd' ? dollars(value) : percent(value)
}

/** A signed difference in a metric's unit: "+1.8 pts", "−120 ms", "+$0.0004", "±0 pts". */
export function metricDifference(value: number | null, unit: MetricUnit): string {
  if (value === null) return none
  const size = unsigned(Math.abs(value), unit)
  const isZero = !/[1-9]/.test(size)
  return `${isZero ? '±' : value < 0 ? minus : '+'}${isZero ? size.replace(/[\d.]+/, '0') : size}`
}

function unsigned(size: number, unit: MetricUnit): string {
  if (unit === 'ms') return duration(size)
  if (unit === 'usd') return dollars(size)
  const points = size * 100
  return `${points.toFixed(points !== 0 && points < 0.1 ? 2 : 1)}${space}pts`
}

/** An interval in a metric's unit: "−0.4 to +4.0 pts". */
export function metricInterval(interval: readonly [number, number] | null, unit: MetricUnit): string {
  if (interval === null) return none
  const low = metricDifference(interval[0], unit)
  const high = metricDifference(interval[1], unit)
  return `${unit === 'score' || unit === 'rate' ? low.replace(`${space}pts`, '') : low} to ${high}`
}

/** Age of a moment: "just now", "42 s ago", "3 min ago", "in 2 h". */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round(Math.abs(now - at) / 1000)
  if (seconds < 3) return 'just now'
  const text = oneUnit(seconds)
  return at > now ? `in ${text}` : `${text} ago`
}

/** A length of time to follow "last" or "in the last": "hour", "41 s", "12 min". */
export function windowWords(ms: number): string {
  return ms === 3_600_000 ? 'hour' : oneUnit(Math.max(1, Math.round(ms / 1000)))
}

function oneUnit(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "23 Nov 2026, 14:05:09 UTC". */
export function dateTime(at: number): string {
  const date = new Date(at)
  const clock = date.toISOString().slice(11, 19)
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${clock} UTC`
}

/** "23 Nov", UTC. */
export function dayMonth(at: number): string {
  const date = new Date(at)
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]}`
}

const metricWords: Readonly<Record<string, string>> = {
  error_rate: 'Error rate',
  refusal_rate: 'Refusal rate',
  latency_p50_ms: 'Latency p50',
  latency_p95_ms: 'Latency p95',
  latency_p99_ms: 'Latency p99',
  ttft_p95_ms: 'First token p95',
  cost_usd: 'Cost per request',
  json_validity: 'JSON validity',
  llm_judge: 'LLM judge',
  grounding: 'Grounding',
  mean_score: 'Mean score of the evaluators',
  rating: 'Ratings by people',
  complaints: 'Requests people complained about',
}

/** A metric's name for people; an evaluator nobody named here keeps its own. */
export function metricName(metric: string): string {
  return metricWords[metric] ?? metric
}

/** `awaiting_approval` -> "awaiting approval". */
export function words(name: string): string {
  return name.replaceAll('_', ' ')
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, '')
}
