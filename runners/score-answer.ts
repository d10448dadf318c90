import type { DatasetItem } from '#datasets/item.ts'
import type { EvalCase, Evaluator, Score, Tools } from '#evaluators/evaluator.ts'
import type { ScoreRow } from '#store/eval-answers.ts'

/** An answer as evaluators see it. */
export interface AnswerToScore {
  readonly output: string | null
  readonly finishReason: string | null
  readonly toolCalls: readonly unknown[] | null
}

/** An evaluator must settle in this time, its judge's retries included; later is `errored`, never a hang. */
const scoringLimitMs = 120_000

export function caseOf(item: DatasetItem, answer: AnswerToScore): EvalCase {
  return {
    id: item.id,
    output: answer.output ?? '',
    finishReason: answer.finishReason,
    messages: item.messages,
    ...(item.context && { context: item.context }),
    ...(item.reference !== undefined && { reference: item.reference }),
    ...(item.schema && { schema: item.schema }),
    ...(item.tools && { tools: item.tools }),
    ...(answer.toolCalls && { toolCalls: answer.toolCalls }),
    ...(item.expectedToolCalls && { expectedToolCalls: item.expectedToolCalls }),
    ...(item.expect && { expect: item.expect }),
  }
}

/** Bounds one evaluator's time. Evaluators themselves never throw and never give a value outside [0, 1] (the registry sees to it). */
export async function settle(scoring: Promise<Score>): Promise<Score> {
  const late = Promise.withResolvers<Score>()
  const timer = setTimeout(
    () => late.resolve({ status: 'errored', reason: `no verdict within ${scoringLimitMs / 1000} s` }),
    scoringLimitMs,
  )
  return Promise.race([scoring, late.promise]).finally(() => clearTimeout(timer))
}

/** All evaluators on one answer, side by side. */
export function scoreOne(
  evaluators: readonly Evaluator[],
  evalCase: EvalCase,
  tools: Tools,
): Promise<{ evaluator: Evaluator; score: Score }[]> {
  return Promise.all(
    evaluators.map(async (evaluator) => ({ evaluator, score: await settle(evaluator.score(evalCase, tools)) })),
  )
}

export function toRow(evaluator: Evaluator, score: Score): ScoreRow {
  const cost = score.details?.['costMicroUsd']
  return {
    evaluator: evaluator.name,
    version: evaluator.version,
    status: score.status,
    value: score.status === 'scored' ? score.value : null,
    reason: score.reason ?? null,
    details: score.details ?? null,
    costMicroUsd: typeof cost === 'number' ? cost : null,
  }
}
