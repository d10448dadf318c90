import { judgeOffline } from './offline.ts'
import type { PathDemand } from './plan.ts'
import type { OfflinePolicy, OutcomePair, PathEvidence, Reason, SuiteEvidence, Verdict } from './promotion-types.ts'
import { type FallbackReason, fallbacksOf, type ModelRef, modelsOf, poolOf, type RouteSpec } from './route.ts'

/** A way through a version that its first choices do not take: one model forced, or models made to fail. */
export type EvalPath =
  | { readonly model: ModelRef }
  | { readonly failing: readonly ModelRef[]; readonly failure: FallbackReason }

/** Paths forced at most; an eval run holds 16 targets. */
export const maxPaths = 12

/** Class of the answer to an item that does not take the path: no failure, and no evidence. */
export const notOnPath = 'not_on_path'

/**
 * What must be seen of a version before a provider fails in production: every model that may be a first choice made to fail, all
 * of them together where fallbacks are left, and every other model forced. Failing paths first, since those are what users get.
 *
 * Failures are of the class that the first fallback follows; a path that equals the version's own first choice is left out.
 */
export function pathsOf(spec: RouteSpec): EvalPath[] {
  const all = modelsOf(spec)
  const fallbacks = fallbacksOf(spec)
  const pool = [...new Set([spec.models, ...(spec.rules ?? []).map((rule) => rule.models ?? [])].flatMap(poolModels))]
  if (all.length < 2) return []
  const failure = fallbacks.find((fallback) => fallback.on !== undefined)?.on?.[0] ?? 'server_error'
  const single: EvalPath[] = pool.map((model) => ({ failing: [model], failure }))
  const together: EvalPath[] = pool.length > 1 && fallbacks.length > 0 ? [{ failing: pool, failure }] : []
  // With one model in the pool it is the first choice, and the first fallback is what its failure leads to.
  const seen = pool.length === 1 ? [pool[0], fallbacks[0]?.model] : []
  const forced: EvalPath[] = all.filter((model) => !seen.includes(model)).map((model) => ({ model }))
  return [...single, ...together, ...forced].slice(0, maxPaths)
}

function poolModels(models: RouteSpec['models']): ModelRef[] {
  return poolOf(models).map((target) => target.model)
}

/** The path in words, after the version's name. */
export function pathLabel(path: EvalPath): string {
  if ('model' in path) return `forced to ${path.model}`
  const words = path.failure === 'server_error' ? '' : ` (${path.failure})`
  return `with ${path.failing.join(' and ')} failing${words}`
}

/** A forced path's answers beside the baseline's to the same items. */
export interface PathPairs {
  readonly label: string
  readonly pairs: readonly OutcomePair[]
}

/**
 * A version's verdict with what its forced paths showed, each judged by the same bar against the baseline on the same items, at
 * alpha / paths so that many paths do not fail more often than one.
 *
 * A path that misses the bar for sure fails the version (its users would get it at the next outage), and the reason names it. A
 * path whose values are missing leaves the version open. One that is merely too short to decide is left at "no harm shown",
 * unless the plan demands that paths pass. A path that no item takes is no evidence either way.
 */
export function judgePaths(
  main: Verdict,
  paths: readonly PathPairs[],
  policy: OfflinePolicy,
  demand: PathDemand,
): Verdict {
  const taken = paths.filter((path) => path.pairs.length > 0)
  if (taken.length === 0) return main
  const judged = taken.map((path) => judgePath(path, { ...policy, alpha: policy.alpha / taken.length }, demand))
  const evidence: SuiteEvidence = { ...(main.evidence as SuiteEvidence), paths: judged }
  const of = (verdict: PathEvidence['verdict']) =>
    judged
      .filter((path) => path.verdict === verdict)
      .flatMap((path) => path.reasons.map((reason) => named(path, reason)))
  const failed = [...(main.action === 'rollback' ? main.reasons : []), ...of('rollback')]
  if (failed.length > 0) return { ...main, action: 'rollback', reasons: failed, evidence }
  const open = [...(main.action === 'inconclusive' ? main.reasons : []), ...of('inconclusive')]
  if (open.length > 0) return { ...main, action: 'inconclusive', reasons: open, evidence }
  return { ...main, evidence }
}

function judgePath({ label, pairs }: PathPairs, policy: OfflinePolicy, demand: PathDemand): PathEvidence {
  const { action, reasons, gates } = judgeOffline(pairs, policy)
  const isOnlyShort = action === 'inconclusive' && reasons.every((reason) => reason.rule === 'gate')
  const verdict =
    isOnlyShort && demand === 'no_harm'
      ? 'no_harm'
      : action === 'advance' || action === 'rollback'
        ? action
        : 'inconclusive'
  return { label, verdict, pairs: pairs.length, reasons, gates }
}

function named({ label }: PathEvidence, reason: Reason): Reason {
  return { ...reason, rule: 'path', message: `path ${label}: ${reason.message}` }
}
