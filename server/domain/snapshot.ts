import type { Budget } from './budget.ts'
import type { GuardrailSettings } from './guardrails.ts'
import type { PayloadSetting } from './payload.ts'
import type { SplitUnit } from './plan.ts'
import type { PromptTemplate } from './prompt.ts'
import type { Limits } from './rate-limit.ts'
import type { RouteVersion } from './route.ts'

/**
 * Micro-dollars per million tokens, integers. cachedInput null: cached tokens cost the input price. reasoning absent or null:
 * reasoning tokens cost the output price.
 */
export interface Price {
  readonly input: number
  readonly cachedInput: number | null
  readonly output: number
  readonly reasoning?: number | null
}

export interface Provider {
  readonly name: string
  readonly kind: 'openai' | 'azure-openai' | 'anthropic' | 'gemini'
  readonly baseUrl: string
  /** Reference such as `env:OPENAI_API_KEY` or `file:/run/secrets/key`; null sends no credential. Never the secret itself. */
  readonly credential: string | null
  readonly region: string | null
  readonly dataPolicies: readonly string[]
  readonly limits: Limits
}

export interface Model {
  readonly provider: string
  readonly model: string
  /** Tokens of prompt and answer together; null: unknown, never excluded for length. */
  readonly contextWindow: number | null
  readonly maxOutputTokens: number | null
  readonly capabilities: readonly string[]
  /** null: unpriced; its cost is unknown, never 0. */
  readonly price: Price | null
  /** Rises with every change of the price. */
  readonly priceVersion: number
}

/** The rollout that a route has open, as the gateway needs it. */
export interface LiveRollout {
  readonly proposal: string
  readonly stage: 'shadow' | 'canary' | 'bake'
  /** Index into the plan's canary steps; -1 in shadow. */
  readonly step: number
  readonly candidate: RouteVersion
  readonly baseline: RouteVersion
  /** Share of the candidate in basis points; 0 in shadow. */
  readonly shareBp: number
  /** Share of requests mirrored in shadow, 0..1. */
  readonly mirrorRate: number
  /** Share of requests scored in canary and bake, 0..1; drawn by hash of the request id. */
  readonly scoreRate: number
  readonly unit: SplitUnit
  /** Random text minted at start and kept through every change of share, so that no unit moves back. */
  readonly salt: string
  /** True where the bar has evaluators that score live answers. */
  readonly hasEvaluators: boolean
}

export interface RouteEntry {
  readonly name: string
  readonly owner: string
  readonly stable: RouteVersion
  readonly rollout: LiveRollout | null
}

export type Role = 'gateway' | 'viewer' | 'author' | 'approver' | 'operator' | 'admin'

export interface Caller {
  readonly keyId: string
  /** The key's name: what timelines and audit entries show. */
  readonly name: string
  /** The person or service behind the key; two keys of one principal are one person to approvals. */
  readonly principal: string
  readonly role: Role
  /** Forced on every request of this key; wins over body and headers. */
  readonly metadata: Readonly<Record<string, string>>
  /** Routes this key may call; null: all. `provider/model` entries allow addressing a model directly; `*` allows any. */
  readonly routes: readonly string[] | null
  /** `provider/model` references this key may reach, by whatever route; null: all. */
  readonly models: readonly string[] | null
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAtMs: number | null
}

/** Everything a gateway needs to serve, swapped whole. */
export interface Snapshot {
  /** Rises with every change; a gateway never goes back. */
  readonly epoch: number
  /** sha256 of the canonical JSON of routes, providers and models, hex. */
  readonly digest: string
  readonly providers: ReadonlyMap<string, Provider>
  /** By `provider/model`. */
  readonly models: ReadonlyMap<string, Model>
  readonly routes: ReadonlyMap<string, RouteEntry>
  /** By `name@version`; those that served versions name. */
  readonly prompts: ReadonlyMap<string, PromptTemplate>
  /** What nobody may send, and what a sensitivity asks of providers. */
  readonly guardrails: GuardrailSettings
  /** By route; a route without one keeps no payload. */
  readonly payloads: ReadonlyMap<string, PayloadSetting>
  /** By sha256 (hex) of the whole key; a rotated key is there under both secrets until the old one runs out. */
  readonly callers: ReadonlyMap<string, Caller>
  /** By `scope:name` (`scopeKey`). */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>
  /** By `scope:name`. */
  readonly limits: ReadonlyMap<string, Limits>
}
