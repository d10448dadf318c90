import type { Arm } from './evidence.ts'
import type { RecordedLive } from './live.ts'
import type { RecordedFacts } from './request-facts.ts'
import type { TaskLabel } from './task.ts'

/** Why a model of the pool could not be chosen. */
export interface Exclusion {
  readonly model: string
  /** `region`, `data_policy`, `capability`, `context_length`, `provider_denied`, `max_cost`, `drained`, `unpriced`, `circuit_open`, ... */
  readonly by: string
  /** What was needed and what the model offers, for people. */
  readonly detail: string
}

/** Takes a reason why a model could not be chosen; see `Exclusion`. */
export type Exclude = (by: string, detail: string) => void

/** One try at one target. Times are milliseconds since the request arrived. */
export interface Attempt {
  readonly model: string
  readonly provider: string
  readonly startMs: number
  readonly endMs: number
  readonly firstTokenMs: number | null
  /** HTTP status of the provider; null when none arrived. */
  readonly status: number | null
  /** null: answered. Else `timeout`, `connection`, `rate_limit`, `server_error`, `bad_request`, `auth`, `content_filter`,
   * `context_length`, `invalid_response`, `stream_truncated`, `client_closed`,
   * `unsupported`. */
  readonly errorClass: string | null
  readonly isFallback: boolean
  /** Slept before this attempt; absent in records of older versions. */
  readonly waitMs?: number
  /** Integer micro-dollars; null: unpriced or unknown; absent in records of older versions. */
  readonly costMicroUsd?: number | null
}

/** A field of a request that a provider could not honour: said, never dropped in silence (B2). */
export interface Warning {
  readonly model: string
  readonly field: string
  readonly detail: string
}

/** Which of the gateway's endpoints a request came to. */
export type EndpointName = 'chat' | 'responses' | 'messages' | 'embeddings'

export interface Usage {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  /** True when the provider sent none and the counts are our estimate. */
  readonly isEstimated: boolean
}

/** A row of the decision log: what was decided for one request, why, and what came of it. No prompt or answer text. */
export interface DecisionRecord {
  readonly requestId: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly route: string
  /** null when a model was addressed directly. */
  readonly version: number | null
  readonly versionDigest: string | null
  readonly promptVersion: string | null
  readonly proposal: string | null
  readonly arm: Arm
  /** Where the split unit fell, 0..9,999; null without a rollout. */
  readonly bucket: number | null
  readonly rule: string | null
  readonly task: string | null
  /** How the task is known; null in records of older versions. */
  readonly classification: TaskLabel | null
  /** What chose among the eligible: strategy name and its reason. */
  readonly reason: string
  /** The random number the decision used, [0, 1): with it the decision can be replayed. */
  readonly random: number
  readonly snapshotEpoch: number
  readonly model: string | null
  readonly provider: string | null
  readonly eligible: readonly string[]
  readonly excluded: readonly Exclusion[]
  readonly attempts: readonly Attempt[]
  readonly isFallback: boolean
  /** HTTP status sent to the client (499: it had gone). */
  readonly status: number
  readonly errorCode: string | null
  readonly isStream: boolean
  readonly endpoint: EndpointName
  readonly usage: Usage | null
  /** Integer micro-dollars; null: unpriced or nothing was answered. */
  readonly costMicroUsd: number | null
  /** Version of the model's price; null: unpriced, nothing was answered, or a record of an older version. */
  readonly priceVersion: number | null
  readonly warnings: readonly Warning[]
  readonly ttftMs: number | null
  readonly totalMs: number
  readonly keyId: string
  /** workflow, user, team, project, environment, region, sensitivity, task, account, session and the request's own. */
  readonly metadata: Readonly<Record<string, string>>
  /** What routing knew of the request besides its metadata. */
  readonly facts: RecordedFacts
  /** What it knew of the world. */
  readonly live: RecordedLive
}
