import type { DatasetItem } from '#datasets/item.ts'
import type { Catalogue } from '#domain/constraints.ts'
import type { ChatPort, ReplyCache } from '#evaluators/evaluator.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'
import type { StoredAnswer } from '#store/eval-answers.ts'
import type { EvalTarget } from '#store/eval-work.ts'
import type { AnswerOrder } from './call-target.ts'

/** What the runners need on top of the rollout's use cases; made once in deps.ts. */
export interface RunnerDeps {
  readonly rollout: RolloutDeps
  /** Names this process in claims; another at every start. */
  readonly bootId: string
  readonly random: () => number
  /** The judges' way to models. */
  readonly chat: ChatPort
  /** What may see a live sample depends on where models live. */
  readonly catalogue: () => Promise<Catalogue>
  /** What judges of eval runs have replied; absent: every question is asked. */
  readonly replies?: ReplyCache
  /** Answers a dataset item as a route version (or a model) would: routing, retries and fallbacks included. Never throws. */
  readonly callTarget: (target: EvalTarget, item: DatasetItem, order: AnswerOrder) => Promise<StoredAnswer>
  /** Answers of one run under way at once in this process, those that wait for a place at their provider included. */
  readonly evalConcurrency: number | (() => number)
  /** How long what does not say so itself is kept. */
  readonly retention: { readonly decisionsMs: number }
}
