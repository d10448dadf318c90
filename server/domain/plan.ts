/** A duration as the API writes it: `30s`, `15m`, `2h`, `7d`; also `500ms`. */
export type Duration = string

export type SplitUnit = 'session' | 'user' | 'account' | 'request'

/** How a proposal is rolled out. Shares are percent. */
export interface RolloutPlan {
  readonly offline?: { readonly datasets: readonly string[] }
  readonly shadow?: { readonly sampleRate?: number; readonly minSamples?: number; readonly maxDuration?: Duration }
  readonly canary?: {
    readonly steps: readonly number[]
    readonly unit?: SplitUnit
    readonly minSamples?: number
    readonly maxDuration?: Duration
    readonly scoreRate?: number
    /** Multiplies the `maxDrop` margins step by step down to 1 at the last. */
    readonly ladder?: readonly number[]
  }
  readonly bake?: { readonly duration: Duration }
  readonly approvals?: readonly { readonly before: 'canary' | 'promotion' }[]
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration.
 *
 * Grammar: digits, then one of ms s m h d. @returns null when the text is not a duration.
 */
export function durationMs(text: Duration): number | null {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  const factor = match?.[2] === undefined ? undefined : unitMs[match[2]]
  return match?.[1] === undefined || factor === undefined ? null : Number(match[1]) * factor
}
