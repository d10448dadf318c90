import { assumedOutputTokens, expectedCostMicroUsd } from './cost.ts'
import type { Model } from './snapshot.ts'

/** What one target of a run may reach. */
export interface EstimatedTarget {
  readonly label: string
  /** Answers planned: items times repeats. */
  readonly answers: number
  /** Any of them may answer. */
  readonly models: readonly string[]
}

export interface EstimatedJudge {
  readonly evaluator: string
  /** Judges asked per verdict. */
  readonly models: readonly string[]
  /** Calls of each judge per answer: 2 where both orders of a pair are judged. */
  readonly calls: number
}

export interface EstimateInput {
  /** Mean per item. */
  readonly inputTokens: number
  /** Mean of earlier answers to these items; null: none is known. */
  readonly outputTokens: number | null
  readonly targets: readonly EstimatedTarget[]
  readonly judges: readonly EstimatedJudge[]
  readonly models: ReadonlyMap<string, Pick<Model, 'price' | 'maxOutputTokens'>>
}

/** What a run is expected to cost before it begins, micro-dollars. */
export interface EvalEstimate {
  readonly answers: number
  /** If always the cheapest model of a target answers, and if always the dearest; null: some model has no price. */
  readonly lowMicroUsd: number | null
  readonly highMicroUsd: number | null
  /** Part of both: judges. */
  readonly judgeMicroUsd: number | null
  /** Models without a price: nothing can be said about them, and no cap can be kept. */
  readonly unpriced: readonly string[]
  /** What was taken per answer. */
  readonly inputTokens: number
  readonly outputTokens: number
}

/** A judge's instructions and its verdict with quotes, tokens; the middle of what the built-in prompts take. */
const judgeTokens = { instructions: 900, verdict: 250 } as const

/** Pure. Retries, escalation to further judges and cache hits are not foreseen: it is an estimate, the cap is the limit. */
export function estimateRunCost(input: EstimateInput): EvalEstimate {
  const outputTokens = input.outputTokens ?? assumedOutputTokens
  const unpriced = new Set<string>()
  const costOf = (model: string, inTokens: number, outTokens: number): number => {
    const known = input.models.get(model)
    const cost =
      known === undefined ? null : expectedCostMicroUsd(known, { inputTokens: inTokens, maxOutputTokens: outTokens })
    if (cost === null) unpriced.add(model)
    return cost ?? 0
  }
  let low = 0
  let high = 0
  for (const { answers, models } of input.targets) {
    const costs = models.map((model) => costOf(model, input.inputTokens, outputTokens))
    if (costs.length === 0) continue
    low += answers * Math.min(...costs)
    high += answers * Math.max(...costs)
  }
  const answers = input.targets.reduce((sum, target) => sum + target.answers, 0)
  const judgeInput = input.inputTokens + outputTokens + judgeTokens.instructions
  let judge = 0
  for (const { models, calls } of input.judges) {
    for (const model of models) judge += answers * calls * costOf(model, judgeInput, judgeTokens.verdict)
  }
  const isPriced = unpriced.size === 0
  return {
    answers,
    lowMicroUsd: isPriced ? Math.round(low + judge) : null,
    highMicroUsd: isPriced ? Math.round(high + judge) : null,
    judgeMicroUsd: isPriced ? Math.round(judge) : null,
    unpriced: [...unpriced].sort(),
    inputTokens: Math.round(input.inputTokens),
    outputTokens: Math.round(outputTokens),
  }
}
