/**
 * Why a value is absent. An answer that cannot be scored because of the answer is not missing: it scores worst.
 * `infrastructure`: the scorer or its judge failed; `not_applicable`: the evaluator has nothing to say about this request;
 * `not_sampled`: the request was not drawn for scoring (decided by hash before any output was seen).
 */
export type MissingReason = 'infrastructure' | 'not_applicable' | 'not_sampled'

/**
 * What one arm showed on one request. Raw names: evaluator names (scores in [0, 1]), `error_rate` (0 or 1; 1 also when a
 * fallback rescued the request), `refusal_rate` (0 or 1), `latency_ms`, `ttft_ms`, `cost_usd`. A name is in `values`, in
 * `missing`, or absent (same as infrastructure).
 */
export interface Outcome {
  readonly values: Readonly<Record<string, number>>
  readonly missing: Readonly<Record<string, MissingReason>>
}

export type Arm = 'baseline' | 'candidate'

/**
 * One unit of evidence, in assignment order. Shadow observations hold both outcomes (the same request answered twice);
 * canary and bake observations hold the outcome of the arm that served the request, null for the other.
 */
export interface Observation {
  /** Position in assignment order, strictly rising within a proposal. */
  readonly seq: number
  /** Hash of the split unit (session, user, ...); null when the request carried none. */
  readonly unit: string | null
  /** Candidate share in force at assignment, basis points (10,000 = all). */
  readonly shareBp: number
  /** Index of the canary step in force at assignment; -1 in shadow. */
  readonly step: number
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
}
