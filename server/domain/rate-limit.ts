/** What one name of a scope may ask for; an absent field is not limited. */
export interface Limits {
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly concurrency?: number
}

const limitKinds = ['requests', 'tokens', 'concurrency'] as const
export type LimitKind = (typeof limitKinds)[number]

export const minuteMs = 60_000

/**
 * Rates are limited by the generic cell rate algorithm: the whole state is one time, at which the bucket is full again.
 * A bucket holds one minute's worth and fills evenly, so at most twice the limit passes in any minute that follows a pause.
 * Because the state is a time, a change of the limit keeps the filled fraction. (ITU-T I.371, annex A; virtual scheduling.)
 *
 * @param perMinute above 0; may be a fraction (a replica's share)
 * @param cost units wanted; more than the bucket holds passes when it is full and is paid off afterwards
 * @returns milliseconds until `cost` may pass; 0: now
 */
export function waitMsOf(fullAtMs: number, nowMs: number, cost: number, perMinute: number): number {
  const fullAt = Math.max(fullAtMs, nowMs)
  // Small numbers first: added to a time since the epoch, a full bucket would be short by a rounding error.
  return Math.max(0, fullAt - nowMs + Math.min((cost * minuteMs) / perMinute, minuteMs) - minuteMs)
}

/** The state after `cost` units were taken (negative: given back, never beyond full). */
export function taken(fullAtMs: number, nowMs: number, cost: number, perMinute: number): number {
  return Math.max(fullAtMs, nowMs) + (cost * minuteMs) / perMinute
}

/** Filled fraction of a bucket, 0..1. */
export function filledRatio(fullAtMs: number, nowMs: number): number {
  return Math.min(1, Math.max(0, 1 - (fullAtMs - nowMs) / minuteMs))
}

/** One holder's claim on a part of a limit, and what is known of the others. */
export interface ShareClaim {
  readonly limit: number
  /** Parts of the other holders with live leases. */
  readonly others: readonly { readonly share: number; readonly isBusy: boolean }[]
  /** `busy`: refused something or used more than half; `idle`: used nothing for some seconds. */
  readonly use: 'busy' | 'steady' | 'idle'
  /** True for concurrency: half a place is none. */
  readonly isWhole: boolean
}

/**
 * A gateway's part of a limit that several share. Alone: all of it. Else a fair part; a busy one takes what quieter ones leave,
 * an idle one shrinks to half a fair part. That half is always given, at once: until the others have asked again (a second),
 * the parts may sum up to more than the limit, by half a fair part per newcomer; never for longer.
 */
export function shareOf({ limit, others, use, isWhole }: ShareClaim): number {
  if (others.length === 0) return limit
  const fair = limit / (others.length + 1)
  const free = Math.max(0, limit - others.reduce((sum, other) => sum + other.share, 0))
  const isContested = others.some((other) => other.isBusy)
  const wanted = use === 'idle' ? fair / 2 : use === 'busy' && !isContested ? limit : fair
  return isWhole
    ? Math.max(Math.floor(fair / 2), Math.min(Math.ceil(wanted), Math.floor(free)))
    : Math.max(fair / 2, Math.min(wanted, free))
}

/** A time to wait as OpenAI writes it in `x-ratelimit-reset-*`: `120ms`, `1.5s`, `6m0s`. */
export function resetText(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms))
  if (whole < 1_000) return `${whole}ms`
  const minutes = Math.floor(whole / minuteMs)
  const seconds = Number(((whole % minuteMs) / 1_000).toFixed(3))
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`
}
