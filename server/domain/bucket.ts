import { hash } from 'node:crypto'

/** 10,000 buckets: one basis point each. */
export const bucketCount = 10_000

/**
 * Where a unit falls, 0 to 9,999. The candidate serves it when the bucket is below its share, so a larger share keeps every
 * unit that a smaller one had (A14).
 *
 * @param salt of the rollout: without it the same units would be first in every rollout
 */
export function bucketOf(salt: string, unit: string): number {
  return Math.floor(uniform(`${salt}:${unit}`) * bucketCount)
}

/** What an observation keeps of a unit: enough to count distinct ones within a rollout, not to know them. 16 hex digits. */
export function unitHash(salt: string, unit: string): string {
  return hash('sha256', `unit:${salt}:${unit}`).slice(0, 16)
}

/**
 * A number in [0, 1) that follows from a request id alone, so that a draw is made before any answer is seen and can be
 * repeated. Each purpose draws independently.
 */
export function drawOf(purpose: 'mirror' | 'score' | 'payload', requestId: string): number {
  return uniform(`${purpose}:${requestId}`)
}

/** The first 48 bits of a sha256 as a fraction: uniform to 4e-15. */
function uniform(text: string): number {
  return Number.parseInt(hash('sha256', text).slice(0, 12), 16) / 2 ** 48
}
