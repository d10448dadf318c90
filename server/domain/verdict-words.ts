import type { Check } from './gates.ts'

/** 0.034 -> "3.4 %" */
export function percent(ratio: number): string {
  return `${trimmed(100 * ratio, 1)} %`
}

/** A level or limit in its metric's own unit. */
export function amount(check: Check, value: number | null): string {
  if (value === null) return 'nothing'
  const { family } = check.reading
  if (family === 'latency') return `${Math.round(value)} ms`
  if (family === 'cost') return `$${Number(value.toPrecision(3))}`
  return family === 'rate' ? percent(value) : trimmed(value, 3)
}

/** What a requirement asks for, to follow a metric's name. */
export function demand(check: Check, margin: number): string {
  switch (check.requirement) {
    case 'min':
      return `at least ${amount(check, check.limit)}`
    case 'max':
      return `at most ${amount(check, check.limit)}`
    case 'maxDrop':
      return `at most ${trimmed(100 * margin, 1)} points worse than the baseline`
    case 'maxIncrease':
      return `at most ${percent(check.limit)} above the baseline`
  }
}

/** "1 answer", "2 answers" */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** An e-value for people: as it is while small, a power of ten when huge. */
export function evidence(eValue: number): string {
  return eValue < 10_000 ? trimmed(eValue, 1) : `10^${Math.floor(Math.log10(eValue))}`
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
