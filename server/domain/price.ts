import type { Problem } from './errors.ts'
import type { Price } from './snapshot.ts'

/** A price as people write it: US dollars per million tokens. */
export interface PriceUsd {
  readonly input: number
  readonly cachedInput?: number | null
  readonly output: number
  readonly reasoning?: number | null
}

const parts = ['input', 'cachedInput', 'output', 'reasoning'] as const

/** In whole micro-dollars per million tokens. @returns null for null: unpriced, which is not free */
export function toPrice(usd: PriceUsd | null): Price | null {
  if (usd === null) return null
  const micro = (dollars: number | null | undefined) => (dollars == null ? null : Math.round(dollars * 1e6))
  const reasoning = micro(usd.reasoning)
  return {
    input: micro(usd.input) ?? 0,
    cachedInput: micro(usd.cachedInput),
    output: micro(usd.output) ?? 0,
    ...(reasoning !== null && { reasoning }),
  }
}

export function toUsd(price: Price | null): Required<PriceUsd> | null {
  if (price === null) return null
  const dollars = (micro: number | null | undefined) => (micro == null ? null : micro / 1e6)
  return {
    input: price.input / 1e6,
    cachedInput: dollars(price.cachedInput),
    output: price.output / 1e6,
    reasoning: dollars(price.reasoning),
  }
}

/** A price that would be kept as another one than was written, above all as none. */
export function checkPrice(usd: PriceUsd | null): Problem[] {
  if (usd === null) return []
  return parts.flatMap((part) => {
    const dollars = usd[part]
    if (dollars == null || dollars === 0 || dollars >= 1e-6) return []
    return [{ path: `/${part}`, message: 'is below a millionth of a dollar per million tokens, which cannot be kept' }]
  })
}

export function isSamePrice(one: Price | null, other: Price | null): boolean {
  if (one === null || other === null) return one === other
  return (
    one.input === other.input &&
    one.cachedInput === other.cachedInput &&
    one.output === other.output &&
    (one.reasoning ?? null) === (other.reasoning ?? null)
  )
}

/** Input or output that cost something and would cost nothing: more often a broken list than a gift. */
export function becomesFree(old: Price | null, next: Price | null): boolean {
  if (old === null || next === null) return false
  return (old.input > 0 && next.input === 0) || (old.output > 0 && next.output === 0)
}
