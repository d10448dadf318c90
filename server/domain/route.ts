import type { Guardrails } from './guardrails.ts'
/** A model of a provider, written `provider/model`; the model part may itself contain slashes. */
export type ModelRef = string

/** One entry of a pool: a model and, for `weighted`, its share of the pool's traffic (0 means drained). */
export interface Target {
  readonly model: ModelRef
  /** Relative weight, 0 or more; 1 when the spec names only the model. */
  readonly weight: number
}

export type ConditionOperator = 'eq' | 'ne' | 'in' | 'nin' | 'gt' | 'gte' | 'lt' | 'lte' | 'exists'

/** A scalar is short for `{eq: scalar}`. */
export type FieldTest = string | number | boolean | Partial<Readonly<Record<ConditionOperator, unknown>>>

/** A rule's `when`: fields and combinators side by side are all required. */
export interface Condition {
  readonly all?: readonly Condition[]
  readonly any?: readonly Condition[]
  readonly not?: Condition
  readonly [field: string]: FieldTest | readonly Condition[] | Condition | undefined
}

export type StrategyName = 'priority' | 'weighted' | 'least-busy' | 'cost' | 'latency' | 'quality' | 'hybrid'

export type LatencyQuantile = 'p50' | 'p95' | 'p99'
export type HybridPart = 'cost' | 'quality' | 'latency'

/** One step of a hybrid's `order`: a sort (with tolerance), a filter (`min` or `max` alone), or both. */
export interface SortKey {
  readonly by: HybridPart
  /** How far behind the best a target may be and still count as equal: score points for quality, a ratio for cost and latency. */
  readonly within?: number
  /** quality: the least score. */
  readonly min?: number
  /** cost: US dollars for the request; latency: milliseconds. */
  readonly max?: number
  /** quality: an evaluator's name; latency: `ttft` or `total`. */
  readonly metric?: string
  /** latency. */
  readonly quantile?: LatencyQuantile
}

export interface Select {
  readonly strategy: StrategyName
  /** The author accepts that no quality floor stands behind the cheapest model. */
  readonly acceptAnyQuality?: boolean
  /** quality: an evaluator's name; latency: `ttft` or `total`. */
  readonly metric?: string
  /** latency. */
  readonly quantile?: LatencyQuantile
  /** hybrid: one after the other. */
  readonly order?: readonly SortKey[]
  /** hybrid: added up to one score. */
  readonly weights?: Readonly<Partial<Record<HybridPart, number>>>
}

export interface Constraints {
  readonly regions?: readonly string[]
  readonly dataPolicies?: readonly string[]
  readonly capabilities?: readonly string[]
  readonly providers?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
  readonly maxCostUsd?: number
  readonly maxLatencyMs?: { readonly p50?: number; readonly p95?: number; readonly p99?: number }
  readonly minQuality?: { readonly metric: string; readonly score: number }
  /** Data policies that a provider must state for requests of a sensitivity (sensitivity.ts), by level. */
  readonly sensitivity?: Readonly<Record<string, readonly string[]>>
}

export interface Rule {
  readonly name: string
  readonly when: Condition
  readonly models?: readonly (ModelRef | { readonly model: ModelRef; readonly weight?: number })[]
  readonly constraints?: Constraints
  readonly select?: Select
}

export type RetryReason = 'timeout' | 'rate_limit' | 'server_error' | 'connection'

/** Classes of failure after which another target may be tried. */
export type FallbackReason = RetryReason | 'content_filter' | 'context_length' | 'invalid_response'

/** A target behind the pool. With `on` only after failures of these classes; without, after whatever is wrong with a provider. */
export type Fallback = ModelRef | { readonly model: ModelRef; readonly on?: readonly FallbackReason[] }

/** Ordered conditions over the request; the first that holds names the task. */
export interface RulesClassifier {
  readonly kind: 'rules'
  readonly rules: readonly { readonly when: Condition; readonly task: string }[]
}

/** The built-in linear model over words and runs of characters (docs/task-classifier.md). */
export interface LexicalClassifier {
  readonly kind: 'lexical'
  /** Below it, 0..1, the default is taken. */
  readonly minConfidence?: number
  /** Estimated input tokens from which on a request is `long-context`, whatever its words. */
  readonly longContextTokens?: number
}

/** The example whose vector is nearest names the task, a rule of the route, or both (A10). */
export interface EmbeddingClassifier {
  readonly kind: 'embedding'
  /** `provider/model` of an embeddings model. */
  readonly model: ModelRef
  readonly examples: readonly { readonly text: string; readonly task?: string; readonly rule?: string }[]
  /** Cosine, -1..1, below which the default is taken; default 0.3. */
  readonly minSimilarity?: number
  /** Longest that a request waits; default 300. */
  readonly deadlineMs?: number
}

/** A cheap model is asked for one name of a list. */
export interface ModelClassifier {
  readonly kind: 'model'
  readonly model: ModelRef
  /** Names it may choose from; default: all that the route knows. */
  readonly tasks?: readonly string[]
  /** Longest that a request waits; default 300. */
  readonly deadlineMs?: number
}

export type Classifier = RulesClassifier | LexicalClassifier | EmbeddingClassifier | ModelClassifier

export interface RouteSpec {
  readonly models: readonly (ModelRef | { readonly model: ModelRef; readonly weight?: number })[]
  readonly prompt?: { readonly name: string; readonly version: number }
  readonly task?: {
    readonly default?: string
    /** The route's own tasks beside the built-in ones; given, no other name is taken anywhere. */
    readonly types?: readonly string[]
    readonly classifier?: Classifier
  }
  readonly constraints?: Constraints
  /** What may not be sent by this version, besides what nobody may send. */
  readonly guardrails?: Guardrails
  readonly rules?: readonly Rule[]
  readonly select?: Select
  readonly fallbacks?: readonly Fallback[]
  /** attempts: tries per target, 1 to 5, the first included. Default 2 on all reasons. */
  readonly retry?: { readonly attempts?: number; readonly on?: readonly RetryReason[] }
  readonly timeouts?: {
    readonly connectMs?: number
    readonly firstTokenMs?: number
    readonly idleMs?: number
    readonly totalMs?: number
  }
  /** Merged under the request's own fields: the request wins. */
  readonly parameters?: Readonly<Record<string, unknown>>
}

/** An immutable version of a route: never updated, only followed by the next. */
export interface RouteVersion {
  readonly route: string
  readonly version: number
  readonly spec: RouteSpec
  /** sha256 of the canonical JSON of the spec, hex. */
  readonly digest: string
}

/** The pool of a spec or rule with weights filled in. */
export function poolOf(models: RouteSpec['models']): Target[] {
  return models.map((m) =>
    typeof m === 'string' ? { model: m, weight: 1 } : { model: m.model, weight: m.weight ?? 1 },
  )
}

/** The fallbacks of a spec, all in the long form. */
export function fallbacksOf(spec: RouteSpec): { readonly model: ModelRef; readonly on?: readonly FallbackReason[] }[] {
  return (spec.fallbacks ?? []).map((entry) => (typeof entry === 'string' ? { model: entry } : entry))
}

/** Every model a spec can reach: pool, rules and fallbacks, each once, in order of appearance. */
export function modelsOf(spec: RouteSpec): ModelRef[] {
  const pools = [spec.models, ...(spec.rules ?? []).map((rule) => rule.models ?? [])]
  return [
    ...new Set([...pools.flatMap((p) => poolOf(p).map((t) => t.model)), ...fallbacksOf(spec).map((t) => t.model)]),
  ]
}
