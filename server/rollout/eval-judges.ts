import type { EvaluatorRef } from '#domain/bar.ts'
import type { EstimatedJudge } from '#domain/eval-estimate.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'

/** The judges that a run's evaluators ask; none where an evaluator cannot be used, which its registration has said already. */
export function judgesOf(evaluators: readonly EvaluatorRef[]): EstimatedJudge[] {
  const resolved = resolveEvaluators(evaluators)
  if ('problems' in resolved) return []
  return resolved.evaluators.flatMap(({ name, judges = [], scorePair }) =>
    judges.length === 0 ? [] : [{ evaluator: name, models: judges, calls: scorePair === undefined ? 1 : 2 }],
  )
}
