import type { Message } from '#datasets/item.ts'

/** What an evaluator is given: one answer and what stood behind it. */
export interface EvalCase {
  readonly id: string
  readonly output: string
  /** OpenAI's finish_reason of the answer; null when unknown. */
  readonly finishReason?: string | null
  readonly messages?: readonly Message[]
  readonly context?: readonly string[]
  readonly reference?: string
  readonly schema?: Readonly<Record<string, unknown>>
  readonly tools?: readonly unknown[]
  readonly toolCalls?: readonly unknown[]
  readonly expectedToolCalls?: readonly unknown[]
  /** What a right answer to this case shows, by the name of the evaluator that reads and checks it (docs/evaluators.md). */
  readonly expect?: Readonly<Record<string, unknown>>
}

/**
 * The four outcomes (docs/statistics.md, missing data).
 * scored: a value in [0, 1], 1 best; a fault of the answer itself (no JSON, empty) is a score of 0.
 * not_applicable: nothing to judge here (no context, no reference).
 * unscored: the judge answered, but with no usable verdict. errored: the scorer or its upstream failed.
 * The last two are missing data: they never pass a gate.
 */
export type Score =
  | { readonly status: 'scored'; readonly value: number; readonly reason?: string; readonly details?: Details }
  | { readonly status: 'not_applicable' | 'unscored' | 'errored'; readonly reason: string; readonly details?: Details }

/** Plain JSON for the report: error paths, evidence spans, judge quotes. */
export type Details = Readonly<Record<string, unknown>>

/** Spent on judges while scoring. costMicroUsd null: unpriced. */
export interface JudgeSpend {
  readonly calls: number
  readonly costMicroUsd: number | null
  /** Replies that an earlier call was paid for; absent: none. */
  readonly cachedCalls?: number
}

/** A judge's way to a model: fulfilled by the server, so that evaluators know no provider. */
export interface ChatPort {
  /**
   * One chat completion. @param model `provider/model`
   * @throws when the model cannot be reached after retries; the evaluator turns that into `errored`
   */
  complete(request: {
    readonly model: string
    readonly messages: readonly Message[]
    readonly responseFormat?: Readonly<Record<string, unknown>>
    readonly temperature?: number
    readonly maxTokens?: number
  }): Promise<{ readonly text: string; readonly finishReason: string | null; readonly costMicroUsd: number | null }>
}

/** A judge's usable reply, kept for the same question. */
export interface KeptReply {
  readonly text: string
}

/**
 * Replies of judges by question. Only replies that gave a verdict are kept: a refusal or nonsense is never replayed. Failing
 * to read or write is a miss, never an error of the score.
 */
export interface ReplyCache {
  /** @param key  SHA-256 of everything sent, but for the nonce; equal texts of two arms share it */
  read(key: string, model: string): Promise<KeptReply | null>
  write(key: string, model: string, reply: KeptReply): Promise<void>
}

/** What may still be spent on judges. */
export interface JudgeBudget {
  /** Why no further call may be made; null: one may. */
  refusal(): string | null
  /** @param costMicroUsd  null: unpriced, which no cap can hold */
  spent(costMicroUsd: number | null): void
}

export interface Tools {
  readonly chat: ChatPort
  /** Uniform in [0, 1): order of a pair, nonces. */
  readonly random: () => number
  /** Absent: every question is asked. */
  readonly replies?: ReplyCache
  /** Absent: no cap. */
  readonly budget?: JudgeBudget
  /** Which repetition of the case this is: repetitions share no reply. Default 0. */
  readonly repeat?: number
}

/** Criteria of a judge: of one answer, and of a comparison. */
export interface JudgeQuestions {
  readonly rubric?: readonly { readonly id: string; readonly text: string }[]
  readonly comparison?: readonly { readonly id: string; readonly text: string }[]
}

/** A configured evaluator, ready to score. */
export interface Evaluator {
  readonly name: string
  /** Content hash of code version, prompts, judge model and parameters, 16 hex digits. */
  readonly version: string
  /** Requires `reference` in the case: cannot gate live stages. */
  readonly needsReference: boolean
  /** Uses ChatPort. */
  readonly usesJudge: boolean
  /** Models it may ask, `provider/model`; absent: none. */
  readonly judges?: readonly string[]
  /** What its judges are asked, for the people who check them. */
  readonly questions?: JudgeQuestions
  score(evalCase: EvalCase, tools: Tools): Promise<Score>
  /**
   * Pairwise evaluators compare both answers of one request; the value is the candidate's: 1 wins, 0.5 tie, 0 loses (the
   * baseline's is 1 minus it). Absent: the arms are scored one by one.
   */
  readonly scorePair?: (baseline: EvalCase, candidate: EvalCase, tools: Tools) => Promise<Score>
}
