/** A duration as the API writes it: `30s`, `15m`, `2h`, `7d`; also `500ms`. */
export type Duration = string

export type SplitUnit = 'session' | 'user' | 'account' | 'request'

/** What a person's go-ahead may be asked for: the first live prompt that reaches the candidate, its first answer to a user,
 * or its becoming stable. */
export type ApprovalPoint = 'shadow' | 'canary' | 'promotion'

/** What the offline stage asks and may spend. */
export interface OfflinePlan {
  readonly datasets: readonly string[]
  /** Answers of both versions to each item, 1 to 20; default 1. */
  readonly repeats?: number
  /** Per dataset, judges included; a run that would cost more ends without evidence. Absent: no cap. */
  readonly maxCostUsd?: number
  /**
   * The version's other paths, its primary made to fail and each of its models forced (eval-paths.ts): on a sample of
   * `items` per dataset, default 100. `require`: `no_harm` (default), no gate may fail on a path and each may be left open for
   * want of items; `pass`, each must pass as it must for the version itself.
   */
  readonly paths?: { readonly items?: number; readonly require?: PathDemand }
  /** The baseline answers so many items a second time: what differs is noise, and the report shows its band. Default 0. */
  readonly noiseItems?: number
}

export type PathDemand = 'no_harm' | 'pass'

export const defaultPathItems = 100

/** How a proposal is rolled out. Shares are percent. */
export interface RolloutPlan {
  readonly offline?: OfflinePlan
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
  readonly approvals?: readonly { readonly before: ApprovalPoint }[]
}

/**
 * The approval that comes before a stage of this plan: where the plan leaves the stage out, the one before the next that it
 * has, so that a demand is never lost with its stage.
 */
export function approvalPointIn(plan: RolloutPlan, before: ApprovalPoint): ApprovalPoint {
  if (before === 'shadow') return plan.shadow === undefined ? approvalPointIn(plan, 'canary') : 'shadow'
  return before === 'canary' && plan.canary === undefined ? 'promotion' : before
}

/** The plan with the approvals that the route's bar demands besides its own. */
export function withDemandedApprovals(
  plan: RolloutPlan,
  demanded: readonly { readonly before: ApprovalPoint }[],
): RolloutPlan {
  const own = (plan.approvals ?? []).map(({ before }) => before)
  const all = [...new Set([...own, ...demanded.map(({ before }) => approvalPointIn(plan, before))])]
  return all.length === own.length ? plan : { ...plan, approvals: all.map((before) => ({ before })) }
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
